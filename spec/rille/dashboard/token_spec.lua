local core = require "rille.core"
local token = require "rille.dashboard.token"

describe("the token of an Authorization header", function()
  it("is what stands behind Bearer, or the password of Basic", function()
    for header, expected in pairs {
      ["Bearer 0123456789abcdef"] = "0123456789abcdef",
      ["bearer  a.b-c_d~+/="] = "a.b-c_d~+/=",
      ["Basic dXNlcjpzZWNyZXQ="] = "secret", -- user:secret
      ["BASIC OmE6Yg=="] = "a:b", -- :a:b
      ["Basic eDp5eg=="] = "yz",
      ["Basic eDo="] = "",
      ["Basic w6Q6w7bDvA=="] = "öü", -- ä:öü
    } do
      assert.equal(expected, token.of(header), header)
    end
  end)

  it("is not there in anything else", function()
    for _, header in ipairs {
      "", "Bearer", "Bearer ", "Digest x", "0123456789abcdef", "Basic eA==", "Basic !", "Basic e=Do", "Basic dXNlcjpz ZWNyZXQ=",
      "Bearer " .. ("x"):rep(2000),
    } do
      assert.is_nil(token.of(header), header)
    end
    assert.is_nil(token.of(nil))
  end)

  it("is compared byte by byte", function()
    for _, case in ipairs {
      { "secret", "secret", true }, { "secrex", "secret", false }, { "xecret", "secret", false }, { "secre", "secret", false },
      { "secrets", "secret", false }, { "secretsecret", "secret", false }, { "", "secret", false }, { "x", "", false },
    } do
      assert.equal(case[3], core.is_same(case[1], case[2]), case[1])
    end
  end)
end)
