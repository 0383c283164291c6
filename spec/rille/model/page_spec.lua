-- Pages, batches and streams of models.
local private = require "spec.rille.db.private"
local rille = require "rille"

local function says(message, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches(message, tostring(why), 1, true)
end

describe("rille.model's long lists", function()
  local db, stop, item

  setup(function()
    db, stop = private.start()
    db:exec [[create table items (id bigint generated always as identity primary key, name text not null, rank int,
      weight float8 not null, seen_at timestamptz not null, key_hash text)]]
    db:exec [[insert into items (name, rank, weight, seen_at) select 'n' || n % 7, nullif(n % 5, 0), n / 3.0,
      timestamptz '2024-01-01Z' + n % 4 * interval '1 microsecond' from generate_series(1, 100) n]]
    db:exec "create table spots (x int, y int, primary key (x, y))"
    db:exec "insert into spots select a, b from generate_series(1, 10) a, generate_series(1, 10) b"
    item = rille.model("items", { db = db })
  end)

  teardown(function() stop() end)

  local function ids(rows)
    local list = {}
    for i, one in ipairs(rows) do
      list[i] = one.id
    end
    return list
  end

  it("give every row once, in any order of columns, with NULLs too", function()
    for _, order in ipairs { {}, { "name" }, { "-name" }, { "rank" }, { "-rank" }, { "-rank", "name" }, { "seen_at", "-weight" },
      { "-seen_at", "rank", "-id" } } do
      local query = #order > 0 and item:order(unpack(order)) or item
      local all, after, count = {}, nil, 0
      repeat
        local page = query:page { after = after, limit = 9 }
        for _, one in ipairs(page.items) do
          all[#all + 1] = one
        end
        after, count = page.next, count + 1
      until not after
      assert.equal(12, count)
      local last = order[#order]
      local by_key = last and last:sub(1, 1) == "-" and query:order "-id" or query:order "id"
      assert.same(ids(by_key:all()), ids(all))
    end
  end)

  it("go on where they were, whatever comes and goes", function()
    local first = item:order("-id"):page { limit = 2 }
    db:transaction(function()
      db:exec "insert into items (name, weight, seen_at) values ('new', 1, now())"
      db:exec("delete from items where id = $1", first.items[2].id)
      assert.same({ 98, 97 }, ids(item:order("-id"):page { after = first.next, limit = 2 }.items))
      db:exec "delete from items where name = 'new'"
      db:exec("insert into items (id, name, rank, weight, seen_at) overriding system value values ($1, 'n1', null, 33, '2024-01-01Z')",
        first.items[2].id)
    end)
    assert.is_nil(item:page { limit = 1000 }.next)
  end)

  it("take no place that somebody made up", function()
    local function hex(text)
      return (text:gsub(".", function(char) return ("%02x"):format(char:byte()) end))
    end
    for _, after in ipairs { "x", "", "zz", hex "[]", hex "{}", hex "[1,2]", hex "[null]", hex '["a"]', hex '[{"a":1}]',
      hex '["1; drop table items"]', hex "[99999999999999999999]", hex '["1\\u0000"]', ("61"):rep(5000), 5, true } do
      local err = private.fails("invalid", item.page, item, { after = after })
      assert.same({ 422, "after" }, { err.status, err.details[1].path })
    end
    says("the cursor would show what JSON leaves out", function() item:order("key_hash"):page() end)
    says("page goes by columns", function() item:order(rille.sql "random()"):page() end)
    says("a limit from 1 to 1000", item.page, item, { limit = 0 })
    says("no option 'before'", item.page, item, { before = "x" })
    says("which the query does not select", function() item:select("name"):page { limit = 1 } end)
  end)

  it("come in batches by their key", function()
    local sizes, seen = {}, 0
    for rows in item:in_batches(30) do
      sizes[#sizes + 1] = #rows
      seen = seen + rows[1].id * 0 + #rows
    end
    assert.same({ 30, 30, 30, 10 }, sizes)
    assert.equal(100, seen)
    local count = 0
    for rows in rille.model("spots", { db = db }):in_batches(33) do
      count = count + #rows
    end
    assert.equal(100, count)
    for rows in item:where("id < ?", 0):in_batches() do
      error(#rows)
    end
    says("leave order out", function() item:order("name"):in_batches() end)
  end)

  it("stream as rows of the model", function()
    local count, sets = 0, {}
    for one in item:via(db:with { chunk = 40 }):where("id > ?", 10):order("-id"):each() do
      count = count + 1
      sets[one[0]] = true
      assert.equal(101 - count, one.id)
    end
    assert.equal(90, count)
    local many = 0
    for _ in pairs(sets) do
      many = many + 1
    end
    assert.equal(3, many)
    local stream = item:each()
    assert.equal('{"id":1,"name":"n1"', rille.json.encode(stream()):sub(1, 19))
    stream:close()
  end)

  it("are explained", function()
    assert.matches("items", item:where { id = 1 }:explain(), 1, true)
    assert.matches("actual time", item:where { id = 1 }:explain { analyze = true }, 1, true)
    says("may change something", function()
      item:with("x", rille.sql "delete from items returning id"):explain { analyze = true }
    end)
    assert.equal(100, item:count())
  end)
end)
