-- Models against a real database. The models here are what diff reads of one, so that a seed can make them.
local diff = require "rille.migrate.diff"
local private = require "spec.rille.db.private"
local shell = require "spec.shell"
local tables = require "rille.migrate.tables"

local SEEDS = tonumber(os.getenv "DIFF_SEEDS") or 12

describe("rille migrate diff", function()
  local db, close

  setup(function() db, close = private.start { exclusive = 2 } end)
  teardown(function() close() end)
  before_each(function() db:script "drop schema public cascade; create schema public" end)

  local function model(name, columns, options)
    local one = { table = name, columns = columns, relations = {}, at = "models/" .. name .. ".lua:1" }
    for key, value in pairs(options or {}) do one[key] = value end
    for relation_name, relation in pairs(one.relations) do
      relation.name, relation.kind, relation.options = relation_name, "belongs_to", relation.options or {}
    end
    return one
  end

  local function compare(...)
    return diff.of(db, { ... }, function(relation) return relation.to end)
  end

  local function parts(text)
    local up, down = text:match "^%-%- migrate:up\n(.-)\n\n%-%- migrate:down\n(.*)$"
    return assert(up, text), down
  end

  -- The models and the database are made one; what was done, and how to take it back.
  local function close_difference(...)
    local found = compare(...)
    local up, down = parts(assert(found.text, "no difference"))
    local ok, err = pcall(db.script, db, up)
    assert(ok, tostring(err) .. "\n" .. up)
    assert.is_nil(compare(...).text, up)
    return up, down, found
  end

  local function has(text, part)
    assert.matches(part, text, 1, true)
  end

  local function refuses(text, ...)
    local ok, err = pcall(compare, ...)
    assert.is_false(ok)
    has(type(err) == "table" and err.migrate or tostring(err), text)
  end

  it("makes tables, their indexes, and what refers to them", function()
    local user = model("users", { email = "varchar(80) not null unique", name = "text not null default 'x'" },
      { indexes = { "name", { "lower(email)", unique = true, where = "name <> ''" } }, soft_delete = "deleted_at" })
    local post = model("posts", { title = "text check (title <> '')" }, { relations = { author = { to = user } }, lock_column = "lock_version" })
    local up, down = close_difference(post, user)
    has(up, [[
create table posts (
    id bigint generated always as identity primary key,
    author_id bigint not null,
    lock_version integer not null default 0,
    title text check (title <> '')
);
create table users (
    id bigint generated always as identity primary key,
    email varchar(80) not null unique,
    name text not null default 'x',
    deleted_at timestamptz
);
-- PostgreSQL does not index by itself what refers to others: without it a has_many, and a delete there, read the whole table
create index posts_author_id_idx on posts (author_id);
create unique index users_lower_idx on users (lower((email)::text)) WHERE (name <> ''::text);
create index users_name_idx on users (name);
alter table posts add constraint posts_author_id_fkey FOREIGN KEY (author_id) REFERENCES users(id);]])
    assert.equal("alter table posts drop constraint posts_author_id_fkey;\ndrop table users;\ndrop table posts;\n", down)
    db:script(down)
    assert.same({}, tables.read(db, { "posts", "users" }))
  end)

  it("makes those first that columns refer to by themselves, and keys of several columns", function()
    local a = model("a", { b_id = "bigint not null references b on delete cascade" })
    local b = model("b", { n = "serial" })
    local c = model("c", { x = "int", y = "int", z = "numeric(4,1)" }, { key = { "y", "x" } })
    local d = model("d", {}, { relations = { owner = { to = c, options = { key = { "c_y", "c_x" } } } } })
    local up = close_difference(a, b, c, d)
    assert.is_true(up:find("create table b", 1, true) < up:find("create table a", 1, true))
    has(up, "    primary key (y, x)\n")
    has(up, "    c_y int not null,\n    c_x int not null")
    has(up, "FOREIGN KEY (c_y, c_x) REFERENCES c(y, x)")
    has(up, "    id bigint generated always as identity primary key,\n    n serial\n")
  end)

  it("indexes what refers to others, unless something finds it already", function()
    local user = model("users", {})
    local relations = { author = { to = user } }
    local function has_index(columns, indexes)
      return (compare(user, model("posts", columns, { relations = relations, indexes = indexes })).text:find("posts_author_id_idx", 1, true)) ~= nil
    end
    assert.is_true(has_index { title = "text" })
    assert.is_true(has_index({ title = "text" }, { { "title", "author_id" }, { "author_id", where = "title <> ''", name = "some" } }))
    assert.is_false(has_index({ title = "text" }, { { "author_id", "title" } }))
    assert.is_false(has_index { author_id = "bigint not null unique" })
    local post = model("posts", { title = "text" }, { relations = relations })
    close_difference(user, post)
    db:script "drop index posts_author_id_idx"
    local up, down = close_difference(user, post)
    has(up, "create index posts_author_id_idx on posts (author_id);")
    assert.equal("drop index posts_author_id_idx;\n", down)
    assert.same({}, compare(user, post).remarks)
    db:script "drop index posts_author_id_idx; create index by_author on posts (author_id, title desc)"
    local found = compare(user, post)
    assert.is_nil(found.text)
    has(found.remarks[1], "The index by_author of posts is not declared")
  end)

  it("adds what is missing, and says where rows are in the way", function()
    db:script "create table posts (id bigint generated always as identity primary key, title text)"
    local up, down = close_difference(model("posts", {
      title = "text", price = "numeric(10,2) not null default 0", place = "int not null", n = "bigserial", double = "int generated always as (1 + 1) stored",
    }, { indexes = { { "price", "title desc", using = "btree", name = "by_price" } } }))
    has(up, "alter table posts add column price numeric(10,2) default 0 not null;")
    has(up, "-- fails where posts has rows, which want a value: give it a default, or fill it in before `set not null`\n"
      .. "alter table posts add column place integer not null;")
    has(up, "alter table posts add column n bigserial not null;")
    has(up, "alter table posts add column double integer generated always as ((1 + 1)) stored;")
    has(up, "create index by_price on posts (price, title DESC);")
    has(down, "drop index by_price;\n")
    db:script(down)
    assert.equal(2, #tables.read(db, { "posts" }).posts.order)
  end)

  it("changes types, defaults, null-ness and identities", function()
    db:script [[create table t (id bigint primary key, a int default 1, b text, c text not null default 'x', d int not null, e varchar(3));
      insert into t values (7, 1, '5', 'x', 1, 'abc')]]
    local before = tables.read(db, { "t" }).t
    local up, down = close_difference(model("t", {
      id = "bigint generated by default as identity primary key", a = "text default 'one'", b = "int not null", c = "text", d = "int not null default 3",
      e = 'varchar(5) collate "C"',
    }))
    has(up, "alter table t alter column a drop default;\n")
    has(up, "alter table t alter column a type text using a::text;")
    has(up, "-- rewrites the table: does every value become one of the new type?\n")
    has(up, "-- counts from 1: where there are rows")
    has(up, "-- fails where a row has none: fill b in first\nalter table t alter column b set not null;")
    has(up, 'alter table t alter column e type character varying(5) collate "C" using e::character varying(5);')
    db:script(down)
    assert.same(before, tables.read(db, { "t" }).t)
    assert.equal(5, db:one("select b::int from t").b)
    db:script "alter table t add check (a > 0)"
    has(compare(model("t", { a = "text" })).text, "of the new type? t_a_check speaks of it, and may have to go before\nalter")
  end)

  it("drops nothing that is not declared, but remarks it", function()
    db:script [[create table t (id bigint generated always as identity primary key, titel text, extra int unique, check (extra > 0));
      create index by_titel on t (titel)]]
    local found = compare(model("t", { title = "text" }))
    local up = parts(found.text)
    for line in up:gmatch "[^\n]+" do
      assert.is_true(line:sub(1, 3) == "-- " or not line:find "drop", line)
    end
    has(up, "-- t.titel (text) is not declared. Once nothing needs it:\n-- alter table t drop column titel;")
    has(up, "-- Or was it renamed? Then this, and not the new column:\n-- alter table t rename column titel to title;")
    has(up, "-- The constraint t_extra_key of t is not declared (UNIQUE (extra)). Once nothing needs it:\n-- alter table t drop constraint t_extra_key;")
    has(up, "-- The index by_titel of t is not declared ((titel)).")
    local same = compare(model("t", { titel = "text" }))
    assert.is_nil(same.text)
    assert.equal(4, #same.remarks)
    db:script "alter table t drop column titel; alter table t add column computed int"
    assert.is_nil(compare(model("t", { computed = "int generated always as (1) stored" })).text)
  end)

  it("replaces what has the same name and says something else", function()
    db:script "create table t (id bigint generated always as identity primary key, n int check (n > 0)); create index t_n_idx on t (n)"
    local before = tables.read(db, { "t" }).t
    local up, down = close_difference(model("t", { n = "int check (n > 1)" }, { indexes = { { "n", unique = true } } }))
    has(up, "alter table t drop constraint t_n_check;\ndrop index t_n_idx;\n")
    db:script(down)
    assert.same(before, tables.read(db, { "t" }).t)
  end)

  it("quotes names that want it", function()
    local order = model("order", { ["user"] = "text", ["Größe"] = "int", ["a b"] = "int" }, { indexes = { "user" } })
    local _, down = close_difference(order)
    has(down, 'drop table "order"')
  end)

  it("names the model of a mistake", function()
    refuses("models/t.lua:1: the model t: type \"numric\" does not exist (42704), in\n  create table t (", model("t", { n = "numric" }))
    refuses("models/t.lua:1: the model t: columns are {", model("t", { n = 3 }))
    refuses("models/t.lua:1: the model t: indexes are {", model("t", { n = "int" }, { indexes = { 3 } }))
    refuses("there is no option 'uniq': did you mean 'unique'?", model("t", { n = "int" }, { indexes = { { "n", uniq = true } } }))
    refuses("column \"m\" does not exist", model("t", { n = "int" }, { indexes = { "m" } }))
    refuses("leave the schema out", model("blog.t", { n = "int" }))
    refuses("models/t.lua:1: the table t is declared at models/t.lua:1 already", model("t", { n = "int" }), model("t", { n = "int" }))
    assert.equal(0, db:one("select count(*) as n from pg_namespace where nspname like 'rille_diff%'").n)
  end)

  it("writes the migration of an app's models, whose way back leaves nothing", function()
    local dir = shell.run "mktemp -d /tmp/rille-spec.XXXXXX"
    finally(function() shell.run("rm -rf " .. dir) end)
    shell.run("mkdir -p " .. dir .. "/models/blog")
    local function write(path, text)
      local file = assert(io.open(dir .. "/" .. path, "w"))
      file:write(text)
      file:close()
    end
    local migrate = require "rille.migrate"
    local printed, complaint
    local function run(...)
      printed, complaint = "", ""
      return (migrate.run({ "--no-dump", "url=" .. db.options.url, "app=" .. dir, "dir=" .. dir .. "/migrations", ... },
        { write = function(_, ...) printed = printed .. table.concat { ... } end },
        { write = function(_, ...) complaint = complaint .. table.concat { ... } end }))
    end
    write("models/user.lua", "return require('rille').model('users')")
    assert.equal(1, run "diff")
    has(complaint, "no model in " .. dir .. "/models declares columns")
    write("models/user.lua", "return require('rille').model('users', { columns = { name = 'text' } })")
    write("models/blog/post.lua", "return require('rille').model('posts', { columns = { title = 'text' }, indexes = { 'title' }, "
      .. "belongs_to = { author = 'models.user' }, has_many = { tags = 'models.tag' } })")
    assert.equal(0, run("diff", "--dry-run"), complaint)
    has(printed, "create table users (")
    has(printed, "    author_id bigint not null,\n    title text\n")
    has(printed, "FOREIGN KEY (author_id) REFERENCES users(id)")
    assert.equal(0, run "diff", complaint)
    assert.equal(dir .. "/migrations/0001_change_models.sql\n", printed)
    assert.equal(1, run "diff")
    has(complaint, "0001_change_models.sql is not applied: run `rille migrate` first")
    assert.equal(0, run "up", complaint)
    assert.equal(0, run "diff", complaint)
    assert.equal("the database has what the models declare\n", printed)
    write("models/user.lua", "return require('rille').model('users', { columns = { name = 'text', age = 'int' } })")
    assert.equal(0, run("diff", "add ages"), complaint)
    assert.equal(dir .. "/migrations/0002_add_ages.sql\n", printed)
    assert.equal(0, run "up", complaint)
    assert.equal(1, run("diff", "app=" .. dir .. "/migrations"))
    has(complaint, "there is no folder " .. dir .. "/migrations/models")
    assert.equal(0, run("down", "to=0"), complaint)
    assert.same({}, tables.read(db, { "users", "posts" }))
  end)

  -- ---- any models --------------------------------------------------------------------

  local random = { int = function(self, most)
    self.state = (self.state * 1103515245 + 12345) % 2147483648
    return math.floor(self.state / 65536) % most + 1
  end }

  local function pick(list) return list[random:int(#list)] end

  -- Those of a row can be cast into each other; what stands beside a type is a default.
  local TYPES = {
    { { "int", "7" }, { "bigint", "7" }, { "numeric(10,2)", "7.5" }, { "text", "'7'" }, { "varchar(20)", "'7'" } },
    { { "boolean", "true" } }, { { "timestamptz", "now()" }, { "date", "current_date" } }, { { "jsonb", "'{}'" } },
    { { "text[]", "'{}'" } }, { { "uuid", "gen_random_uuid()" } },
  }

  local function column(family)
    local one = pick(TYPES[family])
    local text = one[1]
    if random:int(2) == 1 then text = text .. " not null" end
    if random:int(3) == 1 then text = text .. " default " .. one[2] end
    if random:int(8) == 1 and family ~= 4 then text = text .. " unique" end
    if random:int(6) == 1 then text = text .. " check (NAME is not null or " .. random:int(3) .. " > 0)" end
    return text
  end

  local function schema(families, old)
    local list, count = {}, old and #old or random:int(4)
    for i = 1, count do
      local columns, names, indexes, relations = {}, {}, {}, {}
      for n = 1, random:int(5) + (old and 3 or 0) do
        local name = "c" .. n
        families[i .. name] = families[i .. name] or random:int(#TYPES)
        columns[name] = column(families[i .. name]):gsub("NAME", name)
        if families[i .. name] ~= 4 then names[#names + 1] = name end
      end
      if random:int(3) == 1 then columns.id = "bigint generated by default as identity primary key" end
      for _ = 1, #names > 0 and random:int(3) - 1 or 0 do
        indexes[#indexes + 1] = { pick(names), unique = random:int(3) == 1, where = random:int(4) == 1 and pick(names) .. " is not null" or nil }
      end
      if i > 1 and random:int(2) == 1 then relations["parent" .. random:int(3)] = { to = list[random:int(i - 1)] } end
      list[i] = model("t" .. i, columns, { indexes = indexes, relations = relations })
    end
    return list
  end

  -- Columns may have changed their places.
  local function without_order(found)
    for _, one in pairs(found) do one.order = nil end
    return found
  end

  for seed = 1, SEEDS do
    it("closes any difference, and takes it back: seed " .. seed, function()
      random.state = seed
      local families = {}
      local first = schema(families)
      local names = {}
      for i, one in ipairs(first) do names[i] = one.table end
      local _, first_down = close_difference(unpack(first))
      local before = without_order(tables.read(db, names))
      local second = schema(families, first)
      if compare(unpack(second)).text then
        local up, down = close_difference(unpack(second))
        local ok, err = pcall(db.script, db, down)
        assert(ok, tostring(err) .. "\n" .. up .. "\n" .. down)
        assert.same(before, without_order(tables.read(db, names)), up)
      end
      db:script(first_down)
      assert.same({}, tables.read(db, names))
    end)
  end

end)
