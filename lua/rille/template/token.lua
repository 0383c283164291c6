--- Lua inside a tag: where it ends, its words, and the code without comments.
--
-- A `%>` in a string or a long comment does not end a tag. Comments are blanked,
-- so that what follows on the same line of generated code is no comment too;
-- their newlines stay, because a template's line N is line N of its code.
local concat = table.concat
local find, gsub, match, sub = string.find, string.gsub, string.match, string.sub

local token = {}

local function line_break_or_end(text, at)
  return find(text, "\n", at, true) or #text + 1
end

-- Where a quoted string that opens at `at` has its closing quote; nil when its
-- line ends before.
local function string_end(text, at)
  local quote = sub(text, at, at)
  local stop = quote == '"' and '["\\\n]' or "['\\\n]"
  local from = at + 1
  while true do
    local found = find(text, stop, from)
    local char = found and sub(text, found, found)
    if char == quote then
      return found
    elseif char ~= "\\" then
      return nil
    end
    from = found + 2
  end
end

-- Where a long bracket that opens at `at` has its last byte; false when nothing
-- closes it, nil when none opens there.
local function long_end(text, at)
  local equals = match(text, "^%[(=*)%[", at)
  if not equals then
    return nil
  end
  local _, last = find(text, "]" .. equals .. "]", at, true)
  return last or false
end

-- Where a comment that opens at `at` has its last byte.
local function comment_end(text, at)
  local last = long_end(text, at + 2)
  if last ~= nil then
    return last
  end
  local line = line_break_or_end(text, at)
  local close = find(sub(text, at, line - 1), "%>", 3, true)
  if not close then
    return line - 1
  end
  local trims = close > 3 and sub(text, at + close - 2, at + close - 2) == "-"
  return at + close - (trims and 3 or 2)
end

local blank = function(comment)
  return " " .. gsub(comment, "[^\n]+", "")
end

-- What each byte that may matter means; each returns the next position, or nil
-- and what is wrong.
local read = {}

local function read_word(scan, at)
  local word = match(scan.text, "^[%w_]+", at)
  local is_label = sub(scan.text, at - 2, at - 1) == "::"
  scan.words[#scan.words + 1] = { word, at - scan.start, is_label = is_label }
  return at + #word
end

local function read_string(scan, at)
  local last = string_end(scan.text, at)
  if not last then
    return nil, "a string is not closed on its line"
  end
  return last + 1
end
read['"'], read["'"] = read_string, read_string

read["["] = function(scan, at)
  local last = long_end(scan.text, at)
  if last == false then
    return nil, "a long string is never closed"
  end
  return (last or at) + 1
end

read["-"] = function(scan, at)
  if sub(scan.text, at + 1, at + 1) ~= "-" then
    return at + 1
  end
  local last = comment_end(scan.text, at)
  if not last then
    return nil, "a long comment is never closed"
  end
  scan.code[#scan.code + 1] = sub(scan.text, scan.from, at - 1)
  scan.code[#scan.code + 1] = blank(sub(scan.text, at, last))
  scan.from = last + 1
  return last + 1
end

read["%"] = function(_, at)
  return at + 1
end

--- Read the Lua of one tag.
-- @tparam string text the template
-- @tparam integer from the first byte behind the tag's mark
-- @treturn table `code` (text), `words` (list of { word, offset, is_label }), `last` (the
-- byte of `%>`'s `>`), `trims` (whether it was `-%>`)
-- @return or nil, what is wrong, and where
function token.scan(text, from)
  local scan = { text = text, start = from, from = from, code = {}, words = {} }
  local at = from
  while true do
    at = find(text, "[%%%-\"'%[%w_]", at)
    if not at then
      return nil, "this tag is never closed with %>", from
    end
    local char = sub(text, at, at)
    local trims = char == "-" and sub(text, at + 1, at + 2) == "%>"
    if trims or sub(text, at, at + 1) == "%>" then
      scan.code[#scan.code + 1] = sub(text, scan.from, at - 1)
      return { code = concat(scan.code), words = scan.words, last = at + (trims and 2 or 1), trims = trims }
    end
    local after, why = (read[char] or read_word)(scan, at)
    if not after then
      return nil, why, at
    end
    at = after
  end
end

return token
