local core = require "rille.core"
local private = require "spec.rille.db.private"
local rille = require "rille"

describe("rille.db.each", function()
  local db, stop

  setup(function()
    db, stop = private.start { exclusive = 4, acquire_timeout = 1 }
    db:exec "create table item (id int primary key, name text)"
    db:exec "insert into item select n, 'name ' || n from generate_series(1, 2000) n"
  end)
  teardown(function() stop() end)

  local function all_back()
    return private.eventually(function()
      local now = db:stats()
      return now.in_use == 0 and now.streams == 0
    end)
  end

  it("goes through every row once, in order, with values", function()
    local sum, last = 0, 0
    for row in db:each("select id, name from item where id > $1 order by id", 10) do
      assert.equal(last == 0 and 11 or last + 1, row.id)
      sum, last = sum + 1, row.id
    end
    assert.same({ 1990, 2000 }, { sum, last })
    assert.is_true(all_back())
  end)

  it("has nothing to go through when there is no row", function()
    for _ in db:each "select id from item where false" do
      error "there is none"
    end
    assert.is_true(all_back())
  end)

  it("leaves the loop's own statements outside of its transaction", function()
    db:exec "create table seen (id int)"
    for row in db:with({ chunk = 2 }):each "select id from item where id <= 5" do
      db:exec("insert into seen values ($1)", row.id)
      assert.equal(row.id, rille.background(function() return db:one("select count(*) as n from seen").n end):await())
    end
    assert.equal(5, db:one("select count(*) as n from seen").n)
  end)

  it("gives the connection back when the loop is left", function()
    local function leave()
      for row in db:with({ chunk = 10 }):each "select id from item" do
        if row.id == 3 then
          break
        end
      end
    end
    leave()
    collectgarbage()
    assert.is_true(all_back())
    local stream = db:with({ chunk = 10 }):each "select id from item"
    stream:close()
    assert.is_nil(stream())
    assert.is_true(all_back())
  end)

  it("gives the connection back when its task is cancelled, whatever it does then", function()
    local task = rille.spawn(function()
      for _ in db:with({ chunk = 10 }):each "select id from item" do
        rille.sleep(60)
      end
    end)
    private.eventually(function() return db:stats().streams == 1 end)
    task:cancel()
    assert.is_true(all_back())
  end)

  it("holds half of the connections at most", function()
    local open = {}
    local err = private.fails("overloaded", function()
      for i = 1, 4 do
        open[i] = db:with({ chunk = 10 }):each "select id from item"
      end
    end)
    assert.equal(503, err.status)
    assert.is_true(#open >= 1 and #open <= 2)
    local streams = db:stats().streams
    open[1]:close()
    private.eventually(function() return db:stats().streams < streams end)
    open[1] = db:with({ chunk = 10 }):each "select id from item"
    assert.equal(1, open[1]().id)
    for _, stream in ipairs(open) do
      stream:close()
    end
    assert.is_true(all_back())
  end)

  it("ends when no row was asked for during write_timeout", function()
    local settings = core.settings
    finally(function() core.settings = settings end)
    core.settings = setmetatable({ write_timeout = 0.02 }, { __index = settings })
    local stream = db:with({ chunk = 1 }):each "select id from item"
    assert.is_true(all_back())
    local err = private.fails("timeout", function() for _ in stream do end end)
    assert.equal("the stream was not read for too long: it was ended", err.message)
  end)

  it("runs on the transaction's connection, beside others", function()
    db:transaction(function()
      db:exec "insert into item values (9001, 'x'), (9002, 'y')"
      local seen = {}
      local handle = db:with { chunk = 1 }
      for row in handle:each "select id from item where id > 9000 order by id" do
        for other in handle:each("select id from item where id = $1", row.id) do
          seen[#seen + 1] = other.id
        end
        db:exec("update item set name = 'z' where id = $1", row.id)
      end
      assert.same({ 9001, 9002 }, seen)
      assert.equal(2, db:one("select count(*) as n from item where name = 'z'").n)
    end)
    db:exec "delete from item where id > 9000"
  end)

  it("raises at the place of the mistake, in the caller's text", function()
    local err = private.fails("db.42703", db.each, db, "select nmae from item")
    assert.same({ "select nmae from item", 8 }, { err.sql, err.position })
    assert.equal("line 1: select nmae from item\n               ^", err.excerpt)
    assert.is_true(all_back())
  end)

  it("raises in the loop what only a later row shows", function()
    local count = 0
    private.fails("db.22012", function()
      for _ in db:with({ chunk = 10 }):each "select 1 / (id - 15) as n from item order by id" do
        count = count + 1
      end
    end)
    assert.equal(10, count)
    assert.is_true(all_back())
  end)
end)
