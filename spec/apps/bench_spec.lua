local client = require "spec.apps.client"
local database = require "spec.apps.database"
local server = require "spec.server"
local wire = require "spec.wire"

describe("apps/bench", function()
  local base, running, api

  setup(function()
    base = database.new()
    base:sql_file("apps/bench/world.sql")
    local args = { "--env", "production" }
    running = server.start{ app = "apps/bench", args = args, env = { DATABASE_URL = base.url } }
    api = client.new(running.port)
  end)

  teardown(function()
    if running then running:stop() end
    if base then base:drop() end
  end)

  local function get_json(path)
    local answer = api:get(path)
    assert.equal(200, answer.status, path)
    assert.truthy(answer.headers["content-type"]:find("^application/json"))
    return answer.json, answer
  end

  -- Rows of world that differ from what was answered.
  local function difference(rows)
    local pairs_text = {}
    for i, row in ipairs(rows) do
      pairs_text[i] = ("(%d,%d)"):format(row.id, row.randomNumber)
    end
    return base:sql("select count(*) from (values " .. table.concat(pairs_text, ",")
      .. ") as v (id, r) left join world w on w.id = v.id where w.randomnumber is distinct from v.r")
  end

  it("says who answers, and when", function()
    local answer = api:get("/plaintext")
    assert.equal("Hello, World!", answer.body)
    assert.truthy(answer.headers["content-type"]:find("^text/plain"))
    assert.truthy(answer.headers.server)
    assert.truthy(answer.headers.date)
    assert.equal("13", answer.headers["content-length"])
  end)

  it("passes ten middleware, checks twenty fields, and says what it was told", function()
    assert.equal("10", api:get("/stack").body)
    local fields = {}
    for n = 1, 20 do
      fields["field" .. n] = "value " .. n
    end
    assert.same({ fields = 20 }, api:post("/validate", fields).json)
    fields.field7 = nil
    assert.equal(422, api:post("/validate", fields).status)
    assert.same({ { id = 1, name = "one" } }, api:post("/echo", { { id = 1, name = "one" } }).json)
  end)

  it("answers sixteen requests of one write, in order", function()
    local conn = wire.connect(running.port)
    local requests = {}
    for n = 1, 16 do
      requests[n] = wire.get("/users/" .. n .. "/posts/x")
    end
    conn:send(table.concat(requests))
    for n = 1, 16 do
      assert.truthy(assert(conn:answer()).body:find(('"user":"%d"'):format(n), 1, true))
    end
    conn:close()
  end)

  it("encodes JSON", function()
    local _, answer = get_json("/json")
    assert.equal('{"message":"Hello, World!"}', answer.body)
  end)

  it("finds its way among a hundred routes", function()
    assert.same({ user = "abc", post = "d-e" }, get_json("/users/abc/posts/d-e"))
    for _, n in ipairs{ 1, 17, 33 } do
      assert.same({ res = n }, get_json("/res" .. n))
      assert.same({ res = n, id = "x9" }, get_json("/res" .. n .. "/x9"))
      assert.same({ res = n, id = "x9", sub = "y8" }, get_json("/res" .. n .. "/x9/sub" .. n .. "/y8"))
    end
    for _, path in ipairs{ "/res34", "/res34/1", "/res1/a/sub2/b", "/users/1/posts", "/users" } do
      assert.equal(404, api:get(path).status, path)
    end
  end)

  it("reads a random row", function()
    local seen = {}
    for _ = 1, 5 do
      local row, answer = get_json("/db")
      assert.equal("0", difference{ row })
      assert.truthy(answer.body:find('^{"id":%d+,"randomNumber":%d+}$'))
      seen[row.id] = true
    end
    assert.truthy(next(seen, next(seen)), "the same row each time")
  end)

  it("reads as many rows as are asked for, from 1 to 500", function()
    local counts = { ["20"] = 20, ["1"] = 1, ["0"] = 1, ["501"] = 500, foo = 1, [""] = 1, ["-3"] = 1 }
    for asked, count in pairs(counts) do
      local rows = get_json("/queries?queries=" .. asked)
      assert.equal(count, #rows, asked)
      assert.equal("0", difference(rows))
    end
    assert.equal(1, #get_json("/queries"))
  end)

  it("writes back what it answers", function()
    local sum = "select md5(string_agg(id || ' ' || randomnumber, ';' order by id)) from world"
    local before = base:sql(sum)
    for _, count in ipairs{ 1, 20, 500 } do
      local rows = get_json("/updates?queries=" .. count)
      assert.equal(count, #rows)
      assert.equal("0", difference(rows))
    end
    assert.not_equal(before, base:sql(sum))
    assert.equal("10000", base:sql("select count(*) from world where randomnumber between 1 and 10000"))
  end)

  it("updates the same rows from many requests without a deadlock", function()
    local conns = {}
    for i = 1, 16 do
      conns[i] = wire.connect(running.port)
      conns[i]:send(wire.get("/updates?queries=500"))
    end
    for _, conn in ipairs(conns) do
      assert.equal(200, assert(conn:answer()).status)
      conn:close()
    end
  end)

  it("lists 64 rows that follow each other, by their model too", function()
    for _, path in ipairs{ "/list", "/models" } do
      local rows = get_json(path)
      assert.equal(64, #rows)
      for i, row in ipairs(rows) do
        assert.equal(rows[1].id + i - 1, row.id)
      end
      assert.equal("0", difference(rows))
    end
  end)

  it("escapes the fortunes, with one more, by message", function()
    local answer = api:get("/fortunes")
    assert.equal(200, answer.status)
    assert.equal("text/html; charset=utf-8", answer.headers["content-type"]:lower())
    local body = answer.body
    assert.equal(1, (body:find("<!DOCTYPE html><html><head><title>Fortunes</title>", 1, true)))
    assert.truthy(body:find("&lt;script&gt;alert(&quot;only text&quot;)&lt;/script&gt;", 1, true))
    assert.truthy(body:find("Salt &amp; pepper, 3 &lt; 4", 1, true))
    assert.falsy(body:find("<script>", 1, true))
    local ids = {}
    for id in body:gmatch("<tr><td>(%d+)</td>") do
      ids[#ids + 1] = tonumber(id)
    end
    assert.same({ 4, 0, 5, 2, 1, 3, 6 }, ids)
  end)
end)
