--- What is said of wrong settings. Read them aloud.
local Config = require "rille.config"
local v = require "rille.schema"

-- The problems of one declared setting `app`, whose value the file has on line 3.
local function problems_of(node, value, environment)
  local rest = {}
  local function add(depth, key, one)
    rest[#rest + 1] = { depth = depth, key = type(key) == "string" and key or nil, line = 3 }
    if type(one) ~= "table" then
      rest[#rest].value = one
      return
    end
    local is_list = #one > 0
    for name, inner in (is_list and ipairs or pairs)(one) do
      add(depth + 1, name, inner)
    end
  end
  if value ~= nil then
    add(0, "app", value)
  end
  local config = Config.new {
    sources = { rows = { { name = "port" } }, rest = rest, file = "config/test.lua" },
    getenv = function(name) return (environment or {})[name] end,
  }
  config:declare { app = node }
  return config:all_problems()
end

describe("a wrong setting", function()
  local EVEN = v.integer():refine(function(n) return n % 2 == 0 end, "must be even")

  for _, case in ipairs {
    { "app is missing: it must be a string. Set APP in the environment, or app = … in config/test.lua", v.string() },
    { "app.id is missing: it must be an integer. Set APP_ID in the environment, or app = { id = … } in config/test.lua",
      v.object { id = v.integer() } },
    { "app.a.b is missing: it must be one of: x, y. Set APP_A_B in the environment, or app = { a = { b = … } } in config/test.lua",
      v.object { a = v.object { b = v.enum { "x", "y" } } }, {} },
    { "app is missing: it must be an array. Set APP in the environment (as in a,b), or app = … in config/test.lua",
      v.array(v.string()) },
    { "app[1].id is missing in config/test.lua:3: it must be an integer",
      v.array(v.object { id = v.integer() }), { { id = 1 }, { no = nil } } },
    { "app in config/test.lua:3 is 'eighty', but must be an integer", v.integer(), "eighty" },
    { "app in config/test.lua:3 is '80', but must be an integer", v.integer(), "80" },
    { "APP in the environment is 'eighty', but must be an integer", v.integer(), 80, { APP = "eighty" } },
    { "APP in the environment is '0', but must be at least 1", v.integer { min = 1 }, nil, { APP = "0" } },
    { "app[1] in APP in the environment must be an integer", v.array(v.integer()), nil, { APP = "1,x" } },
    { "app in config/test.lua:3 is 'false', but must be a string", v.string(), false },
    { "app in config/test.lua:3 is 'x', but must be an object", v.object { id = v.integer():default(1) }, "x" },
    { "app.id in config/test.lua:3 must be a string", v.object { id = v.string() }, { id = { 1 } } },
    { "app in config/test.lua:3 must be even", EVEN, 3 },
    { "APP_ID in the environment is 'a?b', but must be an integer", v.object { id = v.integer() }, nil, { APP_ID = "a\27b" } },
    { "unknown setting 'app.prot' in config/test.lua:3: did you mean 'app.port'?",
      v.object { port = v.integer():default(1) }, { prot = 1 } },
    { "unknown setting 'app.colour' in config/test.lua:3", v.object { port = v.integer():default(1) }, { colour = 1 } },
  } do
    it("is told: " .. case[1], function()
      assert.same({ case[1] }, problems_of(case[2], case[3], case[4]))
    end)
  end

  it("is told without the value when it is a secret", function()
    local secret = v.secret { min = 10 }
    for _, problems in ipairs {
      problems_of(secret, nil, { APP = "hush" }), problems_of(secret, "hush"),
      problems_of(v.object { key = secret }, { key = "hush" }), problems_of(v.object { key = secret }, "hush"),
      problems_of(v.array(secret), { "hush" }), problems_of(v.array(secret), nil, { APP = "hush,hush" }),
      problems_of(v.map(secret), nil, { APP = '{"a":"hush"}' }), problems_of(v.map(secret), { a = "hush" }),
      problems_of(v.union { secret, v.integer() }, "hush"), problems_of(v.union { secret, v.integer() }, nil, { APP = "hush" }),
      problems_of(v.secret():refine(function(s) return false, s end), "hush"),
    } do
      assert.is_true(#problems > 0)
      assert.is_nil(table.concat(problems):find("hush", 1, true))
    end
  end)

  it("is cut where its value is long", function()
    assert.is_true(#problems_of(v.integer(), ("x"):rep(10000))[1] < 200)
  end)
end)
