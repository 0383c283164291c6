-- Migrations against a real PostgreSQL, which this file starts and stops.
local cluster = require "spec.cluster"
local database = require "rille.db"
local migrate = require "rille.migrate"
local rille = require "rille"

describe("rille migrate", function()
  local dir, url, db, printed, complaint

  local out = {}
  local complaints = { write = function(_, ...) complaint = complaint .. table.concat { ... } end }

  -- The exit status; what it says goes to `printed` and `complaint`.
  local function run_whole(...)
    printed, complaint = "", ""
    return (migrate.run({ "url=" .. url, "dir=" .. dir .. "/sql", ... }, out, complaints))
  end

  -- The same without schema.sql, which takes its time.
  local function run(...)
    return run_whole("--no-dump", ...)
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
    out.write = function(_, ...) printed = printed .. table.concat { ... } end
    os.execute("rm -rf '" .. dir .. "/sql'; mkdir '" .. dir .. "/sql'")
    db:script "drop schema public cascade; create schema public"
  end)

  local function applied()
    return db:one("select string_agg(version, ' ' order by applied_at, version) as it from schema_migrations").it
  end

  local A = "-- migrate:up\ncreate table a (n int);\n-- migrate:down\ndrop table a;\n"

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

  it("goes up and down to a number", function()
    for i = 1, 4 do
      write(("%04d_t.sql"):format(i), ("-- migrate:up\ncreate table t%d (n int)\n-- migrate:down\ndrop table t%d\n"):format(i, i))
    end
    assert.equal(0, run("up", "to=0003"))
    assert.equal("0001 0002 0003", applied())
    assert.equal(0, run("down", "--to", "1"))
    assert.equal("rolling back 0003_t.sql\nrolling back 0002_t.sql\n", printed)
    assert.equal(0, run "up")
    assert.equal(0, run("down", "to=0"))
    assert.is_nil(applied())
    assert.equal(0, run "down")
    assert.equal("nothing to roll back\n", printed)
  end)

  it("does the newest again", function()
    write("1_a.sql", A)
    assert.equal(1, run "redo")
    assert.matches("nothing is applied", complaint, 1, true)
    assert.equal(0, run "up")
    write("1_a.sql", (A:gsub("n int", "m int")))
    assert.equal(0, run "redo", complaint)
    assert.equal("rolling back 1_a.sql\napplying 1_a.sql\n", printed)
    assert.equal(0, db:one("select count(m) from a").count)
    assert.equal(0, run "up", complaint)
  end)

  it("prints what it would run, and runs none of it", function()
    write("1_a.sql", A)
    assert.equal(0, run("up", "--dry-run"))
    assert.equal("-- applying 1_a.sql\ncreate table a (n int);\n", printed)
    assert.is_false(db:one("select to_regclass('schema_migrations') is not null as it").it)
    run "up"
    assert.equal(0, run("down", "--dry-run"))
    assert.equal("-- rolling back 1_a.sql\ndrop table a;\n", printed)
    assert.equal("1", applied())
  end)

  it("names file and line of a mistake, and leaves nothing behind", function()
    write("1_a.sql", "-- migrate:up\ncreate table a (n int);\n-- \195\169\195\169\ncreate table b (\n  n integr\n);\n")
    assert.equal(1, run "up")
    assert.matches("/sql/1_a.sql:5: type \"integr\" does not exist (42704)", complaint, 1, true)
    assert.equal(0, db:one("select count(*) from pg_tables where schemaname = 'public' and tablename = 'a'").count)
    assert.equal(0, db:one("select count(*) from schema_migrations").count)
  end)

  describe("outside of a transaction", function()
    it("runs several statements, one by one", function()
      write("1_a.sql", A)
      write("2_i.sql", "-- migrate:up transaction:false\ncreate index concurrently a_n on a (n);\n\n-- ; and\n"
        .. "create index concurrently a_m on a ((n + 1));\n")
      assert.equal(0, run "up", complaint)
      assert.equal(2, db:one("select count(*) from pg_indexes where indexname in ('a_n', 'a_m')").count)
    end)

    it("names the line that failed, and what was done before", function()
      write("1_a.sql", "-- migrate:up transaction:false\ncreate table a (n int);\n\ncreate table b (\n  n integr);\n")
      assert.equal(1, run "up")
      assert.matches("1_a.sql:5: type \"integr\" does not exist", complaint, 1, true)
      assert.matches("1 of its 2 statements were done", complaint, 1, true)
      assert.is_nil(applied())
    end)

    it("tells of an index that was built by half", function()
      write("1_a.sql", "-- migrate:up\ncreate table a as select 1 as n from generate_series(1, 2)\n")
      write("2_i.sql", "-- migrate:up transaction:false\ncreate unique index concurrently a_n on a (n)\n")
      for _, why in ipairs { "could not create unique index", "relation \"a_n\" already exists" } do
        complaint = ""
        assert.equal(1, run "up")
        assert.matches(why, complaint, 1, true)
        assert.matches("hint: what was built of an index stays, invalid", complaint, 1, true)
      end
      db:exec "drop index a_n"
      write("2_i.sql", "-- migrate:up transaction:false\ncreate unique index concurrently a_n on a (m)\n")
      complaint = ""
      assert.equal(1, run "up")
      assert.matches("column \"m\" does not exist", complaint, 1, true)
      assert.is_nil(complaint:find("invalid", 1, true))
    end)

    it("is told to what needs it", function()
      write("1_a.sql", A)
      write("2_i.sql", "-- migrate:up\ncreate index concurrently a_n on a (n)\n")
      assert.equal(1, run "up")
      assert.matches("2_i.sql:2: CREATE INDEX CONCURRENTLY cannot run inside a transaction block", complaint, 1, true)
      assert.matches("hint: what cannot run in a transaction wants `-- migrate:up transaction:false`", complaint, 1, true)
    end)
  end)

  for what, case in pairs {
    ["SQL before the first part"] = { "create table a (n int);\n", ":1: SQL before the first `-- migrate:up`" },
    ["two parts of one kind"] = { "-- migrate:up\nselect 1\n-- migrate:up\n", ":3: a second migrate:up" },
    ["a part of another kind"] = { "-- migrate:upp\n", ":1: migrate:upp is neither" },
    ["an option that is none"] = { "-- migrate:up transaction:no\n", ":1: behind migrate:up and migrate:down may stand" },
    ["no part"] = { "", ":1: there is no `-- migrate:up`" },
    ["an empty one"] = { "\n-- migrate:up\n\n-- migrate:down\n", ":2: there is no statement behind `-- migrate:up`" },
    ["a string without an end"] = { "-- migrate:up\nselect 1;\nselect 'a;\n", ":3: a string ' that is not closed" },
    ["a transaction of its own"] = { "-- migrate:up\nbegin;\nselect 1;\ncommit;\n", ":2: BEGIN inside a migration" },
  } do
    it("refuses a file with " .. what, function()
      write("1_a.sql", case[1])
      assert.equal(1, run "up")
      assert.matches("/sql/1_a.sql" .. case[2], complaint, 1, true)
    end)
  end

  describe("whose files and history differ", function()
    before_each(function()
      write("0001_a.sql", A)
      write("0002_b.sql", "-- migrate:up\ncreate table b (n int)\n-- migrate:down\ndrop table b\n")
      assert.equal(0, run "up", complaint)
    end)

    it("refuses to go on behind an edited file, and says how to", function()
      write("0001_a.sql", (A:gsub("n int", "n bigint")))
      write("0003_c.sql", "-- migrate:up\ncreate table c (n int)\n")
      assert.equal(1, run "up")
      assert.matches("0001_a.sql: edited since it was applied (20", complaint, 1, true)
      assert.equal(0, run "status")
      assert.equal("[!] 0001_a.sql (edited since it was applied)\n[X] 0002_b.sql\n[ ] 0003_c.sql\npending 1\n", printed)
      assert.equal(0, run("up", "--accept-edited"), complaint)
      assert.equal(0, run "up", complaint)
      assert.equal("0001 0002 0003", applied())
    end)

    it("takes line ends, and another way back, for no edit", function()
      write("0001_a.sql", (A:gsub("drop table a", "drop table if exists a"):gsub("\n", "\r\n")))
      assert.equal(0, run "up", complaint)
    end)

    it("tells of another file with a number that was applied", function()
      os.execute("rm '" .. dir .. "/sql/0002_b.sql'")
      write("0002_of_a_branch.sql", "-- migrate:up\ncreate table c (n int)\n")
      assert.equal(1, run "up")
      assert.matches("0002_of_a_branch.sql: 0002_b.sql was applied with this number", complaint, 1, true)
    end)

    it("refuses two files with one number", function()
      write("2_c.sql", "-- migrate:up\nselect 1\n")
      assert.equal(1, run "up")
      assert.matches("/2_c.sql: 0002_b.sql has the same number", complaint, 1, true)
    end)

    it("applies what comes from a branch late, and takes that back first", function()
      write("0004_d.sql", "-- migrate:up\ncreate table d (n int)\n-- migrate:down\ndrop table d\n")
      assert.equal(0, run "up", complaint)
      write("0003_c.sql", "-- migrate:up\ncreate table c (n int)\n-- migrate:down\ndrop table c\n")
      assert.equal(0, run "up", complaint)
      assert.matches("0003_c.sql comes behind 0004_d.sql, which was applied before\napplying 0003_c.sql", printed, 1, true)
      assert.equal(0, run "down", complaint)
      assert.equal("rolling back 0003_c.sql\n", printed)
    end)

    it("lists what was applied and is not here, and cannot take that back", function()
      os.execute("rm '" .. dir .. "/sql/0002_b.sql'")
      assert.equal(0, run "status")
      assert.equal("[X] 0001_a.sql\n[?] 0002_b.sql (applied, but its file is not here)\npending 0\n", printed)
      assert.equal(0, run "up", complaint)
      assert.equal(1, run "down")
      assert.matches("0002_b.sql is applied, but its file is not here", complaint, 1, true)
    end)

    it("takes over a table that has the versions alone", function()
      db:script "alter table schema_migrations drop column name, drop column checksum, drop column applied_at"
      assert.equal(0, run "status")
      assert.equal("[X] 0001_a.sql\n[X] 0002_b.sql\npending 0\n", printed)
      assert.equal(0, run "up", complaint)
      assert.equal(2, db:one("select count(checksum) as n from schema_migrations").n)
    end)
  end)

  it("leaves each migration the session of a new one", function()
    write("1_a.sql", "-- migrate:up\nset search_path = pg_catalog; set statement_timeout = 5; create role rille_nobody;\n"
      .. "grant usage on schema public to rille_nobody; grant insert on public.schema_migrations to rille_nobody; set role rille_nobody\n")
    write("2_b.sql", "-- migrate:up\nset role none; create table here (n int); drop owned by rille_nobody; drop role rille_nobody\n")
    assert.equal(0, run "up", complaint)
    assert.equal(0, db:one("select count(*) from public.here").count)
  end)

  it("comes again when a table is locked, which it does not queue for", function()
    write("1_a.sql", A)
    assert.equal(0, run "up")
    write("2_a.sql", "-- migrate:up\nset local lock_timeout = 20; alter table a add m int\n")
    local locked, told = rille.channel(), rille.channel(1)
    local holder = rille.spawn(function()
      db:transaction(function()
        db:exec "lock table a in share mode"
        locked:send(true)
        told:recv()
      end)
    end)
    locked:recv()
    local status
    out.write = function(_, ...)
      printed = printed .. table.concat { ... }
      if printed:find("trying again", 1, true) then told:try_send(true) end
    end
    status = run "up"
    told:try_send(true)
    holder:await()
    assert.equal(0, status, complaint)
    assert.matches("a table is locked: trying again", printed, 1, true)
  end)

  it("lets one of ten migrate at a time, also where an index is built beside them", function()
    write("1_a.sql", "-- migrate:up\ncreate table a as select generate_series(1, 1000) as n\n")
    write("2_i.sql", "-- migrate:up transaction:false\ncreate index concurrently a_n on a (n);\nselect pg_sleep(0.1);\n")
    printed, complaint = "", ""
    local tasks = {}
    for i = 1, 10 do
      tasks[i] = rille.spawn(migrate.run, { "up", url = url, dir = dir .. "/sql" }, out, complaints)
    end
    for i = 1, 10 do
      assert.equal(0, tasks[i]:await(), complaint)
    end
    local _, count = printed:gsub("applying 2_i.sql", "")
    assert.equal(1, count)
    assert.matches("waiting: rille migrate", printed, 1, true)
    assert.is_true(db:one("select indisvalid as it from pg_index where indexrelid = 'a_n'::regclass").it)
  end)

  it("gives up on another that does not end, and names it", function()
    write("1_a.sql", A)
    db:hold(function()
      db:exec "set application_name = 'a colleague'"
      db:one "select pg_advisory_lock(353417055301)"
      assert.equal(1, run("up", "wait=10ms"))
      assert.matches("gave up after 0.01 s: a colleague (server process", complaint, 1, true)
      assert.equal(0, run "status")
      assert.matches("migrating now: a colleague (server process", printed, 1, true)
    end)
  end)

  it("writes new files behind the others, whatever their numbers are like", function()
    os.execute("rm -r '" .. dir .. "/sql'")
    assert.equal(0, run("new", "Create things"))
    assert.equal(dir .. "/sql/0001_create_things.sql\n", printed)
    assert.equal(1, run "up")
    assert.matches("0001_create_things.sql:1: there is no statement behind", complaint, 1, true)
    write("0099_b.sql", "")
    run("new", "c-d")
    assert.equal(dir .. "/sql/0100_c_d.sql\n", printed)
    write("20200101120000_e.sql", "")
    run("new", "f")
    assert.matches("/20%d%d%d%d%d%d%d%d%d%d%d%d_f.sql\n$", printed)
    assert.equal(1, run("new", "../g"))
    assert.matches("letters, digits and _", complaint, 1, true)
  end)

  it("writes schema.sql in development, the same for the same database", function()
    write("1_a.sql", A)
    write("2_f.sql", "-- migrate:up\ncreate function f() returns int language sql as $$\n-- kept\nselect 1 $$;\n-- migrate:down\ndrop function f;\n")
    assert.equal(0, run_whole "up")
    assert.matches("wrote " .. dir .. "/sql/schema.sql\n", printed, 1, true)
    local function text()
      local file = assert(io.open(dir .. "/sql/schema.sql"))
      local all = file:read "*a"
      file:close()
      return all
    end
    local first = text()
    assert.matches("CREATE TABLE public.a (", first, 1, true)
    assert.matches("\n-- kept\n", first, 1, true)
    assert.is_nil(first:find("pg_dump", 1, true))
    run_whole("down", "to=0")
    assert.is_nil(text():find("public.a", 1, true))
    run_whole "up"
    assert.equal(first, text())
    -- and is the database, for whoever loads it
    db:script "drop schema public cascade; create schema public"
    db:script(first)
    assert.equal(0, run_whole "up", complaint)
    assert.equal("nothing to apply\n", printed)
    run("down", "to=0", "--no-dump")
    assert.equal(first, text())
  end)

  for what, case in pairs {
    ["a command"] = { { "sideways" }, "there is no command 'sideways'" },
    ["a command that is nearly one"] = { { "stauts" }, "did you mean 'status'?" },
    ["an option"] = { { "--dryrun" }, "did you mean 'dry-run'?" },
    ["a word too many"] = { { "up", "up" }, "one word too many" },
    ["a number that is none"] = { { "to=x" }, "to=x is no migration's number" },
    ["a time that is none"] = { { "wait=x" }, "wait=x is no time" },
    ["no name"] = { { "new" }, "takes a name" },
    ["no value"] = { { "up", "--to" }, "--to takes a value" },
  } do
    it("says what is wrong with " .. what, function()
      assert.equal(2, run(unpack(case[1])))
      assert.matches(case[2], complaint, 1, true)
    end)
  end

  it("tells how it is used", function()
    assert.equal(0, run "--help")
    assert.matches("usage: rille migrate", printed, 1, true)
  end)
end)
