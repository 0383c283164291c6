local database = require "rille.db"
local errors = require "rille.error"
local followed = require "spec.followed"
local private = require "spec.rille.db.private"
local rille = require "rille"

local WHERE = "select case when pg_is_in_recovery() then 'replica' else 'primary' end as place"

describe("rille.db, with replicas", function()
  local servers, db

  setup(function()
    servers = followed.new()
    servers:sql [[
      create table item (id int primary key);
      create function make_item(id int) returns int language sql as 'insert into item values ($1) returning id';
    ]]
  end)
  teardown(function() servers:drop() end)

  local function place(handle)
    return handle:one(WHERE).place
  end

  local function replica()
    return db:stats().replicas[1]
  end

  local function await_state(state)
    private.eventually(function() return replica().state == state end)
  end

  local function open(options)
    options.url, options.replicas = servers.url, options.replicas or { servers.replica_url }
    db = database.open(options)
    finally(function()
      db:close()
      servers:replica_sql "select pg_wal_replay_resume()"
    end)
  end

  it("sends what db:read() runs to the replica, and nothing else", function()
    open { max_lag = 60 }
    await_state "ready"
    assert.equal("replica", place(db:read()))
    assert.equal("replica", place(db:read():with { timeout = "5s" }))
    assert.equal("primary", place(db))
    assert.equal("replica", db:read():batch({ { WHERE } })[1][1].place)
    assert.equal("replica", db:read():batch({ atomic = true, { WHERE } })[1][1].place)
    assert.equal("replica", db:read():each(WHERE)().place)
    db:read():transaction(function()
      assert.equal("replica", place(db))
      db:read():transaction(function(inner) assert.equal("replica", place(inner)) end)
      assert.equal("replica", db:read():each(WHERE)().place)
    end)
    private.fails("db.25006", db.transaction, db:read(), function() db:exec "insert into item values (1)" end)
    assert.equal("primary", db:read():hold(place))
    assert.equal("primary", db:read():lock("it", place))
    assert.equal("primary\n", db:read():copy_out("copy (" .. WHERE .. ") to stdout")())
    assert.is_true(replica().queries >= 7)
    assert.same({ 0, 0 }, { replica().running, replica().sent_home })
  end)

  it("writes on no replica, whatever calls itself a read", function()
    open { max_lag = 60 }
    await_state "ready"
    private.fails("db.25006", function() db:read():one "select make_item(2) as id" end)
    assert.equal("0", servers:sql "select count(*) from item where id = 2")
    local ok, err = pcall(function() db:read():transaction(function() db:lock("it", function() end) end) end)
    assert.is_false(ok)
    assert.matches("a transaction that a replica runs would lock nobody out", err)
  end)

  it("goes through no rows that a reader would write", function()
    open {}
    assert.has_error(function() db:read():each "insert into item values (11) returning id" end,
      "db:read() takes statements that only read: this one writes, or is no single statement of rows")
  end)

  it("reads its own writes", function()
    open { max_lag = 60 }
    await_state "ready"
    servers:replica_sql "select pg_wal_replay_pause()"
    assert.equal("replica", place(db:read()))
    db:exec "insert into item values (3)"
    assert.equal("primary", place(db:read()))
    assert.equal(1, db:read():one("select count(*) as n from item where id = 3").n)
    rille.all { function() assert.equal("primary", place(db:read())) end }
    servers:replica_sql "select pg_wal_replay_resume()"
    private.eventually(function() return place(db:read()) == "replica" end)
    assert.equal(1, db:read():one("select count(*) as n from item where id = 3").n)
  end)

  it("counts a transaction's and a batch's writes, too", function()
    open { max_lag = 60 }
    await_state "ready"
    for i, write in ipairs {
      function() db:transaction(function() db:exec "insert into item values (4)" end) end,
      function() db:batch { { "select 1 as n" }, { "insert into item values (5)" } } end,
      function() db:copy_in("copy item from stdin", { { 6 } }) end,
      function() db:one "select make_item(7) as id" end,
      function() db:hold(function() db:exec "insert into item values (8)" end) end,
      function() rille.all { function() db:exec "insert into item values (10)" end } end,
    } do
      private.eventually(function() return place(db:read()) == "replica" end)
      servers:replica_sql "select pg_wal_replay_pause()"
      db:transaction(function() db:one "select 1 as n" end)
      assert.equal("replica", place(db:read()), i)
      write()
      assert.equal("primary", place(db:read()), i)
      servers:replica_sql "select pg_wal_replay_resume()"
    end
  end)

  it("skips a replica that is too far behind", function()
    open { max_lag = 0.4 }
    await_state "ready"
    servers:replica_sql "select pg_wal_replay_pause()"
    servers:sql "insert into item values (9)"
    await_state "lagging"
    assert.is_true(replica().lag > 0.4)
    assert.equal("primary", place(db:read()))
    servers:replica_sql "select pg_wal_replay_resume()"
    await_state "ready"
    assert.equal("replica", place(db:read()))
  end)

  it("runs a transaction again on the primary, where that was asked for", function()
    open { max_lag = 60 }
    await_state "ready"
    local places = {}
    db:read():transaction(function()
      places[#places + 1] = place(db)
      if #places == 1 then
        error(errors.new { code = "db.40001", status = 409, message = "as a recovery that stops what is read" }, 0)
      end
    end, { retries = 1 })
    assert.same({ "replica", "primary" }, places)
  end)

  it("does without a replica that is not there", function()
    open { replicas = { "postgres://rille@/postgres?host=%2Fnowhere&port=5999" } }
    await_state "down"
    assert.equal("primary", place(db:read()))
    assert.same({ "/nowhere:5999", nil }, { replica().name, replica().lag })
  end)

  it("says which URL is none", function()
    open { replicas = { servers.replica_url, "mysql://there" } }
    local ok, err = pcall(db.one, db, "select 1")
    assert.same({ false, "db_replicas is a list of PostgreSQL URLs (postgres://user:password@host:port/name), "
      .. "and one of it is none" }, { ok, err })
  end)

  it("has none of the setting's where another database is opened", function()
    db = database.open { url = servers.url }
    finally(function() db:close() end)
    assert.same({}, db:stats().replicas)
    assert.equal("primary", place(db:read()))
  end)
end)
