--- Lua patterns as regular expressions of ECMA-262, which JSON Schema speaks.
local regex = {}

local CLASSES = {
  a = "A-Za-z", c = "\\x00-\\x1f\\x7f", d = "0-9", l = "a-z", p = "!-\\/:-@\\[-`{-~",
  s = " \\t-\\r", u = "A-Z", w = "0-9A-Za-z", x = "0-9A-Fa-f",
}
local REPEATS = { ["*"] = "*", ["+"] = "+", ["?"] = "?", ["-"] = "*?" }

-- Only syntax characters may be escaped, a minus in sets alone.
local function literal(character, is_in_set)
  local syntax = is_in_set and "\\^$.*+?()[]{}|/-" or "\\^$.*+?()[]{}|/"
  return syntax:find(character, 1, true) and "\\" .. character or character
end

-- What stands behind a "%", inside of a set or outside; nil when it has no equal.
local function escape(character, is_in_set)
  local class = CLASSES[character:lower()]
  if not class then
    return not character:find "%w" and literal(character, is_in_set) or nil
  elseif character:find "%u" then
    return not is_in_set and "[^" .. class .. "]" or nil
  end
  return is_in_set and class or "[" .. class .. "]"
end

-- The set that begins at `i`, and the place behind it; nil when it has no equal.
local function set(pattern, i)
  local out, first = { "[" }, i + 1
  i = first
  if pattern:sub(i, i) == "^" then
    out[2], i, first = "^", i + 1, i + 1
  end
  while i <= #pattern do
    local character = pattern:sub(i, i)
    if character == "]" and i > first then
      out[#out + 1] = "]"
      return table.concat(out), i + 1
    elseif character == "%" then
      i = i + 1
      local class = escape(pattern:sub(i, i), true)
      if not class then
        return nil
      end
      out[#out + 1] = class
    elseif character == "-" and i > first and pattern:sub(i + 1, i + 1) ~= "]" then
      out[#out + 1] = "-"
    else
      out[#out + 1] = literal(character, true)
    end
    i = i + 1
  end
end

-- One item that matches a character, and the place behind it; nil when it has no equal.
local function item(pattern, i)
  local character = pattern:sub(i, i)
  if character == "%" then
    return escape(pattern:sub(i + 1, i + 1)), i + 2
  elseif character == "[" then
    return set(pattern, i)
  elseif character == "." then
    return "[\\s\\S]", i + 1
  end
  return literal(character), i + 1
end

--- The regular expression that takes the same ASCII texts as a Lua pattern.
-- @tparam string pattern
-- @treturn ?string nil when it has no equal: `%b`, `%f`, `%1`, `[^%S]`, an empty capture
function regex.of(pattern)
  local out, i = {}, 1
  if pattern:sub(1, 1) == "^" then
    out[1], i = "^", 2
  end
  while i <= #pattern do
    local character = pattern:sub(i, i)
    if character == "$" and i == #pattern then
      out[#out + 1], i = "$", i + 1
    elseif pattern:sub(i, i + 1) == "()" then
      return nil
    elseif character == "(" or character == ")" then
      out[#out + 1], i = character, i + 1
    else
      local one, behind = item(pattern, i)
      if not one then
        return nil
      end
      local again = REPEATS[pattern:sub(behind, behind)]
      out[#out + 1], i = one .. (again or ""), again and behind + 1 or behind
    end
  end
  return table.concat(out)
end

return regex
