local private = require "spec.rille.db.private"
local rille = require "rille"

describe("rille.db.batch", function()
  local db, stop

  setup(function()
    db, stop = private.start { exclusive = 2 }
    db:exec "create table thing (id int primary key, name text, data bytea)"
  end)
  teardown(function() stop() end)
  before_each(function() db:exec "truncate thing" end)

  local function count()
    return db:one("select count(*) as n from thing").n
  end

  it("gives rows and counts in the statements' order", function()
    local results = db:batch {
      { "insert into thing (id, name) values ($1, $2), ($3, $4)", 1, "a", 2, rille.null },
      { "select id, name from thing order by id" },
      { "update thing set name = 'b'" },
      { "select count(*) as n from thing where name = $1", "b" },
    }
    assert.same({ 2, 2, 2 }, { results[1], results[3], results[4][1].n })
    assert.same({ "a" }, { results[2][1].name, results[2][2].name })
    assert.same({}, db:batch {})
  end)

  it("keeps apart what shares a text, columns or neither", function()
    local one, other, large = "select $1::text as a", "select $1::text as b, $2::int as a", "select repeat($1, 5000) as a"
    local list, expected = {}, {}
    for i = 1, 3 do
      for _, item in ipairs { { one, "x" .. i }, { one, rille.null }, { other, "y", i }, { large, "z" }, { one, "" } } do
        list[#list + 1] = item
        expected[#expected + 1] = item[1] == other and { b = "y", a = i } or item[1] == large and { a = ("z"):rep(5000) }
          or { a = item[2] ~= rille.null and item[2] or nil }
      end
    end
    for _ = 1, 4 do -- unknown texts first, then quick ones
      for i, rows in ipairs(db:batch(list)) do
        assert.same(expected[i], setmetatable(rows[1], nil))
      end
    end
  end)

  it("keeps apart the statements that one text is with values of other types", function()
    local sql = "select length($1) as n"
    for _ = 1, 4 do -- unknown first, then quick ones
      local results = db:batch { { sql, "\195\169" }, { sql, rille.bytea "\195\169" }, { sql, rille.bytea "abc" }, { sql, "ab" } }
      assert.same({ 1, 2, 3, 2 }, { results[1][1].n, results[2][1].n, results[3][1].n, results[4][1].n })
    end
  end)

  it("counts the values of any item, however it was made", function()
    local two = "select $1::int as a, $2::int as b"
    local turned, longer, named = {}, { two, 1 }, { two, 1, n = 3 }
    turned[3], turned[2], turned[1] = 2, 1, two
    longer[3] = 2
    local many = { "select " .. ("$%d::int + "):rep(25):gsub("%%d", (function() local i = 0 return function() i = i + 1 return i end end)())
      .. "0 as a" }
    for i = 1, 25 do
      many[i + 1] = i
    end
    local list = { { two, nil, 2 }, named, turned, longer, { two, n = 3 }, many }
    for i, expected in ipairs { { b = 2 }, { a = 1 }, { a = 1, b = 2 }, { a = 1, b = 2 }, {}, { a = 325 } } do
      for _, beside in ipairs { {}, { list[i] }, { { "select 1" }, { "select 1" } } } do -- alone, and among others
        table.insert(beside, 1, list[i])
        assert.same(expected, setmetatable(db:batch(beside)[1][1], nil))
      end
    end
    local scattered = {}
    for i = 3, 1, -1 do
      scattered[i] = { "select $1::int as a", i }
    end
    for i, rows in ipairs(db:batch(scattered)) do
      assert.equal(i, rows[1].a)
    end
  end)

  it("lets each statement stand or fall alone", function()
    local err = private.fails("db.23505", db.batch, db, {
      { "insert into thing values (1)" }, { "insert into thing values (1)" }, { "insert into thing values (2)" },
    })
    assert.equal(2, err.index)
    assert.same({ 1, 1 }, { err.results[1], err.results[3] })
    assert.equal(err, err.results[2])
    assert.equal(2, count())
  end)

  it("takes back all of an atomic one that fails anywhere, with COMMIT too", function()
    local err = private.fails("db.23505", db.batch, db, {
      atomic = true, { "insert into thing values (1)" }, { "insert into thing values (1)" }, { "insert into thing values (2)" },
    })
    assert.equal(2, err.index)
    assert.equal("db.25P02", err.results[3].code)
    assert.equal(0, count())
    db:exec "create table late (id int references thing deferrable initially deferred)"
    private.fails("db.23503", db.batch, db, { atomic = true, { "insert into late values (5)" } })
    assert.equal(0, db:one("select count(*) as n from late").n)
    db:exec "drop table late"
    assert.same({ 1, 1 }, db:batch { atomic = true, { "insert into thing values (1)" }, { "insert into thing values (2)" } })
    assert.equal(2, count())
  end)

  it("keeps the order, and commits nothing, where a value's type must be asked for first", function()
    local results = db:batch {
      atomic = true,
      { "insert into thing (id, name) values (1, $1)", "ä" },
      { "insert into thing (id, data) values (2, $1)", "\0\255" },
      { "select count(*) as n from thing" },
    }
    assert.equal(2, results[3][1].n)
    private.fails("db.22021", db.batch, db, {
      atomic = true, { "insert into thing (id) values (3)" }, { "insert into thing (id, name) values (4, $1)", "a\0b" },
      { "insert into thing (id) values (5)" },
    })
    assert.equal(2, count())
  end)

  it("is a savepoint in a transaction", function()
    db:transaction(function()
      db:exec "insert into thing values (1)"
      private.fails("db.23505", db.batch, db, {
        atomic = true, { "insert into thing values (2)" }, { "insert into thing values (1)" },
      })
      assert.same({ 1 }, db:batch { atomic = true, { "insert into thing values (3)" } })
    end)
    assert.equal(2, count())
  end)

  it("survives a table that changed under its plans", function()
    local function on_both_connections()
      local both = {}
      for i = 1, 2 do
        both[i] = function()
          local _, all, some = unpack(db:batch {
            atomic = true, { "select pg_sleep(0.01)" }, { "select * from thing" }, { "select * from thing limit 1" } })
          return { all, some }
        end
      end
      return rille.all(both)
    end
    local none = { {}, {} }
    assert.same({ none, none }, on_both_connections())
    db:exec "alter table thing add column more int"
    assert.same({ none, none }, on_both_connections())
    assert.same({ none, none }, on_both_connections())
    db:exec "alter table thing drop column more"
  end)

  it("says what is wrong with the list", function()
    for list, why in pairs {
      x = "takes a list", [{ "select 1" }] = "statement 1 of the batch is", [{ {} }] = "statement 1 of the batch is",
      [{ { 1 } }] = "begins with a number", [{ { "select 1" }, extra = 1 }] = "it has extra",
      [{ { "select 1" }, { "select 2" }, [4] = {} }] = "it has 4",
    } do
      assert.error_matches(function() db:batch(list) end, why)
    end
    for _, is_atomic in ipairs { false, true } do
      local _, why = pcall(function()
        local results = db:batch { atomic = is_atomic, { "select $1", {} } }
        return results
      end)
      assert.matches("batch_spec.lua:%d+: statement 1: parameter %$1", why)
    end
    local many = {}
    for i = 1, 1001 do
      many[i] = { "select 1" }
    end
    assert.has_error(function() db:batch(many) end)
  end)

  it("runs beside others' batches without mixing answers", function()
    local jobs = {}
    for job = 1, 20 do
      jobs[job] = function()
        local list = {}
        for i = 1, 20 do
          list[i] = { "select $1::int * 100 + $2::int as n", job, i }
        end
        for i, rows in ipairs(db:batch(list)) do
          assert.equal(job * 100 + i, rows[1].n)
        end
      end
    end
    rille.all(jobs)
  end)
end)
