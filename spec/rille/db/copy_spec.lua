local core = require "rille.core"
local private = require "spec.rille.db.private"
local rille = require "rille"

describe("rille.db.copy", function()
  local db, stop

  setup(function()
    db, stop = private.start { exclusive = 4 }
    db:exec "create table person (id int primary key, name text, is_known boolean, data bytea, more jsonb, tags text[])"
  end)
  teardown(function() stop() end)
  before_each(function() db:exec "truncate person" end)

  local function count()
    return db:one("select count(*) as n from person").n
  end

  local function nothing_held()
    return private.eventually(function() return db:stats().in_use == 0 and db:stats().streams == 0 end)
  end

  it("loads rows of values, each kind of them", function()
    assert.equal(2, db:copy_in("copy person from stdin", {
      { 1, "tab\there\nline \\ back\r\\N", true, rille.bytea "\0\255\\", rille.jsonb { a = "x\ty" }, rille.array { "a,b", "c" } },
      { 2, nil, rille.null, nil, nil, nil },
    }))
    local one, two = unpack(db:query "select * from person order by id")
    assert.equal("tab\there\nline \\ back\r\\N", one.name)
    assert.same({ true, "\0\255\\", "x\ty", "a,b" }, { one.is_known, one.data, one.more.a, one.tags[1] })
    assert.is_nil(two.name)
    assert.is_nil(two.is_known)
  end)

  it("loads text, and what an iterator gives", function()
    assert.equal(2, db:copy_in("copy person (id, name) from stdin with csv", "1,a\n2,b\n"))
    local i = 2
    assert.equal(3000, db:copy_in("copy person (id, name) from stdin", function()
      i = i + 1
      return i <= 3002 and { i, ("x"):rep(500) } or nil
    end))
    assert.equal(3002, count())
    assert.is_true(nothing_held())
  end)

  it("loads nothing when the server refuses a row, or the iterator fails", function()
    private.fails("db.23505", db.copy_in, db, "copy person (id) from stdin", { { 1 }, { 1 } })
    private.fails("db.22P02", db.copy_in, db, "copy person (id) from stdin", { { 1 }, { "x" } })
    private.fails("db.42P01", db.copy_in, db, "copy nobody from stdin", { { 1 } })
    local given = 0
    local ok, why = pcall(db.copy_in, db, "copy person (id) from stdin", function()
      given = given + 1
      if given == 500 then
        error("broken", 0)
      end
      return { given }
    end)
    assert.same({ false, "broken" }, { ok, why })
    assert.has_error(function() db:copy_in("copy person (id) from stdin", { { print } }) end)
    assert.has_error(function() db:copy_in("copy person (id) from stdin", { 5 }) end)
    assert.equal(0, count())
    assert.is_true(nothing_held())
  end)

  it("refuses a statement that is no such COPY", function()
    private.fails("db.42601", db.copy_in, db, "copy person to stdout", {})
    private.fails("db.42601", db.copy_out, db, "copy person from stdin")
    private.fails("db.42601", db.copy_in, db, "copy person from stdin; drop table person", {})
    private.fails("db.42601", db.copy_out, db, "insert into person (id) values (1)")
    private.fails("db.42P01", db.copy_out, db, "copy nobody to stdout")
    assert.equal(0, count())
    assert.is_true(nothing_held())
  end)

  it("lets the iterator use the database beside it", function()
    local left = 3
    assert.equal(3, db:copy_in("copy person (id) from stdin", function()
      left = left - 1
      return left >= 0 and { db:one("select $1::int as n", left).n } or nil
    end))
    assert.equal(3, count())
  end)

  it("gives all rows, and much more than is held", function()
    db:copy_in("copy person (id, name) from stdin", { { 1, "ä" }, { 2 } })
    local parts = {}
    for rows in db:copy_out "copy (select id, name from person order by id) to stdout" do
      parts[#parts + 1] = rows
    end
    assert.equal("1\tä\n2\t\\N\n", table.concat(parts))
    local bytes = 0
    for rows in db:copy_out "copy (select repeat('x', 999) from generate_series(1, 20000)) to stdout" do
      bytes = bytes + #rows
      rille.sleep(0)
    end
    assert.equal(20000 * 1000, bytes)
    assert.is_true(nothing_held())
  end)

  it("gives the connection back when the loop is left, or the statement fails", function()
    local out = db:copy_out "copy (select repeat('x', 999) from generate_series(1, 100000)) to stdout"
    assert.is_string(out())
    out:close()
    assert.is_nil(out())
    assert.is_true(nothing_held())
    private.fails("db.22012", function()
      for _ in db:copy_out "copy (select 1 / (n - 5000) from generate_series(1, 9000) n) to stdout" do
        rille.sleep(0)
      end
    end)
    assert.is_true(nothing_held())
    assert.equal(1, db:one("select 1 as n").n)
  end)

  it("is part of the transaction around it", function()
    local ok = pcall(db.transaction, db, function()
      assert.equal(1, db:copy_in("copy person (id) from stdin", { { 7 } }))
      assert.equal(1, count())
      for rows in db:copy_out "copy (select id from person) to stdout" do
        assert.equal("7\n", rows)
      end
      assert.equal(1, count())
      error("no", 0)
    end)
    assert.is_false(ok)
    assert.equal(0, count())
  end)

  it("cannot write where it is told to read", function()
    local writing = "copy (insert into person (id) values (1) returning id) to stdout"
    private.fails("db.25006", function() return db:read():copy_out(writing) end)
    private.fails("db.25006", db.transaction, db, function() db:read():copy_out(writing) end, { read_only = true })
    local ok, why = pcall(db.transaction, db, function() db:read():copy_out(writing) end)
    assert.is_false(ok)
    assert.matches("copy_spec.lua:%d+: db:read%(%):copy_out wants a transaction that is read_only, or none", tostring(why))
    local rows = {}
    for some in db:read():copy_out "copy (select 1) to stdout" do
      rows[#rows + 1] = some
    end
    assert.same({ "1\n" }, rows)
    assert.equal(0, count())
    assert.is_true(nothing_held())
  end)

  it("ends when the server makes no progress for its timeout, or write_timeout", function()
    local settings = core.settings
    finally(function() core.settings = settings end)
    for _, how in ipairs { { timeout = 0.05 }, {} } do
      core.settings = setmetatable({ write_timeout = 0.05 }, { __index = settings })
      db:transaction(function()
        db:exec "lock table person"
        rille.background(function()
          private.fails("db.57014", db.copy_in, db:with(how), "copy person (id) from stdin", { { 1 } })
        end):await()
      end)
    end
    assert.is_true(nothing_held())
  end)

  it("tells a statement that would wait for its own COPY", function()
    private.fails("db.55006", db.transaction, db, function()
      db:copy_in("copy person (id) from stdin", function() return { count() } end)
    end)
    assert.equal(0, count())
    assert.is_true(nothing_held())
  end)
end)
