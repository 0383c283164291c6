--- `rille config APP`, as one types it.
local core = require "rille.core"
local shell = require "spec.shell"

describe("rille config", function()
  local dir

  local function rille(words, variables)
    local pipe = io.popen(("cd %s && env -u DATABASE_URL %s timeout 60 %s config %s 2>&1; echo $?"):format(dir, variables or "",
      shell.quoted(shell.rille()), words))
    local text, status = pipe:read("*a"):match "^(.-)(%d+)\n$"
    pipe:close()
    return tonumber(status), text
  end

  local function write(name, text)
    local file = assert(io.open(dir .. "/" .. name, "w"))
    file:write(text)
    file:close()
  end

  before_each(function()
    dir = shell.run "mktemp -d /tmp/rille-spec.XXXXXX"
    shell.run("mkdir " .. dir .. "/config")
    write("config/development.lua", 'return {\n  max_body = "1M",\n  mail = { from = "a" },\n}\n')
    write("app.lua", [[
local rille = require "rille"
local app, v = rille.app(), rille.schema
app:config { mail = v.object { from = v.string(), password = v.secret():default "x" } }
return app
]])
  end)
  after_each(function() shell.run("rm -rf " .. dir) end)

  it("prints every setting, its value, and where that came from", function()
    local status, text = rille(". --port 81", "RILLE_WORKERS=3 MAIL_PASSWORD=geheim DATABASE_URL=postgres://u:p@h/d")
    assert.equal(0, status, text)
    for name, wanted in pairs {
      host = "127.0.0.1 +default", port = "81 +%-%-port", workers = "3 +RILLE_WORKERS", max_body = "1M +./config/development.lua:2",
      ["mail.from"] = "a +./config/development.lua:3", ["mail.password"] = "%*+ +MAIL_PASSWORD", database_url = "%*+ +DATABASE_URL",
    } do
      assert.matches("\n  " .. name:gsub("%.", "%%.") .. " +" .. wanted .. "\n", text)
    end
    assert.is_nil(text:find "geheim")
  end)

  it("says it to programs, too", function()
    local status, text = rille(". --json", "RILLE_WORKERS=3")
    assert.equal(0, status, text)
    local all, found = core.json_decode(text), {}
    for _, one in ipairs(all.settings) do found[one.name] = { one.value, one.source, one.app } end
    assert.equal("development", all.env)
    assert.same({ "3", "RILLE_WORKERS", false }, found.workers)
    assert.same({ "a", "./config/development.lua:3", true }, found["mail.from"])
    assert.equal(0, #all.problems)
  end)

  it("says what is wrong beside it", function()
    write("config/development.lua", 'return { max_bdoy = "1M", mail = {} }\n')
    local status, text = rille(". --port many")
    assert.equal(1, status)
    for _, wanted in ipairs { "max_bdoy", "mail.from is missing", "--port", "  host " } do assert.matches(wanted, text, 1, true) end
    status, text = rille "--jsn ."
    assert.equal(2, status)
    assert.equal("rille config: there is no flag --jsn: did you mean --json?\n", text)
    status, text = rille "--json"
    assert.equal(2, status)
    assert.equal("rille config: which app? APP is a folder with an app.lua in it, and . this one\n"
      .. "usage: rille config APP [--json] [settings]\n", text)
    write("app.lua", "return nothing.at_all")
    status, text = rille "."
    assert.equal(1, status)
    assert.matches("app.lua:1: attempt to index", text, 1, true)
  end)
end)
