local Config = require "rille.config"
local core = require "rille.core"
local v = require "rille.schema"

-- Settings with a port of Rille's, what else the file holds, and an environment.
local function new(rest, environment)
  return Config.new {
    settings = { port = 8080, access_log = true, app_dir = "apps/x" },
    sources = { rows = { { name = "port" }, { name = "access_log" } }, rest = rest or {}, file = "config/test.lua" },
    getenv = function(name) return (environment or {})[name] end,
  }
end

-- This file's own place, in front of what it raises.
local function message_of(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return (err:gsub("^%S*config_spec%.lua:%d+: ", "here: "))
end

describe("rille.config", function()
  it("has Rille's own settings", function()
    local config = new()
    assert.equal(8080, config.values.port)
    assert.equal(true, config.values.access_log)
    assert.equal(require("rille").config, Config.current.values)
    assert.equal(core.settings.port, Config.current.values.port)
  end)

  it("has what the app declares", function()
    local config = new({ { depth = 0, key = "wechat", line = 1 }, { depth = 1, key = "appid", value = "wx12", line = 1 } },
      { WECHAT_SECRET = "hush", ORIGINS = "a,b" })
    config:declare {
      wechat = v.object { appid = v.string(), secret = v.secret(), proxy = v.string():optional() },
      origins = v.array(v.string()), limits = v.map(v.integer()):default { small = 1 },
    }
    config:finish()
    local values = config.values
    assert.equal("wx12", values.wechat.appid)
    assert.equal("hush", values.wechat.secret)
    assert.is_nil(values.wechat.proxy)
    assert.same({ "a", "b" }, values.origins)
    assert.same({ small = 1 }, values.limits)
  end)

  it("refuses to read what nobody declared", function()
    local config = new()
    config:declare { wechat = v.object { appid = v.string():default "x", key = v.string():optional() } }
    local values = config.values
    assert.equal("here: there is no setting 'prot': did you mean 'port'?", message_of(function() return values.prot end))
    assert.equal("here: there is no setting 'colour': an app declares its own, as in app:config{ colour = v.string() }",
      message_of(function() return values.colour end))
    assert.equal("here: there is no setting 'wechat.apid': did you mean 'wechat.appid'?",
      message_of(function() return values.wechat.apid end))
    assert.equal("here: there is no setting 'wechat.colour': wechat has appid, key",
      message_of(function() return values.wechat.colour end))
    assert.equal("here: there is no setting 'app_dir': an app declares its own, as in app:config{ app_dir = v.string() }",
      message_of(function() return values.app_dir end))
  end)

  it("is read-only", function()
    local config = new()
    config:declare { wechat = v.object { appid = v.string():default "x" } }
    assert.equal("here: settings are read-only: set port in config/test.lua or RILLE_PORT in the environment",
      message_of(function() config.values.port = 1 end))
    assert.equal("here: settings are read-only: set wechat.appid in config/test.lua or WECHAT_APPID in the environment",
      message_of(function() config.values.wechat.appid = "y" end))
    assert.equal("x", config.values.wechat.appid)
  end)

  it("shows nothing of itself when it is printed, and is not encoded", function()
    local config = new(nil, { WECHAT_SECRET = "hush" })
    config:declare { wechat = v.object { secret = v.secret() } }
    assert.equal("rille.config rille.config.wechat", ("%s %s"):format(tostring(config.values), tostring(config.values.wechat)))
    local _, why = pcall(core.json_encode, { mine = config.values.wechat })
    assert.matches("^mine: settings cannot be encoded, as there may be secrets among them: name the fields that are meant", why)
  end)
end)

describe("app:config", function()
  it("takes a table of schemas", function()
    local config = new()
    assert.equal("here: app:config takes a table of schemas, as in app:config{ wechat = v.object{ appid = v.string() } }",
      message_of(function() config:declare(v.object {}) end))
    assert.equal("here: app:config: wechat: expected a schema, got a table: write wechat = v.object{ … }",
      message_of(function() config:declare { wechat = { appid = v.string() } } end))
    assert.equal("here: app:config: wechat: expected a schema, got a string: write wechat = v.string(), say",
      message_of(function() config:declare { wechat = "string" } end))
    assert.equal("here: app:config: a setting's name is a word such as wechat, got we-chat",
      message_of(function() config:declare { ["we-chat"] = v.string() } end))
    assert.equal("here: app:config: a setting's name is a word such as wechat, got 1",
      message_of(function() config:declare { v.string() } end))
  end)

  it("refuses names that are taken", function()
    local config = new()
    assert.equal("here: app:config: 'port' is a setting of Rille's own: take another name",
      message_of(function() config:declare { port = v.integer() } end))
    config:declare { wechat = v.string():default "x" }
    assert.matches("^here: app:config: 'wechat' is declared already at %S*config_spec.lua:%d+$",
      message_of(function() config:declare { wechat = v.string() } end))
  end)

  it("may run again, as the same line of an app that is loaded twice does", function()
    local config = new()
    for _ = 1, 2 do
      config:declare { wechat = v.string() }
    end
    assert.equal(1, #config:all_problems())
  end)

  it("refuses variables that mean something else", function()
    local config = new()
    assert.equal("here: app:config: 'path' would be read from the variable PATH, which is the system's: "
      .. "put it into a table, as in my = v.object{ path = … }", message_of(function() config:declare { path = v.string() } end))
    assert.equal("here: app:config: 'rille.x' would be read from the variable RILLE_X, which is Rille's: "
      .. "put it into a table, as in my = v.object{ rille.x = … }",
      message_of(function() config:declare { rille = v.object { x = v.string() } } end))
    assert.equal("here: app:config: 'a.b_c' and 'a_b.c' would both be read from the variable A_B_C: rename one",
      message_of(function()
        config:declare { a = v.object { b_c = v.string() }, a_b = v.object { c = v.string() } }
      end))
    assert.equal("here: app:config: 'database_url' and 'database.url' would both be read from the variable DATABASE_URL: rename one",
      message_of(function() config:declare { database = v.object { url = v.string() } } end))
  end)

  it("blames the caller of App:config", function()
    local app = require("rille").app()
    assert.equal("here: app:config: x: expected a schema, got a number: write x = v.string(), say",
      message_of(function() app:config { x = 1 } end))
  end)
end)

describe("an app with wrong settings", function()
  local function wrong()
    local config = new({ { depth = 0, key = "max_bdoy", value = 1, line = 7 }, { depth = 0, key = "n", value = "x", line = 8 } })
    config:declare { wechat = v.object { appid = v.string(), secret = v.secret() }, fine = v.string():default "y" }
    return config
  end

  it("is told of all of them when its file has run", function()
    local config = wrong()
    config:declare { n = v.integer(), max_body_size = v.integer():default(1) }
    assert.equal([[
4 settings are wrong:
  unknown setting 'max_bdoy' in config/test.lua:7
  n in config/test.lua:8 is 'x', but must be an integer
  wechat.appid is missing: it must be a string. Set WECHAT_APPID in the environment, or wechat = { appid = … } in config/test.lua
  wechat.secret is missing: it must be a string. Set WECHAT_SECRET in the environment, or wechat = { secret = … } in config/test.lua]],
      message_of(config.finish, config))
  end)

  it("is told of them when it reads one before", function()
    local config = wrong()
    assert.matches("^2 settings are wrong:\n  wechat.appid is missing", message_of(function() return config.values.wechat end))
    assert.equal("y", config.values.fine)
  end)

  it("is told of one in one line", function()
    local config = new({ { depth = 0, key = "wechat_appid", value = "x", line = 2 } })
    config:declare { wechat = v.object { appid = v.string():default "d" } }
    assert.equal("unknown setting 'wechat_appid' in config/test.lua:2: did you mean 'wechat.appid'?",
      message_of(config.finish, config))
  end)
end)
