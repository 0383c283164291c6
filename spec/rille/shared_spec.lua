--- The shared store within one worker. What two do with one is in spec/apps/shared_spec.lua.
local rille = require "rille"
local clock = require "rille.test.clock"

before_each(clock.freeze)

local made = 0

local function new_store(bytes)
  made = made + 1
  return rille.shared("store " .. made, { bytes = bytes or "1M" })
end

describe("a shared store", function()
  it("gives back a copy of what was set", function()
    local store, value = new_store(), { list = { 1, 2 }, name = "tea", none = rille.null }
    for _, one in ipairs { value, "text", 0, -1.5, false, rille.null } do
      store:set("key", one)
      assert.same(one, store:get "key")
    end
    assert.is_nil(store:get "other")
    store:set("", "the empty key")
    assert.equal("the empty key", store:get "")
  end)

  it("is the same for all who open its name, as long as the process is there", function()
    rille.shared("lasting", { bytes = "64K" }):set("a", 1)
    collectgarbage()
    assert.equal(1, rille.shared("lasting", { bytes = 65536 }):get "a")
    assert.has_error(function() rille.shared("lasting", { bytes = "1M" }) end,
      "the shared store 'lasting' is open with 65536 bytes, and 1048576 were asked for: all who open it say the same")
  end)

  it("forgets what is over", function()
    local store = new_store()
    store:set("short", "a", "10s")
    store:set("long", "b")
    clock.advance(9.9)
    assert.equal("a", store:get "short")
    clock.advance(0.2)
    assert.is_nil(store:get "short")
    assert.same({ "long" }, store:keys())
    assert.is_true(store:add("short", "c", "10s"))
    store:set("short", "d")
    clock.advance(60)
    assert.equal("d", store:get "short")
  end)

  it("frees what is over without being asked", function()
    local store = new_store()
    for i = 1, 100 do
      store:set("key " .. i, "x", "1s")
    end
    local full = store:size()
    for _ = 1, 32 do
      clock.advance(1)
      rille.sleep(0)
    end
    assert.equal(0, store:count())
    assert.is_true(store:size() < full)
  end)

  it("adds what is not there, and replaces what is", function()
    local store = new_store()
    assert.same({ nil, "missing" }, { store:replace("a", 1) })
    assert.is_true(store:add("a", 1))
    assert.same({ nil, "exists" }, { store:add("a", 2) })
    assert.is_true(store:replace("a", 3))
    assert.equal(3, store:get "a")
    assert.is_true(store:delete "a")
    assert.is_false(store:delete "a")
  end)

  it("counts", function()
    local store = new_store()
    assert.same({ nil, "missing" }, { store:incr "hits" })
    assert.equal(1, store:incr("hits", 1, 0, "10s"))
    assert.equal(3, store:incr("hits", 2, 0, "60s"))
    assert.equal(2.5, store:incr("hits", -0.5))
    clock.advance(11)
    assert.is_nil(store:get "hits")
    store:set("text", "5")
    assert.error_matches(function() store:incr("hits", 0 / 0) end, "incr takes a key and numbers")
    assert.has_error(function() store:incr "text" end, "shared: 'text' is no number, and cannot be added to")
  end)

  it("compares and sets", function()
    local store = new_store()
    assert.same({ nil, "changed" }, { store:cas("a", 1, 2) })
    assert.is_true(store:cas("a", nil, 1))
    assert.same({ nil, "changed" }, { store:cas("a", nil, 2) })
    assert.is_true(store:cas("a", 1, "one"))
    assert.same({ nil, "changed" }, { store:cas("a", 1, 2) })
    assert.is_true(store:cas("a", "one", { 1 }))
    assert.has_error(function() store:cas("a", {}, 2) end,
      "cas compares numbers, strings and booleans, no tables: keep a number that tells versions, and compare that")
    store:set("a", true)
    assert.is_true(store:cas("a", true, nil))
    assert.is_nil(store:get "a")
  end)

  it("lists keys by what they begin with", function()
    local store = new_store()
    for i = 1, 20 do
      store:set("a:" .. i, i)
      store:set("b:" .. i, i)
    end
    local keys = store:keys "a:"
    assert.equal(20, #keys)
    for _, key in ipairs(keys) do
      assert.equal("a:", key:sub(1, 2))
    end
    assert.equal(40, #store:keys())
    assert.equal(5, #store:keys("b:", 5))
    assert.equal("[]", rille.json.encode(store:keys "c"))
    assert.equal(40, store:count())
  end)

  it("keeps within its bytes: what was not used for longest makes room", function()
    local store, text = new_store "64K", ("x"):rep(1000)
    for i = 1, 200 do
      store:set("key " .. i, text)
      assert.equal(text, store:get "key 1")
      assert.is_true(store:size() <= 65536)
    end
    assert.is_nil(store:get "key 2")
    assert.equal(text, store:get "key 200")
    assert.is_true(store:count() > 50)
    assert.has_error(function() store:set("big", text:rep(70)) end)
    assert.equal(text, store:get "key 200")
  end)

  it("says what it takes, and how its methods are called", function()
    local store = new_store()
    assert.has_error(function() rille.shared("tiny", { bytes = 1000 }) end, "a shared store has 64K at least: got 1000 bytes")
    assert.has_error(function() rille.shared("tiny", { size = 1000 }) end,
      "rille.shared: there is no option 'size': there are bytes")
    assert.has_error(function() store:get(5) end, "a key is a text of at most 1024 bytes: got 5")
    assert.has_error(function() store:set(("k"):rep(1025), 1) end, "a key is a text of at most 1024 bytes: got 1025 bytes")
    assert.has_error(function() store:set("a", nil) end,
      "a store keeps no nil: shared:delete(key) removes what is there")
    assert.has_error(function() store:set("a", { x = print }) end, "shared: x: a function cannot be copied to another worker or thread")
    assert.has_error(function() store:set("a", 1, 0) end,
      "a ttl is more than 0 seconds; without one the value stays until it has to make room")
    assert.has_error(function() store.get "a" end, "shared.get is called with a colon: shared:get(…)")
    assert.has_error(function() return store.fetch end)
  end)
end)
