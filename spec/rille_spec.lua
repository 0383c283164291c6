--- lua/rille.lua: what is said of names that are not there, and of calls without a colon.
local rille = require "rille"
local v = rille.schema

local function message_of(fn)
  local ok, why = pcall(fn)
  assert.is_false(ok)
  return tostring(why)
end

describe("a name that is not there", function()
  it("is told with the one that was meant, and where", function()
    assert.matches("rille_spec.lua:%d+: rille has no 'htlm': did you mean 'html'%?", message_of(function() rille.htlm "x" end))
    assert.matches("rille.schema has no 'int': did you mean 'integer'%?", message_of(function() v.int() end))
  end)

  it("is told with all that there are, when none is near", function()
    assert.matches("rille.mw has no 'wibblewobble': there are body_limit, cors, ", message_of(function()
      rille.mw.wibblewobble()
    end))
  end)

  it("of c is told as well", function()
    local app = rille.app()
    app:get("/", function(c) return c.parms.id end)
    local text = message_of(function() rille.test(app):client():get "/" end)
    assert.matches("c has no 'parms': did you mean 'params'?", text, 1, true)
  end)
end)

describe("a call with a dot", function()
  it("is told to want a colon", function()
    local app, db = rille.app(), rille.db
    assert.matches("rille_spec.lua:%d+: app.get is called with a colon: app:get", message_of(function() app.get("/", print) end))
    assert.matches("called with a colon, as in db:query", message_of(function() db.query "select 1" end))
    app:get("/", function(c) c.fail(404) end)
    assert.matches("c.fail is called with a colon: c:fail", message_of(function() rille.test(app):client():get "/" end), 1, true)
  end)
end)

describe("an option of the wrong kind", function()
  it("is told how it is written", function()
    local app = rille.app()
    local function refused(fn) return message_of(fn) end
    assert.matches("write use = { … }", refused(function()
      app:get("/", { use = rille.mw.timeout(1) }, print)
    end), 1, true)
    assert.matches('as in app:views{ dir = "views" }', refused(function() app:views "pages" end), 1, true)
  end)
end)

describe("rille.json", function()
  it("decodes, and raises what is wrong with a text that is no JSON, and where", function()
    assert.same({ a = { 1, rille.null } }, rille.json.decode '{"a":[1,null]}')
    assert.matches("line 1, column 8", message_of(function() rille.json.decode '{"a":[1}' end), 1, true)
  end)
end)
