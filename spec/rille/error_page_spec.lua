local rille = require "rille"

describe("the error page", function()
  local app = rille.app()
  app:get("/boom/:name", function(c)
    local name, api_token, list = c.params.name, "s3cr3t", { 1, 2, password = "pw" }
    local evil = setmetatable({}, { __tostring = function() error "called" end, __index = function() error "called" end })
    local function deeper(times)
      if times == 0 then error("no luck with " .. name) end
      deeper(times - 1)
      return evil, list, api_token
    end
    deeper(1)
    return evil, list
  end)
  local function total(items)
    local sum = 0
    for _, item in ipairs(items) do sum = sum + item.price end
    return sum
  end
  app:get("/sum", function() local sum = total { { price = 1 }, {} } return sum end)
  app:get("/gone", function(c) c:fail(404, "nothing") end)

  local t = rille.test(app)

  local function page(path, headers)
    t.expect_fault()
    headers = headers or {}
    headers.accept = "text/html,*/*"
    local res = t:client { headers = headers }:get(path)
    assert.equal(500, res.status)
    assert.equal("text/html; charset=utf-8", res.headers["content-type"])
    return res.body
  end

  it("shows what happened, the line, and the locals of each frame", function()
    local body = page "/boom/x?colour=red&token=abc"
    assert.matches("no luck with x", body, 1, true)
    assert.matches('class="here">&gt; +%d+ +if times == 0 then error', body)
    assert.matches("<td>times</td><td>0</td>", body, 1, true)
    assert.matches('<td>name</td><td>&quot;x&quot;</td>', (body:gsub("&#34;", "&quot;")), 1, true)
    assert.matches("error_page_spec.lua:%d+ in deeper", body)
  end)

  it("shows the frame whose own words are the error", function()
    local body = page "/sum"
    assert.matches("attempt to perform arithmetic on field", body, 1, true)
    assert.matches('error_page_spec.lua:%d+ in total</summary>.-class="here">&gt; +%d+ +for _, item', body)
    assert.matches("<td>sum</td><td>1</td>", body, 1, true)
    assert.matches("<td>item</td><td>{}</td>", body, 1, true)
  end)

  it("shows nothing that is named like a secret", function()
    local body = page("/boom/x?token=abc123", { cookie = "sid=topsecret", authorization = "Bearer zzz9", ["x-note"] = "kept" })
    for _, secret in ipairs { "s3cr3t", '"pw"', "abc123", "topsecret", "zzz9" } do
      assert.is_nil(body:find(secret, 1, true), secret)
    end
    assert.matches("kept", body, 1, true)
  end)

  it("escapes what it shows, and quotes what it gives to copy", function()
    local body = page("/boom/%3Cscript%3Ealert(1)%3C%2Fscript%3E", { ["x-note"] = "it's <b>; $(reboot)" })
    assert.is_nil(body:find("<script>", 1, true))
    assert.is_nil(body:find("<b>", 1, true))
    assert.matches("x-note: it", body, 1, true)
    local curl = body:match "<pre>(curl.-)</pre>":gsub("&#39;", "'"):gsub("&lt;", "<"):gsub("&gt;", ">"):gsub("&amp;", "&")
    assert.matches([[-H 'x-note: it'\''s <b>; $(reboot)']], curl, 1, true)
  end)

  it("gives a spec that runs", function()
    local body = page "/boom/x"
    local text = body:match "<pre>(local t = .-)</pre>":gsub("&quot;", '"'):gsub("&#34;", '"'):gsub("&lt;", "<")
    assert.is_function(loadstring(text), text)
    assert.matches('t:client():get("/boom/x", { headers = { ["accept"] = "text/html,*/*" } })', text, 1, true)
    assert.is_nil(body:find("<button", 1, true)) -- `rille dev` alone has it
  end)

  it("has its style whatever the app's own policy forbids", function()
    local strict = rille.app()
    strict:on_response(rille.mw.security_headers())
    strict:get("/boom", function() error "no luck" end)
    t.expect_fault()
    local res = rille.test(strict):client { headers = { accept = "text/html" } }:get "/boom"
    assert.matches("^default%-src 'self'; style%-src 'unsafe%-inline'; .*frame%-ancestors 'none'$", res.headers["content-security-policy"])
    assert.equal("same-origin", res.headers["referrer-policy"])
    assert.equal("DENY", res.headers["x-frame-options"])
  end)

  it("is for browsers and for faults alone", function()
    t.expect_fault()
    assert.matches("application/json", t:client():get("/boom/x").headers["content-type"])
    local res = t:client { headers = { accept = "text/html" } }:get "/gone"
    assert.same({ 404, "application/json" }, { res.status, res.headers["content-type"]:match "^[^;]*" })
  end)
end)
