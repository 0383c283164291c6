--- Values as text that is safe where it is printed.
--
-- Every place in a page has a grammar of its own, and so an escaper of its own:
-- what is harmless in text runs as a program in a script. Templates choose by
-- themselves (rille.template); these are for code that writes pages by hand. All
-- of them are linear in the value's length.
--
-- The rules follow the OWASP cheat sheet on cross-site scripting, and the WHATWG
-- standards of HTML (13.2) and URL (4.3).
local buffer = require "string.buffer"
local core = require "rille.core"

local byte, find, format, gsub, lower, match, sub =
  string.byte, string.find, string.format, string.gsub, string.lower, string.match, string.sub
local error, getmetatable, pcall, tostring, type = error, getmetatable, pcall, tostring, type
local null, json_encode = core.null, core.json_encode

local escape = {}

-- ---- values as text -----------------------------------------------------------

-- Integers up to here print as tostring writes them, in full.
local PLAIN_INTEGER = 1e14
-- Beyond this a number is no exact integer any more.
local EXACT_INTEGER = 2 ^ 53

local function number_text(value)
  if value % 1 == 0 and (value >= PLAIN_INTEGER or value <= -PLAIN_INTEGER)
      and value <= EXACT_INTEGER and value >= -EXACT_INTEGER then
    return format("%.0f", value)
  end
  return tostring(value)
end

-- Seen from here the place that printed is the third caller: behind the function
-- that reads the value and the public one. So none of them may be a tail call.
local PRINTING = 4

local function unprintable(value, what)
  local name, kind = what or "the value", type(value)
  if kind == "nil" then
    error(("%s is nil: there is nothing to print (where it may be missing, write `%s or \"\"`)"):format(name,
      what or "value"), PRINTING)
  elseif kind == "function" then
    error(("%s is a function: call it, with ()"):format(name), PRINTING)
  end
  error(("%s is a %s: print one of its fields"):format(name, kind), PRINTING)
end

local function text_of(value, what)
  local kind = type(value)
  if kind == "string" then
    return value
  elseif kind == "number" then
    return number_text(value)
  elseif kind == "boolean" then
    return value and "true" or "false"
  elseif value == null then
    return ""
  end
  local meta = (kind == "table" or kind == "userdata") and getmetatable(value)
  if type(meta) == "table" and meta.__tostring then
    return tostring(value)
  end
  unprintable(value, what)
end

--- A value as it is, unescaped: `rille.null` is nothing, a number its digits.
-- @param value a string, number, boolean, rille.null, or a table with `__tostring`
-- @tparam[opt] string what how an error names the value
-- @treturn string
-- @raise when it is nil, a function, or a table without `__tostring`
function escape.text(value, what)
  local text = text_of(value, what)
  return text
end

-- ---- HTML ---------------------------------------------------------------------

local ENTITIES = {
  [byte "&"] = "&amp;", [byte "<"] = "&lt;", [byte ">"] = "&gt;", [byte '"'] = "&quot;", [byte "'"] = "&#39;",
}

-- A scratch that grew beyond this is given back.
local KEPT_BYTES = 64 * 1024
local scratch = buffer.new()

local function html_of(text)
  -- Most texts need nothing. Plain searches run at the speed of memchr, several
  -- times that of one pattern with a class.
  if not (find(text, "<", 1, true) or find(text, "&", 1, true) or find(text, '"', 1, true)
      or find(text, "'", 1, true) or find(text, ">", 1, true)) then
    return text
  end
  scratch:reset() -- memory may have run out in the middle of the last use
  local from = 1
  for at = 1, #text do
    local entity = ENTITIES[byte(text, at)]
    if entity then
      scratch:put(sub(text, from, at - 1), entity)
      from = at + 1
    end
  end
  scratch:put(sub(text, from))
  local escaped = scratch:get()
  if #escaped > KEPT_BYTES then
    scratch:free()
  end
  return escaped
end

--- For HTML text: between tags, also in `<title>` and `<textarea>`.
-- @param value see `escape.text`
-- @tparam[opt] string what how an error names the value
-- @treturn string with `& < > " '` as entities
-- @raise as `escape.text`
function escape.html(value, what)
  return html_of(text_of(value, what))
end

--- For an attribute's value **in quotes**, of either kind. Not for those that hold
-- a URL, a script or a style: they have escapers of their own.
-- @param value see `escape.text`
-- @tparam[opt] string what
-- @treturn string
-- @raise as `escape.text`
function escape.attribute(value, what)
  return html_of(text_of(value, what))
end

-- ---- URLs ---------------------------------------------------------------------

--- What stands for a URL whose scheme is not allowed: it leads nowhere.
escape.UNSAFE_URL = "about:invalid#unsafe"

local SCHEMES = { http = true, https = true, mailto = true, tel = true }

local function percent(one)
  return format("%%%02X", byte(one))
end

--- Whether following `url` can only lead to a page, a mail or a call.
-- A URL without a scheme is relative, and safe.
-- @tparam string url
-- @treturn boolean
function escape.is_safe_url(url)
  -- Browsers drop leading blanks, and tabs and newlines anywhere.
  local scheme = match(gsub(url, "[%z\1-\32]", ""), "^([^/?#:]*):")
  return scheme == nil or SCHEMES[lower(scheme)] == true
end

local function url_of(text)
  if not escape.is_safe_url(text) then
    return escape.UNSAFE_URL
  end
  text = gsub(text, "[\t\r\n]", "")
  text = gsub(text, "^[%z\1-\32]+", "")
  -- What RFC 3986 allows, with escapes that are there already, stays.
  return (gsub(text, "[^%w%-._~:/?#%[%]@!$&'()*+,;=%%]", percent))
end

local function component_of(text)
  return (gsub(text, "[^%w%-._~]", percent))
end

--- For a whole URL in a quoted attribute. A scheme other than http, https, mailto
-- and tel (`javascript:` above all) becomes `about:invalid#unsafe`.
-- @param value see `escape.text`
-- @tparam[opt] string what
-- @treturn string
-- @raise as `escape.text`
function escape.url(value, what)
  return html_of(url_of(text_of(value, what)))
end

--- For one part of a URL: a segment of its path, a name or value of its query.
-- @param value see `escape.text`
-- @tparam[opt] string what
-- @treturn string letters, digits, `-._~`, and %XX for every other byte
-- @raise as `escape.text`
function escape.url_component(value, what)
  return component_of(text_of(value, what))
end

-- ---- scripts ------------------------------------------------------------------

-- Valid in JSON and in JavaScript, and without a meaning to HTML. The line
-- separators end a line in older JavaScript, but not in JSON.
local SCRIPT = { ["<"] = "\\u003c", [">"] = "\\u003e", ["&"] = "\\u0026", ["'"] = "\\u0027" }
local SEPARATORS = { ["\226\128\168"] = "\\u2028", ["\226\128\169"] = "\\u2029" }

local function without_separators(text)
  if not find(text, "\226\128", 1, true) then
    return text
  end
  return (gsub(text, "\226\128[\168\169]", SEPARATORS))
end

local function js_of(value, what)
  if value == nil then
    unprintable(value, what)
  end
  local ok, json = pcall(json_encode, value)
  if not ok then
    error(("%s cannot be written as JSON: %s"):format(what or "the value", json), PRINTING - 1)
  end
  return without_separators(gsub(json, "[<>&']", SCRIPT))
end

--- For a value in a script: JSON that neither ends the script nor starts a comment.
-- @param value anything JSON can hold; rille.null is `null`
-- @tparam[opt] string what
-- @treturn string a JavaScript expression
-- @raise when it is nil, or cannot be encoded
function escape.js(value, what)
  local text = js_of(value, what)
  return text
end

--- For a value in an event handler's quoted attribute: `onclick="buy(<%= id %>)"`.
-- @param value anything JSON can hold
-- @tparam[opt] string what
-- @treturn string
-- @raise as `escape.js`
function escape.js_attribute(value, what)
  return html_of(js_of(value, what))
end

local function unicode(one)
  return format("\\u%04x", byte(one))
end

--- For a text between the quotes of a JavaScript or JSON string, in a script or
-- in a quoted attribute.
-- @param value see `escape.text`
-- @tparam[opt] string what
-- @treturn string letters, digits, and `\uXXXX` for the rest of ASCII
-- @raise as `escape.text`
function escape.js_string(value, what)
  return without_separators(gsub(text_of(value, what), "[^%w _\128-\255]", unicode))
end

-- ---- styles -------------------------------------------------------------------

--- What stands for a CSS value that is more than a word, a number or a colour.
-- A browser ignores a declaration that it does not know.
escape.UNSAFE_CSS = "unsafe"

--- For a value in a style sheet or a `style` attribute, outside of quotes: words,
-- numbers, colours. Anything else becomes `unsafe`.
-- @param value see `escape.text`
-- @tparam[opt] string what
-- @treturn string
-- @raise as `escape.text`
function escape.css(value, what)
  local text = text_of(value, what)
  if find(text, "[^%w #%%.,_+-]") then
    return escape.UNSAFE_CSS
  end
  return text
end

local function css_escape(one)
  return format("\\%x ", byte(one))
end

local function css_string_of(text)
  -- An escaped NUL is a replacement character, as an unescaped one would be.
  return (gsub(text, "[^%w_\128-\255]", css_escape))
end

--- For a text between the quotes of a CSS string.
-- @param value see `escape.text`
-- @tparam[opt] string what
-- @treturn string
-- @raise as `escape.text`
function escape.css_string(value, what)
  return css_string_of(text_of(value, what))
end

--- For a whole URL between the quotes of a CSS `url("…")`.
-- @param value see `escape.text`
-- @tparam[opt] string what
-- @treturn string
-- @raise as `escape.text`
function escape.css_url(value, what)
  return css_string_of(url_of(text_of(value, what)))
end

--- A Lua string literal of one line with this value.
-- For code that writes Lua: every byte that could end the literal, or the line,
-- is a number.
-- @tparam string text
-- @treturn string
function escape.lua(text)
  return '"' .. gsub(text, "[%c\"\\\127-\255]", function(one)
    return format("\\%03d", byte(one))
  end) .. '"'
end

return escape
