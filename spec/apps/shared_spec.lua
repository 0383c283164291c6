--- Channels, topics and stores between two workers of a real server.
local client = require "spec.apps.client"
local json = require("rille").json
local server = require "spec.server"
local wire = require "spec.wire"

local EARS = 30 -- so many connections that both workers have some: the kernel throws a coin for each

describe("two workers", function()
  local s, api

  setup(function()
    s = server.start { app = "spec/apps/shared", args = { "--workers", "2", "--drain-timeout", "1s" } }
    api = client.new(s.port)
  end)

  teardown(function()
    if s then assert.equal(0, (s:stop())) end
  end)

  it("work on one channel, and nothing is lost or done twice", function()
    local by = {}
    assert.truthy(server.wait_for(function()
      local told = api:post("/orders").json
      assert.equal(200 * 201 / 2, told.ids)
      for who in pairs(told.by) do
        by[#by + 1] = who
        by[who] = true
      end
      local count = 0
      for who in pairs(by) do
        count = count + (type(who) == "string" and 1 or 0)
      end
      return count == 2
    end), "one worker did it all")
  end)

  it("hear what either publishes", function()
    local ears, by = {}, {}
    for i = 1, EARS do
      ears[i] = wire.connect(s.port)
      assert(ears[i]:send(wire.get "/hear"))
    end
    assert.truthy(server.wait_for(function() return api:get("/listeners").json.count == EARS end))
    assert.equal(EARS, api:post("/tell", "moon").json.to)
    for _, ear in ipairs(ears) do
      local answer = json.decode(assert(ear:answer()).body)
      assert.same({ text = "moon" }, answer.heard)
      by[answer.me] = true
      ear:close()
    end
    assert.truthy(next(by, (next(by))), "one worker heard it all")
    assert.truthy(server.wait_for(function() return api:post("/tell", "sun").json.to == 0 end)) -- a request ends behind its answer
  end)

  it("count in one place", function()
    local calls, answers = {}, 0
    for i = 1, 4 do
      calls[i] = wire.connect(s.port)
      assert(calls[i]:send(wire.request { "POST /counts HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 0", body = "" }))
    end
    for _, call in ipairs(calls) do
      answers = math.max(answers, json.decode(assert(call:answer()).body).hits)
      call:close()
    end
    assert.equal(4000, answers)
  end)

  it("show in rille status what they share", function()
    local told, orders
    assert.truthy(server.wait_for(function()
      local pipe = io.popen(("timeout 60 %s status --json --port %d"):format(os.getenv "RILLE" or "build/rille", s.port))
      told = json.decode(pipe:read "*a")
      pipe:close()
      for _, one in ipairs(told.channels) do
        orders = one.name == "orders" and one or orders
      end
      return orders.receivers == 2
    end))
    assert.same({ 10, 0 }, { orders.capacity, orders.depth })
    assert.equal("counts", told.stores[1].name)
    assert.equal(2 ^ 20, told.stores[1].ceiling)
    assert.is_true(told.stores[1].count >= 3 and told.stores[1].bytes > 0)
    assert.same({}, told.topics)
    local pipe = io.popen(("timeout 60 %s status --port %d"):format(os.getenv "RILLE" or "build/rille", s.port))
    local text = pipe:read "*a"
    pipe:close()
    assert.matches("\nchannel orders: 0 of 10, 0 bytes, 0 senders and 2 receivers wait, %d+ sent\n", text)
    assert.matches("\nstore counts: %d+ keys, %d+ of 1048576 bytes, %d+ hits, %d+ misses, 0 evicted, 0 expired\n", text)
  end)
end)
