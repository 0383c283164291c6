local private = require "spec.rille.db.private"
local rille = require "rille"

describe("rille.db.listen", function()
  local db, stop

  setup(function() db, stop = private.start { exclusive = 4 } end)
  teardown(function() stop() end)

  local function notify(channel, payload)
    db:one("select pg_notify($1, $2) as done", channel, payload)
  end

  local function backends()
    return db:query "select pid from pg_stat_activity where query ilike 'listen%' or query ilike 'unlisten%'"
  end

  it("hears what is sent once it returned, in order, by all who listen", function()
    local first, second = db:listen "Orders", db:listen "Orders"
    for i = 1, 3 do
      notify("Orders", "n" .. i)
    end
    for i = 1, 3 do
      local note = first:recv(5)
      assert.same({ "Orders", "n" .. i }, { note.channel, note.payload })
      assert.is_number(note.pid)
      assert.is_nil(note.missed)
      assert.equal("n" .. i, second:recv(5).payload)
    end
    assert.same({ nil, "timeout" }, { first:recv(0) })
    assert.equal(1, #backends())
    first:close()
    second:close()
    assert.same({ nil, "closed" }, { first:recv() })
  end)

  it("hears only its own channel, whatever its name holds", function()
    local odd = db:listen 'a "b"; drop'
    local other = db:listen "other"
    notify('a "b"; drop', "x")
    assert.equal("x", odd:recv(5).payload)
    assert.same({ nil, "timeout" }, { other:recv(0) })
    assert.has_error(function() db:listen(("x"):rep(64)) end)
    assert.has_error(function() db:listen "" end)
    odd:close()
    other:close()
  end)

  it("ends its loop at the close, and its listening with its task", function()
    local seen = {}
    local ear
    local task = rille.spawn(function()
      ear = db:listen "loop"
      for note in ear:iter() do
        seen[#seen + 1] = note.payload
      end
      return "over"
    end)
    private.eventually(function() return ear end)
    notify("loop", "1")
    private.eventually(function() return seen[1] end)
    ear:close()
    assert.equal("over", task:await(5))
    rille.spawn(function() ear = db:listen "loop" end):await()
    assert.same({ nil, "closed" }, { ear:recv() })
  end)

  it("listens again by itself when the connection is lost, and says so", function()
    local ear = db:listen "again"
    db:exec "select pg_terminate_backend(pid) from pg_stat_activity where query = 'listen \"again\"'"
    local note = ear:recv(10)
    assert.same({ "again", true }, { note.channel, note.missed })
    assert.is_nil(note.payload)
    notify("again", "x")
    assert.equal("x", ear:recv(5).payload)
    ear:close()
  end)

  it("keeps the newest of too many, and counts the others", function()
    local ear, other = db:listen "many", db:listen "marker"
    db:exec "select pg_notify('many', n::text) from generate_series(1, 1100) n"
    notify("marker", "")
    other:recv(5)
    local note = ear:recv(5)
    assert.same({ "77", 76 }, { note.payload, note.missed })
    assert.is_nil(ear:recv(5).missed)
    ear:close()
    other:close()
  end)

  it("is told when the pool closes", function()
    local mine = getmetatable(db).open { url = db.options.url, exclusive = 1 }
    local ear = mine:listen "x"
    mine:close()
    assert.same({ nil, "closed" }, { ear:recv() })
    ear:close()
  end)
end)
