--- A table's keys.
local keys = {}

--- The keys in order, for what shall come out the same each time.
-- @tparam table t keys of one kind, texts or numbers
-- @treturn {any,...}
function keys.sorted(t)
  local list = {}
  for key in pairs(t) do
    list[#list + 1] = key
  end
  table.sort(list)
  return list
end

return keys
