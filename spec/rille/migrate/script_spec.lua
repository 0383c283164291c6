local script = require "rille.migrate.script"

describe("SQL cut into statements", function()
  local function texts(sql)
    local list = {}
    for i, statement in ipairs(assert(script.statements(sql))) do
      list[i] = statement.text
    end
    return list
  end

  for what, case in pairs {
    ["nothing"] = { " \n;; -- a;\n/* b; /* c; */ */ ", {} },
    ["two, and what is between them"] = { "select 1; -- one;\n\nselect 2", { "select 1", "select 2" } },
    ["strings"] = { "select 'a;''b;'; select 1", { "select 'a;''b;'", "select 1" } },
    ["strings with escapes"] = { [[select E'a\';'; select e'\\'; select 1]], { [[select E'a\';']], [[select e'\\']], "select 1" } },
    ["a backslash that is none"] = { [[select 'a\'; select 1]], { [[select 'a\']], "select 1" } },
    ["a name that ends in e before a string"] = { [[select date'\'; select 1]], { [[select date'\']], "select 1" } },
    ["names"] = { 'select 1 as "a;b"; select 2', { 'select 1 as "a;b"', "select 2" } },
    ["dollars"] = { "do $$ begin; end $$; do $a$ $$;$b$; $a$; select $1; select a$b$c", { "do $$ begin; end $$",
      "do $a$ $$;$b$; $a$", "select $1", "select a$b$c" } },
    ["comments inside"] = { "select /* ; */ 1 -- ;\n + 1;", { "select /* ; */ 1 -- ;\n + 1" } },
    ["a comment of stars"] = { "/***;***/ select 1 /**/;", { "select 1" } },
    ["a rule's actions"] = { "create rule r as on insert to a do (select 1; select 2); select 3",
      { "create rule r as on insert to a do (select 1; select 2)", "select 3" } },
    ["a body of SQL"] = {
      "create or replace function f() returns int begin atomic select case when true then 1 end; select 2; end; select 3",
      { "create or replace function f() returns int begin atomic select case when true then 1 end; select 2; end", "select 3" } },
    ["a procedure's"] = { "CREATE PROCEDURE p() BEGIN ATOMIC select 1; END; select 2",
      { "CREATE PROCEDURE p() BEGIN ATOMIC select 1; END", "select 2" } },
    ["a transaction, which is no body"] = { "begin; select 1; end", { "begin", "select 1", "end" } },
  } do
    it("knows " .. what, function()
      assert.same(case[2], texts(case[1]))
    end)
  end

  for what, sql in pairs {
    ["a string '"] = "select 1; 'a;", ["a name \""] = 'select 1; "a;', ["a comment /*"] = "select 1; /* /* */",
    ["a dollar-quoted text"] = "select 1; $a$ $b$",
  } do
    it("tells of " .. what .. " that is not closed, and where", function()
      local list, problem, at = script.statements(sql)
      assert.is_nil(list)
      assert.equal(what .. " that is not closed", problem)
      assert.equal(11, at)
    end)
  end

  it("says where each begins", function()
    local list = script.statements "select 1;\n-- a\nselect 2"
    assert.equal(1, list[1].first)
    assert.equal(16, list[2].first)
    assert.same({ "select" }, list[2].words)
  end)
end)
