--- Literal HTML, read byte by byte to know what comes next.
--
--     text <a  href = "value" >  text <script> raw </script>
--          open|tag   |  value    text         raw
--              name   before_value
--
-- A state follows the literal text of a template through the tokenizer of the
-- HTML standard (WHATWG, 13.2.5), as far as that decides what may be printed at a
-- place (rille.template.place). States are flat tables of scalars, so that a
-- branch can copy one and the end of the branch can compare two.
local attribute = require "rille.template.attribute"
local script = require "rille.template.script"
local style = require "rille.template.style"

local find, lower, match, sub = string.find, string.lower, string.match, string.sub
local pairs = pairs

local markup = {}

-- Elements whose content is no markup: it ends at their own end tag only.
local RAW = {
  script = true, style = true, title = true, textarea = true, iframe = true, noembed = true, noframes = true,
  xmp = true,
}
-- Inside of these, the same names are ordinary elements.
local FOREIGN = { svg = true, math = true }

-- The contents of <script> that are JavaScript or JSON.
local SCRIPT_TYPES = {
  [""] = true, module = true, importmap = true, speculationrules = true, ["text/javascript"] = true,
  ["application/javascript"] = true, ["application/ecmascript"] = true, ["text/ecmascript"] = true,
  ["application/json"] = true, ["application/ld+json"] = true,
}

-- ---- reading --------------------------------------------------------------------

local step = {}

local function forget_value(s)
  s.attribute, s.quote, s.kind, s.phase, s.prefix = "", "", "plain", "start", ""
  script.start(s)
  style.start(s)
end

local function to_text(s)
  forget_value(s)
  s.mode, s.element, s.is_end_tag = "text", "", false
end

--- A state at the start of a page, or of a part that stands where text may stand.
function markup.new()
  local s = { value = "", is_script_known = true, is_foreign = false, is_cut = false }
  to_text(s)
  return s
end

function markup.copy(s)
  local copied = {}
  for key, value in pairs(s) do
    copied[key] = value
  end
  return copied
end

function step.text(s, text, at)
  local open = find(text, "<", at, true)
  if open then
    s.mode = "open"
  end
  return (open or #text) + 1
end

function step.open(s, text, at)
  local char = sub(text, at, at)
  s.element, s.is_end_tag, s.is_closed, s.is_script_known = "", false, false, true
  if find(char, "%a") then
    s.mode = "element"
    return at
  elseif char == "/" then
    s.mode = "open_end"
  elseif char == "!" then
    s.mode = "declaration"
  else
    s.mode = char == "?" and "bogus" or "text"
    return at -- a second "<" may open a tag
  end
  return at + 1
end

function step.open_end(s, text, at)
  local char = sub(text, at, at)
  s.is_end_tag = true
  s.mode = find(char, "%a") and "element" or char == ">" and "text" or "bogus"
  return s.mode == "text" and at + 1 or at
end

function step.declaration(s, text, at)
  if sub(text, at, at + 1) ~= "--" then
    s.mode = sub(text, at, at + 6) == "[CDATA[" and "cdata" or "bogus"
    return at
  end
  s.mode = "comment"
  -- "<!-->" and "<!--->" are whole comments.
  local closed = match(text, "^%-?>", at + 2)
  if closed then
    s.mode = "text"
  end
  return at + 2 + #(closed or "")
end

function step.comment(s, text, at)
  local _, last = find(text, "%-%-!?>", at)
  if last then
    s.mode = "text"
  end
  return (last or #text) + 1
end

function step.bogus(s, text, at)
  local close = find(text, ">", at, true)
  if close then
    s.mode = "text"
  end
  return (close or #text) + 1
end

function step.cdata(s, text, at)
  local _, last = find(text, "]]>", at, true)
  if last then
    s.mode = "text"
  end
  return (last or #text) + 1
end

function step.element(s, text, at)
  local stop = find(text, "[%s/>]", at) or #text + 1
  s.element = s.element .. lower(sub(text, at, stop - 1))
  if stop <= #text then
    s.mode = "tag"
  end
  return stop
end

-- The ">" of a tag: what its element holds comes next.
local function close_tag(s)
  local element = s.element
  if FOREIGN[element] then
    s.is_foreign = not s.is_end_tag and not s.is_closed
  end
  local is_raw = not s.is_end_tag and RAW[element] and (not s.is_foreign or element == "script" or element == "style")
  to_text(s)
  if is_raw then
    s.mode, s.element = "raw", element
  end
end

function step.tag(s, text, at)
  local blank = match(text, "^[%s/]+", at)
  if blank then
    s.is_closed = sub(blank, -1) == "/"
    return at + #blank
  elseif sub(text, at, at) == ">" then
    close_tag(s)
    return at + 1
  end
  -- A name's first byte may be anything, "=" too.
  s.mode, s.attribute, s.is_closed = "name", lower(sub(text, at, at)), false
  return at + 1
end

function step.name(s, text, at)
  local stop = find(text, "[%s/>=]", at) or #text + 1
  s.attribute = s.attribute .. lower(sub(text, at, stop - 1))
  if stop > #text then
    return stop
  end
  local char = sub(text, stop, stop)
  if char == "=" then
    s.mode = "before_value"
    return stop + 1
  end
  s.mode = find(char, "%s") and "after_name" or "tag"
  return stop
end

function step.after_name(s, text, at)
  local blank = match(text, "^%s+", at)
  if blank then
    return at + #blank
  elseif sub(text, at, at) == "=" then
    s.mode = "before_value"
    return at + 1
  end
  s.mode = "tag"
  return at
end

function step.before_value(s, text, at)
  local blank = match(text, "^%s+", at)
  if blank then
    return at + #blank
  end
  local char = sub(text, at, at)
  if char == ">" then
    s.mode = "tag"
    return at
  end
  s.value = ""
  attribute.start(s)
  if char == '"' or char == "'" then
    s.mode, s.quote = "value", char
    return at + 1
  end
  s.mode = "unquoted"
  return at
end

local function end_value(s)
  if s.element == "script" and s.attribute == "type" then
    s.is_script_known = s.value ~= nil and SCRIPT_TYPES[lower(s.value)] == true
  end
  forget_value(s)
  s.mode = "tag"
end

function step.value(s, text, at)
  local close = find(text, s.quote, at, true)
  attribute.feed(s, sub(text, at, (close or 0) - 1))
  if close then
    end_value(s)
  end
  return (close or #text) + 1
end

function step.unquoted(s, text, at)
  local stop = find(text, "[%s>]", at)
  attribute.feed(s, sub(text, at, (stop or 0) - 1))
  if stop then
    end_value(s)
  end
  return stop or #text + 1
end

-- Where the end tag of a raw element has its "<".
local function raw_end(text, at, element)
  while true do
    local open = find(text, "</", at, true)
    if not open then
      return nil
    end
    local stop = open + 2 + #element
    if lower(sub(text, open + 2, stop - 1)) == element and find(text, "^[%s/>]", stop) then
      return open
    end
    at = open + 2
  end
end

-- Whether `text` ends like the beginning of the end tag, so that a printed value
-- could complete it.
local function ends_like_end_tag(text, element)
  local closing = "</" .. element
  for length = 1, #closing do
    if lower(sub(text, -length)) == sub(closing, 1, length) then
      return true
    end
  end
  return false
end

function step.raw(s, text, at)
  local element = s.element
  local close = raw_end(text, at, element)
  local content = sub(text, at, (close or 0) - 1)
  if element == "script" then
    script.feed(s, content)
  elseif element == "style" then
    style.feed(s, content)
  end
  if close then
    to_text(s)
    s.mode, s.is_end_tag = "element", true
    return close + 2
  end
  s.is_cut = ends_like_end_tag(content, element)
  return #text + 1
end

-- Behind branches that left a tag at different places of it, or a value printed
-- there: only a blank or the tag's end makes clear again what is what.
function step.joined(s, text, at)
  local char = sub(text, at, at)
  s.mode = find(char, "%s") and "between" or find(char, "[/>]") and "tag" or "unclear"
  return at
end

-- Perhaps behind a name, perhaps not: "=" would belong to we know not what.
function step.between(s, text, at)
  local blank = match(text, "^%s+", at)
  if blank then
    return at + #blank
  end
  s.mode = sub(text, at, at) == "=" and "unclear" or "tag"
  return at
end

function step.unclear(_, text)
  return #text + 1
end

--- Follow literal text.
function markup.feed(s, text)
  local at = 1
  s.is_cut = false
  while at <= #text do
    at = step[s.mode](s, text, at)
  end
end

return markup
