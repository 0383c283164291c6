-- What models write, on a real PostgreSQL.
local private = require "spec.rille.db.private"
local rille = require "rille"

local v = rille.schema

local function says(message, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches(message, tostring(why), 1, true)
end

-- Problems as "path code", in a row.
local function listed(problems)
  local lines = {}
  for i, one in ipairs(problems) do
    lines[i] = one.path .. " " .. one.code
  end
  table.sort(lines)
  return table.concat(lines, ", ")
end

describe("rille.model's writing", function()
  local db, stop, person

  setup(function()
    db, stop = private.start()
    db:exec [[create table people (id bigint generated always as identity primary key, name text not null, email text unique,
      age int check (age >= 0), is_nice boolean not null default true, tags text[], sizes int[], meta jsonb, photo bytea,
      boss_id bigint references people (id), created_at timestamptz not null, updated_at timestamptz not null)]]
    db:exec "create table seats (hall text, number int, taken_by text, primary key (hall, number))"
    db:exec [[create table papers (id bigint generated always as identity primary key, title text not null default 'none',
      copies int not null default 0, lock_version int not null default 0, updated_at timestamptz, deleted_at timestamptz)]]
    person = rille.model("people", { db = db })
  end)

  teardown(function() stop() end)

  before_each(function() db:exec "truncate people, seats, papers restart identity" end)

  describe("create", function()
    it("writes what is given, and the times", function()
      local ada = person:create { name = "Ada", age = 0, is_nice = false, email = rille.null }
      assert.same({ "Ada", 0, false, nil }, { ada.name, ada.age, ada.is_nice, ada.email })
      assert.matches("^2", ada.created_at)
      assert.equal(ada.created_at, ada.updated_at)
      assert.equal("2001-01-01T00:00:00.000000Z", person:create { name = "Bo", created_at = "2001-01-01Z" }.created_at)
    end)

    it("takes tables where the column is made for them", function()
      local one = person:create { name = "x", tags = { "a b", "c\"d" }, sizes = { 1, 2 }, meta = { deep = { 1 } }, photo = "\0\255" }
      one:reload()
      assert.same({ "a b", "c\"d", 2 }, { one.tags[1], one.tags[2], one.sizes[2] })
      assert.same({ 1, "\0\255" }, { one.meta.deep[1], one.photo })
      assert.equal("text", one:update { meta = "text" }.meta)
      assert.is_nil(one:update { meta = rille.null }.meta)
      says("people.name is a text, which no table can be", person.create, person, { name = {} })
    end)

    it("names the column that does not exist", function()
      says("the table people has no column 'nmae': did you mean 'name'?", person.create, person, { nmae = "x" })
      says("create takes { column = value }: got nil", person.create, person, nil)
    end)

    it("says which value is taken", function()
      person:create { name = "a", email = "a@b" }
      local err = private.fails("db.23505", person.create, person, { name = "b", email = "a@b" })
      assert.same({ 409, "email taken" }, { err.status, listed(err.details) })
    end)

    it("tries, and gives problems back", function()
      person:create { name = "a", email = "a@b" }
      local none, problems = person:try_create { name = "b", email = "a@b" }
      assert.same({ nil, "email taken" }, { none, listed(problems) })
      assert.equal("name required", listed(select(2, person:try_create { email = "x" })))
      assert.equal("boss_id unknown", listed(select(2, person:try_create { name = "x", boss_id = 99 })))
      assert.equal("age check", listed(select(2, person:try_create { name = "x", age = -1 })))
      assert.equal("b", person:try_create({ name = "b" }).name)
      private.fails("db.22P02", person.try_create, person, { name = "b", age = "old" })
    end)

    it("names each column of what they violate together", function()
      db:script [[create table lets (id int primary key, flat text, room int, since int, till int, note text,
          check (since < till), foreign key (flat, room) references seats (hall, number));
        create unique index on lets (flat, room, since) include (note); create unique index on lets ((flat || lower(flat)), id)]]
      finally(function() db:exec "drop table lets" end)
      db:exec "insert into seats values ('a', 1)"
      local let = rille.model("lets", { db = db })
      let:create { id = 1, flat = "a", room = 1, since = 1 }
      local problems = select(2, let:try_create { id = 2, flat = "a", room = 1, since = 1, note = "x" })
      assert.equal("flat taken, room taken, since taken", listed(problems))
      assert.equal("is taken already together with flat, since", problems[2].message)
      assert.equal("flat unknown, room unknown", listed(select(2, let:try_create { id = 2, flat = "z", room = 9 })))
      assert.equal("since check, till check", listed(select(2, let:try_create { id = 2, since = 5, till = 4 })))
      assert.equal("id taken", listed(select(2, let:try_create { id = 1 })))
      let:create { id = 3, flat = "a" }
      db:exec "create unique index on lets ((flat || lower(flat))) where id > 3"
      let:create { id = 4, flat = "a" }
      private.fails("db.23505", let.create, let, { id = 5, flat = "a" }) -- by what nobody knew of yet
      assert.equal("flat taken", listed(private.fails("db.23505", let.create, let, { id = 5, flat = "a" }).details))
    end)

    it("tries inside of a transaction without spoiling it", function()
      db:transaction(function()
        person:create { name = "a", email = "a@b" }
        assert.is_nil((person:try_create { name = "b", email = "a@b" }))
        person:create { name = "c" }
      end)
      assert.equal(2, person:count())
    end)

    it("takes from outside what is writable alone, and checks it", function()
      local careful = rille.model("people", {
        db = db, writable = { "name", "age" }, defaults = { is_nice = false, tags = function() return { "new" } end },
        schema = v.object { name = v.string { min = 2 }, age = v.integer { min = 18 }:optional() },
      })
      local made = careful:create({ name = "Ada", age = 36 }, { email = "a@b" })
      assert.same({ "Ada", 36, "a@b", false, "new" }, { made.name, made.age, made.email, made.is_nice, made.tags[1] })
      local _, problems = careful:try_create { name = "Ada", is_nice = true, id = 7 }
      assert.equal("id unknown, is_nice unknown", listed(problems))
      _, problems = careful:try_create { name = "A", age = 3 }
      assert.equal("age min, name min", listed(problems))
      assert.equal("age min", listed(select(2, made:try_update { age = 3 })))
      assert.equal(40, made:update { age = 40 }.age)
      assert.equal(41, made:update { age = rille.sql "age + 1" }.age)
      assert.equal(422, private.fails("invalid", made.update, made, { email = "x" }).status)
    end)
  end)

  describe("a row", function()
    it("writes exactly what is given", function()
      local ada = person:create { name = "Ada", age = 3, email = "x" }
      db:exec "update people set email = 'other', updated_at = '2001-01-01'"
      assert.equal(ada, ada:update { age = 0, is_nice = false, name = nil })
      assert.same({ 0, false, "Ada", "other" }, { ada.age, ada.is_nice, ada.name, ada.email })
      assert.matches("^20[2-9]", ada.updated_at)
      assert.is_nil(ada:update { email = rille.null }.email)
      assert.equal(5, ada:update { age = rille.sql("age + ?", 5) }.age)
    end)

    it("writes what was assigned", function()
      local ada = person:create { name = "Ada", age = 3 }
      ada.name, ada.age = "Eve", nil
      ada:update { is_nice = false }
      assert.same({ "Ada", false }, { person:find(ada.id).name, ada.is_nice })
      assert.equal("Eve", ada.name)
      ada:update()
      assert.is_nil(ada:changed())
      local read = person:find(ada.id)
      assert.same({ "Eve", nil }, { read.name, read.age })
    end)

    it("counts in the database", function()
      local ada = person:create { name = "Ada" }
      db:exec "update people set age = 10"
      assert.equal(11, ada:increment("age").age)
      assert.equal(8, ada:increment("age", -3).age)
    end)

    it("says that it is gone", function()
      local ada = person:create { name = "Ada" }
      assert.equal(ada, ada:delete())
      assert.equal(0, person:count())
      private.fails("not_found", ada.update, ada, { name = "x" })
      private.fails("not_found", ada.delete, ada)
      private.fails("not_found", ada.reload, ada)
    end)

    it("is told by all columns of its key", function()
      local seat = rille.model("seats", { db = db })
      seat:insert_many { { hall = "a", number = 1 }, { hall = "a", number = 2 }, { hall = "b", number = 1 } }
      local one = seat:find("a", 2)
      one:update { taken_by = "Ada" }
      one.number = 3
      one:update()
      assert.same({ "Ada", 3 }, { seat:find({ hall = "a", number = 3 }).taken_by, one.number })
      assert.is_nil(seat:find("a", 2))
      says("its number is nil", seat.find, seat, "a")
      one:delete()
      assert.equal(2, seat:count())
    end)

    it("cannot be written without its key", function()
      person:create { name = "Ada" }
      local ada = person:select("name"):first()
      says("was selected without its id", ada.update, ada, { name = "x" })
    end)

    it("is written where a table that was changed inside is assigned again", function()
      local ada = person:create { name = "Ada", meta = { n = 1 }, tags = { "a" } }
      ada.meta.n = 2
      ada:update()
      assert.same({ false, 1 }, { ada:changed "meta", person:find(ada.id).meta.n })
      ada.meta, ada.tags[2] = ada.meta, "b"
      ada.tags = ada.tags
      assert.same({ true, true, false }, { ada:changed "meta", ada:changed "tags", ada:changed "name" })
      ada:update()
      assert.is_nil(ada:changed())
      local again = person:find(ada.id)
      assert.same({ 2, "a,b" }, { again.meta.n, table.concat(again.tags, ",") })
    end)

    it("is marked as deleted, and comes back", function()
      local paper = rille.model("papers", { db = db, soft_delete = true })
      local one, other = paper:create {}, paper:create { title = "b" }
      one:delete()
      assert.same({ 1, 2, 1 }, { paper:count(), paper:with_deleted():count(), paper:only_deleted():count() })
      assert.is_nil(paper:find(one.id))
      one:restore()
      assert.equal("none", paper:find(one.id).title)
      other:delete { for_good = true }
      assert.equal(1, paper:with_deleted():count())
    end)

    it("counts and is touched whoever wrote it meanwhile, and those see that", function()
      local paper = rille.model("papers", { db = db, lock = true })
      local mine, theirs = paper:create {}, paper:order("-id"):first()
      theirs:update { title = "theirs" }
      mine:touch()
      assert.same({ "theirs", 2 }, { mine.title, mine.lock_version })
      private.fails("conflict", theirs.update, theirs, { title = "again" })
      mine:increment "copies"
      theirs:increment("copies", 2)
      assert.same({ 3, 4 }, { theirs.copies, theirs.lock_version })
    end)

    it("is not written over what somebody else wrote", function()
      local paper = rille.model("papers", { db = db, lock = true })
      local mine, theirs = paper:create {}, paper:find(1)
      theirs:update { title = "theirs" }
      assert.equal(409, private.fails("conflict", mine.update, mine, { title = "mine" }).status)
      mine:reload()
      assert.equal(2, mine:update { title = "mine" }.lock_version)
      mine:delete()
      private.fails("not_found", theirs.delete, theirs)
    end)
  end)

  it("runs hooks in the write's transaction", function()
    local seen = {}
    local hooked = rille.model("people", {
      db = db,
      before_save = function(fields, row)
        seen[#seen + 1] = row and "change" or "make"
        fields.email = (fields.name or row.name):lower() .. "@b"
      end,
      after_save = function(row, is_new)
        seen[#seen + 1] = tostring(is_new)
        if row.name == "bad" then error "no" end
      end,
      before_delete = function(row) seen[#seen + 1] = "before " .. row.name end,
      after_delete = function(row) seen[#seen + 1] = "after " .. row.name end,
    })
    local one = hooked:create { name = "Ada" }
    assert.equal("ada@b", one.email)
    one:update { age = 3 }
    assert.is_false(pcall(one.update, one, { name = "bad" }))
    assert.equal("Ada", person:find(one.id).name)
    assert.is_false(pcall(hooked.create, hooked, { name = "bad" }))
    one:reload():delete()
    assert.same({ "make", "true", "change", "false", "change", "false", "make", "true", "before Ada", "after Ada" }, seen)
    assert.equal(0, person:count())
  end)

  describe("insert_many", function()
    it("keeps the order of keys, whatever columns are given", function()
      local ids = person:insert_many { { name = "a", age = 1 }, { name = "b" }, { name = "c", age = 3, is_nice = false } }
      for i, name in ipairs { "a", "b", "c" } do
        assert.equal(name, person:find(ids[i]).name)
      end
      assert.is_true(person:find(ids[2]).is_nice)
      assert.is_false(person:find(ids[3]).is_nice)
      assert.same({}, person:insert_many {})
    end)

    it("takes every kind of column", function()
      local ids = person:insert_many {
        { name = "a'b", tags = { "x", "y z" }, sizes = {}, meta = { 1, { k = "v" } }, photo = "\0\1", age = rille.null },
        { name = "c", tags = rille.null, sizes = { 7 }, meta = rille.null, photo = rille.null, age = 5 },
      }
      local one, other = person:find(ids[1]), person:find(ids[2])
      assert.same({ "y z", 0, "v", nil }, { one.tags[2], #one.sizes, one.meta[2].k, one.age })
      assert.equal("\0\1", one.photo)
      assert.same({ nil, 7, nil, 5 }, { other.tags, other.sizes[1], other.meta, other.age })
    end)

    it("sends a statement for some thousand rows, all or none", function()
      local list = {}
      for i = 1, 12001 do
        list[i] = { name = "n" .. i, email = i .. "@x" }
      end
      assert.equal(12001, #person:insert_many(list))
      list = { unpack(list, 1, 6000) }
      for i, one in ipairs(list) do
        one.email = i .. "@y"
      end
      list[6000].email = "1@y"
      assert.equal("email taken", listed(private.fails("db.23505", person.insert_many, person, list).details))
      assert.equal(12001, person:count())
    end)
  end)

  it("upserts", function()
    local one = person:upsert({ name = "a", email = "a@b" }, { on = "email" })
    assert.is_true(one.created)
    local same = person:upsert({ name = "b", email = "a@b", age = 5 }, { on = "email" })
    assert.same({ false, one.id, "b", 5 }, { same.created, same.id, same.name, same.age })
    same = person:upsert({ name = "c", email = "a@b", age = 6 }, { on = "email", update = { "age" } })
    assert.same({ "b", 6 }, { same.name, same.age })
    same = person:upsert({ name = "c", email = "a@b" }, { on = { "email" }, update = {} })
    assert.same({ false, "b" }, { same.created, same.name })
    assert.equal('{"id":1,"name":"b"}', (rille.json.encode(same):gsub(',"email".*', "}")))
    says('upsert takes values, and { on = "email" }', person.upsert, person, { name = "x" })
  end)

  it("updates and deletes what a query finds, never everything by accident", function()
    person:insert_many { { name = "a", age = 1 }, { name = "b", age = 2 }, { name = "c", age = 3 } }
    assert.equal(2, person:where("age > ?", 1):update_all { is_nice = false, age = rille.sql("age * ?", 10) })
    assert.same({ 1, 20, 30 }, { unpack(person:order("id"):pluck "age") })
    assert.equal(1, person:order("-age"):limit(1):update_all { age = 99 })
    assert.equal("c", person:find_by("age", 99).name)
    says("update_all without a condition", person.update_all, person, { age = 1 })
    says("delete_all without a condition", person.delete_all, person)
    says("delete_all without a condition", function() return person:order("id"):delete_all() end)
    says("{ title = nil } is empty", function() return person:where { id = 1 }:update_all {} end)
    assert.equal(1, person:join("people as other", "other.id = people.id and other.age = ?", 99):delete_all())
    assert.equal(2, person:update_all({ age = 5 }, { all = true }))
    assert.equal(2, person:delete_all { all = true })
    local paper = rille.model("papers", { db = db, soft_delete = true })
    paper:insert_many { {}, {} }
    assert.equal(1, paper:where { id = 1 }:delete_all())
    assert.same({ 1, 2 }, { paper:count(), paper:with_deleted():count() })
    assert.equal(0, paper:where { id = 1 }:update_all { title = "marked" })
    assert.equal(0, paper:where { id = 1 }:delete_all())
    assert.equal(1, paper:with_deleted():where { id = 1 }:update_all { title = "marked" })
    assert.equal("still", paper:with_deleted():find(1):update({ title = "still" }).title)
    assert.equal(1, paper:where { id = 2 }:delete_all { for_good = true })
  end)

  it("belongs to the transaction it is in", function()
    pcall(db.transaction, db, function()
      person:create { name = "a" }
      assert.equal(1, person:count())
      error "back"
    end)
    assert.equal(0, person:count())
  end)
end)
