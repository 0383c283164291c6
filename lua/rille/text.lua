--- Texts from outside, in time that grows with their length alone. Lua's patterns do
-- not: `text:match "^%s*(.-)%s*$"` takes half a minute for 100 KB of blanks.
local text = {}

local BLANK = { [32] = true, [9] = true, [10] = true, [11] = true, [12] = true, [13] = true }

local function check(value, call, level)
  if type(value) ~= "string" then
    error(("%s takes a text first: got a %s"):format(call, type(value)), level + 1)
  end
end

--- A text without the blanks around it: spaces, tabs, line ends.
-- @tparam string value
-- @treturn string
function text.trim(value)
  check(value, "rille.trim", 2)
  local from, to = 1, #value
  while from <= to and BLANK[value:byte(from)] do
    from = from + 1
  end
  while to >= from and BLANK[value:byte(to)] do
    to = to - 1
  end
  return value:sub(from, to)
end

--- The parts of a text between separators: "a,,b" split at "," is { "a", "", "b" }.
-- @tparam string value
-- @tparam string separator as it is, no pattern
-- @tparam[opt] integer most parts; the last of them holds the rest
-- @treturn {string,...} "" is one empty part
function text.split(value, separator, most)
  check(value, "rille.split", 2)
  if type(separator) ~= "string" or separator == "" then
    error('rille.split takes a separator second, as in rille.split(text, ","): got '
      .. (separator == "" and "an empty one" or "a " .. type(separator)), 2)
  end
  local parts, count, at = {}, 0, 1
  while true do
    local from, to = value:find(separator, at, true)
    count = count + 1
    if not from or count == most then
      parts[count] = value:sub(at)
      return parts
    end
    parts[count] = value:sub(at, from - 1)
    at = to + 1
  end
end

return text
