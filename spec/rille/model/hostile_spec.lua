-- Every method of models is given what attackers write, as names and as values: all of it is bound, quoted or refused,
-- and the tables are as they were.
local private = require "spec.rille.db.private"
local Query = require "rille.model.query"
local related = require "rille.model.related"
local rille = require "rille"
local row = require "rille.model.row"
local write = require "rille.model.write"

local NASTY = {
  "'", '"', "';--", '";--', "' or '1'='1", "x'; drop table victims; --", 'x"; drop table victims; --', "1; delete from victims",
  "1 or 1=1", "id) or (1=1", "id); drop table victims; --", "/*", "*/", "--", "$1", "$$", "?", "??", "\\", "\\'", "%s", "%", "\n", "\t",
  "name\0drop", "\0", "", " ", ".", "..", "victims.id; --", 'victims"."id', "pg_sleep(9)", "(select pg_sleep(9))", "E'\\x27'", "ÿ", "\255",
  "name desc; drop table victims", "name, (select 1)", "-", "--name", "-name; drop table victims", ("a"):rep(100000), "users u; drop table victims",
  "update; drop table victims", "id) = (id) or (1", "of x; drop table victims", "__index", "create", "select", "1e999", "nan", "-0",
}
local ODD = { 0, -1, 1.5, 1e300, -1e300, 0 / 0, 1 / 0, 2 ^ 63, true, false, rille.null, print, {}, { 1 }, { a = 1 }, { [1] = "x", [3] = "y" },
  rille.array { "x" }, rille.jsonb { 1 }, rille.bytea "x", { { { {} } } }, setmetatable({}, { __tostring = function() return "x" end }) }

describe("rille.model's methods", function()
  local db, stop, victim, before

  local function picture()
    return rille.json.encode(db:query "select * from victims order by id")
        .. rille.json.encode(db:query "select relname from pg_class where relnamespace = 'public'::regnamespace order by 1")
  end

  setup(function()
    db, stop = private.start()
    db:exec [[create table victims (id bigint generated always as identity primary key, name text, age int,
      tags text[], meta jsonb, is_nice boolean)]]
    db:exec "insert into victims (name, age) select 'n' || n, n from generate_series(1, 3) n"
    victim = rille.model("victims", { db = db })
    db:script [[create table prey (id bigint generated always as identity primary key, name text, parent_id bigint, deleted_at timestamptz);
      create sequence hits; create function hit() returns bigint language sql as $$ select nextval('hits') $$]]
    before = picture()
  end)

  teardown(function() stop() end)

  local function unchanged(what)
    if picture() ~= before then
      error(what .. " changed the table")
    end
  end

  -- What a method gives back is asked for, as far as it goes.
  local function ask(made)
    if type(made) == "table" and rawget(made, "shape") then
      made:limit(5):all()
    end
  end

  local function try(what, fn, ...)
    local ok, why = pcall(function(...) ask(fn(...)) end, ...)
    if not ok then
      local text = tostring(why)
      -- A refusal names the line that wrote it, or is the server's; never a failure of the code inside.
      local is_inside = type(why) == "string" and text:find "attempt to " or text:find("stack overflow", 1, true)
      assert.is_nil(is_inside or nil, what .. ": " .. text:sub(1, 300))
      local is_injected = type(why) == "table" and (why.code == "db.42601" or why.code == "db.25P02")
      assert.is_false(is_injected or false, what .. ": " .. text:sub(1, 300))
    end
    return ok
  end

  -- Values go beside the text, whatever they are.
  it("bind values, or refuse them", function()
    local ways = {
      where = function(value) return victim:where { name = value } end,
      where_text = function(value) return victim:where("name = ?", value) end,
      where_two = function(value) return victim:where("name = ? or name = ?", value, value) end,
      or_where = function(value) return victim:where { id = 1 }:or_where { name = value } end,
      not_ = function(value) return victim:not_ { name = value } end,
      where_in = function(value) return victim:where_in("name", { value, "n1" }) end,
      where_in_list = function(value) return victim:where_in("name", value) end,
      where_not_in = function(value) return victim:where_not_in("name", { value }) end,
      having = function(value) return victim:select("name"):group("name"):having("name = ?", value) end,
      join = function(value) return victim:join("victims as v", "v.id = victims.id and v.name = ?", value) end,
      select = function(value) return victim:select("id", rille.sql("? as x", value)) end,
      order = function(value) return victim:order(rille.sql("name = ?", value)) end,
      group = function(value) return victim:select(rille.sql "count(*)"):group(rille.sql("name = ?", value)) end,
      with = function(value) return victim:with("w", rille.sql("select ?::text as x", value)):join("w", "w.x = victims.name") end,
      limit = function(value) return victim:limit(value) end,
      offset = function(value) return victim:offset(value) end,
      find = function(value) return victim:find(value) end,
      find_by = function(value) return victim:find_by("name", value) end,
      page = function(value) return victim:page { after = value } end,
      in_batches = function(value) return victim:in_batches(value) end,
    }
    for name, way in pairs(ways) do
      for _, list in ipairs { NASTY, ODD } do
        for _, value in ipairs(list) do
          try(name .. " with " .. tostring(value):sub(1, 40), way, value)
        end
      end
      try(name .. " with nil", way, nil)
      unchanged(name)
    end
    assert.equal(0, victim:where { name = "x'; drop table victims; --" }:count())
    assert.equal(3, victim:where_not_in("name", { "' or '1'='1" }):count())
  end)

  it("quote names, or refuse them", function()
    local ways = {
      where = function(name) return victim:where { [name] = 1 } end,
      not_ = function(name) return victim:not_ { [name] = 1 } end,
      where_in = function(name) return victim:where_in(name, { "x" }) end,
      where_not_in = function(name) return victim:where_not_in(name, { "x" }) end,
      where_null = function(name) return victim:where_null(name) end,
      where_not_null = function(name) return victim:where_not_null(name) end,
      select = function(name) return victim:select(name) end,
      order = function(name) return victim:order(name) end,
      order_down = function(name) return victim:order("-" .. tostring(name)) end,
      group = function(name) return victim:select(name):group(name) end,
      distinct = function(name) return victim:distinct(name) end,
      join = function(name) return victim:join(name, "true") end,
      left_join = function(name) return victim:left_join(name, "true") end,
      with = function(name) return victim:with(name, victim) end,
      lock = function(name) return victim:lock(name) end,
      lock_more = function(name) return victim:lock("update", name) end,
      pluck = function(name) return victim:pluck(name) end,
      sum = function(name) return victim:sum(name) end,
      max = function(name) return victim:max(name) end,
      find_by = function(name) return victim:find_by(name, 1) end,
      count = function(name) return victim:group(name):count() end,
      page = function(name) return victim:order(name):page() end,
      create = function(name) return victim:create { [name] = "x" } end,
      update = function(name) return victim:first():update { [name] = "x" } end,
      update_all = function(name) return victim:where { id = -1 }:update_all { [name] = "x" } end,
      insert_many = function(name) return victim:insert_many { { [name] = "x" } } end,
      upsert = function(name) return victim:upsert({ name = "x" }, { on = name }) end,
      upsert_update = function(name) return victim:upsert({ name = "n1" }, { on = "id", update = { name } }) end,
      increment = function(name) return victim:where { id = -1 }:first() or victim:first():increment(name, 0) end,
      model = function(name) return rille.model(name, { db = db }):all() end,
      scope = function(name) return victim[name] end,
    }
    for what, way in pairs(ways) do
      for _, list in ipairs { NASTY, ODD } do
        for _, name in ipairs(list) do
          if name == name then -- NaN is no key of any table
            try(what .. " with " .. tostring(name):sub(1, 40), way, name)
          end
        end
      end
      unchanged(what)
    end
  end)

  it("refuse pieces of SQL that reach into what is around them", function()
    for _, text in ipairs { "1=1) or (1=1", "1=1; drop table victims", "name = 'x", 'name = "x', "1=1 --", "1=1 /* x", "$$ x", "(1=1", "name = ?",
      "name = ? and age = ?", "1=1\0" } do
      for name, way in pairs {
        where = function() return victim:where(text) end,
        sql = function() return victim:where(rille.sql(text)) end,
        having = function() return victim:group("name"):select("name"):having(text) end,
        join = function() return victim:join("victims as v", text) end,
        order = function() return victim:order(rille.sql(text)) end,
        update = function() return victim:where { id = 1 }:update_all { name = rille.sql(text) } end,
      } do
        assert.is_false(try(name .. " with " .. text, way))
      end
      unchanged(text)
    end
  end)

  it("write values as they are", function()
    db:transaction(function()
      for _, value in ipairs(NASTY) do
        local is_text = not value:find "[%z\255ÿ]"
        local ok = try("create with " .. value:sub(1, 40), function()
          local made = db:transaction(function() return victim:create { name = value, meta = { value }, tags = { value } } end)
          assert.same({ value, value, value }, { made.name, made.meta[1], made.tags[1] })
          made:update { name = "x" }
          made:update { name = value }
          assert.equal(value, victim:find(made.id).name)
          assert.equal(made.id, victim:where { name = value }:order("-id"):first().id)
          made:delete()
        end)
        assert.is_true(ok or not is_text, value:sub(1, 40))
      end
    end)
    unchanged "writing"
  end)

  -- Of each method there is, also one that is made tomorrow: `hit()` leaves a trace that no rollback takes away.
  describe("each of them", function()
    local prey

    local HITS = { "hit()", "(select hit())", "name desc, hit()", 'name"; select hit(); --', "x'; select hit(); --", "prey p, hit()",
      "update of prey; select hit(); --" }
    -- The text of a condition is the program's own.
    local TEXTS = { where = { true }, or_where = { true }, not_ = { true }, having = { true }, join = { false, true },
      left_join = { false, true } }
    local INNER = { is = true, in_manner = true, where_is = true, fixed = true }

    local FORMS = {
      function(x) return x end,
      function(x) return x, x end,
      function(x) return "name", x end,
      function(x) return "children", x end,
      function(x) return { [x] = "x" } end,
      function(x) return { name = x } end,
      function(x) return { x } end,
      function(x) return { children = x } end,
      function(x) return { name = "x" }, { [x] = x } end,
      function(x) return { name = "x" }, { on = x } end,
      function(x) return { name = "x" }, { on = "id", update = { x } } end,
    }

    setup(function()
      local function itself() return prey end
      prey = rille.model("prey", { db = db, soft_delete = true, belongs_to = { parent = itself },
        has_many = { children = { itself, key = "parent_id" } } })
    end)

    local function refill()
      db:exec "truncate prey restart identity"
      db:exec "insert into prey (name, parent_id) values ('a', 1), ('b', 1), ('c', 2)"
    end

    local function is_text(name, ...)
      for i in pairs(TEXTS[name] or {}) do
        if TEXTS[name][i] and type((select(i, ...))) == "string" then
          return true
        end
      end
      return false
    end

    local function go_on(made)
      if type(made) == "function" or type(made) == "table" and getmetatable(made) and getmetatable(made).__call then
        made()
      end
      return made
    end

    local function feed(name, receiver)
      refill()
      for _, hit in ipairs(HITS) do
        for i, form in ipairs(FORMS) do
          if not is_text(name, form(hit)) then
            try(("%s, form %d, with %s"):format(name, i, hit), function()
              local self = receiver()
              return go_on(self[name](self, form(hit)))
            end)
          end
        end
      end
      assert.is_false(db:one("select is_called from hits").is_called, name .. " runs what it is given")
    end

    for what, one in pairs {
      query = { methods = Query, receiver = function() return prey:where { id = 1 } end },
      model = { methods = write.starters, receiver = function() return prey end },
      row = { methods = row.methods, receiver = function() return prey:with_deleted():order("id"):first() or prey:create { name = "a" } end },
      list = { methods = related.methods, receiver = function() return (prey:find(1) or prey:create { name = "a" }).children end },
    } do
      it("of a " .. what .. " takes no SQL but where it is asked for", function()
        local count = 0
        for name, method in pairs(one.methods) do
          if type(method) == "function" and not INNER[name] then
            feed(name, one.receiver)
            count = count + 1
          end
        end
        assert.is_true(count > 3)
        unchanged(what)
      end)
    end

    it("would be found out", function()
      prey:where("hit() > 0"):all()
      assert.is_true(db:one("select is_called from hits").is_called)
    end)
  end)
end)
