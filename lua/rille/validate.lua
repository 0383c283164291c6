--- A route's schemas: `params query headers cookies body response`.
--
-- What comes in is checked before the handler runs, everything at once, and the
-- checked values take the raw ones' place in `c`. What goes out is shaped.
local Context = require "rille.context"
local core = require "rille.core"
local describe = require "rille.schema.describe"
local errors = require "rille.error"

local validate = {}

local is_development = core.settings and core.settings.env == "development"

-- All values of each field: a schema says whether there may be several.
local function query_of(c)
  local first, all, message = core.query(c[1], c[2])
  if first == nil then
    errors.fail(all, message)
  end
  return all
end

-- The parts whose errors are answered 422, in the order in which they are listed:
-- how each is read, and in which of the schema's modes.
local PARTS = {
  { name = "query", mode = "text", read = query_of },
  { name = "headers", mode = "headers", read = function(c) return c.headers end },
  { name = "cookies", mode = "headers", read = function(c) return c.cookies end },
}

local function collect(list, wrong)
  for _, one in ipairs(wrong) do
    list[#list + 1] = one
  end
end

local function check_params(c, schema)
  local value, wrong = schema:parse(c.params, "text", "params")
  if wrong then
    errors.fail(404, "there is nothing here", wrong)
  end
  Context.replace(c, "params", value)
end

local function check_part(c, part, schema, list)
  local value, wrong = schema:parse(part.read(c), part.mode, part.name)
  if wrong then
    collect(list, wrong)
  else
    Context.replace(c, part.name, value)
  end
end

local function check_body(c, schema, list)
  local ok, value = pcall(c.validate, c, schema)
  if ok then
    Context.replace(c, "body", value)
  elseif errors.is(value) and value.status == 422 then
    collect(list, value.details)
  else
    error(value, 0)
  end
end

-- The parameters of a path, by name, and in a row for people.
local function parameters_of(path)
  local set, list = {}, {}
  for name in path:gmatch "[:*]([%a_][%w_]*)" do
    set[name], list[#list + 1] = true, ":" .. name
  end
  return set, #list > 0 and "it has " .. table.concat(list, ", ") or "it has none"
end

--- Compare the schema of a route's params with its path: what one of them lacks would make every
-- request a 404.
-- @tparam table route
-- @raise for a name that only one of them has
function validate.against_path(route)
  local object = route.options.params and describe.target(route.options.params)
  if not object or object.kind ~= "object" then
    return
  end
  local where = ("%s %s at %s"):format(route.method, route.path, route.where)
  local there, shown = parameters_of(route.path)
  for _, name in ipairs(object.order) do
    if not there[name] then
      error(("%s: its schema of params has '%s', which is no parameter of the path: %s"):format(where, name, shown), 0)
    end
  end
  for name in pairs(there) do
    if not object.fields[name] and object.unknown == "refuse" then
      error(("%s: its schema of params lacks the path's parameter '%s': add it, or the option { unknown = \"keep\" }")
        :format(where, name), 0)
    end
  end
end

--- The check of a route's input, or nil when it has no schema for any.
-- @tparam table options the route's
-- @treturn function(c) raises 404 for params, 422 for the rest with all errors
function validate.input(options)
  local parts = {}
  for _, part in ipairs(PARTS) do
    if options[part.name] then
      options[part.name]:compile(part.mode)
      parts[#parts + 1] = part
    end
  end
  if #parts == 0 and not options.params and not options.body then
    return nil
  end
  return function(c)
    if options.params then
      check_params(c, options.params)
    end
    local list = {}
    for i = 1, #parts do
      check_part(c, parts[i], options[parts[i].name], list)
    end
    if options.body then
      check_body(c, options.body, list)
    end
    if #list > 0 then
      errors.fail(422, "the request is invalid", core.array(list))
    end
  end
end

-- What is wrong, as "items[2].qty must be at least 1".
local function listed(wrong)
  local lines = {}
  for i, one in ipairs(wrong) do
    lines[i] = one.path and one.path ~= "" and one.path .. " " .. one.message or one.message
  end
  return table.concat(lines, "; ")
end

--- The shaping of a route's output, or nil when it has no schema for it. Fields
-- that the schema does not name stay inside; in development they are a fault, as is
-- everywhere what cannot be shaped: nothing goes out unseen.
-- @tparam table options the route's
-- @treturn function(c, res)
function validate.output(options)
  local schema = options.response
  if not schema then
    return nil
  end
  local mode = is_development and "output" or "shape"
  return function(_, res)
    if res.status >= 300 or type(res.body) ~= "table" then
      return
    end
    local value, wrong = schema:parse(res.body, mode)
    if not wrong then
      res.body = value
      return
    end
    error("the answer does not match the route's response schema: " .. listed(wrong), 0)
  end
end

return validate
