--- Relations that load by themselves.
local blog = require "spec.rille.model.blog"
local rille = require "rille"
local statements = require "rille.test.statements"

local function says(message, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches(message, tostring(type(why) == "table" and why.message or why), 1, true)
end

describe("a relation that is touched", function()
  local b, stop, post

  setup(function()
    b, stop = blog.start()
    post = b.post
    for _, model in pairs { b.user, post, b.comment, b.image, b.tag, b.node } do
      model:count() -- what is known of their tables is asked for once
    end
  end)

  teardown(function() stop() end)

  -- How many statements `fn` runs.
  local function count(fn)
    return #statements.during(fn)
  end

  -- One text of what `get` gives for each of some rows; and how many statements that took.
  local function seen(rows, get)
    local list = {}
    local n = count(function()
      for i, row in ipairs(rows) do
        local value = get(row)
        list[i] = tostring(value == nil and "-" or value)
      end
    end)
    return table.concat(list, " "), n
  end

  local function all(query)
    return query:order("id"):all()
  end

  local function names(rows, column)
    local list = {}
    for i, row in ipairs(rows) do
      list[i] = row[column]
    end
    return "(" .. table.concat(list, ",") .. ")"
  end

  it("is loaded for all rows that came with it, in one statement", function()
    for _, case in ipairs {
      { "Ada Ada Bob - -", function(row) return row.author and row.author.name end },
      { "(c1,c4,c7) (c2,c5,c8) (c3,c6,c9) () ()", function(row) return names(row.comments, "body") end },
      { "(c7,c4) (c8,c5) (c9,c6) () ()", function(row) return names(row.best, "body") end },
      { "(c7) (c5,c8) (c6,c9) () ()", function(row) return names(row.starred, "body") end },
      { "(Ada,Bob) (Ada,Bob) (Ada,Bob) () ()", function(row) return names(row.commenters, "name") end },
      { "(x,y) (x) () () ()", function(row) return names(row.tags, "name") end },
      { "p1 p2 - - -", function(row) return row.cover and row.cover.path end },
      { "c7 c8 c9 - -", function(row) return row.last_comment and row.last_comment.body end },
      { "3 3 3 0 0", function(row) return row.comments_count end },
      { "1 2 2 0 0", function(row) return row.starred_count end },
      { "2 2 2 0 0", function(row) return row.commenters_count end },
    } do
      assert.same({ case[1], 1 }, { seen(all(post), case[2]) })
    end
    assert.same({ "(a,b,c) (a,b,c) ()", 1 }, { seen(all(b.user), function(row)
      table.sort(row.commented, function(x, y) return x.id < y.id end)
      return names(row.commented, "title")
    end) })
  end)

  it("is loaded for the rows of all lists that came together", function()
    local posts = all(post)
    assert.equal(2, count(function()
      for _, one in ipairs(posts) do
        for _, comment in ipairs(one.comments) do
          assert.is_string(comment.author.name)
        end
      end
    end))
    assert.equal(4, count(function()
      for _, one in ipairs(all(post)) do
        for _, comment in ipairs(one.comments) do
          assert.equal(one.title, comment.post.title) -- other objects of the same rows
          assert.is_true(#comment.post.comments > 0)
        end
      end
    end))
  end)

  it("leads to one model or another, in one statement for each", function()
    assert.same({ "a Ada b -", 2 }, { seen(all(b.image), function(row)
      return row.owner and (row.owner_type == "post" and row.owner.title or row.owner.name)
    end) })
    b.db:exec "insert into images (owner_type, owner_id, path) values ('house', 1, 'h1')"
    says("images.owner: a row has the owner_type 'house', which is none of those in polymorphic", function()
      return b.image:find_by("path", "h1").owner
    end)
    b.db:exec "delete from images where path = 'h1'"
  end)

  it("leads to the table it came from", function()
    assert.same({ "- root root left", 1 }, { seen(all(b.node), function(row) return row.parent and row.parent.name end) })
    local top = b.node:where_null("parent_id"):all()
    assert.equal(3, count(function()
      assert.equal("leaf", top[1].children[1].children[1].name)
      assert.equal(0, #top[1].children[2].children)
      assert.equal(0, #top[1].children[1].children[1].children)
    end))
  end)

  it("is one object for all rows that have it", function()
    local posts = all(post)
    assert.equal(posts[1].author, posts[2].author)
    assert.equal(posts[1].tags[1], posts[2].tags[1])
    assert.equal(posts[1].comments, posts[1].comments)
    assert.not_equal(posts[1].author, all(post)[1].author)
  end)

  it("is not asked for twice when there is none", function()
    local posts = all(post:where_in("title", { "d", "e" }))
    assert.same({ "- -", 1 }, { seen(posts, function(row) return row.author end) })
    assert.same({ "- -", 0 }, { seen(posts, function(row) return row.author end) })
    assert.equal(0, count(function() assert.is_nil(posts[1].author) end))
    local alone = post:find_by("title", "d")
    assert.equal(0, count(function() assert.is_nil(alone.author) end)) -- its key is NULL
  end)

  it("is asked for by the line that touched it", function()
    local rows = all(post)
    local ran = statements.traced(function() return rows[1].author.name end)
    assert.equal(1, #ran)
    assert.matches("auto_spec.lua:" .. debug.getinfo(1, "l").currentline - 2 .. "$", ran[1].at)
  end)

  it("leaves out what was deleted", function()
    local old = b.comment:where { body = "c7" }:first()
    b.db:exec("update comments set deleted_at = now() where id = $1", old.id)
    finally(function() b.db:exec "update comments set deleted_at = null" end)
    local one = post:find(1)
    assert.equal("(c1,c4)", names(one.comments, "body"))
    assert.equal(2, one.comments_count)
    assert.equal("c4", one.last_comment.body)
    b.db:exec "update comments set deleted_at = now() where user_id = 1"
    assert.equal("(Bob)", names(post:find(2).commenters, "name")) -- through what was not deleted
  end)

  it("has what was deleted where the relation says so", function()
    b.db:exec "update comments set deleted_at = now() where user_id = 1"
    finally(function() b.db:exec "update comments set deleted_at = null" end)
    local every = { b.comment, order = "id", with_deleted = true }
    local told = rille.model("posts", { db = b.db, has_many = {
      comments = { b.comment, key = "post_id" }, every = every,
      readers = { b.user, through = "every", source = "author", order = "id" },
    } })
    local one = told:find(2)
    assert.same({ "(c2,c5,c8)", 3, 1 }, { names(one.every, "body"), one.every_count, #one.comments })
    assert.same({ 3, "(Ada,Bob)" }, { one:query("every"):count(), names(one.readers, "name") })
    every.with_deleted = "yes"
    local ok, why = pcall(rille.model, "posts", { db = b.db, has_many = { every = every } })
    assert.is_false(ok)
    assert.matches("has_many posts.every: with_deleted is true or false: got a string", why, 1, true)
  end)

  it("follows a key that was changed", function()
    local posts = all(post)
    assert.equal("Ada", posts[1].author.name)
    posts[1].user_id = 2
    assert.same({ "Bob Ada Bob - -", 0 }, { seen(posts, function(row) return row.author and row.author.name end) })
    posts[1].user_id, posts[2].user_id = 3, 3
    assert.same({ "Cyd Cyd Bob - -", 1 }, { seen(posts, function(row) return row.author and row.author.name end) })
  end)

  it("is forgotten when the row is read again", function()
    local posts = all(post:preload "tags")
    assert.equal(3, #posts[1].comments)
    b.db:exec "insert into comments (post_id, body) values (1, 'late')"
    finally(function() b.db:exec "delete from comments where body = 'late'" end)
    assert.equal(2, count(function()
      posts[1]:reload()
      assert.equal(4, #posts[1].comments)
      assert.equal(3, #posts[2].comments)
    end))
    assert.equal(2, #posts[1].tags)
    posts[1]:update { user_id = 2 }
    assert.equal("Bob", posts[1].author.name)
    posts[1]:update { user_id = 1 }
    assert.equal("Ada", posts[1].author.name)
  end)

  it("is right for a list whose rows were sorted, taken out or put in", function()
    local posts = all(post)
    table.sort(posts, function(x, y) return x.title > y.title end)
    local out = table.remove(posts, 5)
    posts[5] = { id = 5, title = "no row" }
    assert.equal("Ada", out.author.name)
    assert.equal("Bob", posts[3].author.name)
  end)

  it("is loaded in chunks for very many rows", function()
    b.db:exec "insert into posts (user_id, title) select 3, 'bulk' from generate_series(1, 20001)"
    finally(function() b.db:exec "delete from posts where title = 'bulk'" end)
    local posts = all(post:where { title = "bulk" })
    local one = posts[15000]
    assert.equal(1, count(function() assert.equal(0, #one.comments) end))
    assert.equal(0, count(function() assert.equal(0, #posts[20000].comments + #posts[10001].comments) end))
    assert.equal(2, count(function()
      for i = 1, #posts do
        assert(#posts[i].comments == 0)
      end
    end))
  end)

  it("runs in the transaction that is open, and sees what that has written", function()
    local _, why = pcall(b.db.transaction, b.db, function()
      local ada = post:find(1).author
      b.db:exec "update users set name = 'Eve' where id = 1"
      assert.equal("Ada", ada.name)
      assert.equal("Eve", post:find(1).author.name)
      local posts = all(post)
      local got = rille.all { function() return posts[1].author end, function() return posts[2].author end }
      assert.equal("Eve", got[1].name)
      assert.equal(got[1], got[2])
      error("back", 0)
    end)
    assert.equal("back", why)
  end)

  describe("by several tasks", function()
    -- Statements wait for this lock, which another connection holds.
    local function while_held(fn)
      local held, done = rille.channel(), rille.channel()
      local holder = rille.spawn(function()
        b.db:transaction(function()
          b.db:exec "lock table users in access exclusive mode"
          held:send(true)
          done:recv()
        end)
      end)
      held:recv()
      fn(function()
        done:close()
        holder:await()
      end)
    end

    local function waiting()
      return b.db:one("select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock'").n
    end

    local function until_waiting(n)
      for _ = 1, 2000 do
        if waiting() == n then
          return
        end
        rille.sleep(0.005)
      end
      error("there are not " .. n .. " statements waiting")
    end

    it("is asked for once", function()
      local posts, got = all(post), nil
      assert.equal(1, count(function()
        got = rille.all { function() return posts[1].author end, function() return posts[2].author end,
          function() return posts[3].author end }
      end))
      assert.same({ "Ada", "Bob" }, { got[1].name, got[3].name })
      assert.equal(got[1], got[2])
    end)

    it("is still loaded when the one who asked first is gone", function()
      while_held(function(let_go)
        local posts = all(post)
        local first = rille.spawn(function() return posts[1].author end)
        until_waiting(1)
        local second = rille.spawn(function() return posts[2].author.name end)
        rille.sleep(0)
        first:cancel()
        let_go()
        assert.equal("Ada", second:await())
      end)
    end)

    it("is no more asked for when the last of them is gone", function()
      while_held(function(let_go)
        local posts = all(post)
        local tasks = { rille.spawn(function() return posts[1].author end), rille.spawn(function() return posts[2].author end) }
        until_waiting(1)
        tasks[1]:cancel()
        tasks[2]:cancel()
        until_waiting(0)
        let_go()
        assert.equal("Ada", posts[1].author.name)
      end)
    end)

    it("raises in all of them when it cannot be loaded, and is tried again", function()
      b.db:exec "alter table tags rename to labels"
      local posts, codes = all(post), {}
      for i = 1, 2 do
        codes[i] = function()
          local ok, err = pcall(function() return posts[i].tags end)
          return not ok and err.code
        end
      end
      local got = rille.all(codes)
      b.db:exec "alter table labels rename to tags"
      assert.same({ "db.42P01", "db.42P01" }, got)
      assert.equal(2, #posts[1].tags)
    end)
  end)

  it("raises where nothing can wait, and says what to do", function()
    local posts = all(post)
    says("auto_spec.lua", function() table.sort(posts, function(x, y) return (x.author or x).id < (y.author or y).id end) end)
    says("posts.author is loaded, which waits, and nothing can wait inside table.sort: read what the order needs first, then sort", function()
      table.sort(posts, function(x, y) return (x.author or x).id < (y.author or y).id end)
    end)
    says("nothing can wait inside string.gsub", function() ("a"):gsub("a", function() return posts[1].author.name end) end)
    assert.equal("Ada", posts[1].author.name)
  end)

  describe("in a strict set", function()
    it("raises, and names the line", function()
      local posts = all(post:strict())
      says("auto_spec.lua:", function() return posts[1].author end)
      says('posts.author is not loaded, and this is strict: preload("author")', function() return posts[1].author end)
      assert.equal("Ada", all(post:strict():preload "author")[1].author.name)
      says("comments.author is not loaded", function() return all(post:strict():preload "comments")[1].comments[1].author end)
      says("posts.comments_count is not loaded", function() return posts[1].comments_count end)
    end)

    it("is asked of a whole model, or of all of them in specs", function()
      local strict = rille.model("posts", { db = b.db, strict = true, belongs_to = { author = { b.user, key = "user_id" } } })
      says("posts.author is not loaded", function() return strict:find(1).author end)
      assert.equal("Ada", strict:strict(false):find(1).author.name)
      require("rille.model.auto").set_strict(true)
      finally(function() require("rille.model.auto").set_strict(false) end)
      says("posts.author is not loaded", function() return post:find(1).author end)
      assert.equal(3, post:find(1):query("comments"):count()) -- that is asked for, and not by accident
    end)
  end)

  it("is no field of the row's JSON", function()
    local posts = post:where { id = 1 }:all()
    assert.equal("Ada", posts[1].author.name)
    assert.equal('[{"id":1,"user_id":1,"title":"a","likes":1}]', rille.json.encode(posts))
  end)
end)
