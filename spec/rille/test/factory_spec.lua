local factory = require "rille.test.factory"
local private = require "spec.rille.db.private"
local rille = require "rille"
local shell = require "spec.shell"

describe("a factory", function()
  local db, close, dir, url_before
  local t, factories, modules

  local function create(...) return factories:create((...), 2, select(2, ...)) end
  local function build(...) return factories:build((...), 2, select(2, ...)) end
  local function define(...) factories:define((...), (select(2, ...)), (select(3, ...)), 2) end

  local function says(text, fn, ...)
    local ok, why = pcall(fn, ...)
    assert.is_false(ok)
    assert.matches(text, tostring(why), 1, true)
  end

  local function write(path, text)
    shell.run("mkdir -p " .. dir .. "/" .. path:match "^(.*)/")
    local file = assert(io.open(dir .. "/" .. path, "w"))
    file:write(text)
    file:close()
  end

  setup(function()
    db, close = private.start()
    url_before = rille.db.options.url
    rille.db:close()
    rille.db.options.url = db.options.url
    db:script [[
      create table users (id bigint generated always as identity primary key, name text not null, email text unique, role text);
      create table posts (id bigint generated always as identity primary key, title text not null, slug text, body text);
      create table articles (id bigint generated always as identity primary key, title text, author_id bigint not null, editor_id bigint,
        parent_id bigint, subject_id bigint, subject_type text)]]
  end)

  teardown(function()
    rille.db:close()
    rille.db.options.url = url_before
    close()
  end)

  before_each(function()
    dir = shell.run "mktemp -d /tmp/rille-spec.XXXXXX"
    db:script "truncate users, posts, articles restart identity"
    t, modules = {}, {}
    local loader = { require = function(name) return modules[name] or error("no module " .. name) end, run = function(path)
      return assert(loadfile(path))()
    end }
    factories = factory.new(t, loader, dir)
  end)

  after_each(function() shell.run("rm -rf " .. dir) end)

  it("makes rows of a table, filling in what was not given", function()
    define("user", { name = "Ada", email = function(n) return ("u%d@example.com"):format(n) end }, { table = "users" })
    assert.equal("u1@example.com", create("user").email)
    local grace = create("user", { name = "Grace", role = rille.null })
    assert.same({ "Grace", "u2@example.com" }, { grace.name, grace.email })
    assert.is_nil(grace.role)
    assert.equal(2, db:one("select count(*) as n from users").n)
  end)

  it("makes rows of a model, whose module has its name", function()
    write("models/user.lua", "")
    modules["models.user"] = rille.model("users")
    define("user", { name = "Ada" })
    assert.equal("Ada", modules["models.user"]:get(create("user").id).name)
    says("has no column 'nmae'", create, "user", { nmae = "x" })
    modules["models.people"] = rille.model("users")
    define("person", { name = "Eve" }, { model = "models.people" })
    assert.equal("Eve", create("person").name)
    define("guest", { name = "Bob" }, { model = rille.model "users" })
    assert.equal("Bob", create("guest").name)
    define("cat", { name = "Tom" })
    says('the factory "cat" has no model: there is no ' .. dir .. "/models/cat.lua", create, "cat")
  end)

  describe("of a model that belongs to others", function()
    local user, post

    before_each(function()
      user = rille.model("users", { noun = "user", writable = { "name" } })
      modules["models.user"] = user
      post = rille.model("articles", { belongs_to = { author = user, editor = user, parent = function() return post end,
        subject = { polymorphic = { user = user } } } })
      modules["models.post"] = post
      write("models/user.lua", "")
      write("models/post.lua", "")
      define("user", { name = "Ada" })
      define("post", { title = "Tea" })
    end)

    it("makes what it must belong to, and nothing else", function()
      local one = create "post"
      assert.equal("Ada", user:get(one.author_id).name)
      assert.is_nil(one.editor_id)
      assert.equal(1, db:one("select count(*) as n from users").n)
      assert.equal(one.author_id, create("post", { author_id = one.author_id }).author_id)
      assert.equal(1, db:one("select count(*) as n from users").n)
    end)

    it("takes a row, a factory, fields, or none", function()
      local grace = create("user", { name = "Grace", role = "not writable" })
      assert.equal("not writable", grace.role)
      assert.equal(grace.id, create("post", { author = grace }).author_id)
      assert.equal("Eve", user:get(create("post", { author = { name = "Eve" } }).author_id).name)
      define("boss", { name = "Boss" }, { from = "user" })
      assert.equal("Boss", user:get(create("post", { editor = "boss" }).editor_id).name)
      define("edited", { editor = function() return grace end }, { from = "post" })
      assert.equal(grace.id, create("edited").editor_id)
      assert.is_nil(create("edited", { editor = false }).editor_id)
      define("author", { name = "An author" }, { from = "user" })
      assert.equal("An author", user:get(create("post").author_id).name)
      says("articles.author is a row, the name of a factory, fields for it, or false: got a number", create, "post", { author = 3 })
    end)

    it("names the row that a polymorphic one is about", function()
      local grace = create "user"
      local one = create("post", { subject = grace })
      assert.same({ "user", grace.id }, { one.subject_type, one.subject_id })
      says("articles.subject: the row is none of those", create, "post", { subject = one })
      says('articles.subject wants a row, and there is no factory "subject"', create, "post", { subject = {} })
    end)

    it("tells of a factory that is missing, and of a circle", function()
      factories.by_name.user = nil
      says('articles.author wants a row, and there is no factory "author" or "user"', create, "post")
      define("parent", {}, { from = "post" })
      define("user", { name = "Ada" })
      define("loop", { parent = "loop" }, { from = "post" })
      says("without end", create, "loop")
      assert.equal("Tea", create("post").title)
    end)
  end)

  it("computes fields from others, in whatever order they need each other", function()
    define("post", {
      slug = function(_, row) return row.title:lower() end,
      title = function(n, row) return (row.body or "Post") .. n end,
    }, { table = "posts" })
    assert.same({ title = "Post1", slug = "post1" }, build "post")
    assert.same({ title = "Tea2", slug = "tea2", body = "Tea" }, build("post", { body = "Tea" }))
    assert.equal("x", build("post", { title = "X" }).slug)
    assert.equal(1, #{ create "post" })
    define("odd", { a = function(_, row) return row.b end, b = function(_, row) return row.a end })
    says('the factory "odd": the field', build, "odd")
    define("odder", { a = function(_, row) row.b = 1 end })
    says("assigns none", build, "odder")
  end)

  it("has traits, and others that are made from it", function()
    define("user", { name = "Ada", role = "none" }, { table = "users",
      traits = { admin = { role = "admin" }, named = { name = "Root", role = "named" } } })
    define("boss", { name = "Boss" }, { from = "user", traits = { admin = { role = "chief" } } })
    assert.equal("admin", create("user", "admin").role)
    assert.same({ name = "Root", role = "admin" }, build("user", "named", "admin"))
    assert.same({ name = "X", role = "named" }, build("user", "admin", "named", { name = "X" }))
    assert.same({ name = "Boss", role = "none" }, build "boss")
    assert.same({ name = "Root", role = "chief" }, build("boss", "named", "admin"))
    assert.equal("Boss", create("boss").name)
    says('the factory "boss" has no trait "admn": did you mean \'admin\'?', build, "boss", "admn")
    define("a", {}, { from = "b" })
    define("b", {}, { from = "a" })
    says("is from itself", build, "a")
  end)

  it("calls what comes behind it, and functions with t", function()
    local seen = {}
    t.name = "Tea"
    define("user", { name = function(_, _, own) return own.name end }, { table = "users",
      after = function(row) seen[#seen + 1] = row.name end })
    define("boss", {}, { from = "user", after = function(row) seen[#seen + 1] = "boss " .. row.name end })
    create "boss"
    assert.same({ "Tea", "boss Tea" }, seen)
  end)

  it("may be a function, which makes it itself", function()
    define("user", function(fields) return { name = fields.name or "Ada" } end, { traits = { bob = { name = "Bob" } } })
    assert.same({ name = "Ada" }, create "user")
    assert.same({ name = "Bob" }, create("user", "bob"))
    says("t.build wants one of fields", build, "user")
    define("none", function() end)
    says('the factory "none" returned nothing', create, "none")
  end)

  it("comes from spec/factories.lua and the files of spec/factories/, where they are first asked for", function()
    write("spec/factories.lua", "factory('user', { name = 'of the file' }, { table = 'users' })")
    write("spec/factories/post.lua", "factory('post', { title = 'of the folder' }, { table = 'posts' })")
    define("user", { name = "of the spec" }, { table = "users" })
    assert.equal("of the folder", create("post").title)
    assert.equal("of the spec", create("user").name)
    assert.is_nil(rawget(_G, "factory"))
  end)

  it("names the line of a mistake in such a file", function()
    write("spec/factories.lua", "\nfactory('user', { name = 'Ada' }, { tabel = 'users' })")
    says(dir .. "/spec/factories.lua:2: the factory \"user\": there is no option 'tabel': did you mean 'table'?", create, "user")
    assert.is_nil(rawget(_G, "factory"))
  end)

  it("says what there is for what there is not, and what is no factory", function()
    define("user", {})
    says('there is no factory "usr": did you mean \'user\'?', create, "usr")
    says("a factory takes a name and its fields", define, "user")
    says("a factory takes a name and its fields", define, { name = "Ada" })
    says("behind a factory's name are traits, and then a table of fields: got a number", create, "user", 3)
    says("a trait is a name", create, "user", {}, {})
  end)
end)
