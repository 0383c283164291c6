--- The tables of names and values in a request and an answer.
local fields = require "rille.fields"

local function fault_of(fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok)
  return why
end

describe("fields", function()
  it("of a request's headers are read in any case, and not written", function()
    local received = fields.headers { ["user-agent"] = "spec" }
    assert.same({ "spec", "spec" }, { received["User-Agent"], received["user-agent"] })
    assert.is_nil(received["X-None"])
    assert.is_nil(received[1])
    assert.matches("fields_spec.lua:%d+: what came with a request is not changed: c:set_header%(\"X%-A\", value%)",
      fault_of(function() received["X-A"] = "1" end))
    assert.matches("c.headers is a table: write c.headers%[\"user%-agent\"%]", fault_of(function() return received("User-Agent") end))
  end)

  it("of an answer's headers keep the spelling they are written in, each once", function()
    local sent = fields.sent({ ["Content-Type"] = "text/css", ETag = "1" }, { etag = "2" })
    assert.same({ "text/css", "2" }, { sent["content-type"], sent.ETag })
    sent["CONTENT-TYPE"] = "text/html"
    local seen = {}
    for name, value in pairs(sent) do seen[name] = value end
    assert.same({ ["CONTENT-TYPE"] = "text/html", etag = "2" }, seen)
    sent.ETAG = nil
    assert.is_nil(sent.etag)
    assert.matches("a header's name is a text, got a number", fault_of(function() sent[1] = "x" end))
  end)

  it("say that they are no functions", function()
    local query = fields.query { page = "2" }
    assert.equal("2", query.page)
    assert.matches("fields_spec.lua:%d+: c.query is a table: write c.query.page", fault_of(function() local page = query("page") return page end))
    assert.matches("c.query is a table: write c.query.page", fault_of(function() return query({}, "page") end))
    assert.matches("c.params is a table: write c.params.name", fault_of(function() return fields.params {}() end))
  end)

  it("leave what is no plain table as it is", function()
    local own = setmetatable({}, { __index = { a = 1 } })
    assert.equal(own, fields.query(own))
    assert.equal(1, fields.query(own).a)
    assert.equal("x", fields.cookies "x")
  end)
end)
