-- Private clusters: several at once, each in its folder.
local cluster = require "rille.cluster"
local database = require "rille.db"

describe("rille.cluster", function()
  local dir

  local function sh(command)
    local pipe = io.popen(command)
    local text = pipe:read "*l"
    pipe:close()
    return text
  end

  setup(function()
    dir = sh "mktemp -d /tmp/rille-spec.XXXXXX"
  end)

  teardown(function()
    for _, name in ipairs { "/a", "/b" } do
      cluster.stop(dir .. name)
    end
    os.execute("rm -rf '" .. dir .. "'")
  end)

  it("starts beside another one, again as itself, and stops", function()
    local a, b = dir .. "/a", dir .. "/b"
    assert.equal("absent", cluster.status(a))
    local url = cluster.start(a, { durable = false })
    local other = cluster.start(b, { durable = false })
    assert.not_equal(url, other)
    assert.equal(url, cluster.start(a))
    assert.equal(url, cluster.url(a))
    for _, each in ipairs { url, other } do
      local db = database.open { url = each, exclusive = 1 }
      assert.equal("rille", db:one("select current_database() as name").name)
      db:close()
    end
    assert.is_true(cluster.stop(b))
    assert.is_false(cluster.stop(b))
    assert.equal("stopped", cluster.status(b))
    assert.equal("running", cluster.status(a))
    assert.equal("running", cluster.status(a .. "/../" .. a:match "[^/]+$" .. "/.")) -- whatever it is called by
  end)

  it("lets nobody in without the password, and shows it to nobody", function()
    local port = sh("cat '" .. dir .. "/a/port'")
    local db = database.open { url = ("postgres://rille:wrong@127.0.0.1:%s/rille"):format(port), acquire_timeout = 1 }
    local ok, err = pcall(db.one, db, "select 1")
    assert.is_false(ok)
    assert.matches("password authentication failed", err.detail, 1, true)
    db:close()
    assert.equal("600", sh("stat -c %a '" .. dir .. "/a/password'"))
  end)

  it("starts again after a crash", function()
    local a = dir .. "/a"
    local url = cluster.url(a)
    sh("kill -9 $(head -n 1 '" .. a .. "/data/postmaster.pid'); sleep 0.1; echo")
    assert.equal("stopped", cluster.status(a))
    assert.equal(url, cluster.start(a))
    local db = database.open { url = url, exclusive = 1 }
    assert.equal(1, db:one("select 1 as one").one)
    db:close()
  end)
end)
