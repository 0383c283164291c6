--- Chromium without a screen, for specs about pages.
--
--     local browser = chromium.start()
--     browser:go("http://127.0.0.1:8080/")
--     browser:follow("main li a")
--     browser:type("#quantity", "2")
--     assert.equal("Your cart", browser:text("h1"))
--     browser:stop()
--
-- Debian's chromedriver speaks WebDriver (W3C): JSON over HTTP on localhost. It
-- starts Chromium with an empty profile in a folder of its own, which `stop`
-- removes, and lets it reach 127.0.0.1 only. `go` and `follow` return when the
-- new page has loaded, so no spec waits or sleeps.

local http = require "socket.http"
local json = require("rille").json
local ltn12 = require "ltn12"
local rille = require "rille"
local server = require "spec.server"

local chromium = {}
local Browser = {}
Browser.__index = Browser

local START_SECONDS = 60
local ANSWER_SECONDS = 60 -- of one command; a page loads in a fraction of a second

-- Under this name WebDriver hands elements over (12.1 of its specification).
local ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

local ARGUMENTS = {
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--disable-breakpad",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--window-size=1280,900",
}

-- ---- the protocol ----------------------------------------------------------------

local function call(self, method, path, body, level)
  local parts, text = {}, body and json.encode(body) or nil
  http.TIMEOUT = ANSWER_SECONDS
  local ok, status = http.request{
    url = ("http://127.0.0.1:%d%s"):format(self.port, path), method = method, sink = ltn12.sink.table(parts),
    source = text and ltn12.source.string(text) or nil,
    headers = text and { ["content-type"] = "application/json", ["content-length"] = #text } or nil,
  }
  if not ok then error(("chromedriver does not answer %s %s: %s"):format(method, path, status), level + 1) end
  local value = json.decode(table.concat(parts)).value
  if status ~= 200 then
    error(("%s %s: %s: %s"):format(method, path, value.error, value.message:match("^[^\n]*")), level + 1)
  end
  return value
end

local function command(self, method, path, body)
  if method == "POST" and not body then body = { unused = true } end -- it wants an object, also an empty one
  return call(self, method, "/session/" .. self.session .. path, body, 3)
end

-- ---- starting, stopping ------------------------------------------------------------

local function read_line(shell_command)
  local pipe = assert(io.popen(shell_command, "r"))
  local line = pipe:read("*l")
  pipe:close()
  return line
end

local function read_file(path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local text = file:read("*a")
  file:close()
  return text
end

local function new_session(self)
  local arguments = { "--user-data-dir=" .. self.dir .. "/profile" }
  for _, argument in ipairs(ARGUMENTS) do
    arguments[#arguments + 1] = argument
  end
  local value = call(self, "POST", "/session", { capabilities = { alwaysMatch = {
    browserName = "chrome",
    ["goog:chromeOptions"] = { binary = "/usr/bin/chromium", args = rille.array(arguments) },
  } } }, 2)
  return value.sessionId
end

--- Start a browser with an empty profile.
-- @raise with the driver's log when it does not come up
function chromium.start()
  local dir = assert(read_line("mktemp -d /tmp/rille-browser.XXXXXX"))
  local log = dir .. "/log"
  -- TMPDIR: what driver and browser leave behind goes with the folder.
  local shell = assert(io.popen(("TMPDIR=%s chromedriver --port=0 >%s 2>&1 & echo $!; wait $!"):format(dir, log), "r"))
  local self = setmetatable({ dir = dir, shell = shell, pid = assert(tonumber(shell:read("*l"))) }, Browser)
  server.wait_for(function()
    self.port = tonumber(read_file(log):match("started successfully on port (%d+)"))
    return self.port
  end, START_SECONDS)
  local ok, session = pcall(new_session, self)
  if not ok then
    local why = tostring(session) .. "\n" .. read_file(log)
    self:stop()
    error("Chromium did not start: " .. why, 2)
  end
  self.session = session
  return self
end

--- End browser and driver, remove their folder.
function Browser:stop()
  if self.session then pcall(command, self, "DELETE", "") end
  if not (self.port and pcall(call, self, "GET", "/shutdown", nil, 1)) then
    os.execute("kill " .. self.pid .. " 2>/dev/null")
  end
  self.shell:close() -- waits for the driver
  os.execute("rm -rf " .. self.dir)
end

-- ---- what a visitor does -----------------------------------------------------------

local function find(self, css)
  return "/element/" .. command(self, "POST", "/element", { using = "css selector", value = css })[ELEMENT]
end

--- Open a page, and wait until it has loaded.
function Browser:go(url)
  command(self, "POST", "/url", { url = url })
end

-- Whether a page has loaded in which nobody has left the mark; asked in the midst
-- of a change of pages, the driver may know neither.
local function is_new(self)
  local ok, answer = pcall(self.run, self, "return !window.isLeft && document.readyState === 'complete'")
  return ok and answer
end

--- Click what leads to another page, a link or a form's button, and wait for that
-- page. The driver alone may return while the old one is still there: a form is
-- sent a moment after the click.
function Browser:follow(css)
  self:run("window.isLeft = true")
  self:click(css)
  if not server.wait_for(function() return is_new(self) end, ANSWER_SECONDS) then
    error(("clicking %s led to no other page"):format(css), 2)
  end
end

--- Click the first element that a CSS selector finds.
function Browser:click(css)
  command(self, "POST", find(self, css) .. "/click")
end

--- Type a text into a field, in place of what was there.
function Browser:type(css, text)
  local element = find(self, css)
  command(self, "POST", element .. "/clear")
  if text ~= "" then command(self, "POST", element .. "/value", { text = text }) end
end

--- Choose the option with this text.
function Browser:choose(css, text)
  local value = self:run([[
    const option = [...document.querySelector(arguments[0]).options].find(o => o.text === arguments[1]);
    return option && option.value]], css, text)
  if value == rille.null then error(("%s has no option '%s'"):format(css, text), 2) end
  self:click(("%s option[value=%q]"):format(css, value))
end

-- ---- what a visitor sees -----------------------------------------------------------

--- The path and query of the page.
function Browser:path()
  return (command(self, "GET", "/url"):match("^https?://[^/]+(.*)$"))
end

function Browser:title()
  return command(self, "GET", "/title")
end

--- The text of an element as it is shown.
function Browser:text(css)
  return command(self, "GET", find(self, css) .. "/text")
end

--- What stands in a field.
function Browser:value(css)
  return command(self, "GET", find(self, css) .. "/property/value")
end

--- An attribute, or rille.null.
function Browser:attribute(css, name)
  return command(self, "GET", find(self, css) .. "/attribute/" .. name)
end

--- How an element is told to a screen reader: its computed name.
function Browser:label(css)
  return command(self, "GET", find(self, css) .. "/computedlabel")
end

--- How many elements a selector finds.
function Browser:count(css)
  return #command(self, "POST", "/elements", { using = "css selector", value = css })
end

--- The id of the element that has the focus.
function Browser:focus()
  return self:run("return document.activeElement.id")
end

--- Run a function body in the page; `arguments` holds what follows.
function Browser:run(script, ...)
  return command(self, "POST", "/execute/sync", { script = script, args = rille.array{ ... } })
end

-- ---- the screen --------------------------------------------------------------------

local function devtools(self, name, params)
  return command(self, "POST", "/goog/cdp/execute", { cmd = name, params = params })
end

--- Be a screen of this size, in CSS pixels.
-- @tparam integer width
-- @tparam integer height
-- @tparam[opt] table options `is_phone`; `scheme`: "light" or "dark"
function Browser:be_screen(width, height, options)
  options = options or {}
  devtools(self, "Emulation.setDeviceMetricsOverride",
    { width = width, height = height, deviceScaleFactor = 1, mobile = options.is_phone or false })
  devtools(self, "Emulation.setEmulatedMedia",
    { features = rille.array{ { name = "prefers-color-scheme", value = options.scheme or "light" } } })
end

--- Whether the page is wider than the screen.
function Browser:scrolls_sideways()
  return self:run("return document.documentElement.scrollWidth > window.innerWidth")
end

--- What the pages since the last call wrote to the console by way of errors: what
-- was blocked or not found, also pages themselves.
-- @treturn {string,...}
function Browser:complaints()
  local texts = {}
  for _, entry in ipairs(command(self, "POST", "/se/log", { type = "browser" })) do
    if entry.level == "SEVERE" then texts[#texts + 1] = entry.message end
  end
  return texts
end

--- The screen as a PNG, base64.
function Browser:screenshot()
  return command(self, "GET", "/screenshot")
end

return chromium
