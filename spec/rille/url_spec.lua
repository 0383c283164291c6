local url = require "rille.url"

describe("url", function()
  it("escapes all but what is never escaped", function()
    assert.equal("aZ09-._~%20%2F%3F%25%C3%BC%00", url.escape "aZ09-._~ /?%ü\0")
    assert.equal("7", url.escape(7))
  end)

  it("fills patterns in", function()
    assert.equal("/users/7/a%2Fb", url.fill("/users/:id/:name", { id = 7, name = "a/b" }))
    assert.equal("/v2/a.json", url.fill("/v:version/:name.json", { version = 2, name = "a" }))
    assert.equal("/files/a/b%20c", url.fill("/files/*rest", { rest = "a/b c" }))
    assert.equal("/caf%C3%A9/a%20b", url.fill "/café/a b")
    assert.same({ nil, "id" }, { url.fill("/users/:id", {}) })
    assert.same({ nil, "id" }, { url.fill "/users/:id" })
    assert.same({ nil, "id" }, { url.fill("/users/:id", { id = "" }) })
  end)

  it("writes queries in one order", function()
    assert.equal("a=1&b=x%20y&b=2&c=false", url.query { c = false, b = { "x y", 2 }, a = 1 })
    assert.equal("", url.query {})
  end)
end)
