--- The face against a real server: what needs sockets, the log, or a start and a stop.
local client = require "spec.apps.client"
local server = require "spec.server"
local wire = require "spec.wire"

describe("the face", function()
  local running, api

  setup(function()
    running = server.start{ app = "spec/apps/face", env = { DATABASE_URL = "" }, args = { "--workers", "1" } }
    api = client.new(running.port)
  end)

  teardown(function()
    if running then running:stop() end
  end)

  -- The log has a thread of its own: its lines come a little later.
  local function logged(text)
    return server.wait_for(function() return running:log():find(text, 1, true) end)
  end

  -- The events since the last look, once there are `count`.
  local function events(count)
    local seen = ""
    return server.wait_for(function()
      local more = api:get("/events").body
      seen = seen .. (seen ~= "" and more ~= "" and " " or "") .. more
      return select(2, (seen .. " "):gsub("%S+ ", "")) >= count and seen
    end), seen
  end

  it("takes a request's id from nobody unless told", function()
    local conn = wire.connect(running.port)
    conn:send(wire.get("/id", "X-Request-Id: mine"))
    assert.matches("^%x+$", assert(conn:answer()).body)
    conn:close()
  end)

  it("believes no proxy unless told", function()
    local conn = wire.connect(running.port)
    conn:send(wire.get("/who", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil"))
    assert.equal('{"host":"x","ip":"127.0.0.1","scheme":"http"}', (assert(conn:answer()).body:gsub("{.*}", function(text)
      local json = require("rille").json.decode(text)
      return ('{"host":"%s","ip":"%s","scheme":"%s"}'):format(json.host, json.ip, json.scheme)
    end)))
    conn:close()
  end)

  it("runs deferred functions, the last first, then those after the answer, whatever fails", function()
    assert.equal("answered", api:get("/after").body)
    assert.equal("deferred2 deferred1 after1 after2 /after", (events(5)))
    assert.is_truthy(logged "in after")
  end)

  it("breaks a stream that fails on its way, and logs why", function()
    local conn = wire.connect(running.port)
    conn:send(wire.get "/stream/broken")
    local answer, why = conn:answer()
    assert.is_nil(answer)
    assert.equal("closed", why)
    conn:close()
    assert.is_truthy(logged "a streamed answer broke off")
    assert.is_truthy(logged "broke on the way")
  end)

  it("ends a stream whose client has gone, without an error in the log", function()
    local before = #running:log()
    local conn = wire.connect(running.port)
    conn:send(wire.get "/stream/endless")
    conn:reset()
    assert.equal("endless-over", (events(1)))
    assert.is_nil(running:log():sub(before):find("broke off", 1, true))
  end)

  it("keeps no file open behind its answer", function()
    for _ = 1, 3 do api:get "/file" end
    local before = running:descriptors()
    for _ = 1, 50 do
      assert.equal(200, api:get("/file").status)
      local conn = wire.connect(running.port)
      conn:send(wire.get("/file", "If-None-Match: *"))
      assert.equal(304, assert(conn:answer()).status)
      conn:close()
    end
    assert.is_truthy(server.wait_for(function() return running:descriptors() <= before end))
  end)

  it("cancels a GET whose client leaves, at every wait; a POST finishes", function()
    local conn = wire.connect(running.port)
    conn:send(wire.get "/leave")
    conn:reset()
    assert.equal("GET-cancelled end", (events(2)))
    conn = wire.connect(running.port)
    conn:send(wire.post("/leave", ""))
    conn:reset()
    assert.equal("POST-finished", (events(1)))
  end)

  it("does as the route says when its client leaves", function()
    for request, expected in pairs {
      ["GET /leave/not"] = "GET-finished", ["DELETE /leave/indeed"] = "DELETE-cancelled end",
    } do
      local conn = wire.connect(running.port)
      conn:send(request .. " HTTP/1.1\r\nHost: x\r\n\r\n")
      conn:reset()
      assert.equal(expected, (events(select(2, expected:gsub("%S+", "")))))
    end
  end)

  it("loads a module once, also when several ask for it while it waits", function()
    local conns, loaded = {}, {}
    for i = 1, 3 do
      conns[i] = wire.connect(running.port)
      conns[i]:send(wire.get "/modules")
    end
    for i = 1, 3 do
      local answer = assert(conns[i]:answer())
      assert.equal(200, answer.status)
      loaded[i] = answer.body:match '"slow":"([^"]+)"'
      assert.matches('"shared":"outer"', answer.body, 1, true)
      conns[i]:close()
    end
    assert.is_truthy(loaded[1])
  end)

  it("says what keeps a module from loading, each time", function()
    for _ = 1, 2 do
      for path, text in pairs {
        ["/circle"] = "circle_b.lua:1: module 'models.circle_a' is required while it is still loading",
        ["/broken-module"] = "models/broken.lua:3: rille has no 'nothing'",
        ["/no-module"] = "app.lua:73: there is no module 'models.none': neither a file spec/apps/face/models/none.lua",
      } do
        local before = #running:log()
        assert.equal(500, api:get(path).status)
        -- the log has a thread of its own: the line comes a little later
        local found = server.wait_for(function() return running:log():find(text, before, true) end)
        assert.truthy(found, running:log():sub(before))
      end
    end
  end)

  it("gives a mounted app its own modules and errors", function()
    assert.equal("inner", api:get("/admin").body)
    local answer = api:get "/admin/nowhere"
    assert.same({ 404, "admin has no /admin/nowhere" }, { answer.status, answer.body })
    assert.equal("not_found", api:get("/nowhere").json.error.code)
  end)

  it("gives a mounted app its own folder: files, static files, views", function()
    for path, body in pairs {
      ["/page"] = "the outer page", ["/admin/page"] = "the inner page",
      ["/note"] = "the outer note", ["/admin/note"] = "the inner note", ["/admin/files/a.txt"] = "an inner file",
    } do
      assert.equal(body, api:get(path).body, path)
    end
  end)

  it("gives each app's middleware, on_error and on_response its own folder and names", function()
    assert.equal("the outer page", api:get("/admin/page?around=page").body)
    assert.equal("the outer page", api:get("/admin/page?hook=1").body)
    assert.equal("the outer page", api:get("/admin/nowhere?hook=1").body)
    local answer = api:get "/admin/teapot"
    assert.same({ 418, "the outer page" }, { answer.status, answer.body })
    assert.equal("/outside", api:get("/admin/page?around=name").body)
  end)

  it("logs a wait in a handler of xpcall, whose error LuaJIT drops", function()
    for _, kind in ipairs { "error", "fault" } do
      local before = #running:log()
      assert.equal("false error in error handling", api:get("/handler/" .. kind).body)
      assert.is_truthy(server.wait_for(function()
        return running:log():find("spec/apps/face/app.lua:%d+: 'sleep' waits, and nothing can wait inside a handler of xpcall: "
          .. "wait behind the xpcall", before)
      end))
    end
  end)

  it("keeps plain Lua from harming the process", function()
    for path, text in pairs {
      ["/global"] = "assigning the global 'leaked': write `local leaked`",
      ["/guards/exit"] = "an app does not end the process",
      ["/guards/locale"] = "the locale belongs to the whole process",
    } do
      assert.equal(500, api:get(path).status)
      assert.is_truthy(logged(text), text)
    end
    assert.equal("nil", api:get("/guards/bytecode").body)
    assert.equal("true", api:get("/guards/text").body)
    assert.equal("popen\n", api:get("/guards/popen").body)
    api:get "/guards/popen"
    assert.is_truthy(logged "io.popen blocks")
    assert.equal(1, select(2, running:log():gsub("io.popen blocks", "")))
  end)
end)

describe("a trusted proxy", function()
  local behind

  setup(function()
    behind = server.start{
      app = "spec/apps/face", env = { DATABASE_URL = "" }, args = { "--workers", "1", "--trusted-proxies", "127.0.0.0/8, 10.0.0.1" },
    }
  end)

  teardown(function()
    if behind then behind:stop() end
  end)

  local function logged(pattern)
    return server.wait_for(function() return behind:log():find(pattern) end)
  end

  local function get(path, ...)
    local conn = wire.connect(behind.port)
    conn:send(wire.get(path, ...))
    local answer = assert(conn:answer())
    conn:close()
    return answer
  end

  it("names the request: in the app, its log, the access log, and in errors", function()
    assert.equal("edge-7.a_B", get("/id", "X-Request-Id: edge-7.a_B").body)
    assert.is_truthy(logged "its id%s+request_id=edge%-7%.a_B")
    assert.is_truthy(logged "path=/id .*request_id=edge%-7%.a_B")
    assert.matches('"request_id":"edge-8"', get("/nowhere", "X-Request-Id: edge-8").body, 1, true)
    assert.matches('"request_id":"edge-9"', get("/global", "X-Request-Id: edge-9").body, 1, true)
  end)

  it("names no request so that it could do harm", function()
    for _, id in ipairs { "a b", 'a"b', "a;b", ("x"):rep(65) } do
      assert.matches("^%x+$", get("/id", "X-Request-Id: " .. id).body)
    end
  end)

  it("is believed about who asks", function()
    local conn = wire.connect(behind.port)
    conn:send(wire.get("/who", "X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.1", "X-Forwarded-Proto: https",
      "X-Forwarded-Host: shop.example"))
    local body = assert(conn:answer()).body
    conn:close()
    assert.same({ ip = "1.2.3.4", scheme = "https", host = "shop.example" }, require("rille").json.decode(body))
  end)
end)

describe("an app's start and stop", function()
  it("run its functions", function()
    local brief = server.start{ app = "spec/apps/face", env = { DATABASE_URL = "" }, args = { "--workers", "1" } }
    finally(function() brief:stop() end)
    assert.is_truthy(server.wait_for(function() return brief:log():find("the app starts", 1, true) end))
    local status, log = brief:stop()
    assert.equal(0, status)
    assert.matches("the app stops", log, 1, true)
  end)
end)
