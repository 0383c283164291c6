local private = require "spec.rille.db.private"
local rille = require "rille"

describe("rille.db.transaction", function()
  local db, stop

  setup(function()
    db, stop = private.start { exclusive = 4 }
    db:exec "create table account (id int primary key, n int not null)"
  end)
  teardown(function() stop() end)
  before_each(function()
    db:exec "truncate account"
    db:exec "insert into account values (1, 0), (2, 0)"
  end)

  local function value(id)
    return db:one("select n from account where id = $1", id).n
  end

  it("runs what was given to after_commit after the commit, in order", function()
    local seen = {}
    local result = db:transaction(function()
      db:exec "update account set n = 1 where id = 1"
      db:after_commit(function() seen[#seen + 1] = "first" .. value(1) end)
      db:transaction(function()
        db:after_commit(function() seen[#seen + 1] = "nested" end)
      end)
      seen[#seen + 1] = "inside"
      return "result"
    end)
    assert.equal("result", result)
    assert.same({ "inside", "first1", "nested" }, seen)
  end)

  it("drops what was given to after_commit by what was rolled back", function()
    local seen = {}
    pcall(db.transaction, db, function()
      db:after_commit(function() seen[#seen + 1] = "never" end)
      error("no", 0)
    end)
    db:transaction(function()
      db:after_commit(function() seen[#seen + 1] = "kept" end)
      pcall(db.transaction, db, function()
        db:after_commit(function() seen[#seen + 1] = "dropped" end)
        error("no", 0)
      end)
    end)
    assert.same({ "kept" }, seen)
  end)

  it("runs it at once outside of a transaction, and in a task inside it belongs to it", function()
    local seen = {}
    db:after_commit(function() seen[1] = "now" end)
    assert.same({ "now" }, seen)
    db:transaction(function()
      rille.spawn(function()
        db:after_commit(function() seen[#seen + 1] = "task" end)
      end):await()
      seen[#seen + 1] = "inside"
    end)
    assert.same({ "now", "inside", "task" }, seen)
  end)

  it("goes on when a function given to after_commit fails", function()
    local seen = {}
    db:transaction(function()
      db:after_commit(function() error("broken", 0) end)
      db:after_commit(function() seen[1] = true end)
    end)
    assert.same({ true }, seen)
  end)

  it("waits with the commit for the tasks spawned inside", function()
    local ended = {}
    db:transaction(function()
      for id = 1, 2 do
        rille.spawn(function()
          db:one "select pg_sleep(0.02)"
          db:exec("update account set n = 7 where id = $1", id)
          ended[#ended + 1] = id
        end)
      end
    end)
    assert.equal(2, #ended)
    assert.same({ 7, 7 }, { value(1), value(2) })
  end)

  it("lets tasks beside each other be in parts of it, which end in any order", function()
    local function add(id, after)
      return function()
        db:transaction(function()
          db:exec("update account set n = n + 1 where id = $1", id)
          rille.sleep(after)
        end)
      end
    end
    local first, second = value(1), value(2)
    db:transaction(function()
      rille.all { add(1, 0.01), add(2, 0.03), add(1, 0.02), add(2, 0) }
      db:transaction(function() db:exec "update account set n = n + 1 where id = 1" end)
    end)
    assert.same({ first + 3, second + 2 }, { value(1), value(2) })
    local why
    local opened, fails = rille.channel(1), rille.channel(1)
    db:transaction(function()
      local one = rille.spawn(function()
        return pcall(db.transaction, db, function()
          db:exec "update account set n = n + 1 where id = 1"
          opened:send(true)
          fails:recv()
          error("no", 0)
        end)
      end)
      local other = rille.spawn(function()
        opened:recv()
        why = select(2, pcall(db.transaction, db, function()
          db:exec "update account set n = n + 1 where id = 2"
          fails:send(true)
          one:await()
        end))
      end)
      one:await()
      other:await()
      db:exec "update account set n = n + 10 where id = 2"
    end)
    assert.matches("a task beside this one rolled its part", why.message, 1, true)
    assert.same({ first + 3, second + 12 }, { value(1), value(2) })
  end)

  it("cancels the tasks spawned inside when it is rolled back", function()
    local task
    local ok, why = pcall(db.transaction, db, function()
      task = rille.spawn(function()
        rille.sleep(60)
      end)
      error("no", 0)
    end)
    assert.same({ false, "no" }, { ok, why })
    private.eventually(function() return task:done() end)
  end)

  it("runs again what collided, as often as asked", function()
    local tries = 0
    local function collide(retries)
      tries = 0
      return db:transaction(function()
        tries = tries + 1
        local n = value(1)
        if tries == 1 then
          rille.background(function() db:exec "update account set n = n + 10 where id = 1" end):await()
        end
        db:exec("update account set n = $1 where id = 1", n + 1)
        return tries
      end, { isolation = "serializable", retries = retries })
    end
    assert.equal(2, collide(3))
    assert.equal(11, value(1))
    private.fails("db.40001", collide, 0)
    assert.equal(1, tries)
    assert.equal(21, value(1))
  end)

  it("runs again the one that PostgreSQL chose to end a deadlock", function()
    local waiting = 0
    local function swap(first, second)
      return db:transaction(function()
        db:exec("update account set n = n + 1 where id = $1", first)
        waiting = waiting + 1
        if waiting <= 2 then
          private.eventually(function() return waiting >= 2 end)
        end
        db:exec("update account set n = n + 1 where id = $1", second)
      end, { retries = 5 })
    end
    rille.all { function() swap(1, 2) end, function() swap(2, 1) end }
    assert.same({ 2, 2 }, { value(1), value(2) })
    assert.is_true(waiting >= 3)
  end)

  it("does not run again what failed for another reason, or is a savepoint", function()
    local tries = 0
    private.fails("db.23505", db.transaction, db, function()
      tries = tries + 1
      db:exec "insert into account values (1, 1)"
    end, { retries = 5 })
    assert.equal(1, tries)
    assert.has_error(function()
      db:transaction(function() db:transaction(function() end, { retries = 1 }) end)
    end)
    assert.has_error(function() db:transaction(function() end, { retries = -1 }) end)
  end)

  it("is read only through db:read()", function()
    private.fails("db.25006", function()
      db:read():transaction(function() db:exec "update account set n = 1" end)
    end)
    assert.has_error(function() db:read():exec "update account set n = 1" end)
    assert.equal(0, db:read():one("select n from account where id = 1").n)
  end)
end)
