--- What a model may say of its relations, and what is said of what it may not.
local blog = require "spec.rille.model.blog"
local rille = require "rille"

local function says(message, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches(message, tostring(type(why) == "table" and why.message or why), 1, true)
end

describe("a relation", function()
  -- Declares one, which is wrong at once.
  local function refused(message, options)
    says(message, function() rille.model("posts", options) end)
    says("relation_spec.lua:", function() rille.model("posts", options) end)
  end

  it("is refused where it is declared", function()
    refused("the option belongs_to of a model is a table: got a string", { belongs_to = "models.user" })
    refused("it has the key 1", { has_many = { "models.comment" } })
    refused("it names a model", { belongs_to = { author = 5 } })
    refused("it names a model", { belongs_to = { author = { key = "user_id" } } })
    refused("it has no 'keys': did you mean 'key'?", { belongs_to = { author = { "models.user", keys = "user_id" } } })
    refused("it has no 'limit'", { belongs_to = { author = { "models.user", limit = 1 } } })
    refused("key is a column, or a list of columns: got a number", { belongs_to = { author = { "models.user", key = 5 } } })
    refused("key is a column, or a list of columns: got a nil", { belongs_to = { author = { "models.user", key = {} } } })
    refused("limit is a number of rows for each parent, from 1: got 0", { has_many = { comments = { "models.comment", limit = 0 } } })
    refused("where is { column = value } or { \"price > ?\", value }: got an empty table", { has_many = { c = { "models.c", where = {} } } })
    refused("it is declared as has_one as well", { belongs_to = { author = "models.user" }, has_one = { author = "models.user" } })
    refused("table is missing: the one between the two", { many_to_many = { tags = "models.tag" } })
    refused("through and key do not go together", { has_many = { c = { "models.c", through = "x", key = "y" } } })
    refused("there is no through", { has_many = { c = { "models.c", source = "x" } } })
    refused("there is no polymorphic", { belongs_to = { c = { "models.c", type = "x" } } })
    refused("polymorphic is { value of the type column = \"models.name\", … }", { belongs_to = { c = { polymorphic = {} } } })
    refused("polymorphic is { value of the type column = \"models.name\", … }: post = 5",
      { belongs_to = { c = { polymorphic = { post = 5 } } } })
    refused("as is a name: got a boolean", { has_many = { c = { "models.c", as = true } } })
  end)

  describe("that leads nowhere", function()
    local b, stop

    setup(function() b, stop = blog.start() end)
    teardown(function() stop() end)

    -- What the first touch of a relation says.
    local function touched(message, kind, one, table_name)
      local model = rille.model(table_name or "posts", { db = b.db, [kind] = { it = one } })
      says(message, function() return model:first().it end)
      says("relation_spec.lua:", function() return model:first().it end)
    end

    it("is refused at its first use", function()
      touched("belongs_to posts.it: posts has no column it_id: say key = …, it has id, user_id, title, likes", "belongs_to", b.user)
      touched("has_many posts.it: users has no column post_id: say key = …", "has_many", b.user)
      touched("has no column nr", "belongs_to", { b.user, key = "user_id", references = "nr" })
      touched("it goes by user_id, likes on one side and by id on the other", "belongs_to", { b.user, key = { "user_id", "likes" } })
      touched("what it names is no model", "belongs_to", function() return 5 end)
      touched("belongs_to posts.it: there is no module 'models.nobody'", "belongs_to", "models.nobody")
      touched("through = \"likes\" names a relation of posts, and it has none", "has_many", { b.user, through = "likes" })
      touched("it goes through itself", "has_many", { b.user, through = "it" })
      touched("as = \"subject\" names a polymorphic belongs_to of images", "has_many", { b.image, as = "subject" })
      touched("images.owner (", "has_many", { b.image, as = "owner" }, "tags")
      touched("both sides go by post_id of post_tags: say key = … and other = …", "many_to_many", { b.post, table = "post_tags" })
    end)

    it("is refused when it goes through what cannot be passed", function()
      local function through(message, name, one)
        local model = rille.model("posts", { db = b.db, has_many = {
          comments = b.comment, best = { b.comment, limit = 2 }, images = { b.image, key = "owner_id" }, [name] = one } })
        says(message, function() return model:first()[name] end)
      end
      through("it goes through posts.best, which has a limit", "it", { b.user, through = "best" })
      through("it goes through images.owner, which is polymorphic", "it", { b.user, through = "images", source = "owner" })
      through("comments has no relation writer", "it", { b.user, through = "comments", source = "writer" })
      through("no relation of comments leads to tags: say source = …", "it", { b.tag, through = "comments" })
      through("comments.author leads to users, and not to tags", "it", { b.tag, through = "comments", source = "author" })
    end)
  end)

  it("names modules, which are loaded at its first use", function()
    local dir = io.popen("mktemp -d /tmp/rille-spec.XXXXXX"):read "*l"
    finally(function() os.execute("rm -rf '" .. dir .. "'") end)
    os.execute("mkdir " .. dir .. "/models")
    local function file(name, text)
      local out = io.open(dir .. "/" .. name, "w")
      out:write(text)
      out:close()
    end
    local b, stop = blog.start()
    finally(function()
      stop()
      os.execute("rm -rf '" .. dir .. "'")
    end)
    package.loaded["spec.rille.db.now"] = b.db
    file("app.lua", 'return require "models.post"')
    file("models/post.lua", [[return require("rille").model("posts", { db = require "spec.rille.db.now",
      belongs_to = { author = { "models.user", key = "user_id" } } })]])
    file("models/user.lua", [[return require("rille").model("users", { db = require "spec.rille.db.now",
      has_many = { posts = "models.post" } })]])
    local post = require("rille.module").loader(dir).require "models.post"
    assert.equal("Ada", post:find(1).author.posts[2].author.name)
  end)
end)
