-- The dashboard, and pages that load again by themselves, in Chromium.
local chromium = require "spec.browser.chromium"
local database = require "spec.apps.database"
local server = require "spec.server"
local shell = require "spec.shell"
local wire = require "spec.wire"

local SCREENS = {
  { name = "light", width = 1280, height = 900, scheme = "light" },
  { name = "dark", width = 1280, height = 900, scheme = "dark" },
  { name = "phone", width = 390, height = 844, scheme = "light", is_phone = true },
}
local PAGES = { "", "/routes", "/statements", "/database", "/tasks", "/channels", "/workers", "/log" }

describe("the dashboard in a browser", function()
  local base, dir, running, browser, home

  setup(function()
    base = database.new()
    dir = shell.run "mktemp -d /tmp/rille-dashboard.XXXXXX"
    shell.run("cp spec/apps/dashboard/*.lua " .. dir)
    running = server.start { app = dir, command = "dev", env = { DATABASE_URL = base.url }, args = { "--workers", "1" } }
    home = "http://127.0.0.1:" .. running.port
    browser = chromium.start()
  end)

  teardown(function()
    if browser then browser:stop() end
    if running then running:stop() end
    if base then base:drop() end
    if dir then shell.run("rm -rf " .. dir) end
  end)

  local function ask(path)
    local conn = wire.connect(running.port)
    conn:send(wire.get(path))
    local answer = assert(conn:answer())
    conn:close()
    return answer
  end

  local function save(text)
    local file = assert(io.open(dir .. "/words.lua", "w"))
    file:write(text)
    file:close()
  end

  -- In one step: what was found a moment ago may have been renewed since.
  local function text(css)
    return browser:run("return document.querySelector(arguments[0]).innerText", css)
  end

  local function follow(css)
    browser:go(home .. browser:run("return document.querySelector(arguments[0]).getAttribute('href')", css))
  end

  -- Wait until `script`, a function's body in the page, returns true. A page that is just being replaced answers nothing.
  local function await(script, ...)
    local args = { ... }
    local seen = server.wait_for(function()
      local ok, answer = pcall(browser.run, browser, script, unpack(args))
      return ok and answer == true
    end)
    assert(seen, script .. "\n" .. browser:run "return document.body.innerText")
  end

  it("shows a request while it runs, and what it waits for; then that it has ended", function()
    browser:go(home .. "/_rille")
    await "return document.querySelector('#state').textContent === 'live'"
    local conn = wire.connect(running.port)
    conn:send(wire.get "/waits?a=%3Cb%3E&b='c'")
    await "return document.querySelector('tr.live')?.textContent.includes('/waits?a=')"
    follow "tr.live a"
    assert.equal("GET /waits?a=%3Cb%3E&b='c'", text "h1")
    await "return document.querySelector('.waits')?.textContent.includes('channel')"
    ask "/go"
    await "return !document.querySelector('.waits') && document.querySelector('.tiles .pill').textContent === '204'"
    conn:close()
  end)

  it("has a timeline of statements, tasks and waits, with N+1 and slow statements marked and explained", function()
    ask "/many"
    ask "/slow"
    ask "/mixed"
    browser:go(home .. "/_rille/statements")
    await "return document.querySelectorAll('main ol > li').length === 2" -- all of /many stands there once
    assert.equal("slow", text "main li:first-child .mark")
    assert.equal("N+1 ×12", text "main li:last-child .mark")
    follow "main li:first-child a"
    assert.matches("select '<b>it''s</b>'", text ".timeline pre", 1, true)
    assert.matches("1 row", text ".facts", 1, true)
    follow ".facts a"
    assert.matches("Result  (cost=", text "pre.plan", 1, true)
    assert.equal("still", text "#state")
    browser:go(home .. "/_rille")
    await "return [...document.querySelectorAll('td.path')].some(cell => cell.textContent.includes('/mixed'))"
    local link = browser:run "return [...document.querySelectorAll('td.path a')].find(one => one.textContent.includes('/mixed')).id"
    follow("#" .. link)
    for _, what in ipairs { "sql", "sleep", "task" } do
      assert.truthy(browser:run("return [...document.querySelectorAll('.what')].some(one => one.textContent === arguments[0])", what), what)
    end
  end)

  it("shows routes with their times, and renews them; not while it is paused", function()
    browser:go(home .. "/_rille/routes")
    await "return document.querySelector('#state').textContent === 'live'"
    ask "/fails"
    local failed = "return [...document.querySelectorAll('main tr')].some(row => row.textContent.includes('/fails')"
      .. " && row.querySelector('.bad')?.textContent === arguments[0])"
    await(failed, "1")
    browser:click "#pause"
    assert.equal("true", browser:attribute("#pause", "aria-pressed"))
    ask "/fails"
    assert.is_true(browser:run(failed, "1"))
    browser:click "#pause"
    await(failed, "2")
  end)

  it("shows the database's lanes, channels, workers, the log, and tasks that wait, with their stacks", function()
    local conn = wire.connect(running.port)
    conn:send(wire.get "/waits")
    for path, shown in pairs {
      ["/database"] = "exclusive", ["/channels"] = "thumbnails", ["/workers"] = "KB|MB", ["/log"] = "method", ["/tasks"] = "/waits",
    } do
      browser:go(home .. "/_rille" .. path)
      await("return new RegExp(arguments[0]).test(document.querySelector('main').innerText)", shown)
    end
    browser:go(home .. "/_rille/tasks")
    await "return [...document.querySelectorAll('main li')].some(one => one.textContent.includes('/waits'))"
    browser:run "[...document.querySelectorAll('main li')].find(one => one.textContent.includes('/waits')).querySelector('summary').click()"
    await "return [...document.querySelectorAll('details[open] pre')].some(one => one.textContent.includes('app.lua'))"
    ask "/go"
    conn:close()
  end)

  it("is readable in light, in dark and on a phone, and breaks no rule of its own", function()
    ask("/a" .. ("-long-path"):rep(20))
    for _, screen in ipairs(SCREENS) do
      browser:be_screen(screen.width, screen.height, screen)
      for _, path in ipairs(PAGES) do
        browser:go(home .. "/_rille" .. path)
        await "return document.querySelector('#state').textContent === 'live'"
        local at = screen.name .. " " .. path
        assert.is_false(browser:scrolls_sideways(), at)
        local contrast = browser:run [[
          const lightness = css => { const [r, g, b] = css.match(/[\d.]+/g).map(Number); return (r * 299 + g * 587 + b * 114) / 1000; };
          const style = getComputedStyle(document.body);
          return Math.abs(lightness(style.color) - lightness(style.backgroundColor))]]
        assert.is_true(contrast > 180, at)
        assert.equal(screen.scheme == "dark", browser:run "return getComputedStyle(document.body).backgroundColor === 'rgb(20, 23, 26)'", at)
      end
    end
    browser:be_screen(1280, 900)
    assert.same({}, browser:complaints())
  end)

  it("has a page of the app load again after a save, and shows there what does not load", function()
    browser:go(home .. "/")
    assert.equal("one", text "h1")
    save "return 'two'"
    await "return document.querySelector('h1').textContent === 'two'"
    save "return 'three"
    await "return document.body.textContent.includes('unfinished string')"
    save "return 'four'"
    await "return document.querySelector('h1').textContent === 'four'"
    browser:complaints() -- among them the answer 500 of the page that said so
  end)

  it("has a button on the page of a fault that writes a spec, which is then shown", function()
    for _, screen in ipairs(SCREENS) do
      browser:be_screen(screen.width, screen.height, screen)
      browser:go(home .. "/fails")
      assert.is_false(browser:scrolls_sideways(), screen.name)
    end
    browser:be_screen(1280, 900)
    browser:click "form button"
    await "return location.pathname === '/_rille/specs/get_fails_spec.lua'"
    assert.matches('t:client():get("/fails"', text "main pre", 1, true)
    assert.matches('t:client():get("/fails"', assert(shell.read_file(dir .. "/spec/get_fails_spec.lua")), 1, true)
    browser:complaints() -- among them the answers 500
  end)

  it("leaves a page alone whose policy keeps the script out", function()
    browser:go(home .. "/strict")
    assert.equal(0, browser:count "script")
    browser:go(home .. "/")
    assert.equal(1, browser:count "script")
    assert.is_nil(table.concat(browser:complaints(), "\n"):match "Content Security Policy")
  end)
end)
