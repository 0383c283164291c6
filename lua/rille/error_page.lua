--- The page that a browser is shown in development when a request fails: what happened, where, with which values, and
-- the same request again as a curl line and as a spec, which `rille dev` writes into a file at the press of a button.
--
-- Everything on it is escaped. What is named like a secret is left out, of headers, fields and locals alike.
local core = require "rille.core"
local escape = require "rille.escape"
local frames = require "rille.frames"
local place = require "rille.place"
local program = require "rille.program"
local recorder = require "rille.recorder"

local error_page = {}

local MOST_BODY = 2000 -- bytes of it in the curl line: what is longer is left to who asks
local MOST_STATEMENTS = 50 -- on the page
local FORBIDDEN = { host = true, connection = true, ["content-length"] = true, ["accept-encoding"] = true }
local HIDDEN = "hidden" -- stands for what is named like a secret
local SPEAKABLE = { GET = true, HEAD = true, POST = true, PUT = true, PATCH = true, DELETE = true, OPTIONS = true }

-- What each browser says by itself, and no app is about, as a rule.
local NOISE = { ["user-agent"] = true, ["accept-language"] = true, ["cache-control"] = true, pragma = true, referer = true,
  origin = true, dnt = true, priority = true, ["upgrade-insecure-requests"] = true }

--- The page's own headers, in place of the app's: a policy of the app's would forbid the style below, as a rule, and
-- browsers that may tell no referrer tell no origin with a form either, which the recorder asks for.
-- @treturn table
function error_page.headers()
  return {
    ["Content-Security-Policy"] = "default-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; "
      .. "frame-ancestors 'none'",
    ["Referrer-Policy"] = "same-origin",
  }
end

local STYLE = [[
:root { color-scheme: light dark; --line: #8884; --mark: #e5484d; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1.5rem; }
h1 { font-size: 1.1rem; font-weight: 600; color: var(--mark); margin: 0; }
h2 { font-size: .95rem; margin: 1.6rem 0 .4rem; }
.what { font-size: 1.25rem; font-weight: 600; white-space: pre-wrap; overflow-wrap: anywhere; margin: .3rem 0 1rem; }
pre, table { font: 13px/1.55 ui-monospace, monospace; }
pre { border: 1px solid var(--line); border-radius: 6px; overflow-x: auto; margin: .3rem 0; padding: .6rem .8rem; }
pre .here { color: var(--mark); font-weight: 600; }
table { border-collapse: collapse; }
td { vertical-align: top; padding: .1rem .8rem .1rem 0; overflow-wrap: anywhere; }
td:first-child { opacity: .7; white-space: nowrap; }
summary { cursor: pointer; }
button { border: 1px solid var(--line); border-radius: 6px; cursor: pointer; font: inherit; padding: .3rem .9rem; }
]]

--- Whether who asks looks at pages.
-- @tparam Context c
-- @treturn boolean
function error_page.is_wanted(c)
  local accept = c.headers.accept
  return accept ~= nil and accept:find("text/html", 1, true) ~= nil
end

-- ---- the request again -----------------------------------------------------------------

local function target_of(c)
  local pairs_of = {}
  for name, value in pairs(c.query) do
    local shown = frames.is_secret(name) and HIDDEN or escape.url_component(value)
    pairs_of[#pairs_of + 1] = escape.url_component(name) .. "=" .. shown
  end
  table.sort(pairs_of)
  return c.path .. (#pairs_of > 0 and "?" .. table.concat(pairs_of, "&") or "")
end

local function headers_of(c)
  local names = {}
  for name in pairs(c.headers) do
    if not FORBIDDEN[name] and not frames.is_secret(name) then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

-- Nil when there is none, or when it is not to be shown: too long, no text, or with something like a secret in it.
local function body_of(c)
  local ok, text = pcall(c.text, c)
  if not ok or type(text) ~= "string" or text == "" or #text > MOST_BODY or text:find "%z" or frames.is_secret(text) then
    return nil
  end
  return text
end

local function curl_of(c, target, body)
  local words = { "curl", "-X", c.method, program.quoted("http://" .. (c.headers.host or "localhost") .. target) }
  for _, name in ipairs(headers_of(c)) do
    words[#words + 1] = "-H " .. program.quoted(name .. ": " .. c.headers[name])
  end
  if body then
    words[#words + 1] = "--data-binary " .. program.quoted(body)
  end
  return table.concat(words, " ")
end

-- What the client of a spec is to send beside the path; "" for nothing.
local function options_of(c, body)
  local headers, options = {}, {}
  for _, name in ipairs(headers_of(c)) do
    if not NOISE[name] and not name:find "^sec%-" and (body or name ~= "content-type") then
      headers[#headers + 1] = ("[%q] = %q"):format(name, c.headers[name])
    end
  end
  options[1] = body and ("body = %q"):format(body)
  options[#options + 1] = #headers > 0 and ("headers = { %s }"):format(table.concat(headers, ", ")) or nil
  return #options > 0 and (", { %s }"):format(table.concat(options, ", ")) or ""
end

-- Nil for a method that the client of specs does not speak.
local function spec_of(c, target, body)
  if not SPEAKABLE[c.method] then
    return nil
  end
  return ([[
local t = require("rille").test()

it("answers %s", function()
  local res = t:client():%s(%q%s)
  assert.is_true(res.status < 500)
end)]]):format(("%s %s"):format(c.method, target):gsub('[%c"\\]', "?"), c.method:lower(), target, options_of(c, body))
end

-- ---- the page ------------------------------------------------------------------------------

local function source_html(source)
  return (escape.html(source):gsub("[^\n]+", function(line)
    return line:find("^&gt;") and '<span class="here">' .. line .. "</span>" or nil
  end))
end

local function table_html(list)
  local rows = {}
  for i, one in ipairs(list) do
    rows[i] = ("<tr><td>%s</td><td>%s</td></tr>"):format(escape.html(one.name), escape.html(one.shown))
  end
  return "<table>" .. table.concat(rows) .. "</table>"
end

local function frame_html(frame, is_first)
  return ("<details%s><summary>%s%s</summary>%s%s</details>"):format(is_first and " open" or "", escape.html(frame.at),
    frame.name and " in " .. escape.html(frame.name) or "",
    frame.source and "<pre>" .. source_html(frame.source) .. "</pre>" or "",
    #frame.locals > 0 and table_html(frame.locals) or "")
end

local function section(title, html)
  return html and html ~= "" and "<h2>" .. title .. "</h2>\n" .. html .. "\n" or ""
end

local function pre(text)
  return text and "<pre>" .. escape.html(text) .. "</pre>"
end

local function request_html(c)
  local list = {}
  for _, name in ipairs(headers_of(c)) do
    list[#list + 1] = { name = name, shown = c.headers[name] }
  end
  return table_html(list)
end

local MARKS = { rows = "rows: %d", failed = "failed: %s", alike = "one of %d alike, asked one by one" }

local function statement_html(one)
  local words = { ("%.1f ms"):format(one.ms or 0) }
  for _, name in ipairs { "rows", "failed", "alike" } do
    words[#words + 1] = one[name] and MARKS[name]:format(one[name])
  end
  words[#words + 1] = one.at
  return "<p>" .. escape.html(table.concat(words, " · ")) .. "</p>" .. pre(one.sql or "")
end

-- What the request had asked the database before it failed.
local function statements_html(list)
  local parts = {}
  for i, one in ipairs(list or {}) do
    parts[i] = i <= MOST_STATEMENTS and statement_html(one) or nil
  end
  local left = list and #list - #parts or 0
  return table.concat(parts) .. (left > 0 and ("<p>and %d more</p>"):format(left) or "")
end

-- Nothing where `rille dev` does not serve, or for those that its dashboard is not for.
local function button_html(c, route, text)
  if not text or not core.is_dev() or not core.is_local(c[1], c[2], core.settings.allowed_hosts) then
    return ""
  end
  local token = recorder.offer(route, text)
  return token and ('<form method="post" action="/_rille/specs"><input type="hidden" name="token" value="%s">'
    .. '<button>Write it into spec/</button></form>'):format(token) or ""
end

local function page_html(title, what, ...)
  return table.concat {
    '<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">\n<title>',
    escape.html(what:match "^[^\n]*"), "</title>\n<style>", STYLE, "</style>\n<h1>", escape.html(title),
    '</h1>\n<p class="what">', escape.html(what), "</p>\n", table.concat { ... }, "</html>\n",
  }
end

--- The page while the app's files, as they are now, do not load or cannot begin.
-- It is loaded again with the next save, as any page is.
-- @tparam string why
-- @treturn string HTML
function error_page.not_reloaded(why)
  local at = why:match "^([^\n]-:%d+):" or why:match "([^%s]+%.lua:%d+)"
  local source = at and place.excerpt(at)
  return page_html("this save does not run: until one does, browsers see this, and all others what serves", why,
    source and "<pre>" .. source_html(source) .. "</pre>\n" or "")
end

--- The page for a fault.
-- @tparam Context c
-- @tparam table fault what report made of it
-- @treturn string HTML
function error_page.of(c, fault)
  local parts, target, body = {}, target_of(c), body_of(c)
  local spec = spec_of(c, target, body)
  for i, frame in ipairs(fault.frames) do
    parts[i] = frame_html(frame, i == 1)
  end
  return page_html(fault.message, fault.error,
    #parts == 0 and fault.source and "<pre>" .. source_html(fault.source) .. "</pre>\n" or "",
    section("Statement", pre(fault.sql)),
    section("Where", table.concat(parts, "\n")),
    section("Statements of this request", statements_html(fault.statements)),
    section("Request " .. escape.html(c.request_id), pre(c.method .. " " .. target) .. request_html(c)),
    section("Again, with curl", pre(curl_of(c, target, body))),
    section("Again, as a spec", spec and pre(spec) .. button_html(c, fault.route or c.method, spec)),
    section("The whole stack", pre(fault.trace)))
end

return error_page
