--- Rows that go from the database to the client as JSON, without becoming tables (core/vm/unseen.h).
local compose = require "rille.compose"
local core = require "rille.core"
local leaks = require "rille.leaks"
local report = require "rille.report"
local private = require "spec.rille.db.private"
local rille = require "rille"

local app = rille.app()
local db, post, text

-- Whether what it returns is the answer as it is.
local function probe()
  local is_unseen = core.is_unseen()
  return { is_unseen = is_unseen }
end
local function ask(path, handler, options)
  app:get(path, options or {}, handler)
end

ask("/left", function() return probe() end)
ask("/awaited", function() rille.sleep(0) return probe() end)
ask("/kept", function() local found = probe() return found end)
ask("/beside", function() return probe(), 200 end)
ask("/caught", function() return select(2, pcall(probe)) end)
ask("/catching", function() return pcall(probe) and {} or {} end)
ask("/middleware", function() return probe() end, { use = { function(c, next) return next(c) end } })
ask("/task", function() return rille.spawn(function() return probe() end):await() end)
ask("/generator", function() return coroutine.wrap(function() return probe() end)() end)
ask("/through", function() return setmetatable({}, { __index = function() return probe() end }).anything end)
ask("/schema", function() return probe() end, { response = rille.schema.object { is_unseen = rille.schema.boolean() } })
ask("/deferred", function(c)
  local found = {}
  c:after(function() found.is_unseen = probe().is_unseen end)
  return found
end)

-- The same rows twice: nobody looks at the first ones.
local function twice(path, rows_of)
  app:get(path .. "/unseen", function() return rows_of() end)
  app:get(path .. "/seen", function() local rows = rows_of() return rows end)
end
twice("/rows", function() return db:query(text) end)
twice("/loose", function() return db:with({ timeout = "5s" }):query(text) end)
twice("/models", function() return post:order("id"):all() end)
twice("/bare", function() return post:select("secret"):all() end)
twice("/none", function() return post:where("id < 0"):all() end)
twice("/strict", function() return post:order("id"):strict():all() end)

-- What specs and development watch takes frames around each handler; here there are none, as in production.
local entry, watched = compose.entry, report.watched
leaks.watch(function() end)
compose.entry, report.watched = entry, function(fn) return fn end
local t = rille.test(app)
report.watched = watched

describe("rows that nobody looks at", function()
  local api, stop

  setup(function()
    db, stop = private.start { exclusive = 2 }
    db:exec [[create table post (id int primary key, title text, secret text, parent_id int, price numeric, at timestamptz)]]
    db:exec [[insert into post values (1, 'one "quoted" é', 's', null, 1.50, '2024-01-02 03:04:05.6+00'), (2, null, null, 1, null, null)]]
    post = rille.model("post", { db = db, hidden = { "secret" } })
    api = t:client()
  end)
  teardown(function() stop() end)

  it("are those of a statement that is all there is of the route's function", function()
    for _, path in ipairs { "/left", "/awaited" } do
      assert.same({ is_unseen = true }, api:get(path).json, path)
    end
    for _, path in ipairs {
      "/kept", "/beside", "/caught", "/middleware", "/task", "/generator", "/through", "/schema",
    } do
      assert.same({ is_unseen = false }, api:get(path).json, path)
    end
  end)

  local function same(path)
    local unseen, seen = api:get(path .. "/unseen"), api:get(path .. "/seen")
    assert.same({ seen.status, seen.body, seen.headers["content-type"] },
      { unseen.status, unseen.body, unseen.headers["content-type"] })
    return unseen
  end

  it("arrive as the rows that somebody looked at", function()
    for _, one in ipairs {
      "select * from post order by id", "select 1 as a where false", "select", "select null::int as a, 'x' as \"q\"\"\195\169\"",
      "select 7::int2 as a, (-2147483648)::int4 as b, 999999999999999 as c, 9007199254740992 as d, 4294967295::oid as e",
      "select 0::float8 as a, '-0'::float8 as b, 1e300::float8 as c, 1.1::float4 as d, 1e15::float8 as e, 1e-7::float8 as f",
      "select true as a, false as b", [[select E'\x01\t\n\\/"' as a, '' as b, 'c'::"char" as c, 'n'::name as d]],
      "select timestamp '2024-01-02 03:04:05.6' as a, timestamptz 'infinity' as b, timestamp '0044-03-15 12:00:00 BC' as c",
      "select date '2024-01-02' as a, time '01:02' as b, 1.500::numeric as c, 'NaN'::numeric as d, gen_random_uuid() is null as e",
      [[select '{"a": [1, 2]}'::jsonb as a, array[1, null] as b, '\x00ff'::bytea is null as c]],
      "select " .. ("1 as c%d, "):rep(80):gsub("%%d", (function() local n = 0 return function() n = n + 1 return n end end)()) .. "2 as z",
      "select n, 'row ' || n as name from generate_series(1, 5000) n",
    } do
      text = one
      local res = same "/rows"
      assert.equal(200, res.status, one)
      same "/loose"
    end
  end)

  it("are refused as those are", function()
    for _, one in ipairs {
      "select 9007199254740993 as a", "select 1 as a, 2 as a", "select 'NaN'::float8 as a", [[select '\xff'::bytea as a]],
      "selec 1", "select 1 / 0 as a",
    } do
      text = one
      t.expect_fault()
      local unseen = api:get "/rows/unseen"
      t.expect_fault()
      local seen = api:get "/rows/seen"
      assert.same({ seen.status, seen.json.error.code }, { unseen.status, unseen.json.error.code }, one)
      assert.equal(500, unseen.status, one)
    end
  end)

  it("are a model's as well, without what it hides", function()
    assert.equal('[{"id":1,"title":"one \\"quoted\\" é","parent_id":null,"price":"1.50","at":"2024-01-02T03:04:05.600000Z"},'
      .. '{"id":2,"title":null,"parent_id":1,"price":null,"at":null}]', same("/models").body)
    assert.equal("[{},{}]", same("/bare").body)
    assert.equal("[]", same("/none").body)
    same "/strict"
  end)
end)
