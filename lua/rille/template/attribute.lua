--- An attribute's value: what reads it, and so what may be printed into it.
--
-- Fields of the state that belong to this machine:
--
--     kind     plain, url, urls (srcset), script, style, refused
--     phase    of a URL: start, open (began with a printed value, and its host or
--              path is not behind us yet), rest
--     prefix   what a URL began with, as far as a scheme may reach
local escape = require "rille.escape"
local script = require "rille.template.script"
local style = require "rille.template.style"

local find, gsub, lower, match, sub = string.find, string.gsub, string.lower, string.match, string.sub

local attribute = {}

local URLS = {}
for name in ([[href src action formaction poster cite data background longdesc manifest usemap icon codebase classid
    profile lowsrc dynsrc xlink:href xml:base ping]]):gmatch "%S+" do
  URLS[name] = true
end

-- SVG's animations may write a URL into another element's attribute.
local ANIMATIONS = { animate = true, set = true, animatemotion = true, animatetransform = true }
local ANIMATED = { to = true, from = true, by = true, values = true }

-- Handlers of events, and what Vue, Alpine and htmx run as code.
local function is_script(name)
  return find(name, "^on%a") or find(name, "^[@:]") or find(name, "^[vx]%-") or find(name, "^hx%-on") or name == "hx-vals"
end

local function kind_of(element, name)
  if is_script(name) then
    return "script"
  elseif URLS[name] or (ANIMATIONS[element] and ANIMATED[name]) then
    return "url"
  elseif name == "srcset" or name == "imagesrcset" then
    return "urls"
  elseif name == "style" then
    return "style"
  end
  return name == "srcdoc" and "refused" or "plain"
end

--- The value of the state's attribute begins.
function attribute.start(s)
  s.kind, s.phase, s.prefix = kind_of(s.element, s.attribute), "start", ""
  script.start(s)
  style.start(s)
end

local feed = {}

function feed.plain(s, text)
  s.value = s.value and s.value .. text
end
feed.refused = feed.plain

function feed.script(s, text)
  if script.hides_signs(text) then
    s.js, s.lost = "lost", "it has entities (&…;), which hide signs from the escaper: write && with spaces around, ' for \""
  end
  script.feed(s, text)
end

feed.style = style.feed

-- Whether the scheme is written with entities (`java&#115;cript:`).
local function hides_scheme(prefix)
  local scheme = match(prefix, "^([^/?:]*):")
  return scheme and find(scheme, "^[^#]*&")
end

-- Whether what was printed behind `prefix` could be run, or read as a page.
local function is_dangerous(prefix)
  prefix = lower(gsub(prefix, "[%z\1-\32]", ""))
  return hides_scheme(prefix) or (not escape.is_safe_url(prefix) and not find(prefix, "^data:image/"))
end

function feed.url(s, text)
  if s.phase == "open" then
    local found = find(text, "[:/?#]")
    if found then
      s.phase = sub(text, found, found) == ":" and "refused" or "rest"
    end
    return
  end
  s.prefix = s.prefix .. text
  if find(s.prefix, "%S") and s.phase ~= "refused" then
    s.phase = is_dangerous(s.prefix) and "refused" or "rest"
  end
end

-- Behind each comma another URL begins.
function feed.urls(s, text)
  local rest = match(text, ".*,(.*)$")
  if rest then
    s.phase, s.prefix = "start", ""
  end
  feed.url(s, rest or text)
end

--- Read on through `text`, which lies inside the value.
function attribute.feed(s, text)
  feed[s.kind](s, text)
end

local IN_ATTRIBUTE = { js = "js_attribute" }

--- The escaper for a value printed here, by its name in rille.escape.
-- @treturn string or nil, and why there is none
-- @treturn boolean whether a space must go in front
function attribute.escaper(s)
  if s.kind == "plain" then
    return "attribute"
  elseif s.kind == "script" then
    local name, needs_space = script.escaper(s)
    return IN_ATTRIBUTE[name] or name, needs_space
  elseif s.kind == "style" then
    return style.escaper(s)
  elseif s.kind == "refused" then
    return nil, "in srcdoc, which is a page inside an attribute"
  elseif s.phase == "refused" then
    return nil, ("in the URL of %s, whose scheme could run what is printed"):format(s.attribute)
  end
  return s.phase == "start" and "url" or "url_component"
end

--- A value was printed.
function attribute.printed(s)
  s.value = nil -- no longer known when templates are compiled
  if s.kind == "script" then
    script.printed(s)
  elseif s.kind == "style" then
    style.printed(s)
  elseif s.phase == "start" then
    s.phase = "open"
  end
end

return attribute
