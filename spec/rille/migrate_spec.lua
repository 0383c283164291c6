-- Migrations against a real PostgreSQL, which this file starts and stops.
local cluster = require "rille.cluster"
local database = require "rille.db"
local migrate = require "rille.migrate"
local rille = require "rille"

describe("rille migrate", function()
  local dir, url, db, printed, complaint

  local out = { write = function(_, ...) printed = printed .. table.concat { ... } end }
  local complaints = { write = function(_, ...) complaint = complaint .. table.concat { ... } end }

  -- The exit status; what it says goes to `printed` and `complaint`.
  local function run(...)
    printed, complaint = "", ""
    return (migrate.run({ "url=" .. url, "dir=" .. dir .. "/sql", ... }, out, complaints))
  end

  local function write(name, text)
    local file = assert(io.open(dir .. "/sql/" .. name, "wb"))
    file:write(text)
    file:close()
  end

  setup(function()
    local name = io.popen "mktemp -d /tmp/rille-spec.XXXXXX"
    dir = name:read "*l"
    name:close()
    url = cluster.start(dir .. "/pg", { durable = false })
    db = database.open { url = url, max = 2 }
  end)

  teardown(function()
    db:close()
    cluster.stop(dir .. "/pg")
    os.execute("rm -rf '" .. dir .. "'")
  end)

  before_each(function()
    os.execute("rm -rf '" .. dir .. "/sql'; mkdir '" .. dir .. "/sql'")
    db:script "drop schema public cascade; create schema public"
  end)

  it("applies what is new, in the order of the numbers, and takes the newest back", function()
    write("10_b.sql", "-- migrate:up\ninsert into a values (10);\n-- migrate:down\ndelete from a where n = 10;\n")
    write("9_a.sql", "-- migrate:up\ncreate table a (n int);\ninsert into a values (9);\n-- migrate:down\ndrop table a;\n")
    assert.equal(0, run "up")
    assert.matches("applying 9_a.sql\napplying 10_b.sql\napplied 2\n", printed, 1, true)
    assert.equal(0, run "up")
    assert.equal("nothing to apply\n", printed)
    assert.equal(0, run "down")
    assert.equal(1, db:one("select count(*) from a").count)
    assert.equal(0, run "status")
    assert.equal("[X] 9_a.sql\n[ ] 10_b.sql\npending 1\n", printed)
  end)

  it("names file and line of a mistake, and leaves nothing behind", function()
    write("1_a.sql", "-- migrate:up\ncreate table a (n int);\n-- \195\169\195\169\ncreate table b (\n  n integr\n);\n")
    assert.equal(1, run "up")
    assert.matches("/sql/1_a.sql:5: type \"integr\" does not exist (42704)", complaint, 1, true)
    assert.equal(0, db:one("select count(*) from pg_tables where schemaname = 'public' and tablename = 'a'").count)
    assert.equal(0, db:one("select count(*) from schema_migrations").count)
  end)

  it("runs outside of a transaction what asks for it", function()
    write("1_a.sql", "-- migrate:up\ncreate table a (n int);\n")
    write("2_i.sql", "-- migrate:up transaction:false\ncreate index concurrently a_n on a (n)\n")
    assert.equal(0, run "up")
    assert.equal(1, db:one("select count(*) from pg_indexes where indexname = 'a_n'").count)
  end)

  it("refuses files that are none", function()
    write("1_a.sql", "create table a (n int);\n")
    assert.equal(1, run "up")
    assert.matches("1_a.sql:1: SQL before the first", complaint, 1, true)
    write("1_a.sql", "-- migrate:up\n-- migrate:up\n")
    assert.equal(1, run "up")
    assert.matches("1_a.sql:2: a second migrate:up", complaint, 1, true)
    write("1_a.sql", "-- migrate:up\n")
    write("1_b.sql", "-- migrate:up\n")
    assert.equal(1, run "up")
    assert.matches("1_a.sql has the same number", complaint, 1, true)
    assert.equal(2, run "sideways")
  end)

  it("lets one migrate at a time, the other waits its turn", function()
    write("1_a.sql", "-- migrate:up\nselect pg_sleep(0.3); create table a (n int)\n")
    printed, complaint = "", ""
    local a = rille.spawn(migrate.run, { "up", url = url, dir = dir .. "/sql" }, out, complaints)
    local b = rille.spawn(migrate.run, { "up", url = url, dir = dir .. "/sql" }, out, complaints)
    assert.same({ 0, 0 }, { a:await(), b:await() }, complaint)
    assert.matches("waiting: rille (server process", printed, 1, true)
    assert.matches("nothing to apply", printed, 1, true)
  end)
end)
