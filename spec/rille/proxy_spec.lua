--- Whom to believe about who asks.
local proxy = require "rille.proxy"

describe("proxy.client", function()
  local networks = proxy.networks "10.0.0.0/8, 192.168.1.7 ::1,2001:db8::/33"

  it("is the peer unless it is trusted", function()
    assert.equal("9.9.9.9", proxy.client(networks, "9.9.9.9", "1.2.3.4"))
    assert.equal("10.1.1.1", proxy.client(networks, "10.1.1.1", nil))
    assert.equal("10.1.1.1", proxy.client({}, "10.1.1.1", "1.2.3.4"))
  end)

  it("is the rightmost that no trusted proxy has", function()
    for _, case in ipairs {
      { "1.2.3.4", "10.1.1.1", "1.2.3.4" },
      { "1.2.3.4", "10.1.1.1", "6.6.6.6, 1.2.3.4" },
      { "1.2.3.4", "10.1.1.1", "6.6.6.6,1.2.3.4 , 10.2.2.2,192.168.1.7" },
      { "10.2.2.2", "10.1.1.1", "10.2.2.2, 10.3.3.3" },
      { "192.168.1.8", "192.168.1.7", "1.1.1.1, 192.168.1.8" },
      { "2001:db8:8000::1", "::1", "2001:db8:8000::1, 2001:db8:7fff::1" },
      { "1.2.3.4", "::ffff:10.0.0.1", "1.2.3.4:5678" },
      { "2a00::1", "10.1.1.1", "[2a00::1]:443" },
    } do
      assert.equal(case[1], proxy.client(networks, case[2], case[3]), case[3])
    end
  end)

  it("stops at what is no address", function()
    assert.equal("10.2.2.2", proxy.client(networks, "10.1.1.1", "1.2.3.4, unknown, 10.2.2.2"))
    assert.equal("10.1.1.1", proxy.client(networks, "10.1.1.1", ""))
    assert.equal("10.1.1.1", proxy.client(networks, "10.1.1.1", "1.2.3.4, " .. ("x"):rep(5000)))
    assert.equal("10.1.1.1", proxy.client(networks, "10.1.1.1", "256.1.1.1"))
    assert.equal("10.1.1.1", proxy.client(networks, "10.1.1.1", "1::2::3"))
  end)
end)

describe("proxy.networks", function()
  it("names what is no address", function()
    for _, wrong in ipairs { "10.0.0.0/33", "10.0.0/8", "proxy.local", "::1/129", "10.0.0.1/", "1:2:3" } do
      local ok, why = pcall(proxy.networks, "::1 " .. wrong)
      assert.is_false(ok, wrong)
      assert.equal(('trusted_proxies: "%s" is no address and no network such as 10.0.0.0/8'):format(wrong), why)
    end
  end)
end)
