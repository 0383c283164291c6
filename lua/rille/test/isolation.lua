--- Keeping examples apart in the database.
--
--     begin                       the example
--       savepoint … release         a statement of its own
--       savepoint                   db:transaction of the code under test
--         savepoint … release         a transaction inside it
--       release
--     rollback
--
-- All of an example's work is in one transaction, which is rolled back: its
-- requests and background tasks are below its scope, and so on its connection.
-- A statement outside of the code's own transactions stands under a savepoint,
-- so that one that fails spoils nothing else. Whoever uses the connection keeps
-- it until the savepoint is gone: transactions take turns. What cannot be seen
-- this way (locks between connections, NOTIFY, commit order, isolation levels)
-- wants `isolation = "database"`: a copy of the database for the file.
local clone = require "rille.test.clone"
local core = require "rille.core"
local db = require "rille.db"
local statement = require "rille.db.statement"
local errors = require "rille.error"
local line = require "rille.line"
local statements = require "rille.test.statements"
local transactions = require "rille.db.transaction"

local isolation = {}

local Db = getmetatable(db)
local plain = statements.plain
for _, name in ipairs { "transaction", "hold", "batch", "copy_in", "copy_out" } do
  plain[name] = Db[name]
end

local EXAMPLE = 0            -- the mark of tasks inside the example, outside of any transaction of the code's
local ENOUGH = {}            -- raised to roll the example back

local kind                   -- nil, "transaction" or "database"
local turn                   -- of the running example: { waiting, is_taken, left = savepoint of one who was cancelled }
local count = 0              -- numbers savepoints, and marks the code's transactions
local unreachable            -- { url, err }: the database that an example could not connect to

-- ---- turns ---------------------------------------------------------------------

local function take_turn()
  local mine = turn
  while mine.is_taken do
    line.stand(mine.waiting)
  end
  mine.is_taken = true
  return mine
end

local function sql(text)
  plain.exec(db, text)
end

local function drop_savepoint(name)
  sql("rollback to savepoint " .. name)
  sql("release savepoint " .. name)
  turn.left = nil
end

-- A task that was cancelled cannot wait, so it leaves its savepoint to the next.
local function run_under(name, fn, ...)
  if turn.left then
    drop_savepoint(turn.left)
  end
  sql("savepoint " .. name)
  turn.left = name
  local ok, result = pcall(fn, ...)
  if ok then
    sql("release savepoint " .. name)
    turn.left = nil
    return result
  end
  if not core.why() then
    drop_savepoint(name)
  end
  error(result, 0)
end

local function in_turn(fn, ...)
  local mine = take_turn()
  count = count + 1
  local ok, result = pcall(run_under, "rl_spec_" .. count, fn, ...)
  mine.is_taken = false
  line.wake_all(mine.waiting)
  if not ok then
    error(result, 0)
  end
  return result
end

local function is_of_example(self)
  return turn and type(self) == "table" and self.root == db and core.test_marked() == EXAMPLE
end

-- What is known of the code's transactions, by their marks: theirs are savepoints
-- of ours, which the database's own records know nothing of.
local records = setmetatable({}, { __mode = "v" })
local record_here = transactions.here

function transactions.here(self)
  local record, is_held, is_open = record_here(self)
  if turn and self.root == db and is_open then
    record = records[core.test_marked()] or record
  end
  return record, is_held, is_open
end

local is_apart = transactions.is_apart

-- The example's own transaction is everybody's.
function transactions.is_apart(self)
  if turn and self.root == db then
    return core.test_marked() ~= EXAMPLE
  end
  return is_apart(self)
end

-- ---- what the code under test calls ------------------------------------------------

local function guarded(method, self, ...)
  if not is_of_example(self) then
    return method(self, ...)
  end
  return in_turn(method, self, ...)
end

local CONTROL = {}
for word in ("begin start commit end rollback savepoint release abort"):gmatch "%a+" do
  CONTROL[word] = true
end

-- Refused as without a spec, where no transaction is open: here it would end the example's, and keep what that wrote.
local function run_statement(method, self, text, ...)
  local word = is_of_example(self) and type(text) == "string" and text:match "^%s*(%a+)"
  if word and CONTROL[word:lower()] and method ~= plain.script then
    error(statement.explain {
      code = "db.25P01", status = 500, sql = text,
      message = "there is no transaction here, and a statement alone cannot begin or end one: use db:transaction",
    }, 0)
  end
  return guarded(method, self, text, ...)
end

-- What COMMIT would have found, and what it leaves as it was.
local function check_deferred()
  sql "savepoint rl_deferred"
  sql "set constraints all immediate"
  sql "rollback to savepoint rl_deferred"
  sql "release savepoint rl_deferred"
end

local function transaction(fn, self, options, record)
  if options and options.read_only or self.is_read then
    sql "set transaction read only"
  end
  local mark = count
  records[mark] = record
  core.test_mark(mark)
  local ok, result = pcall(transactions.run_with_tasks, self, record, fn)
  core.test_unmark(mark)
  if ok then
    ok, result = pcall(function()
      check_deferred()
      return result
    end)
  end
  if not ok and errors.is(result) and result.code == "db.25P02" then
    result.message = "the transaction was rolled back: a statement inside had failed, and its error was not raised"
  end
  if not ok then
    error(result, 0)
  end
  return result
end

-- Options that are none are refused as ever; the levels that are cannot be had
-- inside the example's transaction, and make no difference where it is alone.
local function check_options(self, fn, options)
  if not options or next(options) == nil then
    return
  end
  local _, why = pcall(plain.transaction, self, fn, options)
  if not tostring(why):find("inside another one", 1, true) then
    error(why, 3)
  end
end

function Db:transaction(fn, options)
  if not is_of_example(self) or type(fn) ~= "function" then
    return plain.transaction(self, fn, options)
  end
  check_options(self, fn, options)
  local record = transactions.new_record()
  local result = in_turn(transaction, fn, self, options, record)
  transactions.run_hooks(record)
  return result
end

function Db:hold(fn)
  if not is_of_example(self) then
    return plain.hold(self, fn)
  end
  local record = transactions.new_record()
  record.is_outside = true
  return in_turn(transaction, fn, self, nil, record)
end

-- Statement by statement, each in its turn, where they do not belong together:
-- one that fails must not fail those behind it.
local function batch_apart(self, list)
  local results, first = {}, nil
  for i, item in ipairs(list) do
    local ok, result = pcall(in_turn, plain.batch, self, { item })
    results[i] = ok and result[1] or result
    if not ok and not errors.is(result) then
      error(result, 0)
    elseif not ok and not first then
      first = result
      first.index = i
    end
  end
  if first then
    first.results = results
    error(first, 0)
  end
  return results
end

function Db:batch(list)
  if not is_of_example(self) then
    return plain.batch(self, list)
  end
  if type(list) == "table" and not list.atomic then
    return batch_apart(self, list)
  end
  return guarded(plain.batch, self, list)
end

function Db:copy_in(text, rows)
  if not is_of_example(self) then
    return plain.copy_in(self, text, rows)
  end
  if type(rows) == "function" or getmetatable(rows) and getmetatable(rows).__call then
    local all = {} -- read to its end first: what it asks the database must not wait for our turn
    for row in rows do
      all[#all + 1] = row
    end
    rows = all
  end
  return guarded(plain.copy_in, self, text, rows)
end

-- Read to its end in its turn, then handed out.
function Db:copy_out(text)
  if not is_of_example(self) then
    return plain.copy_out(self, text)
  end
  local parts = guarded(function()
    local all = {}
    if self.is_read then
      sql "set transaction read only"
    end
    for rows in plain.copy_out(self, text) do
      all[#all + 1] = rows
    end
    return all
  end, self)
  local i = 0
  return function()
    i = i + 1
    return parts[i]
  end
end

-- ---- an example ---------------------------------------------------------------------

local function has_database()
  return (core.settings and core.settings.database_url or "") ~= ""
end

--- Run `fn` in a transaction that is rolled back. **Yields.** Without a database,
-- or with another isolation, it just runs.
-- @tparam function fn(failure) `failure`: why there is no transaction, when it could not be begun
-- @raise what `fn` raised
function isolation.around(fn)
  if kind ~= "transaction" or not has_database() then
    return fn()
  end
  local url = core.settings.database_url
  if unreachable and unreachable.url == url then
    return fn(unreachable.err)
  end
  local has_begun, ok, result = false, nil, nil
  local _, err = pcall(plain.transaction, db, function()
    has_begun = true
    turn = { waiting = line.new(), is_taken = false }
    statements.set_guard(run_statement)
    core.test_mark(EXAMPLE)
    record_here(db).is_outside = true -- of the code's own transactions: it is ours
    ok, result = pcall(fn)
    core.test_unmark(EXAMPLE)
    statements.set_guard(nil)
    turn = nil
    error(ENOUGH, 0)
  end)
  if not has_begun then
    if errors.is(err) and err.code == "db.08001" then
      unreachable = { url = url, err = err } -- the next ones would only wait for the same
    end
    return fn(err)
  end
  if not ok then
    error(result, 0)
  end
end

-- ---- for the whole file -------------------------------------------------------------

--- Choose for the whole file. **Yields** for "database", which makes the copy.
-- @param what "transaction", "database", or false for none
function isolation.choose(what, level)
  level = (level or 1) + 1
  if what ~= "transaction" and what ~= "database" and what ~= false then
    error(('isolation is "transaction", "database" or false: got %s'):format(tostring(what)), level)
  end
  if kind == "database" and what ~= "database" or kind == "transaction" and what == "database" then
    error(('this file has isolation = "%s" already: one holds for the whole file'):format(kind), level)
  end
  kind = what or kind
  if what == "transaction" then
    db.options.leak_after = 0 -- the connection that is held for long is the example's own
  end
  if what == "database" and has_database() then
    clone.make()
  end
end

return isolation
