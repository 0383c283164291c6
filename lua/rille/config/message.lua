--- What is said of a setting that is wrong.
--
--     wechat.appid is missing: it must be a string. Set WECHAT_APPID in the environment,
--       or wechat = { appid = … } in config/production.lua
--     shop.port in config/production.lua:3 is 'http', but must be an integer
--     unknown setting 'wechat.apid' in config/production.lua:3: did you mean 'wechat.appid'?
--
-- A secret's value is never in it.
local core = require "rille.core"
local describe = require "rille.schema.describe"
local layer = require "rille.config.layer"
local nearest = require "rille.nearest"

local message = {}

local SHOWN_MOST = 64 -- bytes of a value: enough to recognize it
local DEPTH_MOST = 32 -- levels of a schema that are searched for a secret

--- That nobody knows the name `path`.
-- @tparam string path
-- @tparam string place
-- @tparam ?string meant the nearest one
function message.unknown(path, place, meant)
  return ("unknown setting '%s' in %s%s"):format(path, place, meant and (": did you mean '%s'?"):format(meant) or "")
end

-- Whether a value of this schema may hold a secret.
local function has_secret(node, depth)
  depth = depth or 0
  local target = depth <= DEPTH_MOST and describe.target(node) or { kind = "secret" }
  if target.kind == "secret" then
    return true
  end
  for _, inner in pairs(target.fields or target.members or { target.item }) do
    if has_secret(inner, depth + 1) then
      return true
    end
  end
  return false
end

-- The schema at `path`, or of what holds it; and whether that is its own.
local function node_at(node, path)
  local rest = path:match "^[^%.%[]+(.*)$"
  while rest and rest ~= "" do
    local target = describe.target(node)
    local name, behind = rest:match "^%.([^%.%[]+)(.*)$"
    local inner = name and target.fields and target.fields[name]
    if not name then
      behind = rest:match "^%[%d+%](.*)$"
      inner = behind and target.item
    end
    if not inner then
      return node, false
    end
    node, rest = inner, behind
  end
  return node, true
end

-- shop.tax as the file would have it: shop = { tax = … }
local function written(path)
  local head, rest = path:match "^([^%.]+)%.(.+)$"
  return head and ("%s = { %s }"):format(head, written(rest)) or path .. " = …"
end

local function missing(path, node, reading, file)
  local noun = describe.noun(node)
  if path:find("[", 1, true) then -- an item's field has no variable
    return ("%s is missing in %s: it must be %s"):format(path, reading:place_of(path), noun)
  end
  local example = describe.target(node).kind == "array" and " (as in a,b)" or ""
  return ("%s is missing: it must be %s. Set %s in the environment%s, or %s in %s")
    :format(path, noun, layer.variable(path), example, written(path), file)
end

local function is_variable(place)
  return not place:find "[/%.]"
end

local function printable(text)
  text = text:gsub("%c", "?")
  return #text > SHOWN_MOST and text:sub(1, SHOWN_MOST) .. "..." or text
end

local function unknown_field(path, node, place)
  local around, key = path:match "^(.*)%.([^%.]+)$"
  local holder = around and describe.target((node_at(node, around)))
  local meant = holder and holder.fields and nearest.of(key, holder.order)
  return message.unknown(path, place or "the settings", meant and around .. "." .. meant)
end

--- One problem that a schema found.
-- @tparam table problem path, code, message
-- @tparam schema root the declared setting's
-- @tparam table reading where its values came from
-- @tparam string file the path of config/ENV.lua
-- @treturn string
function message.of(problem, root, reading, file)
  local path, code = problem.path, problem.code
  local node, is_own = node_at(root, path)
  if code == "required" and is_own then
    return missing(path, node, reading, file)
  end
  local place, value = reading:place_of(path)
  if code == "unknown" then
    return unknown_field(path, root, place)
  end
  local subject = path
  if place then
    subject = is_variable(place) and ("%s in the environment"):format(place) or ("%s in %s"):format(path, place)
    if is_variable(place) and layer.variable(path) ~= place then
      subject = ("%s in %s"):format(path, subject) -- one of a list
    end
  end
  if value == nil or code == "custom" or has_secret(node) then
    return ("%s %s"):format(subject, problem.message)
  end
  return ("%s is '%s', but %s"):format(subject, printable(tostring(value)), problem.message)
end

-- The value at `path` within that of the setting it belongs to.
local function value_at(value, path)
  for name in path:gmatch "%.([^%.]+)" do
    value = type(value) == "table" and value[name] or nil
  end
  return value
end

local function is_blamed(problems, path)
  for _, problem in ipairs(problems) do
    if problem.path == path or problem.path:sub(1, #path + 1) == path .. "[" then
      return true
    end
  end
  return false
end

local function default_of(node)
  local presence = describe.presence(node)
  return type(presence.default_value) ~= "function" and presence.default_value or nil
end

--- A value as `rille check` prints it.
-- @tparam table leaf path, node
-- @tparam table declared the setting that it belongs to: value, problems, reading
-- @treturn string
function message.shown(leaf, declared)
  local value = value_at(declared.value, leaf.path)
  if is_blamed(declared.problems, leaf.path) then
    return declared.reading.places[leaf.path] and "(wrong)" or "(missing)"
  elseif declared.is_wrong then -- but not by this one
    value = declared.reading.values[leaf.path]
    if value == nil then
      value = default_of(leaf.node)
    end
  end
  if value == nil or value == core.null then
    return ""
  elseif has_secret(leaf.node) then
    return value == "" and "" or "********"
  elseif type(value) == "table" then
    return core.json_encode(value)
  end
  return (tostring(value):gsub("%c", "?"))
end

return message
