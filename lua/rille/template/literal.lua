--- What the strings of scripts and of styles have in common: their quotes, and
-- escapes, which may begin in one piece of the template and end in the next. In
-- between, the machine's state is a backslash and the state that it was in.
local byte, find, sub = string.byte, string.find, string.sub

local literal = {}

local BACKSLASH = byte "\\"
local SIGNS = { ['"'] = '["\\\n]', ["'"] = "['\\\n]" }

--- The next sign of a string that matters: its quote, a backslash, a newline.
-- @treturn integer where it is, or nil
-- @treturn string the sign
function literal.find(quote, text, at)
  local found = find(text, SIGNS[quote], at)
  return found, found and sub(text, found, found)
end

--- Read over the escape whose backslash is at `at`.
-- @treturn integer where to go on
-- @treturn string the state there
function literal.escape(state, text, at)
  return at + 2, at < #text and state or "\\" .. state
end

--- Whether a piece ended behind a backslash.
function literal.is_torn(state)
  return byte(state) == BACKSLASH
end

--- Read the rest of an escape, if there is one, at the front of `text`.
-- @treturn integer where to go on
-- @treturn string the state there
function literal.resume(state, text)
  if text == "" or not literal.is_torn(state) then
    return 1, state
  end
  return 2, sub(state, 2)
end

return literal
