--- Schemas: what a value from outside must look like.
--
--     local v = require "rille.schema"
--     local product = v.object{
--       name = v.string{ min = 1, max = 200 },
--       price = v.integer{ min = 0 },
--       tags = v.array(v.string()):default{},
--       sku = v.string{ pattern = "^%u%u%-%d+$", max = 20, message = "must look like AB-123" }:optional(),
--     }
--     local value, problems = product:parse(rille.json.decode(text))
--
-- A schema never changes: each method gives a new one. It is compiled to Lua at its first use. What is wrong is never an
-- error but a list of all problems, `{ in, path, code, message }`, to be read aloud as "items[2].qty must be at least 1".
--
-- The codes: required, type, min, max, pattern, enum, literal, union, format,
-- unknown, repeated, key, depth, custom, and more (there were too many to list).
local compile = require "rille.schema.compile"
local describe = require "rille.schema.describe"
local errors = require "rille.error"
local export = require "rille.schema.export"
local keys = require "rille.keys"
local mask = require "rille.schema.mask"
local option = require "rille.schema.option"
local place_at = require("rille.place").at
local report = require "rille.schema.report"
local strict = require "rille.strict"

local v = {}

local Schema = { __name = "rille.schema" }
Schema.__index = Schema
describe.guard(Schema)

--- Whether `x` is a schema.
-- @param x anything
-- @treturn boolean
function v.is(x)
  return getmetatable(x) == Schema
end

-- ---- what may be wrong in a definition ---------------------------------------------

local function new(kind, fields)
  fields.kind, fields.runs = kind, {}
  fields.is_optional, fields.is_nullable, fields.has_default = false, false, false
  return setmetatable(fields, Schema)
end

local function kind_of(x)
  for name, constructor in pairs(v) do
    if x == constructor then
      return ("a function: write v.%s()"):format(name)
    end
  end
  return x == nil and "nil" or "a " .. type(x)
end

local function check_schema(x, what)
  if not v.is(x) then
    error(("%s: expected a schema, got %s"):format(what, kind_of(x)), 3)
  end
end

-- One inside of something: its presence is decided by what is around it.
local function check_inner(x, what, instead)
  if not v.is(x) then
    error(("%s: expected a schema, got %s"):format(what, kind_of(x)), 3)
  elseif x.is_optional or x.has_default then
    error(("%s: cannot be optional or have a default: %s"):format(what, instead), 3)
  end
end

-- ---- scalars -----------------------------------------------------------------------

local function constructor(kind)
  return function(options)
    return new(kind, option.check(kind, options, 2))
  end
end

--- A text.
-- @tparam[opt] table options `min` and `max` characters; `pattern`, a Lua pattern
--   (write `^` and `$` for the whole text; then `max` is 1000 unless it is less) or a
--   function of the text, with its `message`; `nul = true` takes U+0000 as well
v.string = constructor "string"

--- A text that is never shown: in JSON Schema and in `mask` it is "***".
-- @tparam[opt] table options as v.string's
v.secret = constructor "secret"

--- A number that is whole and exact, within 2^53.
-- @tparam[opt] table options `min`, `max`
v.integer = constructor "integer"

--- A number; neither NaN nor infinity.
-- @tparam[opt] table options `min`, `max`
v.number = constructor "number"

--- true or false.
v.boolean = constructor "boolean"

--- A day of the calendar, "2024-02-29" (RFC 3339, full-date). It stays a text.
-- @tparam[opt] table options `min`, `max`: such texts
v.date = constructor "date"

--- A time with its offset, "2024-02-29T09:30:00Z" (RFC 3339, date-time). It stays a text.
-- @tparam[opt] table options `min`, `max`: such texts
v.datetime = constructor "datetime"

--- A UUID of any version, in either case (RFC 9562).
v.uuid = constructor "uuid"

--- An email address: a dot-atom, "@", a host name of at least two labels.
v.email = constructor "email"

--- Whatever JSON can hold, also null.
v.any = constructor "any"

local CHOICES = { string = true, number = true, boolean = true }

local function choice(kind, values)
  local set = {}
  for i, value in ipairs(values) do
    if not CHOICES[type(value)] or value ~= value then
      error(("v.%s: value %d must be a text, a number or a boolean, got a %s"):format(kind, i, type(value)), 3)
    elseif set[value] then
      error(("v.%s: %s comes twice"):format(kind, tostring(value)), 3)
    end
    set[value] = true
  end
  return new(kind, { values = values, set = set })
end

--- One of several values.
-- @tparam table values a list of texts, numbers, booleans
function v.enum(values)
  if type(values) ~= "table" or v.is(values) or #values == 0 then
    error('v.enum takes a list of values, as in v.enum{ "draft", "published" }', 2)
  end
  return (choice("enum", { unpack(values) }))
end

--- One value.
-- @param value a text, a number, a boolean
function v.literal(value)
  if value == nil then
    error("v.literal takes a value: a text, a number or a boolean", 2)
  end
  return (choice("literal", { value }))
end

-- ---- compounds -----------------------------------------------------------------------

--- An object with these fields. An absent field is one that was not sent: false, 0
-- and "" are there.
-- @tparam table fields schemas by name
-- @tparam[opt] table options `unknown`: what becomes of other fields: "refuse" (the
--   default), "keep" or "drop"
function v.object(fields, options)
  if type(fields) ~= "table" or v.is(fields) then
    error("v.object takes a table of fields, as in v.object{ name = v.string() }", 2)
  end
  local copied, has_lazy = {}, false
  for name, field in pairs(fields) do
    if type(name) ~= "string" then
      error(("v.object: the name of a field is a text, got %s"):format(tostring(name)), 2)
    end
    check_schema(field, "field " .. name)
    copied[name], has_lazy = field, has_lazy or field.has_lazy
  end
  local checked = option.check("object", options, 2)
  checked.unknown = checked.unknown or "refuse"
  checked.fields, checked.order, checked.has_lazy = copied, keys.sorted(copied), has_lazy
  return new("object", checked)
end

--- A list.
-- @tparam schema item what each of it is
-- @tparam[opt] table options `min` and `max` items
function v.array(item, options)
  check_inner(item, "v.array", "its items may be :nullable()")
  local checked = option.check("array", options, 2)
  checked.item, checked.has_lazy = item, item.has_lazy
  return new("array", checked)
end

local TEXTS = {
  string = true, secret = true, email = true, uuid = true, date = true, datetime = true, enum = true, literal = true,
}

--- An object whose keys are data: v.map(v.integer()), v.map(v.uuid(), v.integer(), { max = 50 }).
-- @tparam[opt] schema key what each key is, a kind of text
-- @tparam schema item what each value is
-- @tparam[opt] table options `min` and `max` entries
function v.map(key, item, options)
  if not v.is(item) then
    key, item, options = nil, key, item
  end
  check_inner(item, "v.map", "its values may be :nullable()")
  if key ~= nil then
    check_inner(key, "v.map's keys", "a key is always there")
    if not TEXTS[key.kind] then
      error(("v.map: its keys are texts, and v.%s is none"):format(key.kind), 2)
    end
  end
  local checked = option.check("map", options, 2)
  checked.key, checked.item, checked.has_lazy = key, item, item.has_lazy
  return new("map", checked)
end

--- A value that matches one of several schemas: the first that takes it. Objects that
-- one v.literal field tells apart are told apart by it, and so are their problems.
-- @tparam table members a list of schemas
function v.union(members)
  if type(members) ~= "table" or v.is(members) or #members == 0 then
    error("v.union takes a list of schemas, as in v.union{ v.string(), v.integer() }", 2)
  end
  local copied, has_lazy = {}, false
  for i, member in ipairs(members) do
    check_inner(member, "v.union's member " .. i, "say it of the union")
    copied[i], has_lazy = member, has_lazy or member.has_lazy
  end
  return new("union", { members = copied, has_lazy = has_lazy, where = place_at(2) })
end

--- A schema that is not made yet: how one refers to itself.
--
--     local tree
--     tree = v.object{ value = v.integer(), children = v.array(v.lazy(function() return tree end)) }
-- @tparam function resolve returns the schema, the same one each time
-- @tparam[opt] string name of its definition in JSON Schema
function v.lazy(resolve, name)
  if type(resolve) ~= "function" then
    error("v.lazy takes a function that returns the schema, as in v.lazy(function() return tree end)", 2)
  elseif name ~= nil and type(name) ~= "string" then
    error("v.lazy: the name is a text, got a " .. type(name), 2)
  end
  return new("lazy", { resolve = resolve, name = name, has_lazy = true, where = place_at(2) })
end

-- ---- what every schema can --------------------------------------------------------------

local function changed(self, name, fields)
  if not v.is(self) then
    error(("%s is called with a colon: schema:%s(…)"):format(name, name), 3)
  end
  local copied = {}
  for key, value in pairs(self) do
    copied[key] = value
  end
  for key, value in pairs(fields) do
    copied[key] = value
  end
  copied.runs = {}
  return setmetatable(copied, Schema)
end

--- The same, but it may be absent.
function Schema:optional()
  return (changed(self, "optional", { is_optional = true }))
end

--- The same, or JSON null, which is rille.null.
function Schema:nullable()
  return (changed(self, "nullable", { is_nullable = true }))
end

--- The same, and when it is absent this value, a fresh copy each time.
-- @param value or a function that makes it, without arguments
function Schema:default(value)
  local copied = changed(self, "default", { has_default = true, default_value = value })
  if value == nil then
    error("default takes a value; a field that may be absent is :optional()", 2)
  elseif type(value) ~= "function" and not self.has_lazy then
    local parsed, problems = self:parse(value, "output")
    if problems then
      local path = problems[1].path
      error(("the default is not valid: %s%s"):format(path ~= "" and path .. " " or "it ", problems[1].message), 2)
    end
    copied.default_value = parsed
  end
  return copied
end

--- An object's, with every field optional and no defaults: for changes, where an
-- absent field stays as it is.
function Schema:partial()
  local copied = changed(self, "partial", {})
  if self.kind ~= "object" then
    error(("partial is for objects: this is v.%s"):format(self.kind), 2)
  end
  copied.fields = {}
  for name, field in pairs(self.fields) do
    copied.fields[name] = changed(field, "partial", { is_optional = true, has_default = false })
    copied.fields[name].default_value = nil
  end
  return copied
end

--- The same, and `fn(value)` must hold; it runs when nothing else is wrong.
-- @tparam function fn returns a truth value, and may return a message behind false
-- @tparam[opt] string message such as "must be a prime"
-- @tparam[opt] string path of the field to blame, for an object's
function Schema:refine(fn, message, path)
  local list = { unpack(v.is(self) and self.refinements or {}) }
  local copied = changed(self, "refine", { refinements = list })
  if type(fn) ~= "function" then
    error("refine takes a function of the value first, got a " .. type(fn), 2)
  elseif message ~= nil and type(message) ~= "string" then
    error("refine takes a message second, got a " .. type(message), 2)
  end
  list[#list + 1] = { fn = fn, message = message or "is not valid", path = path }
  return copied
end

--- The same, with a description for people and for JSON Schema.
-- @tparam string description
function Schema:describe(description)
  local copied = changed(self, "describe", { description = description })
  if type(description) ~= "string" then
    error("describe takes a text, got a " .. type(description), 2)
  end
  return copied
end

local MODES = table.concat(keys.sorted(compile.modes), ", ")

local function run_of(schema, mode)
  if not compile.modes[mode] then
    error(("no mode '%s': there are %s"):format(tostring(mode), MODES), 3)
  end
  return (compile.run(schema, mode))
end

--- Check a value. Never raises because of it, and never changes it.
-- @param value
-- @tparam[opt="json"] string mode "json": values as they are; "text": the texts of
--   params, queries and forms, coerced, repeated fields as lists; "headers": text,
--   and other fields are ignored; "output": values made in Lua, rows too; "shape":
--   output, and other fields are left out
-- @tparam[opt] string place goes into each problem as `in`
-- @return the checked value: a fresh table, with defaults; nil when something is wrong
-- @treturn ?table then the list of problems
function Schema:parse(value, mode, place)
  local run = self.runs[mode or "json"] or run_of(self, mode or "json")
  local s = report.new(place)
  local result
  if value ~= nil then
    result = run(value, s, 0)
  else
    result = report.absent(s, describe.presence(self))
  end
  if s.n == 0 then
    return result, nil
  end
  return nil, report.finish(s)
end

--- As `parse`, but raises what is wrong, as an answer 422.
-- @param value
-- @tparam[opt="json"] string mode as parse's
-- @tparam[opt] string place goes into each problem as `in`
-- @return the checked value
function Schema:check(value, mode, place)
  local result, problems = self:parse(value, mode, place)
  if problems then
    local message = #problems == 1 and "1 thing is wrong" or #problems .. " things are wrong"
    error(errors.new { status = 422, code = "invalid", message = message, details = problems, is_public = true }, 0)
  end
  return result
end

--- Compile now what would be compiled at the first `parse` in this mode.
-- @tparam[opt="json"] string mode as parse's
function Schema:compile(mode)
  run_of(self, mode or "json")
  return self
end

--- The JSON Schema (2020-12), as a table to be encoded.
-- @treturn table
function Schema:json_schema()
  return export.json_schema(self)
end

--- A copy of a value in which every secret is "***", for showing settings.
-- @param value
-- @return the copy
function Schema:mask(value)
  return mask(self, value)
end

--- "schema of an integer". A secret's default is not shown, nor any other.
function Schema:__tostring()
  return self.kind == "secret" and "schema of a secret" or "schema of " .. self.kind
end

strict(v, "rille.schema")

return v
