--- Lua patterns: whether a text is one, and what it is as a regular expression.
local pattern = {}

-- ---- well-formed patterns --------------------------------------------------------

-- The place behind the set whose "[" is at `i`, or nil.
local function set_end(text, i)
  i = text:sub(i + 1, i + 1) == "^" and i + 2 or i + 1
  repeat -- a "]" in the first place is a character
    if i > #text then
      return nil
    end
    i = text:sub(i, i) == "%" and i + 2 or i + 1
  until text:sub(i, i) == "]"
  return i + 1
end

-- The place behind the item at `i`, whose captures go into `captures`; nil when it is none.
local function item_end(text, i, captures)
  local character, following = text:sub(i, i), text:sub(i + 1, i + 1)
  if character == "(" then
    captures[#captures + 1] = true -- open
  elseif character == ")" then
    local open = #captures
    while open > 0 and not captures[open] do
      open = open - 1
    end
    if open == 0 then
      return nil
    end
    captures[open] = false
  elseif character == "[" then
    return set_end(text, i)
  elseif character == "%" then
    if following == "b" then
      return i + 4
    elseif following == "f" then
      return text:sub(i + 2, i + 2) == "[" and set_end(text, i + 2) or nil
    elseif following:find "%d" then
      return captures[tonumber(following)] == false and i + 2 or nil
    end
    return i + 2
  end
  return i + 1
end

--- Whether `string.find` takes `text` as a pattern. It says so itself only when it
-- gets as far as the mistake.
-- @tparam string text
-- @treturn boolean
function pattern.is_valid(text)
  local captures, i = {}, 1
  while i and i <= #text do
    i = item_end(text, i, captures)
  end
  for _, is_open in ipairs(captures) do
    if is_open then
      return false
    end
  end
  return i == #text + 1 and #captures <= 32 -- LUA_MAXCAPTURES
end

-- ---- regular expressions of ECMA-262, which JSON Schema speaks ----------------------

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
local function set(text, i)
  local out, first = { "[" }, i + 1
  i = first
  if text:sub(i, i) == "^" then
    out[2], i, first = "^", i + 1, i + 1
  end
  while i <= #text do
    local character = text:sub(i, i)
    if character == "]" and i > first then
      out[#out + 1] = "]"
      return table.concat(out), i + 1
    elseif character == "%" then
      i = i + 1
      local class = escape(text:sub(i, i), true)
      if not class then
        return nil
      end
      out[#out + 1] = class
    elseif character == "-" and i > first and text:sub(i + 1, i + 1) ~= "]" then
      out[#out + 1] = "-"
    else
      out[#out + 1] = literal(character, true)
    end
    i = i + 1
  end
end

-- One item that matches a character, and the place behind it; nil when it has no equal.
local function item(text, i)
  local character = text:sub(i, i)
  if character == "%" then
    return escape(text:sub(i + 1, i + 1)), i + 2
  elseif character == "[" then
    return set(text, i)
  elseif character == "." then
    return "[\\s\\S]", i + 1
  end
  return literal(character), i + 1
end

--- The regular expression that takes the same ASCII texts as a Lua pattern.
-- @tparam string text
-- @treturn ?string nil when it has no equal: `%b`, `%f`, `%1`, `[^%S]`, an empty capture
function pattern.to_regex(text)
  local out, i = {}, 1
  if text:sub(1, 1) == "^" then
    out[1], i = "^", 2
  end
  while i <= #text do
    local character = text:sub(i, i)
    if character == "$" and i == #text then
      out[#out + 1], i = "$", i + 1
    elseif text:sub(i, i + 1) == "()" then
      return nil
    elseif character == "(" or character == ")" then
      out[#out + 1], i = character, i + 1
    else
      local one, behind = item(text, i)
      if not one then
        return nil
      end
      local again = REPEATS[text:sub(behind, behind)]
      out[#out + 1], i = one .. (again or ""), again and behind + 1 or behind
    end
  end
  return table.concat(out)
end

return pattern
