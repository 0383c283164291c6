--- Relations that are loaded with a query's rows.
--
-- Each of what GORM's users wait for is an example here: more keys than a statement has places for (#6849), a
-- limit for each parent (#5229), what is independent at once (#7792), and in auto_spec.lua relations that nobody
-- has to remember (#5504).
local blog = require "spec.rille.model.blog"
local core = require "rille.core"
local rille = require "rille"
local statements = require "rille.test.statements"

local function says(message, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches(message, tostring(type(why) == "table" and why.message or why), 1, true)
end

describe("preload", function()
  local b, stop, post

  setup(function()
    b, stop = blog.start { bigint = "string" }
    post = b.post:order "id"
    for _, model in pairs { b.user, post, b.comment, b.image, b.tag, b.node } do
      model:count()
    end
  end)

  teardown(function() stop() end)

  -- How many statements `fn` runs, and in how many round trips.
  local function count(fn)
    local run, batch, trips = core.pg_run, core.pg_batch, 0
    function core.pg_run(...)
      trips = trips + 1
      return run(...)
    end
    function core.pg_batch(...)
      trips = trips + 1
      return batch(...)
    end
    local ok, seen = pcall(statements.during, fn)
    core.pg_run, core.pg_batch = run, batch
    assert(ok, seen)
    return #seen, trips
  end

  -- How much of Lua's own work a call does, in hundreds of instructions: the same on every machine.
  local function instructions(fn, ...)
    local hundreds = 0
    jit.off()
    jit.flush()
    debug.sethook(function() hundreds = hundreds + 1 end, "", 100)
    local ok, err = pcall(fn, ...)
    debug.sethook()
    jit.on()
    return ok and hundreds or error(err, 0)
  end

  local function json(value)
    return rille.json.encode(value)
  end

  it("loads what is independent in one round trip for each level", function()
    local posts
    assert.same({ 8, 4 }, { count(function()
      posts = post:preload("author", "tags", { comments = { "author", { post = "cover" } } }):preload_count("commenters"):all()
    end) })
    assert.same({ 0, 0 }, { count(function()
      for _, one in ipairs(posts) do
        for _, comment in ipairs(one.comments) do
          assert.is_true(one.title == comment.post.title and comment.author.name ~= nil and comment.post.cover ~= 1)
        end
        assert.is_number(one.commenters_count + #one.tags)
        assert.is_true(one.author == nil or one.author.id < 3)
      end
    end) })
  end)

  it("asks nothing for rows that are none, and keys that are NULL", function()
    assert.equal(1, (count(function() post:where { title = "none" }:preload("author", { comments = "author" }):all() end)))
    assert.equal(1, (count(function() assert.is_nil(post:where { title = "d" }:preload("author"):all()[1].author) end)))
  end)

  it("asks where the query asks", function()
    local posts = post:via(b.db:read()):preload("author", "tags"):all()
    assert.equal("Ada", posts[1].author.name)
    assert.equal(3, #posts[1].comments)
    assert.equal(3, posts[2].comments_count)
  end)

  it("leaves nothing of its own in the rows", function()
    local posts = post:preload("tags", "best"):all()
    assert.same({ id = 1, name = "x" }, posts[1].tags[1]:values())
    assert.same({ "id", "post_id", "user_id", "body", "stars", "deleted_at" }, require("rille.model.row").names(posts[1].best[1]))
  end)

  it("has it in JSON, behind the columns", function()
    assert.equal('[{"id":1,"user_id":1,"title":"a","likes":1,"author":{"id":1,"name":"Ada"},'
      .. '"tags":[{"id":1,"name":"x"},{"id":2,"name":"y"}],"comments_count":3}]',
      json(post:where { id = 1 }:preload("author", "tags"):preload_count("comments"):all()))
    assert.equal('[{"id":4,"user_id":null,"title":"d","likes":4,"author":null,"comments":[]}]',
      json(post:where { id = 4 }:preload("author", "comments"):all()))
  end)

  it("takes a query or a function, which narrow it", function()
    local function best(q) return q:reorder("-stars"):limit(1) end
    local posts = post:preload({ comments = best }):all()
    assert.same({ "c7", "c8", "c9" }, { posts[1].comments[1].body, posts[2].comments[1].body, posts[3].comments[1].body })
    assert.same({ 1, 0 }, { #posts[1].comments, #posts[4].comments })
    posts = post:preload({ comments = b.comment:where("stars > ?", 5):or_where { stars = 1 }:preload "author" }):all()
    assert.same({ "c1", "c7", "Ada" }, { posts[1].comments[1].body, posts[1].comments[2].body, posts[2].comments[1].author.name })
    assert.equal(0, (count(function() return posts[3].comments[1].author.name end)))
    posts = post:preload({ author = function(q) return q:where("name <> ?", "Ada") end }):all()
    assert.is_nil(posts[1].author)
    assert.equal("Bob", posts[3].author.name)
    posts = post:preload({ comments = function(q) return q:select("body") end }):all()
    assert.equal('[{"body":"c1"},{"body":"c4"},{"body":"c7"}]', json(posts[1].comments))
    posts = post:preload({ commenters = function(q) return q:reorder("-id"):offset(1):limit(5) end }):all()
    assert.equal('[{"id":1,"name":"Ada"}]', json(posts[2].commenters))
  end)

  it("counts, sums and compares", function()
    local posts = post:preload_count("comments", function(q) return q:where("stars > ?", 4) end, "bright")
      :preload_count("tags"):preload_sum("comments", "stars"):preload_max("comments", "stars"):preload_min("comments", "stars")
      :preload_max("commenters", "name"):all()
    assert.same({ 1, 2, 12, 7, 1, "Bob" }, { posts[1].bright, posts[1].tags_count, posts[1].comments_sum_stars,
      posts[1].comments_max_stars, posts[1].comments_min_stars, posts[1].commenters_max_name })
    assert.same({ 0, 0, 0 }, { posts[4].bright, posts[4].tags_count, posts[4].comments_sum_stars })
    assert.is_nil(posts[4].comments_max_stars)
    assert.matches('"bright":0,"tags_count":0,"comments_sum_stars":0,"comments_max_stars":null', json(posts[4]), 1, true)
  end)

  it("forgets what a row has of a key that it has no more", function()
    local posts = post:preload("author", "tags"):all()
    posts[1].user_id = 2
    assert.equal("Bob", posts[1].author.name)
    assert.matches('"likes":1,"tags":[{', json(posts[1]), 1, true)
    assert.matches('"author":{"id":1,"name":"Ada"}', json(posts[2]), 1, true)
    posts[4].user_id = 3
    assert.is_nil(json(posts[4]):find '"author"')
    assert.equal("Cyd", posts[4].author.name)
    posts[2].title = "other"
    assert.matches('"author":{"id":1,"name":"Ada"}', json(posts[2]), 1, true)
  end)

  it("loads below a polymorphic relation what each model has", function()
    local images = b.image:order("id"):preload({ owner = { "author", "posts" } }):all()
    assert.equal("Ada", images[1].owner.author.name)
    assert.equal(2, #images[2].owner.posts)
    assert.is_nil(images[4].owner)
    says("none of the models of images.owner has a relation wheels", function() b.image:preload({ owner = "wheels" }):all() end)
  end)

  it("says what it does not know", function()
    for message, fn in pairs {
      ["posts has no relation 'autor': did you mean 'author'?"] = function() post:preload "autor" end,
      ["comments has no relation 'autor': did you mean 'author'?"] = function() post:preload({ comments = "autor" }):all() end,
      ["preload takes names of relations"] = function() post:preload() end,
      ["preload takes names of relations and tables { name = what is wanted below it }: got a number"] = function() post:preload(5) end,
      ["got a query: write { name = query }"] = function() post:preload(b.comment) end,
      ["posts.comments is narrowed by a query of comments, or by a function that returns the one it was given: got one of users"] =
        function() post:preload({ comments = b.user }):all() end,
      ["got a nil"] = function() post:preload({ comments = function() end }):all() end,
      ["preload_count is about several rows, and posts.author is belongs_to"] = function() post:preload_count "author" end,
      ["preload_sum takes a relation and a column"] = function() post:preload_sum "comments" end,
      ["posts.best: it has a limit, and best_count is about all of its rows"] = function() return post:first().best_count end,
      ["posts.author goes by the column user_id, which was not selected"] = function()
        return post:select("id", "title"):all()[1].author
      end,
      ["images.owner goes by the column owner_type, which was not selected"] = function()
        return b.image:select("id", "owner_id"):first().owner
      end,
    } do
      says(message, fn)
    end
  end)

  it("is loaded for rows that come in a stream, in batches or in pages", function()
    local via = b.db:with { chunk = 2 }
    for _, query in ipairs { b.post:preload "author", b.post:joined "author" } do
      local names = {}
      for one in query:via(via):order("id"):each() do
        names[#names + 1] = rawget(one, "author") and one.author.name or "-"
      end
      assert.equal("Ada Ada Bob - -", table.concat(names, " "))
      for lot in query:in_batches(2) do
        assert.is_true(lot[1].id > 3 or rawget(lot[1], "author").id < 3)
      end
      local page = query:order("id"):page { limit = 2 }
      assert.equal("Ada", rawget(page.items[2], "author").name)
      assert.equal("Bob", rawget(query:order("id"):page({ limit = 1, after = page.next }).items[1], "author").name)
    end
    assert.has_error(function()
      for one in b.post:strict():each() do
        assert(one.author)
      end
    end)
  end)

  it("is part of a query, which stays as it was", function()
    local plain = post:where { id = 1 }
    local with = plain:preload "author"
    assert.equal(2, (count(function() with:limit(1):all() end)))
    assert.equal(1, (count(function() plain:all() end)))
    assert.equal("Ada", rawget(with:first(), "author").name)
    assert.equal("Ada", rawget(with:find(1), "author").name)
  end)

  describe("by keys", function()
    local function pair(type_name, keys, options)
      b.db:script(("drop table if exists kids, olds; create table olds (k %s primary key, n int);"
        .. "create table kids (id int primary key, old_k %s)"):format(type_name, options or type_name))
      for i, key in ipairs(keys) do
        b.db:exec("insert into olds select $1::text::" .. type_name .. ", $2", key, i)
        b.db:exec("insert into kids select $2, $1::text::" .. (options or type_name), key, i)
      end
      local kid
      local old = rille.model("olds", { db = b.db, has_many = { kids = { function() return kid end, key = "old_k" } } })
      kid = rille.model("kids", { db = b.db, belongs_to = { old = { old, key = "old_k" } } })
      return old:order("n"), kid:order("id")
    end

    for _, case in ipairs {
      { "text", { "a", "b' --", "" } }, { "uuid", { "7b9f1c5e-0000-4000-8000-000000000000" } }, { "date", { "2024-01-02" } },
      { "bigint", { "9007199254740993", "1" } }, { "numeric", { "1.50", "2" } }, { "boolean", { "true" } },
      { "timestamptz", { "2024-01-02 03:04:05.678901+02" } }, { "char(4)", { "a", "bc" } },
      { "numeric", { "1.50" }, "numeric(8,4)" }, { "bigint", { "7" }, "int" }, { "varchar(9)", { "x" }, "text" },
      { "int", { "5" }, "numeric" }, { "inet", { "10.0.0.1" } },
    } do
      it(("of the type %s%s"):format(case[1], case[3] and " and " .. case[3] or ""), function()
        local old, kid = pair(unpack(case))
        for i, one in ipairs(kid:preload("old"):all()) do
          assert.equal(i, one.old.n)
        end
        for i, one in ipairs(old:preload("kids"):preload_count("kids"):all()) do
          assert.same({ 1, i, 1 }, { #one.kids, one.kids[1].id, one.kids_count })
          assert.equal(i, one.kids:first().id)
        end
        assert.equal(1, kid:joined("old"):all()[1].old.n)
      end)
    end

    it("that the server calls equal, and Lua does not", function()
      local has_citext = pcall(b.db.script, b.db, "create extension if not exists citext")
      if not has_citext then
        return pending "there is no citext here"
      end
      local old, kid = pair("citext", { "Ada", "bob" })
      b.db:exec "update kids set old_k = upper(old_k::text)"
      b.db:exec "insert into kids values (3, 'aDA')"
      assert.equal(2, #old:preload("kids"):all()[1].kids)
      local kids = kid:preload("old"):all()
      assert.same({ 1, 2, 1 }, { kids[1].old.n, kids[2].old.n, kids[3].old.n })
      assert.equal(kids[1].old, kids[3].old)
    end)

    it("of several columns", function()
      b.db:script [[create table rooms (house int, number text, size int, primary key (house, number));
        create table beds (id int primary key, house_no int, room_no text);
        insert into rooms values (1, 'a', 10), (1, 'b', 20), (2, 'a', 30); insert into beds values (1, 1, 'b'), (2, 2, 'a'), (3, 1, 'b'),
        (4, null, 'a'), (5, 1, null), (6, 9, 'a')]]
      local bed
      local key = { "house_no", "room_no" }
      local room = rille.model("rooms", { db = b.db, has_many = {
        beds = { function() return bed end, key = key, order = "id" }, first_bed = { function() return bed end, key = key, limit = 1 } } })
      bed = rille.model("beds", { db = b.db, belongs_to = { room = { room, key = key } } })
      local rooms = room:order("house", "number"):preload("beds", "first_bed"):preload_count("beds"):all()
      assert.same({ 0, 2, 1, 1, 2 }, { #rooms[1].beds, #rooms[2].beds, #rooms[3].beds, rooms[2].first_bed[1].id, rooms[2].beds_count })
      local beds = bed:order("id"):all()
      assert.same({ 20, 30, 20 }, { beds[1].room.size, beds[2].room.size, beds[3].room.size })
      assert.equal(beds[1].room, beds[3].room)
      assert.is_true(beds[4].room == nil and beds[5].room == nil and beds[6].room == nil)
      assert.equal(20, bed:joined("room"):order("id"):all()[1].room.size)
      assert.equal(1, rooms[2].beds[1].id)
    end)
  end)

  describe("of very many", function()
    setup(function()
      b.db:exec "create table many (id int primary key, next_id int, half_id int)"
      b.db:exec "insert into many select n, n % 70000 + 1, n / 2 from generate_series(1, 70000) n"
    end)

    it("keys sends them as one value", function()
      local many
      many = rille.model("many", { db = b.db, belongs_to = { next = { function() return many end } },
        has_many = { halves = { function() return many end, key = "half_id" } } })
      local rows = many:order("id"):preload("next"):preload_count("halves"):all()
      assert.equal(70000, #rows)
      assert.same({ 2, 1, 2, 0 }, { rows[1].next.id, rows[70000].next.id, rows[35000].halves_count == 1 and 2, rows[69999].halves_count })
    end)

    it("rows takes work in proportion", function()
      local many
      local function itself() return many end
      many = rille.model("many", { db = b.db, belongs_to = { next = itself }, has_many = { halves = { itself, key = "half_id" },
        last = { itself, key = "half_id", limit = 1 }, thirds = { itself, through = "halves", source = "halves" } } })
      local ways = {
        preload = function(n) many:where("id <= ?", n):preload("next", "halves", "last", "thirds"):preload_count("halves"):all() end,
        touch = function(n)
          for _, row in ipairs(many:where("id <= ?", n):all()) do
            assert(row.next and row.halves and row.last and row.thirds and row.halves_count)
          end
        end,
        join = function(n) many:where("many.id <= ?", n):joined("next"):all() end,
      }
      for name, way in pairs(ways) do
        way(10)
        local some, more = instructions(way, 500), instructions(way, 2000)
        assert.is_true(more < 4.4 * some, ("%s: %d for 500 rows, %d for 2,000"):format(name, some, more))
      end
    end)
  end)
end)
