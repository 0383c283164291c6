--- CSS, as far as it matters to what is printed into it.
--
-- Fields of the state that belong to this machine:
--
--     css      value, a quote, comment, open (behind `url(`), url (without quotes)
--              each with a backslash in front while an escape is torn: see rille.template.literal
--     in_url   whether the string is that of a url("…")
--     fresh    whether that string is still empty
--     tail     the last three bytes: "url" makes the parenthesis behind it special
local literal = require "rille.template.literal"

local find, lower, match, sub = string.find, string.lower, string.match, string.sub

local style = {}

function style.start(s)
  s.css, s.in_url, s.fresh, s.tail = "value", false, false, ""
end

local step = {}

local function open_string(s, quote, in_url)
  s.css, s.in_url, s.fresh = quote, in_url, true
end

local function over_escape(s, text, at)
  local after
  after, s.css = literal.escape(s.css, text, at)
  return after
end

function step.value(s, text, at)
  local found = find(text, "[\"'/(\\]", at)
  s.tail = sub(s.tail .. lower(sub(text, at, (found or 0) - 1)), -3)
  if not found then
    return #text + 1
  end
  local char = sub(text, found, found)
  local tail = s.tail
  s.tail = ""
  if char == '"' or char == "'" then
    open_string(s, char, false)
  elseif char == "(" then
    s.css = tail == "url" and "open" or "value"
  elseif char == "\\" then
    return over_escape(s, text, found)
  elseif sub(text, found + 1, found + 1) == "*" then
    s.css = "comment"
    return found + 2
  end
  return found + 1
end

local function in_string(s, text, at)
  local found, char = literal.find(s.css, text, at)
  s.fresh = false
  if not found then
    return #text + 1
  elseif char == "\\" then
    return over_escape(s, text, found)
  end
  s.css, s.tail = "value", "" -- a newline ends a string too: a bad one, but an end
  return found + 1
end
step['"'], step["'"] = in_string, in_string

function step.comment(s, text, at)
  local _, last = find(text, "*/", at, true)
  if last then
    s.css = "value"
  end
  return (last or #text) + 1
end

function step.open(s, text, at)
  local blank = match(text, "^%s+", at)
  if blank then
    return at + #blank
  end
  local char = sub(text, at, at)
  if char == '"' or char == "'" then
    open_string(s, char, true)
    return at + 1
  end
  s.css = "url"
  return at
end

function step.url(s, text, at)
  local found = find(text, ")", at, true)
  if found then
    s.css, s.tail = "value", ""
  end
  return (found or #text) + 1
end

--- Read on through `text`.
function style.feed(s, text)
  local at
  at, s.css = literal.resume(s.css, text)
  while at <= #text do
    at = step[s.css](s, text, at)
  end
end

local REFUSED = {
  comment = "in a comment of a style",
  open = 'inside url( ): put it in quotes, url("<%= … %>")', url = 'inside url( ): put it in quotes, url("<%= … %>")',
}

--- The escaper for a value printed here, by its name in rille.escape.
-- @treturn string or nil, and why there is none
function style.escaper(s)
  if s.css == "value" then
    return "css"
  elseif REFUSED[s.css] then
    return nil, REFUSED[s.css]
  elseif literal.is_torn(s.css) then
    return nil, "behind a backslash"
  elseif s.in_url then
    return s.fresh and "css_url" or "url_component"
  end
  return "css_string"
end

--- A value was printed.
function style.printed(s)
  s.fresh, s.tail = false, ""
end

return style
