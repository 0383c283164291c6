--- What is said to somebody who wrote a dot for a colon.
local rille = require "rille"

local app = rille.app()
local t = rille.test(app)

-- The message of what `call` raises, which blames this file.
local function blamed(call)
  local ok, why = pcall(call)
  assert.is_false(ok)
  local place, message = tostring(why):match "^(spec/rille/method_spec%.lua:%d+): (.*)$"
  assert.truthy(place, why)
  return message
end

describe("a method that is called with a dot", function()
  it("says so: an app's, a group's, a task's, an answer's", function()
    assert.equal("app.get is called with a colon: app:get(…)", blamed(function() app.get("/", function() end) end))
    assert.equal("app.on_error is called with a colon: app:on_error(…)", blamed(function() app.on_error(print) end))
    assert.equal("app.url_for is called with a colon: app:url_for(…)", blamed(function() app.url_for "x" end))
    local routes = rille.routes()
    assert.equal("group.post is called with a colon: group:post(…)", blamed(function() routes.post("/", print) end))
    local task = rille.spawn(function() end)
    assert.equal("task.await is called with a colon: task:await(…)", blamed(function() task.await() end))
    assert.equal("res.bytes is called with a colon: res:bytes(…)", blamed(function() rille.html "".bytes() end))
  end)

  it("says so: each of a context's, also when another table comes first", function()
    local own = rille.app()
    local said = {}
    own:get("/", function(c)
      for _, name in ipairs { "fail", "json", "form", "text", "validate", "query_all", "url_for", "set_header", "set_cookie",
        "render", "remaining", "after" } do
        said[#said + 1] = blamed(function() c[name]() end)
        assert.equal(said[#said], blamed(function() c[name]({}, 1) end))
      end
    end)
    assert.equal(204, rille.test(own):client():get("/").status)
    assert.equal(12, #said)
    assert.equal("c.json is called with a colon: c:json(…)", said[2])
  end)

  it("says so: a stream's", function()
    local own = rille.app()
    own:get("/", function() return rille.stream(function(out) out.write "x" end) end)
    local test = rille.test(own)
    test.expect_fault()
    assert.matches("out.write is called with a colon: out:write(…)", test:client():get("/").body, 1, true)
    assert.truthy(t)
  end)
end)
