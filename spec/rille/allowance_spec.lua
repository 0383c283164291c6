--- The route options max_queries and read_only.
local cluster = require "spec.cluster"
local core = require "rille.core"
local rille = require "rille"
local db = rille.db

local app = rille.app()

local function read() return db:one("select count(*) from thing").count end
local function write() return db:exec "insert into thing (name) values ('new')" end

-- The allowance holds for all that belongs to a request.
local function counted(path, handler)
  app:get(path, { max_queries = 2, use = { function(c, next) read() return next(c) end } }, handler)
end
counted("/two", function() return { read() } end)
counted("/three", function() read() return { read() } end)
counted("/tasks", function() return rille.all { read, function() return rille.spawn(read):await() end } end)
counted("/transaction", function() db:transaction(function() db:transaction(read) end) end)
counted("/several", function() db:batch { { "select 1" }, { "select 2" } } end)
counted("/streamed", function()
  for _ in db:with({ chunk = 1 }):each "select generate_series(1, 5)" do end
end)
counted("/copied", function()
  for _ in db:copy_out "copy thing to stdout" do end
end)
counted("/each-too-many", function() read() db:each "select 1" end)
counted("/copy-too-many", function() read() db:copy_out "copy thing to stdout" end)
counted("/background", function() rille.background(function() read() read() read() end):await() end)
counted("/stream", function() return rille.stream(function(out) read() read() out:write "x" end) end)
app:get("/none", { max_queries = 0 }, function() return { read() } end)
app:get("/free", function() for _ = 1, 10 do read() end end)

local function read_only(path, handler)
  app:get(path, { read_only = true }, handler)
end
read_only("/read", function() return { read(), db:transaction(read), rille.all { read, read } } end)
read_only("/write", function() write() end)
read_only("/hidden", function() db:query "with x as (insert into thing (name) values ('x') returning 1) select * from x" end)
read_only("/batch", function() db:batch { { "insert into thing (name) values ('x')" } } end)
local WRITING_COPY = "copy (insert into thing (name) values ('x') returning id) to stdout"
read_only("/copy", function() db:copy_out(WRITING_COPY) end)
read_only("/copy-within", function() db:transaction(function() db:copy_out(WRITING_COPY) end) end)
read_only("/copy-read", function() return rille.stream(function(out)
  for rows in db:copy_out "copy (select 'row') to stdout" do out:write(rows) end
end) end)
read_only("/each", function() for _ in db:each "select * from add_thing()" do end end)
read_only("/task", function() rille.all { write } end)
read_only("/within", function() db:transaction(function() read() write() end) end)
read_only("/asked", function() db:transaction(write, { read_only = false }) end)
read_only("/held", function() db:hold(read) end)
read_only("/background-write", function() rille.background(write):await() end)
app:get("/writes", function() write() end)

local t = rille.test(app)
local api = t:client()

describe("an allowance", function()
  local dir, old_url

  setup(function()
    local name = io.popen "mktemp -d"
    dir, old_url = name:read "*l", core.settings.database_url
    name:close()
    core.settings.database_url = cluster.start(dir .. "/pg", { durable = false })
    db:close()
    db:script [[create table thing (id bigint generated always as identity, name text);
      create function add_thing() returns int language sql as $$ insert into thing (name) values ('x') returning 1 $$]]
  end)

  teardown(function()
    db:close()
    core.settings.database_url = old_url
    cluster.stop(dir .. "/pg")
    os.execute("rm -rf '" .. dir .. "'")
  end)

  -- The answer's message to what is a fault.
  local function fault(path)
    t.expect_fault()
    local res = api:get(path)
    assert.equal(500, res.status)
    return res.json.error.message
  end

  it("lets a request run as many statements as it may", function()
    for _, path in ipairs { "/two", "/transaction", "/background", "/free", "/streamed", "/copied" } do
      assert.is_true(api:get(path).status < 300)
    end
  end)

  it("stops the first one beyond, and names them all", function()
    assert.equal([[spec/rille/allowance_spec.lua:9: GET /three (spec/rille/allowance_spec.lua:17) may run 2 statements ]]
      .. [[(max_queries), and this is one more:
  1. select count(*) from thing
  2. select count(*) from thing
  3. select count(*) from thing
What a loop asks for one by one, one statement can fetch: where id = any($1)]], fault "/three")
    assert.matches("may run 0 statements", fault "/none")
    for path, last in pairs { ["/several"] = "select 2", ["/each-too-many"] = "select 1", ["/copy-too-many"] = "copy thing to stdout" } do
      local message = fault(path)
      assert.matches("^spec/rille/allowance_spec.lua:%d+: GET " .. path:gsub("%-", "%%-") .. " .* may run 2 statements", message)
      assert.matches("  3. " .. last, message, 1, true)
    end
  end)

  it("counts those of tasks and streams, too", function()
    assert.matches("may run 2 statements", fault "/tasks")
    assert.matches("may run 2 statements", fault "/stream")
  end)

  it("is a warning in production, once a request", function()
    local log, lines = core.log, {}
    finally(function() core.log, core.settings.env = log, "development" end)
    core.settings.env = "production"
    function core.log(...) lines[#lines + 1] = { ... } end
    assert.equal(200, api:get("/tasks").status)
    assert.equal(1, #lines)
    assert.same({ "warn", "more than 2 statements (max_queries)", "route", "GET /tasks (spec/rille/allowance_spec.lua:18)" },
      { unpack(lines[1], 1, 4) })
  end)

  it("lets a read-only request read", function()
    assert.equal(200, api:get("/read").status)
    assert.equal("row\n", api:get("/copy-read").body)
  end)

  it("keeps a read-only request from writing, wherever it tries to", function()
    local before = read()
    for _, path in ipairs { "/write", "/hidden", "/batch", "/task", "/within", "/copy", "/copy-within", "/each" } do
      assert.matches("cannot execute %u+ in a read%-only transaction: GET " .. path:gsub("%-", "%%-")
        .. " %(spec/rille/allowance_spec.lua:%d+%) is declared read_only", fault(path))
    end
    assert.equal(before, read())
    assert.matches("a transaction of GET /asked .* is read_only, as its route is", fault "/asked")
    assert.matches("db:hold may change things, and GET /held .* is declared read_only", fault "/held")
  end)

  it("leaves other requests, and what belongs to the app, as they are", function()
    assert.equal(204, api:get("/writes").status)
    assert.equal(204, api:get("/background-write").status)
  end)

  it("is refused when it is none", function()
    for _, most in ipairs { -1, 1.5 } do
      assert.has_error(function() app:get("/x", { max_queries = most }, read) end,
        "a route's option 'max_queries' is a number of statements: got " .. most)
    end
  end)
end)
