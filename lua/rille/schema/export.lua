--- Schemas as JSON Schema, draft 2020-12.
--
-- A schema that v.lazy leads to becomes a definition, and v.lazy a reference to it.
local core = require "rille.core"
local copy = require "rille.schema.copy"
local describe = require "rille.schema.describe"
local pattern = require "rille.schema.pattern"

local array, null = core.array, core.null

local export = {}

local DIALECT = "https://json-schema.org/draft/2020-12/schema"
local HIDDEN = "***"
local DEFINITION_MOST = 1000 -- a v.lazy that makes a new schema at each call has no end

local writers = {} -- by kind: writes the keywords of `node` into `out`
local write

local function text_bounds(node, out)
  out.type, out.minLength, out.maxLength = "string", node.min, node.max
end

function writers.string(node, out)
  text_bounds(node, out)
  out.pattern = type(node.pattern) == "string" and pattern.to_regex(node.pattern) or nil
end

function writers.secret(node, out)
  writers.string(node, out)
  out.format, out.writeOnly = "password", true
end

-- Bounds of dates have no keyword.
for kind, name in pairs { date = "date", datetime = "date-time", uuid = "uuid", email = "email" } do
  writers[kind] = function(_, out)
    out.type, out.format = "string", name
  end
end

for _, kind in ipairs { "integer", "number" } do
  writers[kind] = function(node, out)
    out.type, out.minimum, out.maximum = kind, node.min, node.max
  end
end

function writers.boolean(_, out)
  out.type = "boolean"
end

function writers.any() end

function writers.enum(node, out)
  out.enum = array(copy(node.values))
end

function writers.literal(node, out)
  out.const = node.values[1]
end

function writers.array(node, out, state)
  out.type, out.items = "array", write(node.item, state)
  out.minItems, out.maxItems = node.min, node.max
end

function writers.map(node, out, state)
  out.type, out.additionalProperties = "object", write(node.item, state)
  out.propertyNames = node.key and write(node.key, state)
  out.minProperties, out.maxProperties = node.min, node.max
end

function writers.object(node, out, state)
  local required = {}
  out.type, out.properties = "object", {}
  for _, name in ipairs(node.order) do
    local field = node.fields[name]
    local presence = describe.presence(field)
    out.properties[name] = write(field, state)
    if not presence.is_optional and not presence.has_default then
      required[#required + 1] = name
    end
  end
  out.required = #required > 0 and array(required) or nil
  if node.unknown == "refuse" then
    out.additionalProperties = false
  end
end

function writers.union(node, out, state)
  local members = {}
  for i, member in ipairs(node.members) do
    members[i] = write(member, state)
  end
  out.anyOf = array(members)
end

-- The reference to what v.lazy leads to, whose definition is written at the first.
function writers.lazy(node, out, state)
  local target = describe.target(node)
  local name = state.names[target]
  if not name then
    state.count = state.count + 1
    if state.count > DEFINITION_MOST then
      error(("v.lazy at %s makes a new schema at each call: keep it in a local"):format(node.where), 0)
    end
    name = node.name or "schema" .. state.count
    if state.definitions[name] then
      name = name .. state.count
    end
    state.names[target], state.definitions[name] = name, true
    state.definitions[name] = write(target, state)
  end
  out["$ref"] = "#/$defs/" .. name
end

local function with_null(out)
  if type(out.type) == "string" and not out.enum then
    out.type = array { out.type, "null" }
    return out
  elseif out.enum then
    out.enum[#out.enum + 1] = null
    return out
  end
  return { anyOf = array { out, { type = "null" } } }
end

local function has_secret(node)
  for _, leaf in ipairs(describe.leaves(node)) do
    if leaf.kind == "secret" then
      return true
    end
  end
  return false
end

-- Defaults that a function makes cannot be written down.
local function default_of(node)
  local value = node.default_value
  if not node.has_default or type(value) == "function" then
    return nil
  end
  return has_secret(node) and HIDDEN or node:mask(copy(value))
end

write = function(node, state)
  local out = {}
  writers[node.kind](node, out, state)
  if node.is_nullable and node.kind ~= "any" then
    out = with_null(out)
  end
  out.description, out.default = node.description, default_of(node)
  return out
end

--- The JSON Schema of `node`, as a table to be encoded.
-- @tparam schema node
-- @treturn table
function export.json_schema(node)
  local state = { names = {}, definitions = {}, count = 0 }
  local out = write(node, state)
  out["$schema"] = DIALECT
  if next(state.definitions) then
    out["$defs"] = state.definitions
  end
  return out
end

return export
