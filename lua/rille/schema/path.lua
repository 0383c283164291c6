--- Paths of places in a value: `items[2].qty`.
--
-- As the JSON decoder writes them (core/json/path.c): indexes count from 0, a key
-- that is no plain word is `["a b"]`, and a path too long ends in dots. Keys may
-- come from outside, and paths go to terminals, logs and JSON.
local format = require "rille.schema.format"

local byte, concat = string.byte, table.concat

local path = {}

local LEN_MOST = 192 -- bytes: for reading, and so many of them go into one answer

local function is_word(key)
  for i = 1, #key do
    local b = byte(key, i)
    local is_letter = (b >= 97 and b <= 122) or (b >= 65 and b <= 90) or b >= 0x80
    if not is_letter and not (b >= 48 and b <= 57) and b ~= 95 and b ~= 45 and b ~= 36 then
      return false
    end
  end
  return key ~= ""
end

-- The first bytes of a key: a longer one is cut, between two characters.
local function cut(text)
  if #text <= LEN_MOST then
    return text
  end
  local len = LEN_MOST - 3
  while len > 0 and byte(text, len + 1) >= 0x80 and byte(text, len + 1) <= 0xBF do
    len = len - 1
  end
  return text:sub(1, len) .. "..."
end

-- Only single classes are replaced: linear.
local function printable(key)
  if not format.is_utf8(key) then
    key = key:gsub("[\128-\255]", "?")
  end
  return (key:gsub("[%z\1-\31\127]", "?"))
end

local function add(parts, key)
  local count = #parts
  if type(key) == "number" then
    parts[count + 1] = ("[%d]"):format(key)
    return
  end
  key = type(key) == "string" and printable(cut(key)) or "a " .. type(key) -- whose __tostring may do anything
  if not is_word(key) then
    parts[count + 1] = '["' .. key .. '"]'
  else
    parts[count + 1] = count > 0 and "." .. key or key
  end
end

--- The text of a path.
-- @tparam table keys strings, and indexes from 0
-- @tparam integer count how many of them count
-- @tparam[opt] string|integer last one more
-- @treturn string "" is the value as a whole
function path.text(keys, count, last)
  local parts, len = {}, 0
  for i = 1, count do
    add(parts, keys[i])
    len = len + #parts[i]
    if len > LEN_MOST then
      return cut(concat(parts))
    end
  end
  if last ~= nil then
    add(parts, last)
  end
  return cut(concat(parts))
end

return path
