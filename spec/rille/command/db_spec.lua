-- The commands around the private database, as one types them.
local lfs = require "lfs"
local shell = require "spec.shell"
local rille_path = lfs.symlinkattributes("/proc/self/exe", "target")

describe("rille db", function()
  local dir

  -- What it prints, and its exit status.
  local function rille(words, environment)
    local pipe = io.popen(("cd %s && env -u DATABASE_URL %s %s db %s 2>&1 </dev/null; echo \" $?\""):format(shell.quoted(dir),
      environment or "", shell.quoted(rille_path), words))
    local text, status = pipe:read("*a"):match "^(.-)\n? (%d+)\n$"
    pipe:close()
    return text, tonumber(status)
  end

  setup(function() dir = shell.run "mktemp -d /tmp/rille-spec.XXXXXX" end)

  teardown(function()
    rille "stop"
    shell.run("rm -rf " .. shell.quoted(dir))
  end)

  it("goes from nothing to a database that one speaks to, and stops it", function()
    assert.equal("absent", (rille "status"))
    for _, words in ipairs { "url", "psql" } do
      local text, status = rille(words)
      assert.equal("rille db: there is no database cluster in .rille/pg: `rille db start` makes one", text)
      assert.equal(1, status)
    end
    local url, status = rille "start"
    assert.matches("^postgres://rille:", url)
    assert.equal(0, status)
    assert.equal(url, (rille "url"))
    assert.equal("running", (rille "status"))
    assert.equal("it's $1", (rille [[psql -At -c "select 'it''s \$1'"]]))
    assert.equal("rille", (rille("psql -At -c 'select current_database()'", "DATABASE_URL=" .. shell.quoted(url))))
    assert.equal(1, select(2, rille "psql -c nonsense"))
    rille "stop"
    assert.equal("stopped", (rille "status"))
    assert.equal("rille db: the database in .rille/pg is stopped: `rille db start` starts it", (rille "psql"))
  end)

  it("says what it does not know", function()
    local text, status = rille "strat"
    assert.equal("rille db: there is no command 'strat': did you mean 'start'?", text)
    assert.equal(2, status)
    assert.equal(2, select(2, rille "start a b"))
    assert.equal(2, select(2, rille ""))
    assert.matches("usage: rille db COMMAND", (rille "--help"), 1, true)
  end)
end)
