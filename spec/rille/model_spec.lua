-- rille.model against a real PostgreSQL: rows, and what asks for them.
local private = require "spec.rille.db.private"
local rille = require "rille"

local function says(message, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches(message, tostring(why), 1, true)
end

describe("rille.model", function()
  local db, stop, post

  setup(function()
    db, stop = private.start()
    db:exec [[create table posts (id bigint generated always as identity primary key, title text not null, body text,
      password_hash text, views int not null default 0)]]
    db:exec "insert into posts (title, views, password_hash) select 'title ' || n, n, 'x' from generate_series(1, 5) n"
    post = rille.model("posts", { db = db })
    function post.query:viewed(least) return self:where("views >= ?", least) end
    function post.row:loud() return self.title:upper() end
  end)

  teardown(function() stop() end)

  it("gives rows that know their columns", function()
    local one = post:find(1)
    assert.same({ 1, "title 1", nil, 1 }, { one.id, one.title, one.body, one.views })
    assert.equal("TITLE 1", one:loud())
    assert.equal("posts 1", tostring(one))
    says("no column or relation 'titel': did you mean 'title'?", function() return one.titel end)
    local _, why = pcall(function() return one.titel end)
    assert.matches("^spec/rille/model_spec.lua:%d+: a row of posts", why)
    says("takes no field but its columns", function() one.titel = 1 end)
  end)

  it("writes rows as JSON, without what is named like a secret", function()
    assert.equal('[{"id":1,"title":"title 1","body":null,"views":1}]', rille.json.encode(post:where { id = 1 }:all()))
    assert.equal("[]", rille.json.encode(post:where { id = 99 }:all()))
    assert.equal("x", post:find(1).password_hash)
  end)

  it("leaves out, and shows, what it is told to", function()
    local shown = rille.model("posts", { db = db, hidden = { "views", "body" }, shown = { "password_hash" } })
    assert.equal('{"id":1,"title":"title 1","password_hash":"x"}', rille.json.encode(shown:find(1)))
    local none = rille.model("posts", { db = db, hidden = { "id", "title", "views", "body" } })
    assert.equal("[{}]", rille.json.encode(none:where { id = 1 }:all()))
  end)

  it("computes attributes of a row as they are asked for", function()
    local counted = 0
    local computing = rille.model("posts", {
      db = db,
      computed = {
        label = function(row)
          counted = counted + 1
          return row.id .. ": " .. row.title
        end,
      },
    })
    local one = computing:find(1)
    assert.equal(0, counted)
    assert.equal("1: title 1", one.label)
    one.title = "new"
    assert.equal("1: new", one.label)
    assert.equal('"1: new"', rille.json.encode(one:only("label")):match ':(.*)}')
    assert.same({ id = 1, body = rille.null }, one:only("id", "body"))
  end)

  it("fits into a schema of what goes out", function()
    local v = rille.schema
    local schema = v.object { id = v.integer(), title = v.string(), body = v.string():nullable(), views = v.integer(),
      label = v.string():optional() }
    local computing = rille.model("posts", { db = db, computed = { label = function(row) return "no. " .. row.id end } })
    for _, mode in ipairs { "output", "shape" } do
      local value = assert(schema:parse(computing:find(1), mode))
      assert.same({ 1, "title 1", rille.null, "no. 1" }, { value.id, value.title, value.body, value.label })
      assert.is_nil(value.password_hash)
      assert.equal(1, assert(v.array(schema):parse(post:where { id = 1 }:all(), mode))[1].id)
    end
    assert.is_nil((v.object { id = v.integer() }:parse(post:find(1), "output")))
  end)

  it("notices what is assigned", function()
    local one = post:find(2)
    assert.is_nil(one:changed())
    one.title, one.body = "new", "text"
    assert.same({ title = "title 2", body = rille.null }, one:changed())
    one.title = "title 2"
    assert.same({ body = rille.null }, one:changed())
    assert.is_true(one:changed "body")
    assert.is_false(one:changed "title")
  end)

  it("finds by the key, and knows what no key can be", function()
    assert.is_nil(post:find(99))
    for _, none in ipairs { "abc", "1 or 1=1", 1.5, "99999999999999999999", "" } do
      assert.is_nil(post:find(none))
    end
    assert.equal("title 1", post:find("1").title)
    local err = private.fails("not_found", post.get, post, 99)
    assert.same({ 404, "there is no such post" }, { err.status, err.message })
    says("its id is nil", post.find, post, nil)
  end)

  it("gives values instead of rows", function()
    assert.equal(3, post:viewed(3):count())
    assert.same({ 1, 5, 15, 3 }, { post:min "views", post:max "views", post:sum "views", tonumber(post:avg "views") })
    assert.is_true(post:viewed(5):exists())
    assert.is_false(post:viewed(6):exists())
    assert.equal('["title 5","title 4"]', rille.json.encode(post:order("-views"):limit(2):pluck "title"))
    assert.equal(2, post:order("-views"):limit(2):count())
    assert.same({ ["title 1"] = 1, ["title 2"] = 1 }, post:where_in("id", { 1, 2 }):group("title"):count())
  end)

  it("keeps scopes apart from methods, and says what it does not have", function()
    assert.equal(2, #post:viewed(2):viewed(4):all())
    says("a query has the method 'where' already", function() function post.query.where() end end)
    says("a row has the method 'changed' already", function() function post.row.changed() end end)
    says("a query has no 'wher': did you mean 'where'?", function() return post:wher { id = 1 } end)
    says("has no column 'titel': did you mean 'title'?", function() return post:where { titel = "x" }:all() end)
    says("has no option 'soft_deletes': did you mean 'soft_delete'?", rille.model, "posts", { soft_deletes = true })
    says("there is no table 'nobody'", function() return rille.model("nobody", { db = db }):all() end)
  end)

  it("learns of a column that comes", function()
    post:find(1)
    db:exec "alter table posts add column slug text"
    assert.is_nil(post:find(1).slug)
    says("no column 'slug'", function() return post:where { slug = "x" }:all() end)
    pcall(post.all, post:where "sluggish = 1")
    assert.same({}, post:where { slug = "x" }:all())
  end)

  it("makes rows", function()
    local made = post:create { title = "made", views = 0 }
    assert.same({ "made", 0, nil }, { made.title, made.views, made.body })
    assert.equal("made", post:find(made.id).title)
    says("has no column 'titel'", post.create, post, { titel = "x" })
  end)
end)
