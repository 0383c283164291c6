--- Every statement that the code under test runs, seen as it is sent.
--
-- Specs wrap the database's methods where they are; without a spec nothing is
-- wrapped, so nothing is paid for it. What Rille sends of its own accord (begin,
-- commit, savepoints) is not the code's, and not counted.
local behalf = require "rille.behalf"
local db = require "rille.db"

local statements = {
  --- The methods as they are without us.
  plain = {},
}

local Db = getmetatable(db)
local watchers = {}
local guard -- function(plain, self, sql, ...): how the isolation runs a statement

local function note(sql)
  if type(sql) ~= "string" then
    return
  end
  local at = behalf.place()
  for _, seen in ipairs(watchers) do
    seen[#seen + 1] = { sql = sql, at = at }
  end
end

for _, name in ipairs { "query", "one", "exec", "script" } do
  local plain = Db[name]
  statements.plain[name] = plain
  Db[name] = function(self, sql, ...)
    if not self.is_inner then
      note(sql)
    end
    if guard then
      return guard(plain, self, sql, ...)
    end
    return plain(self, sql, ...)
  end
end

local plain_batch = Db.batch
function Db:batch(list)
  for _, item in ipairs(type(list) == "table" and list or {}) do
    note(type(item) == "table" and item[1])
  end
  return plain_batch(self, list)
end

for _, name in ipairs { "each", "copy_in", "copy_out" } do
  local plain = Db[name]
  Db[name] = function(self, sql, ...)
    note(sql)
    return plain(self, sql, ...)
  end
end

--- Have every statement run through `fn(plain, self, sql, ...)`; nil takes it back.
function statements.set_guard(fn)
  guard = fn
end

--- Run `fn` and list the statements that ran meanwhile, in every task, with the lines that asked. **Yields**
-- if `fn` does.
-- @tparam function fn
-- @treturn {table,...} `sql`; `at`, a line of the app's or the spec's, nil where that is not known
-- @raise what `fn` raised
function statements.traced(fn)
  local seen = {}
  watchers[#watchers + 1] = seen
  local ok, err = pcall(fn)
  for i = #watchers, 1, -1 do
    if watchers[i] == seen then
      table.remove(watchers, i)
    end
  end
  if not ok then
    error(err, 0)
  end
  return seen
end

--- The same, as texts alone.
-- @tparam function fn
-- @treturn {string,...}
-- @raise what `fn` raised
function statements.during(fn)
  local texts = {}
  for i, one in ipairs(statements.traced(fn)) do
    texts[i] = one.sql
  end
  return texts
end

return statements
