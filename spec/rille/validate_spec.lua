--- A route's schemas at work: what reaches the handler, and what leaves it.
local core = require "rille.core"
local rille = require "rille"
local v = rille.schema

local app = rille.app()
local entered

local function told(...)
  local parts = { ... }
  return function(c)
    entered = true
    local out = {}
    for _, part in ipairs(parts) do out[part] = c[part] end
    return out
  end
end

app:get("/users/:id", { params = v.object { id = v.integer{ min = 1 } } }, told "params")
app:get("/search", { query = v.object {
  page = v.integer():default(1), tag = v.array(v.string()):optional(), sort = v.enum { "name", "date" }:optional(),
} }, told "query")
app:get("/headers", { headers = v.object { ["x-count"] = v.integer() } }, told "headers")
app:get("/cookies", { cookies = v.object { theme = v.enum { "dark", "light" } } }, told "cookies")
app:post("/all/:id", {
  params = v.object { id = v.integer() }, query = v.object { page = v.integer() },
  headers = v.object { ["x-count"] = v.integer() },
  body = v.object { items = v.array(v.object { qty = v.integer() }) },
}, told("params", "query", "body"))
app:post("/list", { body = v.array(v.integer()) }, told "body")

local user = v.object { id = v.integer(), name = v.string() }
app:get("/fits", { response = user }, function() return { id = 1, name = "a" } end)
app:get("/more", { response = user }, function() return { id = 1, name = "a", password = "secret" } end)
app:get("/wrong", { response = user }, function() return { id = "one", name = "a" } end)
app:get("/refused", { response = user }, function() return { other = true }, 404 end)
app:get("/text", { response = user }, function() return "text" end)

local t = rille.test(app)
local api = t:client()

-- The errors of an answer as "in path code".
local function wrong_in(res)
  local out = {}
  for _, one in ipairs(res.json.error.details) do
    out[#out + 1] = ("%s %s"):format(one["in"], one.path)
  end
  table.sort(out)
  return out
end

describe("a route's input", function()
  before_each(function() entered = false end)

  it("comes to the handler as the schema has it", function()
    assert.same({ params = { id = 7 } }, api:get("/users/7").json)
    assert.same({ query = { page = 1 } }, api:get("/search").json)
    assert.same({ query = { page = 2, tag = { "a", "b" }, sort = "date" } }, api:get("/search?page=2&tag=a&tag=b&sort=date").json)
    assert.equal(5, api:get("/headers", { headers = { ["X-Count"] = "5" } }).json.headers["x-count"])
    assert.equal("dark", api:get("/cookies", { headers = { Cookie = "theme=dark" } }).json.cookies.theme)
    assert.same({ body = { 1, 2 } }, api:post("/list", { json = { 1, 2 } }).json)
  end)

  it("is 404 when the path cannot be one of ours", function()
    for _, path in ipairs { "/users/seven", "/users/0", "/users/1.5" } do
      local res = api:get(path)
      assert.same({ 404, "not_found" }, { res.status, res.json.error.code })
    end
    assert.equal(404, api:post("/all/x", { body = "not even JSON" }).status) -- before anything else is read
    assert.is_false(entered)
  end)

  it("is 422 with all that is wrong, in every part", function()
    local res = api:post("/all/1?page=x", { json = { items = { { qty = 1 }, { qty = "two" }, {} } } })
    assert.same({ 422, "invalid" }, { res.status, res.json.error.code })
    assert.same({ "body items[1].qty", "body items[2].qty", "headers x-count", "query page" }, wrong_in(res))
    assert.is_false(entered)
  end)

  it("keeps the errors of other parts and their status apart", function()
    assert.equal(400, api:post("/list", { body = "[1,", headers = { ["Content-Type"] = "application/json" } }).status)
    assert.equal(415, api:post("/list", { body = "1", headers = { ["Content-Type"] = "text/csv" } }).status)
    assert.equal(400, api:get("/search?page=%zz").status)
    assert.is_false(entered)
  end)

  it("names a value of a list that is none", function()
    assert.same({ "query sort" }, wrong_in(api:get "/search?sort=size"))
    assert.same({ "query page" }, wrong_in(api:get "/search?page=1&page=2"))
    assert.same({ "cookies theme" }, wrong_in(api:get "/cookies"))
  end)
end)

describe("a route's output", function()
  -- What is sent of `body` in production; the module asks once which environment this is.
  local function sent_in_production(body)
    local env, loaded = core.settings.env, package.loaded["rille.validate"]
    core.settings.env, package.loaded["rille.validate"] = "production", nil
    local shape = require("rille.validate").output { response = user }
    core.settings.env, package.loaded["rille.validate"] = env, loaded
    local res = { status = 200, body = body }
    local ok, err = pcall(shape, nil, res)
    return ok and res.body or nil, err
  end

  it("is sent when it is as the schema says", function()
    assert.same({ id = 1, name = "a" }, api:get("/fits").json)
  end)

  it("that is not is a fault in development, told by its field", function()
    for path, text in pairs { ["/more"] = "password is not a known field", ["/wrong"] = "id " } do
      local ok, why = pcall(function() local res = api:get(path) return res end)
      assert.is_false(ok)
      assert.matches("the answer does not match the route's response schema: " .. text, tostring(why), 1, true)
    end
    t.expect_fault()
  end)

  it("keeps inside, in production, what the schema does not name", function()
    assert.same({ id = 1, name = "a" }, sent_in_production { id = 1, name = "a", password = "secret" })
  end)

  it("is a fault in production, too, when it cannot be shaped: nothing of it goes out", function()
    local body, why = sent_in_production { id = "one", password = "secret" }
    assert.is_nil(body)
    assert.equal("the answer does not match the route's response schema: id must be an integer; name is required", why)
  end)

  it("is for data that was asked for: not for errors, nor for text", function()
    assert.same({ 404, { other = true } }, { api:get("/refused").status, api:get("/refused").json })
    assert.equal("text", api:get("/text").body)
  end)
end)
