--- JavaScript, as far as it matters to what is printed into it.
--
-- Which escaper is right depends on whether a place is code, the inside of a
-- string, or neither. Fields of the state that belong to this machine:
--
--     js      code, a quote, template (text of `…`), line, block (comments),
--             regex, class (a […] of a regex), lost
--     stack   what is open: "{", "$" for a template's ${, "`" for its text
--     prev    the last word or sign of code: decides what a slash means
--     last    the last byte of code, for the space in front of a value
--
-- Behind a backslash that ends a piece of the template, js has that in front:
-- see rille.template.literal.
--
-- A script that this machine does not understand is lost, and nothing can be
-- printed there; the script itself stays as it is.
local literal = require "rille.template.literal"

local find, gsub, match, sub = string.find, string.gsub, string.match, string.sub

local script = {}

-- After these a slash starts a regular expression; after other words it divides.
local BEFORE_REGEX = {}
for word in ("return typeof instanceof in of new delete void throw case do else yield await"):gmatch "%a+" do
  BEFORE_REGEX[word] = true
end
for sign in ("(,=:[!&|?{};+-*%~^<>"):gmatch "." do
  BEFORE_REGEX[sign] = true
end
BEFORE_REGEX[""] = true

-- What a value may touch without becoming part of it: `x=-1`, but never `x--1`.
local NEEDS_NO_SPACE = "[%s=(,:%[]"

function script.start(s)
  s.js, s.stack, s.prev, s.last = "code", "", "", ""
end

local function lose(s, why)
  s.js, s.lost = "lost", why
end

local step = {}

local function slash(s, text, at)
  local mark = sub(text, at + 1, at + 1)
  if mark == "/" or mark == "*" then
    s.js = mark == "/" and "line" or "block"
    return at + 2
  end
  if BEFORE_REGEX[s.prev] then
    s.js = "regex"
  end
  s.prev = "/"
  return at + 1
end

local function close_brace(s)
  local closed = sub(s.stack, -1)
  s.stack = sub(s.stack, 1, -2)
  if closed == "$" then
    s.js = "template"
  end
end

local function sign(s, text, at)
  local char = sub(text, at, at)
  if char == "`" then
    s.js, s.stack = "template", s.stack .. "`"
  elseif char == '"' or char == "'" then
    s.js = char
  elseif char == "{" then
    s.stack = s.stack .. "{"
  elseif char == "}" then
    close_brace(s)
  elseif char == "<" and sub(text, at, at + 3) == "<!--" then
    lose(s, "'<!--' in a script is a comment, and changes where the script ends")
  end
  -- x++ is a value, and so divided by what follows.
  s.prev = (char == "+" or char == "-") and s.prev == char and "++" or char
  return at + 1
end

function step.code(s, text, at)
  local blank = match(text, "^%s+", at)
  local word = not blank and match(text, "^[%w_$\128-\255]+", at)
  local after
  if blank then
    after = at + #blank
  elseif word then
    s.prev = word
    after = at + #word
  elseif sub(text, at, at) == "/" then
    after = slash(s, text, at)
  else
    after = sign(s, text, at)
  end
  s.last = sub(text, after - 1, after - 1)
  return after
end

local function over_escape(s, text, at)
  local after
  after, s.js = literal.escape(s.js, text, at)
  return after
end

-- Inside a string: to its end, over escapes.
local function in_string(s, text, at)
  local quote = s.js
  local found, char = literal.find(quote, text, at)
  if not found then
    return #text + 1
  elseif char == "\\" then
    return over_escape(s, text, found)
  elseif char == "\n" then
    lose(s, "a string is not closed on its line")
  else
    s.js, s.prev, s.last = "code", "string", quote
  end
  return found + 1
end
step['"'], step["'"] = in_string, in_string

function step.template(s, text, at)
  local found = find(text, "[`\\$]", at)
  if not found then
    return #text + 1
  end
  local char = sub(text, found, found)
  if char == "`" then
    s.js, s.stack, s.prev, s.last = "code", sub(s.stack, 1, -2), "string", "`"
  elseif char == "\\" then
    return over_escape(s, text, found)
  elseif sub(text, found + 1, found + 1) == "{" then
    s.js, s.stack, s.prev, s.last = "code", s.stack .. "$", "{", "{"
    return found + 2
  end
  return found + 1
end

function step.line(s, text, at)
  local found = find(text, "\n", at, true)
  if found then
    s.js = "code"
  end
  return (found or #text) + 1
end

function step.block(s, text, at)
  local _, last = find(text, "*/", at, true)
  if last then
    s.js = "code"
  end
  return (last or #text) + 1
end

function step.regex(s, text, at)
  local found = find(text, "[/%[\\\n]", at)
  if not found then
    return #text + 1
  end
  local char = sub(text, found, found)
  if char == "/" then
    s.js, s.prev, s.last = "code", "regex", "/"
  elseif char == "[" then
    s.js = "class"
  elseif char == "\\" then
    return over_escape(s, text, found)
  else
    lose(s, "a regular expression is not closed on its line")
  end
  return found + 1
end

function step.class(s, text, at)
  local found = find(text, "[%]\\\n]", at)
  if not found then
    return #text + 1
  end
  local char = sub(text, found, found)
  if char == "]" then
    s.js = "regex"
  elseif char == "\\" then
    return over_escape(s, text, found)
  else
    lose(s, "a regular expression is not closed on its line")
  end
  return found + 1
end

function step.lost(_, text)
  return #text + 1
end

--- Read on through `text`.
function script.feed(s, text)
  local at
  at, s.js = literal.resume(s.js, text)
  while at <= #text do
    at = step[s.js](s, text, at)
  end
end

local REFUSED = {
  template = "inside a `template literal`: give the value a name first, `const x = <%= … %>;`",
  line = "in a comment of a script", block = "in a comment of a script",
  regex = "inside a regular expression", class = "inside a regular expression",
}

--- The escaper for a value printed here, by its name in rille.escape.
-- @treturn string or nil, and why there is none
-- @treturn boolean whether a space must go in front
function script.escaper(s)
  if s.js == "code" then
    return "js", s.last ~= "" and not find(s.last, NEEDS_NO_SPACE)
  elseif s.js == '"' or s.js == "'" then
    return "js_string", false
  elseif s.js == "lost" then
    return nil, "in this script: " .. s.lost
  end
  return nil, REFUSED[s.js] or "behind a backslash"
end

--- A value was printed: code goes on behind a value.
function script.printed(s)
  if s.js == "code" then
    s.prev, s.last = "value", "x"
  end
end

--- Whether `text`, from an attribute, hides signs behind entities (`&quot;`) that
-- the browser decodes before the script is read.
function script.hides_signs(text)
  return find(gsub(text, "&&", ""), "&[%a#]") ~= nil
end

return script
