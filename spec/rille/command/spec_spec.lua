--- `rille spec` itself: what it runs, how it reports, how it ends.
local private = require "spec.rille.db.private"
local project = require "spec.project"
local shell = require "spec.shell"

describe("rille spec", function()
  local here

  local function write(name, text)
    here:write(name, text)
  end

  -- Its output and its exit status.
  local function run(words)
    return here:run("spec " .. words)
  end

  before_each(function() here = project.new() end)

  after_each(function() here:remove() end)

  it("gives each file a fresh VM, and tells one run", function()
    write("spec/a_spec.lua", "x_of_a = 1 string.of_a = true it('a', function() assert.is_true(string.of_a) end)")
    write("spec/b_spec.lua", "describe('b', function() it('c', function() assert.is_nil(string.of_a) end) end)")
    local output, status = run "-o TAP"
    assert.equal("ok 1 - a\nok 2 - b c\n1..2\n", output)
    assert.equal(0, status)
  end)

  it("counts failures, errors and a process that died", function()
    write("spec/a_spec.lua", "describe('a', function() it('fails', function() assert.equal(1, 2) end) it('works', function() end) end)")
    write("spec/b_spec.lua", "describe('b', function() setup(function() error 'no' end) it('x', function() end) end)")
    write("spec/c_spec.lua", "it('dies', function() local ffi = require 'ffi' ffi.cdef 'int getpid(void); int kill(int, int);' "
      .. "ffi.C.kill(ffi.C.getpid(), 9) end)")
    write("spec/d_spec.lua", "it('syntax")
    local output, status = run "-o TAP"
    assert.equal(4, status)
    assert.matches("not ok 1 - spec/d_spec.lua", output, 1, true)
    assert.matches("not ok 2 - a fails\n# spec/a_spec.lua @ 1\n# Failure message: spec/a_spec.lua:1: Expected", output, 1, true)
    assert.matches("ok 3 - a works", output, 1, true)
    assert.matches("not ok 4 - b setup", output, 1, true)
    assert.matches('was ended by signal 9 in "dies"', output, 1, true)
    assert.matches("1..5\n", output, 1, true)
  end)

  it("tells of names and messages that are no text, too", function()
    write("spec/a_spec.lua", "it('takes \\255', function() end) it('fails', function() assert.equal('\\255', '\\254') end)")
    write("spec/b_spec.lua", "it('raises \\255', function() error 'no \\255' end)")
    local output = run "-o TAP"
    assert.matches("ok 1 - takes \\xFF\nnot ok 2 - fails\n", output, 1, true)
    assert.matches("not ok 3 - raises \\xFF\n# spec/b_spec.lua @ 1\n# Failure message: spec/b_spec.lua:1: no \\xFF", output, 1, true)
  end)

  local APP = [[
    local rille = require "rille"
    local app, v = rille.app(), rille.schema
    app:config{ mail = v.object{ from = v.email() } }
    app:on_start(function() rille.sleep "1ms" app.started = rille.now() end)
    app:on_stop(function() io.stderr:write "it stopped\n" end)
    app:get("/", function() return { from = rille.config.mail.from, started = app.started ~= nil } end)
    app:get("/exit", function() local ok, why = pcall(os.exit, 1) return why end)
    app:post("/", function(c) return #c:text() end)
    return app]]

  it("tests an app as serve would have it: settings, start and stop, guards", function()
    write("app.lua", APP)
    write("config/development.lua", "return { mail = { from = 'shop@example.com' }, max_body = '1K', request_timeout = 3 }")
    write("spec/a_spec.lua", [[
      local rille = require "rille"
      local t = rille.test()
      it('works', function()
        assert.same({ from = "shop@example.com", started = true }, t:client():get("/").json)
        assert.matches("an app does not end the process", t:client():get("/exit").body, 1, true)
        assert.equal(413, t:client():post("/", { body = ("x"):rep(1025) }).status)
        assert.equal(7, rille.config.request_timeout)
        assert.equal("b@example.com", rille.test("other"):client():get("/").json.from)
      end)]])
    write("other/app.lua", APP)
    write("other/config/development.lua", "return { mail = { from = 'b@example.com' } }")
    local output, status = run "-o TAP --request-timeout=7 spec/a_spec.lua"
    assert.equal("ok 1 - works\n1..1\nit stopped\nit stopped\n", output)
    assert.equal(0, status)
  end)

  it("says of an app what serve would: wrong settings, a wrong file, an app that cannot start", function()
    write("app.lua", APP)
    write("config/development.lua", "return { mail = { form = 'x@example.com' } }")
    write("spec/a_spec.lua", "require('rille').test()")
    assert.matches("mail.form.*mail.from", (run "-o TAP spec"))
    write("config/development.lua", "return { max_body = 'large' }")
    assert.matches("the settings of . are wrong:\n.*max_body", (run "-o TAP spec"))
    write("config/development.lua", "return {}")
    write("app.lua", "require('rille').app()")
    assert.matches("./app.lua returned nothing: its last line must be `return app`", (run "-o TAP spec"), 1, true)
    write("app.lua", "local app = require('rille').app() app:on_start(function() error 'no start' end) return app")
    assert.matches("no start", (run "-o TAP spec"), 1, true)
  end)

  it("runs an example's tasks in an order by chance, and names the seed of the one that fails", function()
    write("spec/a_spec.lua", [[
      local rille = require "rille"
      local seen = 0
      it('relies', function()
        local order = ''
        for i = 1, 6 do rille.spawn(function() order = order .. i end) end
        rille.sleep(0.001)
        io.stderr:write('# ', order, ' ', math.random(1e9), '\n')
        assert.equal('123456', order)
      end)
      it('does not', function() seen = seen + 1 end)
      it('counts', function() assert.is_true(seen == 20 or seen == 1) end)]])
    local usual, status = run "-o TAP --seed=3"
    assert.equal(1, status)
    assert.matches("\n1..3\n# seed 3: `rille spec --seed=3` repeats this run\n", usual, 1, true)
    assert.equal(usual, (run "-o TAP --seed=3"))
    local output, failures = run "-o TAP --shuffle=20"
    assert.equal(1, failures)
    assert.matches("\nnot ok 1 %- relies\n.*\nok 2 %- does not\nok 3 %- counts\n1..3\n", output)
    local seed = output:match "# relies: failed in order %d+ of 20, which %-%-seed=(%d+) repeats\n"
    local last_order
    for order in output:gmatch "# (%d+ %d+)\n" do last_order = order end
    local again = run("-o TAP --seed=" .. seed)
    assert.equal(last_order, again:match "# (%d+ %d+)\n")
    assert.matches("not ok 1 - relies", again, 1, true)
  end)

  it("fails an example at once whose tasks wait for each other, and says what each waits for", function()
    write("spec/a_spec.lua", [[
      local rille = require "rille"
      local lock, group = rille.mutex(), rille.wait_group()
      it("waits", function()
        lock:lock()
        group:add()
        rille.spawn(function() lock:lock() group:done() end)
        group:wait()
      end)
      it("goes on", function() rille.sleep(0) end)
      describe("a hook", function()
        before_each(function() rille.channel():recv() end)
        it("waits", function() end)
      end)]])
    local output, status = run "-o TAP --timeout=20s"
    assert.equal(2, status)
    assert.matches("not ok 1 - waits\n# spec/a_spec.lua @ 3\n# Failure message: spec/a_spec.lua:3: every task waits for another, "
      .. "and nothing else can wake one:\n#   the example waits in wait_group:wait at spec/a_spec.lua:7\n"
      .. "#   a task waits in mutex:lock at spec/a_spec.lua:6, spawned at spec/a_spec.lua:6\nok 2 - goes on\n", output, 1, true)
    assert.matches("#   the example waits in channel:recv at spec/a_spec.lua:11\n", output, 1, true)
  end)

  it("fails an example that takes too long, and says what each task waits for", function()
    write("spec/a_spec.lua", [[
      local rille = require "rille"
      it("sleeps", function()
        rille.spawn(function() while true do rille.sleep "1h" end end)
        rille.sleep "2h"
      end)
      it("stands still", function()
        require("rille.test.clock").freeze()
        while true do rille.sleep(0) end
      end)]])
    local output, status = run "-o TAP --timeout=50ms"
    assert.equal(2, status)
    assert.matches("Failure message: spec/a_spec.lua:2: the example has taken longer than 0.05 s (--timeout):\n"
      .. "#   the example waits in rille.sleep at spec/a_spec.lua:4\n"
      .. "#   a task waits in rille.sleep at spec/a_spec.lua:3, spawned at spec/a_spec.lua:3\n", output, 1, true)
    assert.matches("#   the example goes on in rille.sleep at spec/a_spec.lua:8\n", output, 1, true)
  end)

  local MIXED = [[
    describe("a - (b)", function()
      it("fails", function() assert.same({ items = { { qty = 3 } } }, { items = { { qty = 4 } } }) end)
      it("works", function() require("rille").sleep "20ms" end)
      it("is too long", function() require("rille").sleep "250ms" end)
    end)]]

  it("tells a run on the terminal and into files, and which examples took longest", function()
    write("spec/a_spec.lua", MIXED)
    local output, status = run "-o TAP -o junit:report.xml --output=TAP:run.tap --slowest 2"
    assert.equal(1, status)
    assert.matches("not ok 1 - a - (b) fails\n# spec/a_spec.lua @ 2\n# Failure message: spec/a_spec.lua:2: They differ:\n"
      .. "#   items[1].qty: wanted 3, got 4\n", output, 1, true)
    assert.matches("\n# slowest examples:\n# +0%.[2-9]%d+ s  a %- %(b%) is too long %(spec/a_spec.lua:4%)\n# +0%.0%d+ s  a %- %(b%) works",
      output)
    assert.equal(output:match "^(.*)\n# slowest" .. "\n", here:read "run.tap")
    local report = here:read "report.xml"
    assert.matches("tests='3'", report, 1, true)
    assert.matches("name='a - (b) fails'", report, 1, true)
    assert.matches("classname='spec/a_spec.lua:2'", report, 1, true)
    assert.matches("items[1].qty: wanted 3, got 4", report, 1, true)
  end)

  it("uses colours on a terminal, and in no file", function()
    write("spec/a_spec.lua", MIXED)
    local output = shell.run(("script -qec %s /dev/null || true"):format(
      shell.quoted(here:command "spec -o junit:report.xml")))
    assert.matches("items[1].qty: wanted \27[32m3\27[0m, got \27[31m4\27[0m", output, 1, true)
    assert.matches("items[1].qty: wanted 3, got 4", here:read "report.xml", 1, true)
    assert.is_nil(here:read("report.xml"):find("\27", 1, true))
    assert.is_nil((run ""):find("\27", 1, true))
  end)

  it("writes XML that can be read, whatever a failure says", function()
    write("spec/a_spec.lua", [=[it("fails", function() error("a\0b\27[31mc\1 ]]> & <d>\n") end)]=])
    local output, status = run "-o junit -o junit:report.xml 2>/dev/null"
    assert.equal(1, status)
    assert.matches("a\\0bc\\1 ]]&gt; &amp; &lt;d&gt;", output, 1, true)
    assert.is_nil(output:find "[%z\1-\8\11\12\14-\31]")
    assert.matches("a\\0bc\\1 ]]&gt;", here:read "report.xml", 1, true)
  end)

  it("refuses an output that it cannot give", function()
    write("spec/a_spec.lua", "it('works', function() end)")
    assert.equal("ok 1 - works\n1..1\n", (run "-o tap -o JUnit:report.xml"))
    assert.matches("tests='1'", here:read "report.xml", 1, true)
    assert.same({ "rille spec: there is no output 'tpa', did you mean 'TAP'?: there are utfTerminal, plainTerminal, TAP, json, "
      .. "junit, gtest, and modules and files that you write\n", 2 }, { run "-o tpa" })
    assert.same({ "rille spec: cannot write the output TAP: none/x: No such file or directory\n", 2 }, { run "-o TAP:none/x" })
  end)

  it("runs what has a text in its name, and again what failed, until it passes", function()
    write("spec/a_spec.lua", MIXED)
    write("spec/b_spec.lua", "it('fails', function() end) it('works', function() end) setup(function() error 'no' end)")
    assert.equal("ok 1 - a - (b) works\n1..1\n", (run "-o TAP --name '(b) wor' spec/a_spec.lua"))
    assert.same({ "rille spec: nothing failed when it ran last\n", 0 }, { run "--only-failures" })
    local _, count = run "-o TAP"
    assert.equal(2, count)
    local again = run "-o TAP --only-failures"
    assert.matches("^not ok 1 %- a %- %(b%) fails\n.-\nnot ok 2 %- setup\n.*\n1%.%.2\n", again)
    write("spec/b_spec.lua", "it('fails', function() end)")
    run "-o TAP spec/b_spec.lua"
    write("spec/a_spec.lua", (MIXED:gsub("qty = 4", "qty = 3")))
    run "-o TAP --name works" -- which leaves the one that failed as it was
    assert.equal("ok 1 - a - (b) fails\n1..1\n", (run "-o TAP --only-failures"))
    assert.same({ "rille spec: nothing failed when it ran last\n", 0 }, { run "--only-failures" })
  end)

  it("runs no other file once it was interrupted", function()
    write("spec/a_spec.lua", "it('hears Ctrl-C', function() local ffi = require 'ffi' ffi.cdef 'int getpid(void); int kill(int, int);' "
      .. "ffi.C.kill(ffi.C.getpid(), 2) end)")
    for _, name in ipairs { "b", "c", "d" } do
      write(("spec/%s_spec.lua"):format(name), "it('runs', function() io.open('has_run', 'w'):close() end)")
    end
    local output, status = run "-o TAP"
    assert.matches('the process of spec/a_spec.lua was ended by signal 2 in "hears Ctrl-C"\n1..1\n', output, 1, true)
    assert.equal(130, status)
    assert.is_nil(here:read "has_run")
    output, status = run "-o TAP --parallel 1"
    assert.matches("\n1..1\n", output, 1, true)
    assert.equal(130, status)
    assert.is_nil(here:read "has_run")
  end)

  it("ends at the first failure, of several files at a time too", function()
    write("spec/a_spec.lua", "it('fails', function() error 'no' end)")
    for _, name in ipairs { "b", "c", "d" } do
      write(("spec/%s_spec.lua"):format(name), "it('works', function() end)")
    end
    local output, status = run "-o TAP --parallel 2 --no-keep-going"
    assert.matches("^not ok 1 %- fails\n.*\n1%.%.1\n", output)
    assert.equal(1, status)
  end)

  it("passes busted's options on", function()
    write("spec/a_spec.lua", "it('one', function() end) it('two', function() error 'x' end)")
    write("spec/b_spec.lua", "it('three #slow', function() error 'x' end)")
    write("spec/c_check.lua", "it('four', function() end)")
    assert.equal("ok 1 - one\n1..1\n", (run "-o TAP --filter=one"))
    assert.equal("ok 1 - one\n1..1\n", (run "-o TAP --exclude-tags slow --filter-out two"))
    assert.equal("ok 1 - four\n1..1\n", (run "-o TAP -p _check"))
    local output = run "--list"
    assert.equal("one\ntwo\nthree #slow\n", output)
    assert.matches("--exclude-tags=TAGS", (run "--help-all"), 1, true)
  end)

  it("says what it can", function()
    for _, word in ipairs { "--help", "-h", "spec --help" } do
      local output, status = run(word)
      assert.matches("^usage: rille spec %[PATHS%].*%-%-filter PATTERN.*%-%-seed N", output)
      assert.equal(0, status)
    end
  end)

  describe("with a database", function()
    local db, close

    setup(function() db, close = private.start() end)

    teardown(function() close() end)

    it("does not complain of its own hold of a connection when an example moves the clock", function()
      db:close()
      write("app.lua", "return require('rille').app()")
      write("spec/a_spec.lua", "local t = require('rille').test() it('moves', function() t.clock.advance '2h' end)")
      assert.equal("ok 1 - moves\n1..1\n", (run("-o TAP --database-url '" .. db.options.url .. "'")))
    end)

    it("runs several files at a time, each with a database of its own, and tells them in order", function()
      db:exec "create table notes (text text)"
      db:exec "insert into notes values ('of the original')"
      db:close()
      -- Each waits until the other is there, which it never is for files one after the other.
      local spec = [[
        local rille = require "rille"
        local function exists(name) local file = io.open(name) if file then file:close() end return file ~= nil end
        it("%s", function()
          print "%s was here"
          io.open("%s.there", "w"):close()
          local tries = 0
          while not exists "%s.there" and tries < 2000 do tries = tries + 1 rille.sleep "5ms" end
          assert.is_true(exists "%s.there")
          rille.db:exec "update notes set text = 'changed'"
          print(rille.db:one("select text || ' in ' || (current_database() ~ '_spec_')::text as text from notes").text)
        end)]]
      write("spec/a_spec.lua", spec:format("a", "a", "a", "b", "b"))
      write("spec/b_spec.lua", spec:format("b", "b", "b", "a", "a"))
      local output, status = run("-o TAP --parallel 2 --database-url '" .. db.options.url .. "'")
      assert.equal("a was here\nchanged in true\nok 1 - a\nb was here\nchanged in true\nok 2 - b\n1..2\n", output)
      assert.equal(0, status)
      local left = db:query "select (select text from notes) as text, count(*)::int as n from pg_database where datname ~ '_spec_'"
      assert.same({ "of the original", 0 }, { left[1].text, left[1].n })
    end)
  end)

  it("says once that the database cannot be reached, and runs what needs none", function()
    write("app.lua", "return require('rille').app()")
    write("spec/a_spec.lua", "local t = require('rille').test() for i = 1, 100 do it('is one of many ' .. i, function() end) end")
    write("spec/b_spec.lua", "it('needs none', function() end)")
    local output, status = run "-o TAP --database-url postgres://nobody@127.0.0.1:1/none"
    assert.equal(1, status)
    assert.matches("spec/a_spec.lua:1: the database cannot be reached: .*127%.0%.0%.1.*rille db start", output)
    assert.matches("ok 2 - needs none\n1..2\n", output, 1, true)
  end)

  it("repeats a run by its seed, and says which it was", function()
    write("spec/a_spec.lua", "it('a', function() print(math.random(1e9)) error 'x' end)")
    write("spec/b_spec.lua", "it('b', function() print(math.random(1e9)) end)")
    local first = run "-o TAP --seed 7"
    assert.equal(first, (run "-o TAP --seed=7"))
    assert.matches("# seed 7: `rille spec --seed=7` repeats this run", first, 1, true)
  end)

  it("hands the flags of settings to every file", function()
    for _, name in ipairs { "a", "b" } do
      write("spec/" .. name .. "_spec.lua",
        "it('" .. name .. "', function() assert.equal(12345, require('rille.core').settings.max_body) end)")
    end
    assert.equal("ok 1 - a\nok 2 - b\n1..2\n", (run "--max-body 12345 -o TAP"))
  end)

  it("finds the app: --app, ./app.lua, the path's mirror", function()
    local spec = "local t = require('rille').test() it('%s', function() assert.equal('%s', t:client():get('/').body) end)"
    local function app(answer)
      return ("local app = require('rille').app() app:get('/', function() return '%s' end) return app"):format(answer)
    end
    write("apps/shop/app.lua", app "shop")
    write("apps/other/app.lua", app "other")
    write("spec/apps/shop_spec.lua", spec:format("mirror", "shop"))
    write("spec/apps/shop/cart_spec.lua", spec:format("folder", "shop"))
    assert.equal("ok 1 - folder\nok 2 - mirror\n1..2\n", (run "-o TAP"))
    write("spec/apps/shop_spec.lua", spec:format("chosen", "other"))
    assert.equal("ok 1 - chosen\n1..1\n", (run "-o TAP --app apps/other spec/apps/shop_spec.lua"))
    write("app.lua", app "here")
    write("spec/apps/shop_spec.lua", spec:format("here", "here"))
    assert.equal("ok 1 - here\n1..1\n", (run "-o TAP spec/apps/shop_spec.lua"))
  end)

  it("says what is wrong with the words", function()
    local output, status = run "--seed x"
    assert.same({ "rille spec: --seed takes a number\n", 2 }, { output, status })
    output, status = run "spec/nothing_spec.lua"
    assert.matches("spec/nothing_spec.lua", output, 1, true)
    assert.equal(2, status)
  end)
end)
