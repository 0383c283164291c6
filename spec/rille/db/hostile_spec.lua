--- What a statement may hold, answer or leave behind, when somebody means ill or a night is bad.
local private = require "spec.rille.db.private"
local rille = require "rille"

describe("rille.db, whatever it is sent and answered,", function()
  local db, stop

  setup(function() db, stop = private.start { exclusive = 3, shared = 1, acquire_timeout = 20 } end)
  teardown(function() stop() end)
  after_each(function() -- each time on connections that are as good as new
    assert.same({ 1, '"$user", public' }, { db:one("select 1 as n").n, db:one("select current_setting('search_path') as it").it })
    assert.equal(0, db:one("select count(*) as n from pg_locks where locktype = 'advisory'").n)
    assert.is_true(private.eventually(function() return db:stats().in_use == 0 end))
  end)

  it("refuses what is no UTF-8, and NUL", function()
    for _, text in ipairs { "select '\255\254'", 'select 1 as "\255"', "select 1 as " .. db:quote_ident "\255" } do
      private.fails("db.22021", db.one, db, text)
    end
    private.fails("db.22021", db.one, db, "select $1::text", "\255")
    private.fails("db.22021", db.one, db, "select $1::text", "a\0b")
    assert.error_matches(function() db:one "select 1 \0 , 2" end, "cannot hold a NUL byte")
  end)

  it("bounds the values of one statement, and takes many as one", function()
    local many, wide = {}, { "select 1" }
    for i = 1, 70000 do
      many[i], wide[i + 1] = i, i
    end
    assert.equal(70000, db:one("select count(*) as n from unnest($1::int[]) as x", rille.array(many)).n)
    for _, atomic in ipairs { false, true } do
      assert.error_matches(function() db:batch { { "select 1" }, wide, atomic = atomic } end,
        "statement 2 of the batch has 70000 values, and may have 4000: rille.array makes one of many")
    end
  end)

  it("keeps of a server's long words what somebody can read", function()
    local err = private.fails("db.P0001", db.exec, db,
      "do $$ begin raise exception '%', repeat('ä', 1000000) using detail = repeat('d', 3000000), hint = 'h'; end $$")
    assert.is_true(#err.message <= 16 * 1024 + 3 and #err.detail <= 16 * 1024 + 3)
    assert.equal("ä…", err.message:sub(-#"ä…"))
    assert.equal("h", err.hint)
  end)

  it("bears a flood of notices and of notifications", function()
    db:exec "do $$ begin for i in 1..20000 loop raise notice '%', repeat('y', 200); end loop; end $$"
    db:exec "select pg_notify('c' || n, 'x') from generate_series(1, 5000) n"
  end)

  it("says which row of a COPY is too large to be held", function()
    local err = private.fails("db.54000", function()
      for _ in db:copy_out "copy (select repeat('x', 70000000)) to stdout" do end
    end)
    assert.equal("a row of this COPY is larger than 64 MB, and is held whole", err.message)
  end)

  it("hands on nothing that a block of code leaves in its session", function()
    db:exec [[do $$ begin set search_path = pg_catalog; perform pg_advisory_lock(1); create temp table mine (a int); end $$]]
    db:exec "listen c1"
    db:exec "prepare mine as select 1"
    db:exec "deallocate all"
    for _ = 1, 6 do
      db:one "select 2 as n"
    end
  end)

  it("goes on when a statement ends its own connection, or itself", function()
    for _ = 1, 10 do
      private.fails("db.57P01", db.one, db, "select pg_terminate_backend(pg_backend_pid())")
      private.fails("db.57014", db.one, db, "select pg_cancel_backend(pg_backend_pid()), pg_sleep(5)")
    end
  end)

  it("never gives an answer to somebody else while deadlines, cancels and ends of connections hail", function()
    local answered = 0
    local function one(n)
      local how = math.random(20)
      local pause = how <= 10 and "select $1::int as n" or "select $1::int as n from pg_sleep($2::float)"
      local values = how <= 10 and { n } or { n, math.random() / 200 }
      local ok, row = pcall(rille.timeout, how == 1 and 0.0005 or how == 11 and 0.002 or 60, function()
        return db:one(pause, unpack(values))
      end)
      if ok then
        assert.equal(n, row.n)
        answered = answered + 1
      end
      if how == 20 and n % 5 == 0 then
        pcall(db.query, db, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rille' limit 1")
      end
    end
    local most = tonumber(os.getenv "HOSTILE_QUERIES") or 10000
    for first = 1, most, 50 do
      local batch = {}
      for i = 1, 50 do
        batch[i] = function() one(first + i) end
      end
      rille.all(batch)
    end
    assert.is_true(answered > most / 2)
  end)
end)
