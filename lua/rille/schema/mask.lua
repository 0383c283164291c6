--- Values without their secrets, for showing.
local core = require "rille.core"
local describe = require "rille.schema.describe"

local array_meta = getmetatable(core.array {})

local HIDDEN = "***"
local DEPTH_MOST = 512

local mask

local function each(value, depth, node_of)
  local result = {}
  for key, inner in next, value do
    local node = node_of(key)
    if node then
      inner = mask(node, inner, depth + 1)
    end
    result[key] = inner
  end
  return getmetatable(value) == array_meta and core.array(result) or result
end

local masks = {} -- by kind

function masks.secret(_, value)
  return value == core.null and value or HIDDEN
end

function masks.array(node, value, depth)
  return each(value, depth, function() return node.item end)
end

masks.map = masks.array

function masks.object(node, value, depth)
  return each(value, depth, function(key) return node.fields[key] end)
end

-- Which member a value is of may be open: what is secret in any of them is hidden.
function mask(node, value, depth)
  if depth > DEPTH_MOST then
    return HIDDEN
  end
  for _, leaf in ipairs(describe.leaves(node)) do
    local hide = masks[leaf.kind]
    if hide and (leaf.kind == "secret" or type(value) == "table") then
      value = hide(leaf, value, depth)
    end
  end
  return value
end

--- A copy of `value` in which every secret is "***".
-- @tparam schema node
-- @param value what it describes
return function(node, value)
  return mask(node, value, 0)
end
