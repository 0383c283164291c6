local nearest = require "rille.nearest"

describe("the nearest name", function()
  local NAMES = { "port", "host", "max_body", "max_headers", "wechat.appid" }

  for name, meant in pairs {
    prot = "port", PORT = "port", pot = "port", ports = "port", max_bdoy = "max_body", maxbody = "max_body",
    wechat_appid = "wechat.appid", hots = "host", wechat = "wechat.appid",
  } do
    it(("of '%s' is '%s'"):format(name, meant), function()
      assert.equal(meant, nearest.of(name, NAMES))
    end)
  end

  it("is none when no name is much like it", function()
    for _, name in ipairs { "", "x", "colour", "wibblewobble", ("x"):rep(1000) } do
      assert.is_nil(nearest.of(name, NAMES))
    end
    assert.is_nil(nearest.of("port", {}))
  end)
end)
