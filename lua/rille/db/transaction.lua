--- Transactions, and what belongs to them: savepoints, tasks, what waits for COMMIT.
local core = require "rille.core"
local errors = require "rille.error"
local place = require "rille.place"
local report = require "rille.report"
local statement = require "rille.db.statement"
local tasks = require "rille.task"
local wait = require "rille.wait"

local transactions = {}

local ABANDONED = 2      -- pg_finish's case when the task was cancelled already
local MOST_PAUSE = 1     -- seconds between two tries of a transaction
local FIRST_PAUSE = 0.01

-- What is known of a transaction that is open: { hooks = { fn, … }, savepoints =
-- how many it has had, open = those that are, tasks = those spawned inside,
-- is_outside = no transaction for those who ask: a spec's }, by what pg_transaction
-- calls it. The task that opened it holds the record: with it, the record goes.
local records = setmetatable({}, { __mode = "v" })

local function new_record()
  return { hooks = {}, savepoints = 0, open = {}, tasks = {} }
end

-- The record of the transaction that this task is in, if any; and whether it
-- holds a connection at all, with or without one.
local function here(self)
  local id, is_open = core.pg_transaction(self:lanes())
  return is_open and records[id] or nil, id, is_open
end

-- ---- beginning and ending ----------------------------------------------------------

local ISOLATION = {
  ["read committed"] = "read committed", ["repeatable read"] = "repeatable read", serializable = "serializable",
}

-- The text of BEGIN, and how often the whole may be tried again.
local function begin_sql(self, options)
  local sql, retries = "begin", 0
  local read_only = self.is_read
  for key, value in pairs(options or {}) do
    if key == "isolation" and ISOLATION[value] then
      sql = sql .. " isolation level " .. ISOLATION[value]
    elseif key == "read_only" and type(value) == "boolean" and (value or not self.is_read) then
      read_only = value
    elseif key == "retries" and type(value) == "number" and value >= 0 and value % 1 == 0 then
      retries = value
    else
      error(("db:transaction knows no option %s = %s, but isolation (%s), read_only and retries (a number)")
        :format(tostring(key), tostring(value), "read committed, repeatable read, serializable"), 3)
    end
  end
  if read_only ~= nil then
    sql = sql .. (read_only and " read only" or " read write")
  end
  return sql, retries
end

local function begin(self, sql)
  wait.won(core.pg_begin(self:lanes(), self.how, sql))
  statement.checked(core.pg_affected())
end

-- Give the task's own connection back with `sql` as its last statement. When the
-- task was cancelled no wait is possible: then it goes back as it is, and the
-- pool rolls it back.
local function finish(self, sql)
  local case = core.pg_finish(self:lanes(), self.how, sql)
  if case == ABANDONED then
    return nil
  end
  wait.won(case)
  local _, command = statement.checked(core.pg_affected())
  return command
end

local function run_held(self, sql)
  wait.won(core.pg_run(self:lanes(), self.how, sql))
  local _, command = statement.checked(core.pg_affected())
  return command
end

-- A failed statement leaves a transaction that can only be rolled back, and
-- PostgreSQL then answers COMMIT with a ROLLBACK: never silently.
local function commit(self, how)
  if how(self, "commit") == "ROLLBACK" then
    error(statement.explain {
      code = "db.25P02", status = 500,
      message = "the transaction was rolled back: a statement inside had failed, and its error was not raised",
    }, 0)
  end
end

-- ---- what waits for COMMIT ----------------------------------------------------------

local function run_hook(fn)
  local ok, err = xpcall(fn, report.traced)
  if ok then
    return
  end
  if err == errors.CANCELLED or err == errors.TIMEOUT then
    error(err, 0)
  end
  report.unanswered(err, { what = "a function given to db:after_commit failed", at = place.of(fn) })
end

-- It has been committed: one that fails cannot undo that, nor keep the others from running.
local function run_hooks(record)
  for _, fn in ipairs(record.hooks) do
    run_hook(fn)
  end
end

local function await_tasks(record)
  local i = 1
  while record.tasks[i] do -- more may be spawned meanwhile, by those given to rille.all
    local task = record.tasks[i]
    while not task:done() do
      tasks.join(task)
    end
    i = i + 1
  end
end

local function cancel_tasks(record)
  for _, task in ipairs(record.tasks) do
    if not task:done() then
      task:cancel()
    end
  end
end

-- ---- a transaction --------------------------------------------------------------------

-- Run `fn` and then the tasks that it has spawned to their end; when it fails,
-- they are cancelled.
local function run_with_tasks(self, record, fn)
  local before = tasks.keep_list(record.tasks)
  local ok, result = pcall(fn, self)
  tasks.keep_list(before)
  if ok then
    local is_whole, why = pcall(await_tasks, record)
    if is_whole then
      return result
    end
    result = why
  end
  cancel_tasks(record)
  error(result, 0)
end

-- Run `fn` in the transaction that `how` will end.
local function run_inside(self, record, fn, how)
  local ok, result = pcall(run_with_tasks, self, record, fn)
  if not ok then
    pcall(how, self, "rollback") -- the first error is what the caller must see
    error(result, 0)
  end
  commit(self, how)
  return result
end

local function outermost(self, fn, sql)
  local record, how = new_record(), finish
  local id = core.pg_transaction(self:lanes())
  if id then
    how = run_held
    run_held(self, sql)
  else
    begin(self, sql)
    id = core.pg_transaction(self:lanes())
  end
  records[id] = record
  local ok, result = pcall(run_inside, self, record, fn, how)
  records[id] = nil
  if not ok then
    error(result, 0)
  end
  run_hooks(record)
  return result
end

-- Tasks beside each other open savepoints and leave them in any order, where PostgreSQL has a stack: to release one
-- releases those behind it. So one that is done stays until it is the last.
local function release_done(self, open)
  while open[#open] and open[#open].is_done do
    run_held(self, "release savepoint " .. table.remove(open).name)
  end
end

-- What was opened since goes with it: whoever is inside of that must not take it for done.
local function undo(self, open, savepoint)
  if savepoint.is_undone then
    return
  end
  local last
  repeat
    last = table.remove(open)
    last.is_undone = true
  until last == savepoint
  pcall(run_held, self, "rollback to savepoint " .. savepoint.name)
end

local function leave(self, record, savepoint)
  if savepoint.is_undone then
    error(statement.explain {
      code = "db.3B001", status = 500,
      message = "a task beside this one rolled its part of the transaction back, and with it what this one did",
    }, 0)
  end
  savepoint.is_done = true
  release_done(self, record.open)
end

local function nested(self, record, fn)
  record.savepoints = record.savepoints + 1
  local savepoint, hooks = { name = "rl_" .. record.savepoints }, #record.hooks
  record.open[#record.open + 1] = savepoint
  local ok, result = pcall(run_held, self, "savepoint " .. savepoint.name)
  if ok then
    ok, result = pcall(fn, self)
  end
  if ok then
    leave(self, record, savepoint)
    return result
  end
  for i = #record.hooks, hooks + 1, -1 do
    record.hooks[i] = nil
  end
  if core.why() then
    savepoint.is_done = true -- nothing can be sent any more
  else
    undo(self, record.open, savepoint)
  end
  error(result, 0)
end

-- Serialization failure, deadlock: the same again may succeed.
local AGAIN = { ["db.40001"] = true, ["db.40P01"] = true }

local function with_retries(self, fn, sql, retries)
  local pause = FIRST_PAUSE
  while true do
    local ok, result = pcall(outermost, self, fn, sql)
    if ok then
      return result
    end
    if retries == 0 or not errors.is(result) or not AGAIN[result.code] then
      error(result, 0)
    end
    retries = retries - 1
    self = self:at_home() -- where no recovery stops what reads
    tasks.sleep(pause * (0.5 + math.random() / 2)) -- apart, whoever collided
    pause = math.min(pause * 2, MOST_PAUSE)
  end
end

--- Whether the statements of this task go over a connection that only it has, and its children: in a transaction,
-- in db:hold.
-- @treturn boolean
function transactions.is_apart(self)
  return core.pg_transaction(self:lanes()) ~= nil
end

local Db = {}

--- Run `fn(db)` in a transaction: committed when it returns, rolled back when it
-- raises or its task is cancelled. **Yields.** Until then every statement of this
-- task, and of the tasks spawned inside, uses the transaction's connection in
-- turn; the commit waits for those tasks. A call inside another one is a savepoint; when that is rolled back, so is what
-- tasks beside it did meanwhile.
-- @tparam function fn(db)
-- @tparam[opt] table options `isolation`: "read committed", "repeatable read"
-- or "serializable"; `read_only`: boolean; `retries`: how often `fn` is run again,
-- after a pause, when others' transactions made it fail (40001, 40P01)
-- @return the first result of `fn`
-- @raise what `fn` raised; an error of the database, COMMIT's too
function Db:transaction(fn, options)
  statement.lanes(self)
  if type(fn) ~= "function" then
    error("db:transaction takes a function: got a " .. type(fn), 2)
  end
  local sql, retries = begin_sql(self, options)
  local record = transactions.here(self)
  if not record then
    return (with_retries(self, fn, sql, retries))
  end
  if options and next(options) ~= nil then
    error("a transaction inside another one is a savepoint: it takes no options", 2)
  end
  return (nested(self, record, fn))
end

--- Run `fn(db)` with one connection for all its statements: for what belongs to
-- a session (SET, temporary tables). Its traces are wiped when the connection goes
-- back. **Yields.**
-- @tparam function fn(db)
-- @return the first result of `fn`
-- @raise what `fn` raised
function Db:hold(fn)
  self:want_session "db:hold keeps a session"
  self = self:at_home() -- which a write may need
  if core.pg_transaction(statement.lanes(self)) then
    error("this task holds a connection of this database already", 2)
  end
  begin(self, "select 1")
  local ok, result = pcall(fn, self)
  if not ok then
    pcall(finish, self, "rollback")
    error(result, 0)
  end
  finish(self, "select 1")
  return result
end

--- Run `fn()` once the current transaction has been committed: for what others
-- shall hear of (a message, a job), which a rollback must not have let out. It is
-- dropped when the transaction, or the savepoint it was given in, is rolled back.
-- Outside of a transaction it runs at once. What it raises is logged.
-- @tparam function fn
function Db:after_commit(fn)
  statement.lanes(self)
  if type(fn) ~= "function" then
    error("db:after_commit takes a function: got a " .. type(fn), 2)
  end
  local record = transactions.here(self)
  if record and not record.is_outside then
    record.hooks[#record.hooks + 1] = fn
  else
    run_hook(fn)
  end
end

transactions.methods = Db
-- For the parts beside this one, and for specs, whose examples are transactions.
transactions.here, transactions.new_record, transactions.run_hooks = here, new_record, run_hooks
transactions.run_with_tasks, transactions.run_held = run_with_tasks, run_held
transactions.begin, transactions.finish = begin, finish

return transactions
