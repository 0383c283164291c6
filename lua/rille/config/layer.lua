--- Where the value of a declared setting comes from: the file, or the environment.
--
--     reading = layer.new("config/production.lua", os.getenv)
--     reading:gather(schema, "wechat", entry)      -> { appid = "wx12", secret = "hush" }
--     reading:place_of "wechat.secret"             -> "WECHAT_SECRET"
local core = require "rille.core"
local describe = require "rille.schema.describe"
local later = require "rille.later"
local format = later.of "rille.schema.format"

local layer = {}

local Reading = {}
Reading.__index = Reading

local DEPTH_MOST = 8 -- levels of objects that have variables: v.lazy may go on for ever

-- ---- the file --------------------------------------------------------------------

--- What a file holds beside Rille's settings, as a tree of entries: `value`, or
-- `fields` or `items` where it is a table; `line`.
-- @tparam table rest core.sources.rest: each table before what it holds
function layer.read_file(rest)
  local root = { fields = {} }
  local open = { [0] = root }
  for _, one in ipairs(rest) do
    local parent, entry = open[one.depth], { value = one.value, line = one.line }
    if one.value == nil then
      entry.fields, entry.items = {}, {}
    end
    if one.key then
      parent.fields[one.key] = entry
    else
      parent.items[#parent.items + 1] = entry
    end
    open[one.depth + 1] = entry
  end
  return root
end

--- "config/production.lua:3"
function layer.place(file, entry)
  return entry.line and ("%s:%d"):format(file, entry.line) or file
end

-- ---- the environment ---------------------------------------------------------------

--- The variable of a setting: WECHAT_APPID for wechat.appid.
function layer.variable(path)
  return (path:upper():gsub("[^%w]", "_"))
end

local function has_variables(node, depth)
  return describe.target(node).kind == "object" and depth < DEPTH_MOST
end

local function add_leaves(list, node, path, depth)
  if not has_variables(node, depth) then
    list[#list + 1] = { path = path, node = node, variable = layer.variable(path) }
    return list
  end
  local target = describe.target(node)
  for _, name in ipairs(target.order) do
    add_leaves(list, target.fields[name], path .. "." .. name, depth + 1)
  end
  return list
end

--- The settings in `node` that have a variable each: what is no object.
-- @treturn {table,...} path, node, variable
function layer.leaves(node, path)
  return add_leaves({}, node, path, 0)
end

local function split(text)
  local items = {}
  for item in (text .. ","):gmatch "([^,]*)," do
    items[#items + 1] = item:match "^%s*(.-)%s*$"
  end
  return items
end

-- What is out of bounds is a number nevertheless.
local COERCED = { integer = format.to_integer, number = format.to_number, boolean = format.to_boolean }

local function scalar_from(node, kind, text)
  local value
  if COERCED[kind] then
    value = COERCED[kind](text)
  else
    value = node:parse(text, "text")
  end
  return value == nil and text or value
end

-- Of a text its value; the text itself where it is none, which the schema then
-- refuses with its own words. A list has commas, or is JSON as every other table.
local function from_text(node, text)
  local target = describe.target(node)
  if text:find "^%s*[%[{]" and target.kind ~= "string" and target.kind ~= "secret" then
    local ok, value = pcall(core.json_decode, text)
    return ok and value or text
  elseif target.kind ~= "array" then
    return scalar_from(node, target.kind, text)
  end
  local items = text == "" and {} or split(text)
  for i, item in ipairs(items) do
    items[i] = from_text(target.item, item)
  end
  return core.array(items)
end

-- An empty variable is one that is not set, unless an empty text is a value.
local function is_set(node, text)
  return text ~= nil and (text ~= "" or describe.target(node).kind == "array" or node:parse("", "text") ~= nil)
end

-- ---- both ------------------------------------------------------------------------

--- A reading of one declared setting.
-- @tparam string file its path, for places
-- @tparam function getenv
function layer.new(file, getenv)
  return setmetatable({ file = file, getenv = getenv, places = {}, values = {} }, Reading)
end

local function note(self, path, place, value)
  self.places[path], self.values[path] = place, value
end

-- An entry of the file as a Lua value.
local function plain(self, path, entry)
  note(self, path, layer.place(self.file, entry), entry.value)
  if not entry.fields then
    return entry.value
  end
  local value = {}
  for name, inner in pairs(entry.fields) do
    value[name] = plain(self, path .. "." .. name, inner)
  end
  for i, inner in ipairs(entry.items) do
    value[i] = plain(self, ("%s[%d]"):format(path, i - 1), inner)
  end
  return value
end

local function gather_leaf(self, node, path, entry)
  local name = layer.variable(path)
  local text = self.getenv(name)
  if is_set(node, text) then
    note(self, path, name, text)
    return from_text(node, text)
  end
  return entry and plain(self, path, entry)
end

local function gather(self, node, path, entry, depth)
  local is_object = not entry or (entry.fields and #entry.items == 0)
  if not has_variables(node, depth) or not is_object then
    return gather_leaf(self, node, path, entry)
  end
  local target, value, is_there = describe.target(node), {}, entry ~= nil
  if entry then
    note(self, path, layer.place(self.file, entry), nil)
  end
  for _, name in ipairs(target.order) do
    local inner = gather(self, target.fields[name], path .. "." .. name, entry and entry.fields[name], depth + 1)
    value[name], is_there = inner, is_there or inner ~= nil
  end
  for name, inner in pairs(entry and entry.fields or {}) do
    if not target.fields[name] then
      value[name] = plain(self, path .. "." .. name, inner)
    end
  end
  local presence = describe.presence(node)
  if not is_there and (presence.is_optional or presence.has_default) then
    return nil
  end
  return value -- empty, too: each field that it lacks is a problem of its own
end

--- The value of a setting, as the file and the environment have it.
-- @tparam schema node
-- @tparam string path "wechat"
-- @tparam ?table entry the file's, as read_file has it
function Reading:gather(node, path, entry)
  return gather(self, node, path, entry, 0)
end

--- Where the setting at `path` was set, or the one around it: "WECHAT_APPID",
-- "config/production.lua:3"; nil when neither was.
-- @treturn ?string
-- @treturn ?boolean|number|string what was written there, when it is the setting's own
function Reading:place_of(path)
  local value = self.values[path]
  while path and not self.places[path] do
    path, value = path:match "^(.*)[%.%[]", nil
  end
  return path and self.places[path], value
end

return layer
