--- What the database can do to an app, done: connections that die, a server that restarts or hangs, clients
-- that leave, a pool without room. Each request gets one answer; what was acknowledged is there, once.

local socket = require "socket"
local client = require "spec.apps.client"
local database = require "spec.apps.database"
local json = require("rille").json
local server = require "spec.server"
local swarms = require "spec.apps.swarm"
local wire = require "spec.wire"

local MANY = 30
local PATIENCE = 60 -- seconds in which something happens that takes a fraction of one on a machine with time

describe("an app whose database has a bad night", function()
  local base, running, api

  setup(function()
    base = database.new{ durable = true }
    base:sql "create table written (n int)"
    base:sql "create table turn (id serial primary key, n int)"
  end)

  teardown(function() if base then base:drop() end end)

  local function start(...)
    running = server.start{ app = "spec/apps/outage", env = { DATABASE_URL = base.url },
      args = { "--workers", "2", "--no-access-log", "--half-close-grace", "100ms", ... } }
    api = client.new(running.port)
  end

  after_each(function()
    if not running then return end
    local status, log = running:stop()
    running = nil
    assert.equal(0, status, log)
  end)

  local function eventually(look) return assert(server.wait_for(look, PATIENCE), "it did not happen") end

  local function sleeping()
    return tonumber(base:sql "select count(*) from pg_stat_activity where wait_event = 'PgSleep'")
  end

  local function signal(name, pids) os.execute("kill -" .. name .. " " .. pids .. " 2>/dev/null") end

  -- What was acknowledged is there; nothing is that nobody asked for, and nothing twice.
  local function check_written(outcomes)
    local seen = {}
    for n in base:sql("select n from written"):gmatch "[^\n]+" do
      assert.is_nil(seen[n], n .. " was written twice")
      assert.is_not_nil(outcomes[tonumber(n)], n .. " was written by nobody")
      seen[n] = true
    end
    for n, outcome in pairs(outcomes) do
      assert.is_true(outcome ~= 200 or seen[tostring(n)], n .. " was acknowledged, and is not there")
    end
    base:sql "truncate written"
  end

  -- For a swarm: writes and reads in turn, each with a number of its own, and what became of them.
  local function traffic(first, most)
    local state = { answers = 0, writes = {} }
    function state.next(i)
      if state.is_over or i > (most or math.huge) then return nil end
      local is_write = i % 2 == 0
      local n = first + i
      local function heard(answer)
        local outcome = answer and answer.status or 0
        state.answers = state.answers + 1
        state.last = outcome
        if is_write then state.writes[n] = outcome end
        if outcome == 200 then
          assert.equal(n, json.decode(answer.body).n)
        else
          assert.is_truthy(outcome == 500 or outcome == 503, "status " .. outcome)
        end
      end
      return is_write and wire.post("/writes/" .. n, "") or wire.get("/reads/" .. n), heard
    end
    return state
  end

  -- Both workers have connections then, and know what is quick.
  local function warm_up()
    swarms.new(running.port, 8):run(traffic(-1000, 200).next):close()
    base:sql "truncate written"
  end

  it("stops the statement of a client that has gone", function()
    start()
    for _, way in ipairs { "reset", "half_close" } do
      local conn = wire.connect(running.port)
      conn:send(wire.get "/sleep")
      eventually(function() return sleeping() == 1 end)
      conn[way](conn)
      eventually(function() return sleeping() == 0 end)
      if way == "half_close" then conn:close() end
    end
    assert.equal(200, api:get("/quick").status)
    assert.equal(0, api:get("/stats").json.lost)
  end)

  for _, name in ipairs { "TERM", "KILL" } do
    it("answers each of thirty once when SIG" .. name .. " ends the connections they are on", function()
      start()
      warm_up()
      local pids = base:processes "rille"
      signal("STOP", pids) -- so that all thirty are on their way, on whichever lane
      local state, is_ended = traffic(1000, MANY), false
      swarms.new(running.port, MANY):run(state.next, function(swarm)
        if is_ended or swarm.asked < MANY then return end
        is_ended = true
        signal(name, name == "KILL" and pids:match "%d+" or pids)
        signal("CONT", pids)
      end):close()
      assert.equal(MANY, state.answers)
      eventually(function() return select(2, base:is_running()) and (pcall(base.sql, base, "select 1")) end)
      check_written(state.writes)
      eventually(function() return api:get("/reads/1").status == 200 end)
    end)
  end

  for way, name in pairs { fast = "INT", immediate = "QUIT" } do
    it("serves again by itself after a " .. way .. " restart under load", function()
      start()
      warm_up()
      local state, step, ready_at = traffic(1000), "begin", nil
      swarms.new(running.port, 16):run(state.next, function()
        local is_there, is_ready = base:is_running()
        if step == "begin" and state.answers > 200 then
          base:signal(name)
          step = "down"
        elseif step == "down" and not is_there then
          base:begin_start()
          step = "up"
        elseif step == "up" and is_ready then
          ready_at, state.last = socket.gettime(), 0
          step = "again"
        elseif step == "again" and state.last == 200 then
          state.resumed = state.resumed or socket.gettime() - ready_at
          state.is_over = true
        end
      end):close()
      assert.is_true(state.resumed < PATIENCE)
      check_written(state.writes)
      assert.equal(200, api:post("/writes/1", "").status)
      base:sql "truncate written"
    end)
  end

  it("ends every wait for a server that hangs, and goes on when it does", function()
    start("--db-query-timeout", "200ms", "--db-cancel-grace", "100ms", "--db-acquire-timeout", "300ms",
      "--db-connect-timeout", "2s")
    warm_up()
    local pids = base:processes()
    signal("STOP", pids)
    local statuses = {}
    local ok, err = pcall(function()
      swarms.new(running.port, MANY):run(function(i)
        if i > MANY then return nil end
        return wire.post("/writes/" .. i, ""), function(answer) statuses[i] = answer and answer.status end
      end):close()
      assert.equal("plain", api:get("/plain").body)
    end)
    signal("CONT", pids)
    assert.is_true(ok, err)
    for i = 1, MANY do assert.is_truthy(statuses[i] == 500 or statuses[i] == 503, i .. ": " .. tostring(statuses[i])) end
    eventually(function() return api:get("/reads/1").status == 200 end)
    base:sql "truncate written"
  end)

  it("bounds the wait for a connection and the queue, and says which", function()
    start("--db-exclusive", "2", "--db-max-waiters", "3", "--db-acquire-timeout", "1s")
    local answers = {}
    swarms.new(running.port, 7):run(function(i)
      if i > 7 then return nil end
      if i == 3 then eventually(function() return sleeping() == 2 end) end
      return wire.get "/sleep", function(answer, why) answers[#answers + 1] = answer or why end
    end, function(self)
      if #answers == 5 and self.conns[1] then
        self:leave(1)
        self:leave(2)
      end
    end):close()
    local function count(text)
      local n = 0
      for _, answer in ipairs(answers) do
        if answer.status == 503 and answer.body:find(text, 1, true) then n = n + 1 end
      end
      return n
    end
    assert.equal(2, count "3 statements wait for a database connection already: nothing was done")
    assert.equal(3, count "none of 2 database connections became free within 1 s: nothing was done")
    local now = api:get("/stats").json
    assert.same({ 2, 3 }, { now.refused, now.timeouts })
  end)

  it("lends connections in the order in which they were asked for, over all workers", function()
    start("--db-exclusive", "1", "--db-acquire-timeout", "60s")
    local holder = wire.connect(running.port)
    holder:send(wire.get "/sleep")
    eventually(function() return sleeping() == 1 end)
    local conns = {}
    for i = 1, 12 do
      conns[i] = wire.connect(running.port)
      conns[i]:send(wire.post("/turns/" .. i, ""))
      eventually(function() return api:get("/stats").json.waiting == i end)
    end
    holder:reset()
    for i = 1, 12 do
      assert.equal(204, assert(conns[i]:answer()).status)
      conns[i]:close()
    end
    assert.equal("1,2,3,4,5,6,7,8,9,10,11,12", base:sql "select string_agg(n::text, ',' order by id) from turn")
  end)

  -- A statement that a worker does not know yet takes its turn in the queue like a slow one.
  it("keeps quick statements going while slow ones hold every connection and more of them wait", function()
    start("--workers", "1", "--db-acquire-timeout", "60s")
    eventually(function() -- on a busy machine its last run before them may be a slow one: then it is none of the quick
      eventually(function() return api:get("/quick").json.is_shared end)
      local conns = {}
      for i = 1, 9 do
        conns[i] = wire.connect(running.port)
        conns[i]:send(wire.get "/sleep")
      end
      eventually(function() return sleeping() == 8 end)
      eventually(function() return api:get("/stats").json.waiting == 1 end)
      local goes_on = api:get("/quick").json.is_shared
      for i = 1, 9 do conns[i]:reset() end
      eventually(function() return sleeping() == 0 end)
      return goes_on
    end)
  end)

  it("never gives an answer to another request, whatever deadlines and clients do", function()
    start()
    local requests = running:is_sanitized() and 3000 or 10000
    local answered, late, left = 0, 0, 0
    swarms.new(running.port, 64):run(function(i)
      if i > requests then return nil end
      local target = ("/nonce/n%d?sleep=%.4f&deadline=%.4f"):format(i, math.random() * 0.01, math.random() * 0.02)
      return wire.get(target), function(answer, why)
        if why == "left" then
          left = left + 1
        elseif assert(answer, why).status == 200 then
          assert.equal("n" .. i, json.decode(answer.body).nonce)
          answered = answered + 1
        else
          assert.equal(504, answer.status, answer.body)
          late = late + 1
        end
      end
    end, function(self)
      local i = math.random(64)
      if self.conns[i] and self.conns[i].heard then self:leave(i) end
    end):close()
    assert.equal(requests, answered + late + left)
    assert.is_true(answered > 0 and late > 0 and left > 0)
    eventually(function()
      local now = api:get("/stats").json
      return now.in_use == 0 and now.waiting == 0
    end)
  end)
end)
