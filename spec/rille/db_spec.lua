-- rille.db against a real PostgreSQL, which this file starts and stops.
local cluster = require "spec.cluster"
local core = require "rille.core"
local database = require "rille.db"
local private = require "spec.rille.db.private"
local rille = require "rille"

local function fails(code, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.is_table(err, tostring(err))
  assert.equal(code, err.code, tostring(err))
  return err
end

describe("rille.db", function()
  local dir, db

  setup(function()
    local name = io.popen "mktemp -d /tmp/rille-spec.XXXXXX"
    dir = name:read "*l"
    name:close()
    db = database.open { url = cluster.start(dir .. "/pg", { durable = false }), exclusive = 4 }
  end)

  teardown(function()
    db:close()
    cluster.stop(dir .. "/pg")
    os.execute("rm -rf '" .. dir .. "'")
  end)

  it("reads each type as Lua has it", function()
    local row = db:one [[select 1::int2 as a, 2::int4 as b, 9007199254740992::int8 as c, 1.5::float8 as d,
      true as e, 'x'::text as f, 1.50::numeric as g, '{"n": [1, null]}'::jsonb as h,
      '2024-01-02 03:04:05.6+02'::timestamptz as i, '2024-01-02'::date as j, '\x00ff'::bytea as k,
      '7b9f1c5e-0000-4000-8000-000000000000'::uuid as l, '-infinity'::timestamptz as m]]
    assert.same({ 1, 2, 2 ^ 53, 1.5 }, { row.a, row.b, row.c, row.d })
    assert.is_true(row.e)
    assert.same({ "x", "1.50" }, { row.f, row.g })
    assert.equal('{"n":[1,null]}', rille.json.encode(row.h))
    assert.same({ "2024-01-02T01:04:05.600000Z", "2024-01-02", "\0\255" }, { row.i, row.j, row.k })
    assert.same({ "7b9f1c5e-0000-4000-8000-000000000000", "-infinity" }, { row.l, row.m })
  end)

  it("reads arrays, nested and with NULL inside", function()
    local row = db:one [[select '{1,NULL,3}'::int[] as a, '{{"a b","c\"d"},{"\\",NULL}}'::text[] as b,
      '{}'::int[] as c, '[0:1]={t,f}'::bool[] as d, array['{"k": "}"}'::jsonb] as e]]
    assert.equal("[1,null,3]", rille.json.encode(row.a))
    assert.equal([==[[["a b","c\"d"],["\\",null]]]==], rille.json.encode(row.b))
    assert.equal("[]", rille.json.encode(row.c))
    assert.same({ true, false }, { row.d[1], row.d[2] })
    assert.equal("}", row.e[1].k)
  end)

  it("writes any column's name in JSON", function()
    local rows = db:query [[select 1 as "a""b", 2 as "c\d", null as "über"]]
    assert.equal([=[[{"a\"b":1,"c\\d":2,"über":null}]]=], rille.json.encode(rows))
  end)

  it("reads NULL as nil, and writes it as null in JSON, in column order", function()
    local rows = db:query "select 1 as z, null as a, 'x' as m"
    assert.is_nil(rows[1].a)
    assert.equal('[{"z":1,"a":null,"m":"x"}]', rille.json.encode(rows))
    assert.equal("[]", rille.json.encode(db:query "select 1 as a where false"))
    assert.is_nil(db:one "select 1 as a where false")
  end)

  it("raises on a column that the row does not have", function()
    local row = db:one "select 1 as id, 'x' as name"
    assert.has_error(function() return row.nmae end)
    assert.has_error(function() row.nmae = 1 end)
    row.name = "y"
    assert.equal("y", row.name)
    local _, why = pcall(function() return row.nmae end)
    assert.matches('no column "nmae" in this row: it has id, name', why, 1, true)
  end)

  it("sends each kind of value", function()
    local row = db:one("select $1::text as a, $2::int as b, $3::bool as c, $4::text[] as d, $5::jsonb as e, $6::int[] as f, "
      .. "$7::text as g, $8::text as h, encode($9, 'hex') as i, $10::float8 as j, $11::int8 as k",
      "it's", 5, false, rille.array { 'a"b', "c\\d", rille.null, "NULL", "", "{,}" }, rille.jsonb { a = { 1 } },
      rille.array { rille.array { 1, 2 }, rille.array { 3, 4 } }, nil, rille.null, core.bytea "\0\1", 0.1, -2 ^ 53)
    assert.equal("it's", row.a)
    assert.same({ 5, 0.1, -2 ^ 53 }, { row.b, row.j, row.k })
    assert.is_false(row.c)
    assert.equal([==[["a\"b","c\\d",null,"NULL","","{,}"]]==], rille.json.encode(row.d))
    assert.equal('{"a":[1]}', rille.json.encode(row.e))
    assert.equal("[[1,2],[3,4]]", rille.json.encode(row.f))
    assert.is_nil(row.g)
    assert.is_nil(row.h)
    assert.equal("0001", row.i)
  end)

  it("counts a trailing nil as a parameter", function()
    assert.is_nil(db:one("select $1::int as a, $2::int as b", 1, nil).b)
    fails("db.08P01", db.one, db, "select $1::int as a, $2::int as b", 1)
  end)

  it("takes every byte where the statement wants bytea, and refuses NUL in text", function()
    local all = {}
    for byte = 0, 255 do
      all[#all + 1] = string.char(byte)
    end
    local bytes = table.concat(all)
    for _ = 1, 2 do
      assert.equal(bytes, db:one("select $1::bytea as b", bytes).b)
    end
    fails("db.22021", db.one, db, "select $1::text", "a\0b")
  end)

  it("refuses what cannot be sent, naming the parameter", function()
    for _, value in ipairs { {}, print, io.stdout, coroutine.create(print), rille.array { {} } } do
      local ok, why = pcall(function()
        local row = db:one("select $1, $2", 1, value)
        return row
      end)
      assert.is_false(ok)
      assert.matches("db_spec.lua:%d+: parameter %$2: ", why)
    end
  end)

  it("refuses an integer that a number cannot hold, unless it may be text", function()
    local err = fails("db.22000", db.one, db, "select 9007199254740993 as big")
    assert.matches('column "big"', err.message, 1, true)
    fails("db.22000", db.one, db, "select array[-9223372036854775808] as big")
    local text = database.open { url = db.options.url, exclusive = 1, bigint = "string" }
    assert.equal("9223372036854775807", text:one("select 9223372036854775807 as big").big)
    text:close()
  end)

  it("refuses two columns of one name", function()
    fails("db.22000", db.query, db, "select 1 as a, 2 as a")
  end)

  it("gives the server's words with an error", function()
    db:exec "create table person (id int primary key, email text unique not null)"
    assert.equal(2, db:exec "insert into person values (1, 'a'), (2, 'b')")
    local err = fails("db.23505", db.exec, db, "insert into person values (3, $1)", "a")
    assert.same({ 409, "person_email_key", "person" }, { err.status, err.constraint, err.table })
    err = fails("db.42601", db.query, db, "selec 1")
    assert.same({ 500, 1, "selec 1" }, { err.status, err.position, err.sql })
    err = fails("db.42601", db.query, db, "select 1; select 2")
    assert.matches("one statement a call", err.hint, 1, true)
  end)

  it("commits what returns, and rolls back what raises", function()
    db:exec "create table account (n int)"
    assert.equal("result", db:transaction(function(tx)
      tx:exec "insert into account values (1)"
      return "result"
    end))
    local ok, why = pcall(db.transaction, db, function()
      db:exec "insert into account values (2)"
      error("no", 0)
    end)
    assert.same({ false, "no" }, { ok, why })
    assert.equal(1, db:one("select count(*) from account").count)
  end)

  it("makes a savepoint of a transaction inside another", function()
    db:exec "create table outer_one (n int)"
    db:transaction(function()
      db:exec "insert into outer_one values (1)"
      pcall(db.transaction, db, function()
        db:exec "insert into outer_one values (2)"
        db:exec "select 1/0"
      end)
      db:transaction(function()
        db:exec "insert into outer_one values (3)"
      end)
    end)
    assert.equal("[1,3]", rille.json.encode(db:one("select array_agg(n order by n) as all from outer_one").all))
  end)

  it("never commits silently nothing", function()
    fails("db.25P02", db.transaction, db, function()
      pcall(db.exec, db, "select 1/0")
    end)
  end)

  it("hears of a deferred constraint at commit", function()
    db:exec "create table child (person int references person deferrable initially deferred)"
    fails("db.23503", db.transaction, db, function()
      db:exec "insert into child values (99)"
    end)
  end)

  it("runs the tasks spawned inside a transaction on its connection, others outside", function()
    db:exec "create table shared (n int)"
    local before = rille.spawn(function()
      rille.sleep(0.02)
      return db:one("select count(*) from shared").count
    end)
    pcall(db.transaction, db, function()
      db:exec "insert into shared values (1)"
      local seen = rille.all {
        function() return db:one("select count(*) from shared").count end,
        function() return db:one("select count(*) from shared").count end,
      }
      assert.same({ 1, 1 }, seen)
      assert.equal(0, before:await())
      error "undo"
    end)
    assert.equal(0, db:one("select count(*) from shared").count)
  end)

  it("ends a statement and its transaction at the deadline", function()
    db:exec "create table late (n int)"
    local task = rille.spawn(function()
      core.set_deadline(0.05)
      db:transaction(function()
        db:exec "insert into late values (1)"
        db:exec "select pg_sleep(60)"
      end)
    end)
    fails("timeout", task.await, task)
    assert.equal(0, db:one("select count(*) from late").count)
    local started = rille.uptime()
    repeat -- the cancel is on its way to the server
      local running = db:one("select count(*) from pg_stat_activity where query like '%pg_sleep(60)%' "
        .. "and state = 'active' and pid <> pg_backend_pid()").count
      assert.is_true(rille.uptime() - started < 2)
    until running == 0
  end)

  it("says when no connection becomes free, and when none can be made", function()
    local small = database.open { url = db.options.url, exclusive = 1, acquire_timeout = 0.05 }
    private.eventually(function() return (pcall(small.one, small, "select pg_backend_pid()")) end) -- to connect may take longer
    local holder = rille.spawn(function()
      small:query "select pg_sleep(60) /* held */"
    end)
    private.eventually(function()
      return db:one "select 1 from pg_stat_activity where query like '%/* held */' and state = 'active' and pid <> pg_backend_pid()"
    end)
    local err = fails("overloaded", small.one, small, "select 1")
    assert.equal(503, err.status)
    holder:cancel()
    small:close()
    local absent = database.open { url = "postgres://127.0.0.1:1/none", acquire_timeout = 0.05 }
    err = fails("db.08001", absent.one, absent, "select 1")
    assert.equal(503, err.status)
    assert.matches("refused", err.detail, 1, true)
    absent:close()
  end)

  it("begins no transaction by a statement alone", function()
    for _, sql in ipairs { "begin", "start transaction", "commit", "/* now */ rollback", "savepoint a" } do
      fails("db.25P01", db.exec, db, sql)
    end
    db:transaction(function()
      db:exec "savepoint a"
      db:exec "rollback to savepoint a"
    end)
  end)

  it("ends no transaction by a statement, and goes on in it", function()
    local function count() return db:one("select count(*) as n from pg_class where relname = 'kept_so'").n end
    pcall(db.transaction, db, function()
      db:exec "create table kept_so (n int)"
      for _, sql in ipairs { "commit", "END", "-- so\nrollback", "abort" } do
        assert.matches("db:transaction", fails("db.2D000", db.exec, db, sql).message, 1, true)
      end
      assert.equal(1, count())
      error "never"
    end)
    assert.equal(0, count())
    db:hold(function() -- where statements begin and end what they want
      db:exec "begin"
      db:exec "commit"
    end)
  end)

  it("says whether a statement had been sent when the connection broke", function()
    local task = rille.spawn(pcall, db.query, db, "select pg_sleep(60) /* killed */")
    repeat
      local killed = db:query [[select pg_terminate_backend(pid) from pg_stat_activity
        where query like '%/* killed */%' and state = 'active' and pid <> pg_backend_pid()]]
    until #killed == 1
    local ok, err = task:await()
    assert.is_false(ok)
    assert.same({ "db.57P01", true }, { err.code, err.sent })
    assert.equal(1, db:one("select 1 as one").one)
  end)

  it("does without shared connections", function()
    local lent = database.open { url = db.options.url, exclusive = 1, shared = 0 }
    for _ = 1, 3 do
      assert.equal(1, lent:one("select 1 as n").n)
    end
    assert.equal(2, lent:batch { { "select 1 as n" }, { "select 2 as n" } }[2][1].n)
    lent:close()
  end)

  it("keeps the session of a held connection, and wipes it afterwards", function()
    local single = database.open { url = db.options.url, exclusive = 1 }
    single:hold(function()
      single:exec "create temp table mine (n int)"
      single:transaction(function()
        single:exec "insert into mine values (1)"
      end)
      assert.equal(1, single:one("select count(*) from mine").count)
    end)
    fails("db.42P01", single.one, single, "select * from mine")
    single:close()
  end)

  it("gives each of many tasks its own answer", function()
    local functions = {}
    for i = 1, 200 do
      functions[i] = function()
        return db:one("select $1::int as nonce, pg_sleep(0.001)", i).nonce
      end
    end
    for i, nonce in ipairs(rille.all(functions)) do
      assert.equal(i, nonce)
    end
    assert.equal(4, db:stats().idle)
  end)

  it("quotes names", function()
    assert.equal('"a""b"', db:quote_ident 'a"b')
    assert.has_error(function() db:quote_ident "" end)
    assert.has_error(function() db:quote_ident "a\0b" end)
  end)

  it("says how to get a database when there is none", function()
    local none = database.open { url = "" }
    local _, why = pcall(none.query, none, "select 1")
    assert.matches("DATABASE_URL", why, 1, true)
    assert.matches("rille db start", why, 1, true)
  end)

  it("runs a statement in another manner: its own timeout, unprepared, alone", function()
    local err = fails("db.57014", db.query, db:with { timeout = "200ms" }, "select pg_sleep(30)")
    assert.equal(504, err.status)
    local whole = db:with { prepared = false, lane = "exclusive" }
    for _ = 1, 2 do
      local row = whole:one("select $1::int as a, $2::text as b, $3::bytea as c, $4::text as d", 7, "\195\164", core.bytea "\0\255", nil)
      assert.same({ 7, "\195\164", "\0\255" }, { row.a, row.b, row.c })
      assert.is_nil(row.d)
    end
    assert.equal(0, whole:one("select count(*) as n from pg_prepared_statements where statement like '%$4::text as d%'").n)
    fails("db.22012", whole.one, whole, "select 1/0")
    assert.equal(1, whole:with({ chunk = 1 }):one("select 1 as n").n)
    for _, wrong in ipairs { { lane = "shared" }, { tiemout = 1 }, { prepared = 1 }, { chunk = 0 }, { timeout = "x" } } do
      assert.has_error(function() db:with(wrong) end)
    end
  end)

  it("prepares nothing for a pooler that lends transactions", function()
    local pooled = database.open { url = db.options.url, exclusive = 1, prepared = false }
    pooled:transaction(function()
      assert.equal(5, pooled:one("select $1::int as n", 5).n)
    end)
    assert.equal(0, pooled:one("select count(*) as n from pg_prepared_statements").n)
    pooled:close()
  end)

  it("shows the place of a mistake in development", function()
    local err = fails("db.42703", db.query, db, "select '\195\164',\n  nmae\nfrom pg_class")
    assert.equal("line 2:   nmae\n          ^", err.excerpt)
  end)

  it("stops a write that nobody waits for only when asked to", function()
    db:exec "create table slow (n int)"
    for _, way in ipairs { { asked = {}, rows = 1 }, { asked = { cancel = true }, rows = 1 } } do
      local has_begun
      local task = rille.spawn(function()
        has_begun = true
        db:with(way.asked):exec "insert into slow select 1 from pg_sleep(0.3)"
      end)
      while not has_begun or db:one("select count(*) as n from pg_stat_activity where query like 'insert into slow%' and state = 'active'").n == 0 do
        rille.sleep(0.005)
      end
      task:cancel()
      while db:one("select count(*) as n from pg_stat_activity where query like 'insert into slow%' and state = 'active'").n > 0 do
        rille.sleep(0.005)
      end
      assert.equal(way.rows, db:one("select count(*) as n from slow").n)
    end
  end)
end)
