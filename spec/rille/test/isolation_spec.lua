--- Each example's work in the database is rolled back: the examples here are run
-- in order and would see each other's rows.
local cluster = require "spec.cluster"
local core = require "rille.core"
local rille = require "rille"
local statements = require "rille.test.statements"
local db = rille.db

local app = rille.app()

local function count()
  return db:one("select count(*) from thing").count
end

app:get("/things", function() return { count = count(), names = db:query "select name from thing order by name" } end)
app:post("/things", function(c)
  db:exec("insert into thing (name) values ($1)", c:json().name)
end)
app:post("/pairs", function(c)
  db:transaction(function()
    db:exec("insert into thing (name) values ($1)", c:json().name)
    db:exec("insert into thing (name) values ($1)", c:json().other)
  end)
end)
app:post("/swallowed", function()
  db:transaction(function()
    pcall(db.exec, db, "select 1/0")
  end)
end)
app:post("/options", function()
  return { level = db:transaction(function() return db:one("select 1 as n").n end, { isolation = "serializable" }) }
end)
app:post("/read-only", function()
  db:transaction(function() db:exec "insert into thing (name) values ('never')" end, { read_only = true })
end)
app:post("/deferred", function()
  db:transaction(function() db:exec "insert into part (thing) values (99)" end)
end)
app:post("/slow", { timeout = "50ms" }, function()
  db:transaction(function()
    db:exec "insert into thing (name) values ('slow')"
    db:exec "select pg_sleep(10)"
  end)
end)
app:post("/background", function()
  rille.background(function() db:exec "insert into thing (name) values ('background')" end)
end)
app:post("/hooks", function()
  local seen = rille.array {}
  db:after_commit(function() seen[#seen + 1] = "at once" end)
  pcall(db.transaction, db, function()
    db:after_commit(function() seen[#seen + 1] = "never" end)
    error "no"
  end)
  db:transaction(function()
    db:after_commit(function() seen[#seen + 1] = "committed" end)
    pcall(db.transaction, db, function()
      db:after_commit(function() seen[#seen + 1] = "never either" end)
      error "no"
    end)
    rille.spawn(function() db:exec "insert into thing (name) values ('by a task')" end)
    seen[#seen + 1] = "inside"
  end)
  seen[#seen + 1] = tostring(count())
  return seen
end)
app:post("/streams", function()
  local loaded = db:copy_in("copy thing (name) from stdin", { { "c" }, { "d" } })
  local names = {}
  for row in db:with({ chunk = 2 }):each "select name from thing order by name" do
    names[#names + 1] = row.name .. db:one("select 1 as n").n
  end
  local text = {}
  for rows in db:copy_out "copy (select name from thing order by name limit 1) to stdout" do
    text[#text + 1] = rows
  end
  return { loaded = loaded, names = table.concat(names, ","), text = table.concat(text) }
end)
app:post("/batches", function()
  local ok, err = pcall(db.batch, db, {
    { "insert into thing (name) values ('e')" }, { "insert into thing (name) values ('e')" }, { "insert into thing (name) values ('f')" },
  })
  local whole = pcall(db.batch, db, { atomic = true, { "insert into thing (name) values ('g')" }, { "select 1/0" } })
  return { ok = ok, index = err.index, whole = whole, count = db:one("select count(*) from thing").count }
end)
app:post("/locked", function() return { got = db:lock("k", function() return count() end) } end)
app:get("/both", function()
  return rille.all { a = function() return count() end, b = function() return count() end }
end)

local t = rille.test(app)

describe("an example", function()
  local dir, api

  setup(function()
    local name = io.popen "mktemp -d /tmp/rille-spec.XXXXXX"
    dir = name:read "*l"
    name:close()
    core.settings.database_url = cluster.start(dir .. "/pg", { durable = false })
    db:script [[
      create table thing (id serial primary key, name text unique not null);
      create table part (thing int references thing deferrable initially deferred)]]
  end)

  teardown(function()
    db:close()
    cluster.stop(dir .. "/pg")
    os.execute("rm -rf '" .. dir .. "'")
  end)

  before_each(function()
    db:exec "insert into thing (name) values ('from before_each')"
    api = t:client()
  end)

  it("runs after the code's own commit what waits for it", function()
    assert.same({ "at once", "inside", "committed", "2" }, api:post("/hooks").json)
  end)

  it("streams, and copies, in its transaction", function()
    local seen
    local sent = statements.during(function() seen = api:post("/streams").json end)
    assert.same({ loaded = 2, names = "c1,d1,from before_each1", text = "c\n" }, seen)
    assert.equal("copy thing (name) from stdin", sent[1])
    assert.equal("select name from thing order by name", sent[2])
    assert.equal(6, #sent)
  end)

  it("keeps the statements of a batch apart, or together, as they are", function()
    assert.same({ ok = false, index = 2, whole = false, count = 3 }, api:post("/batches").json)
  end)

  it("locks in its transaction", function()
    assert.equal(1, api:post("/locked").json.got)
  end)

  for round = 1, 2 do
    it("sees its own rows and none of another's, round " .. round, function()
      assert.equal(204, api:post("/things", { json = { name = "a" } }).status)
      assert.equal(204, api:post("/pairs", { json = { name = "b", other = "c" } }).status)
      db:exec "insert into thing (name) values ('d')"
      assert.equal(5, api:get("/things").json.count)
    end)
  end

  it("goes on after a statement that failed", function()
    assert.equal(204, api:post("/things", { json = { name = "a" } }).status)
    assert.equal(409, api:post("/things", { json = { name = "a" } }).status)
    assert.equal(2, api:get("/things").json.count)
    assert.has_error(function() db:exec "select 1/0" end)
    assert.equal(2, count())
  end)

  it("is not ended by a statement, which is refused as it is without a spec", function()
    for _, text in ipairs { "commit", "  ROLLBACK", "begin" } do
      local ok, err = pcall(db.exec, db, text)
      assert.is_false(ok)
      assert.equal("db.25P01", err.code)
    end
    db:transaction(function()
      local _, err = pcall(db.exec, db, "commit")
      assert.equal("db.2D000", err.code)
    end)
    assert.equal(204, api:post("/things", { json = { name = "not kept" } }).status)
    assert.equal(2, count())
  end)

  it("undoes a transaction of the app that failed, and nothing else", function()
    assert.equal(409, api:post("/pairs", { json = { name = "x", other = "x" } }).status)
    assert.equal(1, count())
  end)

  it("finds what COMMIT would have found", function()
    t.expect_fault()
    assert.matches("violates foreign key constraint", api:post("/deferred").body, 1, true)
    local res = api:post "/swallowed"
    assert.equal(500, res.status)
    assert.matches("was rolled back", res.body, 1, true)
    assert.equal(1, count())
  end)

  it("takes a transaction's options, and refuses those that are none", function()
    assert.equal(1, api:post("/options").json.level)
    t.expect_fault()
    assert.equal(500, api:post("/read-only").status)
    assert.equal(1, count())
    local ok, why = pcall(function() db:transaction(function() end, { isolated = true }) end)
    assert.is_false(ok)
    assert.matches("knows no option isolated", why, 1, true)
  end)

  it("lets transactions take turns", function()
    local results = {}
    for i = 1, 10 do
      results[i] = rille.spawn(function()
        return api:post("/pairs", { json = { name = "n" .. i, other = i % 2 == 0 and "n" .. i or "m" .. i } }).status
      end)
    end
    for i = 1, 10 do
      assert.equal(i % 2 == 0 and 409 or 204, results[i]:await())
    end
    assert.equal(11, count())
  end)

  it("undoes what a cancelled transaction did", function()
    assert.equal(504, api:post("/slow").status)
    assert.equal(1, count())
    assert.same({ a = 1, b = 1 }, api:get("/both").json)
  end)

  it("holds background tasks inside", function()
    api:post "/background"
    for _ = 1, 100 do
      if count() == 2 then break end
      rille.sleep "1ms"
    end
    assert.equal(2, count())
  end)

  it("blames a misuse on its caller", function()
    local ok, why = pcall(function() local row = db:one("select $1::int", {}) return row end)
    assert.is_false(ok)
    assert.matches("^spec/rille/test/isolation_spec.lua:%d+: parameter %$1", why)
  end)

  it("counts the statements that a function causes", function()
    assert.queries(2, function() api:get "/things" end)
    assert.queries(2, function() api:post("/pairs", { json = { name = "b", other = "c" } }) end)
    local ok, err = pcall(function() assert.queries(1, function() api:get "/things" end) end)
    assert.is_false(ok)
    assert.matches("The statements were:\n  1. select count%(%*%) from thing\n     at [^\n]*isolation_spec.lua:%d+\n"
      .. "  2. select name from thing order by name\n     at [^\n]*isolation_spec.lua:%d+\nThe code ran 2 statements, not 1%.", tostring(err))
  end)
end)
