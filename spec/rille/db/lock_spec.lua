local private = require "spec.rille.db.private"
local rille = require "rille"

describe("rille.db.lock", function()
  local db, stop

  setup(function() db, stop = private.start { exclusive = 4 } end)
  teardown(function() stop() end)

  local function held()
    return db:one("select count(*) as n from pg_locks where locktype = 'advisory'").n
  end

  -- The server ends what a cancelled caller held in its own time.
  before_each(function() private.eventually(function() return held() == 0 end) end)

  it("lets one run at a time under a key, whoever it is", function()
    local inside, most = 0, 0
    local jobs = {}
    for i = 1, 6 do
      jobs[i] = function()
        return db:lock("job", function()
          inside = inside + 1
          most = math.max(most, inside)
          db:one "select pg_sleep(0.005)"
          inside = inside - 1
          return i
        end)
      end
    end
    assert.same({ 1, 2, 3, 4, 5, 6 }, rille.all(jobs))
    assert.equal(1, most)
  end)

  it("raises when it was not free in time, and does not hinder other keys", function()
    db:lock(42, function()
      rille.background(function()
        local err = private.fails("timeout", db.lock, db, 42, function() end, { timeout = 0 })
        assert.matches("42", err.message, 1, true)
        private.fails("timeout", db.lock, db, 42, function() end, { timeout = "30ms" })
        assert.equal("mine", db:lock(43, function() return "mine" end))
      end):await()
    end)
  end)

  it("is free again after an error, and after a cancellation", function()
    local ok, why = pcall(db.lock, db, "k", function() error("no", 0) end)
    assert.same({ false, "no" }, { ok, why })
    local has_begun
    local task = rille.spawn(function()
      db:lock("k", function()
        has_begun = true
        rille.sleep(60)
      end)
    end)
    private.eventually(function() return has_begun end)
    task:cancel()
    assert.equal(1, db:lock("k", function() return 1 end))
  end)

  it("holds until the end of the transaction it is taken in", function()
    db:transaction(function()
      db:lock("t", function() end)
      assert.equal(1, held())
    end)
    assert.equal(0, held())
  end)

  it("is released on a connection that goes on being held", function()
    db:hold(function()
      assert.equal("x", db:lock("h", function() return db:transaction(function() return "x" end) end))
      assert.equal(0, held())
    end)
  end)

  it("refuses what is no key", function()
    for _, key in ipairs { {}, 1.5, true } do
      assert.has_error(function() db:lock(key, function() end) end)
    end
    assert.has_error(function() db:lock("k") end)
    assert.has_error(function() db:lock("k", function() end, { tiemout = 1 }) end)
  end)
end)
