local database = require "rille.db"
local pooler = require "spec.rille.db.pooler"
local private = require "spec.rille.db.private"
local rille = require "rille"

local fails = private.fails

-- PgBouncer in transaction mode, as people install it: `prepared = false`.
describe("rille.db behind PgBouncer", function()
  local direct, db, url, stop_server, stop_pooler

  local function open(options)
    options.url = options.url or url
    return database.open(options)
  end

  setup(function()
    direct, stop_server = private.start {}
    -- A session's own settings must come from Rille, not from the server's defaults.
    direct:exec "alter database rille set timezone = 'Asia/Tokyo'"
    direct:exec "alter database rille set datestyle = 'German'"
    direct:exec "create table notes (id int generated always as identity primary key, body text unique)"
    url, stop_pooler = pooler.start(direct.options.url, "default_pool_size = 2")
    db = open { prepared = false, exclusive = 4 }
  end)

  teardown(function()
    db:close()
    stop_pooler()
    stop_server()
  end)

  -- How many prepared statements the server's sessions hold: each of the two is asked,
  -- since two transactions at once cannot share one.
  local function prepared_statements()
    local counts, pids = {}, {}
    local here = 0
    local function look(i)
      return function()
        db:transaction(function()
          here = here + 1
          private.eventually(function() return here == 2 end)
          local row = db:one "select pg_backend_pid() as pid, (select count(*) from pg_prepared_statements) as n"
          counts[i], pids[row.pid] = row.n, true
        end)
      end
    end
    rille.all { look(1), look(2) }
    local seen = 0
    for _ in pairs(pids) do
      seen = seen + 1
    end
    assert.equal(2, seen)
    return counts[1] + counts[2]
  end

  it("runs queries with values of all kinds, many at once", function()
    local calls = {}
    for i = 1, 30 do
      calls[i] = function() return db:one("select $1::int as n, $2::text as s, $3::bytea as b, $4::int[] as l", i, "ä" .. i,
        rille.bytea "\0\255", rille.array { i, 2 }) end
    end
    for i, row in ipairs(rille.all(calls)) do
      assert.same({ i, "ä" .. i, "\0\255" }, { row.n, row.s, row.b })
      assert.same({ i, 2 }, { row.l[1], row.l[2] })
    end
  end)

  it("keeps times in UTC and ISO on whichever session", function()
    local calls = {}
    for i = 1, 8 do
      calls[i] = function() return db:one("select '2020-01-02 03:04:05+00'::timestamptz as t, pg_sleep(0.01)::text as s").t end
    end
    for _, time in ipairs(rille.all(calls)) do
      assert.equal("2020-01-02T03:04:05.000000Z", time)
    end
  end)

  it("commits, rolls back, and nests transactions", function()
    db:transaction(function()
      db:exec("insert into notes (body) values ($1)", "kept")
      pcall(db.transaction, db, function()
        db:exec("insert into notes (body) values ('undone')")
        error "no"
      end)
      db:exec "set local lock_timeout = '1s'"
    end)
    pcall(db.transaction, db, function()
      db:exec "insert into notes (body) values ('dropped')"
      error "no"
    end)
    local rows = db:query "select body from notes order by id"
    assert.same({ "kept" }, { rows[1].body, rows[2] and rows[2].body })
  end)

  it("runs batches, streams and COPY", function()
    local results = db:batch { { "select 1 as n" }, { "select $1::int as n", 2 }, { "insert into notes (body) values ('batch')" } }
    assert.same({ 1, 2, 1 }, { results[1][1].n, results[2][1].n, results[3] })
    results = db:batch { { "select 1 as n" }, { "delete from notes where body = 'batch'" }, atomic = true }
    assert.equal(1, results[2])
    local sum = 0
    for row in db:with({ chunk = 10 }):each "select n from generate_series(1, 100) n" do
      sum = sum + row.n
    end
    assert.equal(5050, sum)
    assert.equal(2, db:copy_in("copy notes (body) from stdin", { { "c1" }, { "c2" } }))
    local text = {}
    for rows in db:copy_out "copy (select body from notes where body like 'c_' order by 1) to stdout" do
      text[#text + 1] = rows
    end
    assert.equal("c1\nc2\n", table.concat(text))
  end)

  it("tells errors, and goes on", function()
    local err = fails("db.23505", db.exec, db, "insert into notes (body) values ('twice'), ('twice')")
    assert.equal("notes_body_key", err.constraint)
    fails("db.22012", db.one, db, "select 1/$1::int", 0)
    fails("db.42601", db.one, db, "select 1; select 2")
    assert.equal(1, db:one("select 1 as n").n)
  end)

  it("ends a statement at its deadline through the pooler", function()
    local hasty = open { prepared = false, exclusive = 1, query_timeout = 0.2 }
    fails("db.57014", hasty.one, hasty, "select pg_sleep(30)")
    fails("db.57014", db.one, db:with { timeout = "200ms" }, "select pg_sleep(30)")
    assert.equal(1, hasty:one("select 1 as n").n)
    hasty:close()
    private.eventually(function()
      return direct:one("select count(*) as n from pg_stat_activity where wait_event = 'PgSleep'").n == 0
    end)
  end)

  it("leaves no prepared statement behind", function()
    assert.equal(0, prepared_statements())
  end)

  it("takes locks that end with the transaction", function()
    db:transaction(function()
      assert.equal("mine", db:lock("key", function() return "mine" end))
    end)
  end)

  it("refuses what needs a session, naming the setting", function()
    local function says(part, fn, ...)
      local ok, why = pcall(fn, ...)
      assert.is_false(ok)
      assert.matches(part, tostring(why), 1, true)
      assert.matches("db_prepared = false", tostring(why), 1, true)
    end
    says("db:listen", db.listen, db, "orders")
    says("db:hold", db.hold, db, function() end)
    says("session's lock", db.lock, db, "key", function() end)
    for _, sql in ipairs { "set search_path = x", "reset all", "listen a", "select pg_advisory_lock(1)",
      "create temp table t (n int)", "prepare p as select 1", "discard all" } do
      says("changes its session", db.exec, db, sql)
    end
    db:transaction(function()
      says("changes its session", db.exec, db, "set search_path = x")
      db:exec "create temp table t (n int) on commit drop"
      assert.equal(1, db:one("select 1 as n").n)
    end)
    says("changes its session", db.batch, db, { { "select 1" }, { "set search_path = x" } })
  end)

  it("says what to set when the pooler refuses what it is sent", function()
    local whole = open { exclusive = 1, acquire_timeout = 1 }
    local err = fails("db.08001", whole.one, whole, "select 1")
    assert.matches("PgBouncer wants db_prepared = false", err.detail, 1, true)
    whole:close()
    local own = open { url = url .. "&options=-c%20work_mem%3D5MB", prepared = false, exclusive = 1, acquire_timeout = 1 }
    err = fails("db.08001", own.one, own, "select 1")
    assert.matches("ignore_startup_parameters", err.detail, 1, true)
    own:close()
  end)

  it("says what to set when prepared statements meet another session", function()
    local deaf, stop = pooler.start(direct.options.url, "default_pool_size = 1\nignore_startup_parameters = options")
    local first, second = open { url = deaf, exclusive = 1 }, open { url = deaf, exclusive = 1 }
    first:one "select 1 as n"
    local err = fails("db.42P05", second.one, second, "select 2 as n")
    assert.matches("set db_prepared = false", err.hint, 1, true)
    first:close()
    second:close()
    stop()
  end)
end)
