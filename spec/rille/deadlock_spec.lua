--- Tasks that all wait for each other: who is told, and what of them.
local clock = require "rille.test.clock"
local core = require "rille.core"
local deadlock = require "rille.deadlock"
local rille = require "rille"

local function report_of(fn)
  local ok, err = pcall(fn)
  assert.is_false(ok)
  assert.is_true(deadlock.is(err))
  return err.message, err
end

local function line_here()
  return debug.getinfo(2, "l").currentline
end

local HEAD = "every task waits for another, and nothing else can wake one:\n"
local FILE = "spec/rille/deadlock_spec.lua"

describe("a deadlock", function()
  it("is raised by the wait of who answers for all, which may go on", function()
    local channel, line = rille.channel(), line_here()
    local message, err = report_of(function() channel:recv() end)
    assert.equal(HEAD .. ("  the example waits in channel:recv at %s:%d"):format(FILE, line + 1), message)
    assert.equal("deadlock", err.code)
    rille.spawn(function() rille.sleep(0) channel:send "later" end)
    assert.equal("later", channel:recv())
    assert.equal(message:match "^.*\n", report_of(function() channel:recv() end):match "^.*\n")
  end)

  it("names each other task, with where it was spawned, those that are alike once", function()
    local channel, lock, line = rille.channel(), rille.mutex(), line_here()
    lock:lock()
    for _ = 1, 3 do
      rille.spawn(function() channel:send(1) end)
    end
    rille.background(function()
      lock:lock()
    end)
    local message = report_of(function() rille.wait_group():wait(rille.condition():wait()) end)
    for _, text in ipairs {
      ("  the example waits in condition:wait at %s:%d"):format(FILE, line + 8),
      ("  a task waits in channel:send at %s:%d, spawned at %s:%d (3 of them)"):format(FILE, line + 3, FILE, line + 3),
      ("  a task waits in mutex:lock at %s:%d, spawned at %s:%d"):format(FILE, line + 6, FILE, line + 5),
    } do
      assert.matches(text, message, 1, true)
    end
    assert.equal(3, select(2, message:gsub("\n", "")))
  end)

  it("names twenty lines at most", function()
    local channel, makers = rille.channel(), {}
    for i = 1, 25 do
      makers[i] = assert(loadstring("local rille, channel = ... return rille.spawn(function() channel:recv() return end)", "@at" .. i))
      makers[i](rille, channel)
    end
    local message = report_of(function() channel:recv() end)
    assert.equal(21, select(2, message:gsub("\n", "")))
    assert.matches("\n  and 6 lines more$", message)
  end)

  it("is none as long as time can wake somebody", function()
    local channel = rille.channel()
    assert.same({ nil, "timeout" }, { channel:recv "1ms" })
    assert.equal("timeout", select(2, pcall(rille.timeout, "1ms", channel.recv, channel)).code)
    local task = rille.spawn(function() channel:recv() end)
    assert.same({ nil, "timeout" }, { task:await "1ms" })
    assert.same({ nil, "timeout" }, { rille.select { channel, timeout = "1ms" } })
  end)

  it("is found although workers of a pool have nothing to do", function()
    local pool = rille.pool { min = 2 }
    pool:submit(function() end):await()
    local message = report_of(function() rille.channel():recv() end)
    assert.equal(1, select(2, message:gsub("\n", ""))) -- and theirs is no line of it
  end)

  it("is told by the outer one where the inner one that answered has ended", function()
    local function stuck() rille.channel():recv() end
    assert.matches("the inner waits", report_of(function() deadlock.answer_as("the inner", stuck) end), 1, true)
    assert.matches("the example waits", report_of(stuck), 1, true)
    assert.same({ 1, nil, 3 }, { deadlock.answer_as("the inner", function() return 1, nil, 3 end) })
  end)

  it("keeps a deferred function from nothing", function()
    local cleaned = false
    local task = rille.spawn(function()
      rille.defer(function() rille.sleep "1ms" cleaned = true end)
      deadlock.answer_as("the task", function() rille.channel():recv() end)
    end)
    assert.matches("the task waits", report_of(function() task:await() end), 1, true)
    assert.is_true(cleaned)
    assert.is_nil(core.why())
  end)
end)

describe("a request whose deadline has passed", function()
  local app = rille.app()
  local line = line_here()
  app:get("/stuck", function()
    local numbers, door = rille.channel(), rille.mutex()
    local function send() numbers:send(1) end
    local function enter()
      rille.sleep "1ms"
      door:with(function() local got = door:lock() return got end)
    end
    local got = rille.all { send, send, send, enter }
    return got
  end)
  app:get("/sleeping", function() return rille.spawn(rille.sleep, 100):await() end)
  app:get("/brief", { timeout = "2s" }, function() return rille.once_for("brief", function() rille.channel():recv() end) end)
  app:get("/inside", function() return { code = select(2, pcall(rille.timeout, 1, function() rille.channel():recv() end)).code } end)
  app:get("/caught", function()
    local _, err = pcall(function() rille.channel():recv() end)
    return { message = err.message }
  end)

  local t = rille.test(app)
  local MERE = "the deadline passed"
  local STUCK = "the deadline passed, and all tasks of this request were waiting for others:\n"

  before_each(clock.freeze)

  local function answer_of(path, accept)
    return t:client { headers = { accept = accept } }:get(path)
  end

  it("says what its tasks waited for, where they all did for others", function()
    local res = answer_of "/stuck"
    assert.same({ 504, "timeout" }, { res.status, res.json.error.code })
    local message = res.json.error.message
    assert.equal(STUCK, message:sub(1, #STUCK))
    for _, text in ipairs {
      ("  the handler waits in rille.all at %s:%d\n"):format(FILE, line + 8),
      ("  a task waits in channel:send at %s:%d, spawned at %s:%d (3 of them)"):format(FILE, line + 3, FILE, line + 8),
      ("  a task waits in mutex:lock at %s:%d, spawned at %s:%d"):format(FILE, line + 6, FILE, line + 8),
    } do
      assert.matches(text, message, 1, true)
    end
    assert.equal(3, select(2, message:gsub("\n", "")))
    assert.matches("^the deadline passed, .-:\n  the handler waits in rille.once_for", answer_of "/brief".json.error.message)
  end)

  it("shows that on the page for people", function()
    local res = answer_of("/stuck", "text/html")
    assert.same({ 504, "text/html; charset=utf-8" }, { res.status, res.headers["content-type"] })
    assert.matches(("the handler waits in rille.all at %s:%d"):format(FILE, line + 8), res.body, 1, true)
    assert.matches("fault in GET /stuck", res.body, 1, true)
  end)

  it("says no more than that where time was at work, or where it was not the request's", function()
    assert.equal(MERE, answer_of "/sleeping".json.error.message)
    assert.same({ code = "timeout" }, answer_of "/inside".json)
    assert.equal(MERE, answer_of "/caught".json.message)
    assert.equal(MERE, answer_of "/sleeping".json.error.message) -- what nobody read is not the next one's
  end)
end)
