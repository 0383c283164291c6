--- A handler that failed: who answers, and who learns of it.
local rille = require "rille"

local app, inner = rille.app(), rille.app()
local statuses = {}

app:on_response(function(_, res) statuses[#statuses + 1] = "outer " .. res.status end)
app:on_error("teapot", function(c, err) return "outer " .. err.message .. " " .. c.path, 418 end)
inner:on_response(function(_, res) statuses[#statuses + 1] = "inner " .. res.status end)
inner:on_error("mine", function(_, err) return "inner " .. err.message, 409 end)

local function fails(c)
  local how = c.query.how
  if how == "error" then
    error "oh no"
  elseif how == "table" then
    error { code = "mine", status = 400, message = "said" }
  elseif how == "returned" then
    return nil, { code = "mine", status = 400, message = "returned" }
  elseif how == "teapot" then
    c:fail(400, { code = "teapot", message = "short" })
  elseif how == "late" then
    rille.sleep(0)
    c:fail(410, "late")
  end
end

app:get("/fails", fails)
inner:get("/fails", fails)
app:mount("/in", inner)

local t = rille.test(app)
local api = t:client()

describe("a failed request", function()
  before_each(function() statuses = {} end)

  it("is answered in the one form of errors, with its request's id", function()
    for how, want in pairs { table = { 400, "mine", "said" }, returned = { 400, "mine", "returned" }, late = { 410, "gone", "late" } } do
      local err = api:get("/fails?how=" .. how).json.error
      assert.same({ want[2], want[3] }, { err.code, err.message })
      assert.matches("^%x+$", err.request_id)
      assert.equal("outer " .. want[1], statuses[#statuses])
    end
  end)

  it("of a mounted app is that app's, then the outer one's", function()
    local res = api:get "/in/fails?how=table"
    assert.same({ 409, "inner said" }, { res.status, res.body })
    res = api:get "/in/fails?how=teapot"
    assert.same({ 418, "outer short /in/fails" }, { res.status, res.body })
    assert.same({ "inner 409", "outer 409", "inner 418", "outer 418" }, statuses)
  end)

  it("is answered 500 when it raised anything else, and seen by all as such", function()
    t.expect_fault()
    local res = api:get "/in/fails?how=error"
    assert.same({ 500, "internal" }, { res.status, res.json.error.code })
    assert.same({ "inner 500", "outer 500" }, statuses)
  end)
end)
