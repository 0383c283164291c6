local cookie = require "rille.cookie"

describe("cookie.parse", function()
  it("takes the first of each name, unquoted and unescaped", function()
    assert.same({ a = "1", b = "x y", c = "a=b", d = "" }, cookie.parse 'a=1; b="x%20y";c=a=b;  d=; a=2; junk; =x')
    assert.same({}, cookie.parse(nil))
    assert.same({}, cookie.parse "")
  end)

  it("keeps what nobody escaped as it is", function()
    assert.same({ a = "100%", b = "1+1&2", c = "%zz" }, cookie.parse "a=100%; b=1+1&2; c=%zz")
  end)

  it("reads no more than a thousand", function()
    local parts = {}
    for i = 1, 1500 do parts[i] = "c" .. i .. "=1" end
    local read = cookie.parse(table.concat(parts, "; "))
    assert.equal("1", read.c1000)
    assert.is_nil(read.c1001)
  end)
end)

describe("cookie.format", function()
  it("is strict unless told otherwise", function()
    assert.equal("a=x%3By%20z; Path=/; HttpOnly; SameSite=Lax", cookie.format("a", "x;y z"))
    assert.equal("a=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", cookie.format("a", nil))
    assert.equal("a=1; Path=/p; Domain=x.org; Max-Age=172800; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; SameSite=None",
      cookie.format("a", 1, { path = "/p", domain = "x.org", max_age = "2d", expires = 0, same_site = "none", http_only = false }))
  end)

  it("takes back what it writes", function()
    local value = "ü;\"=\\ %&+\r\n"
    assert.equal(value, cookie.parse(cookie.format("a", value):match "^[^;]*").a)
  end)

  it("says at the caller's line what is wrong", function()
    local function refused(text, ...)
      local arguments = { ... }
      local ok, why = pcall(function() local line = cookie.format(unpack(arguments, 1, 3)) return line end)
      assert.is_false(ok)
      assert.matches("^spec/rille/cookie_spec.lua:%d+: ", why)
      assert.matches(text, why, 1, true)
    end
    refused("a cookie's name holds letters", "a b", "x")
    refused("a cookie's name holds letters", nil, "x")
    refused("a cookie has no option 'maxage'", "a", "x", { maxage = 1 })
    refused('same_site is "strict", "lax" or "none": got loose', "a", "x", { same_site = "loose" })
    refused("a duration is a number of seconds", "a", "x", { max_age = "soon" })
    refused("a cookie's path is a text without ';'", "a", "x", { path = "/; Domain=evil" })
    refused("a cookie's domain is a text", "a", "x", { domain = "x\r\n" })
    refused("a cookie's expires is a time in seconds since 1970: got tomorrow", "a", "x", { expires = "tomorrow" })
  end)
end)
