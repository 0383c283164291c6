--- The name that was probably meant.
local nearest = {}

local LEN_MOST = 64 -- bytes: a longer name is no slip of the fingers
local BEGINNING_LEAST = 3 -- letters: fewer begin too many names

-- How many letters must be put in, left out, changed or swapped with their
-- neighbour to make one name of the other (optimal string alignment).
local function distance(a, b)
  local before_last, last, row = {}, {}, {}
  for j = 0, #b do
    last[j] = j
  end
  for i = 1, #a do
    row[0] = i
    for j = 1, #b do
      local is_same = a:byte(i) == b:byte(j)
      local best = math.min(last[j - 1] + (is_same and 0 or 1), last[j] + 1, row[j - 1] + 1)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, before_last[j - 2] + 1)
      end
      row[j] = best
    end
    before_last, last, row = last, row, before_last
  end
  return last[#b]
end

--- The one of `names` that is most like `name`.
-- @tparam string name
-- @tparam {string,...} names
-- @treturn ?string nil when none is much like it
function nearest.of(name, names)
  if #name > LEN_MOST then
    return nil
  end
  -- A third of the letters wrong is still a slip; more is another word.
  local least, found = math.floor(#name / 3) + 2, nil
  for _, one in ipairs(names) do
    if #name >= BEGINNING_LEAST and one:sub(1, #name):lower() == name:lower() then
      return one -- `int` is integer, although `any` is nearer
    end
    local far = #one <= LEN_MOST and distance(name:lower(), one:lower()) or least
    if far < least then
      least, found = far, one
    end
  end
  return found
end

return nearest
