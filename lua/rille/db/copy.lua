--- COPY: many rows in or out, as fast as the server takes or gives them.
local aside = require "rille.db.aside"
local core = require "rille.core"
local place = require "rille.place"
local statement = require "rille.db.statement"
local streams = require "rille.db.streams"
local transactions = require "rille.db.transaction"
local wait = require "rille.wait"

-- Around one that stands alone. It may take longer than a statement should: its progress is what counts.
local function begin_alone(self)
  transactions.begin(self, self.is_read and "begin read only" or "begin")
  transactions.run_held(self, "set local statement_timeout = 0")
end

local function end_alone(self)
  transactions.finish(self, "commit")
end

-- ---- the statement, on the connection of this task --------------------------------------

local function wait_for_news(copy)
  wait.won(core.pg_copy_wait(copy))
end

local function result()
  return (statement.checked(core.pg_affected()))
end

local TAKES = { ["in"] = "db:copy_in takes a COPY … FROM STDIN", out = "db:copy_out takes a COPY … TO STDOUT" }

local function start(self, sql, direction)
  local copy = core.pg_copy(self:lanes(), self.how, sql, aside.patience_ms())
  wait_for_news(copy)
  local now, began = core.pg_copy_state(copy)
  if not began then
    result() -- raises why, unless the statement was something else, and was done
  end
  if began ~= direction then
    core.pg_copy_drop(copy)
    error(statement.explain { code = "db.42601", message = TAKES[direction], sql = sql }, 0)
  end
  return copy, now
end

-- ---- rows in --------------------------------------------------------------------------

-- An iterator's next item; what a list or a text stands for.
local function items_of(source)
  if type(source) == "string" then
    local left = source
    return function()
      local all = left
      left = nil
      return all
    end
  elseif type(source) == "function" or type(source) == "table" and getmetatable(source) and getmetatable(source).__call then
    return source
  elseif type(source) == "table" then
    local i = 0
    return function()
      i = i + 1
      return source[i]
    end
  end
  place.blame("db:copy_in takes rows as a list, an iterator, or text: got a " .. type(source))
end

local function put(copy, item)
  if type(item) == "string" then
    return core.pg_copy_put(copy, item)
  elseif type(item) ~= "table" then
    error("a row for db:copy_in is a list of values, or text: got a " .. type(item), 0)
  end
  local is_taken, why = core.pg_copy_row(copy, item)
  if is_taken == nil then
    error("a row for db:copy_in: " .. why, 0)
  end
  return is_taken
end

-- Where the rows go, as calls: put_all(items) and finish(why).
local function sink(self, sql)
  local copy, state = start(self, sql, "in")
  local one = {}
  function one.put_all(items)
    for _, item in ipairs(items) do
      if state and not put(copy, item) then
        state = nil -- the server has said no: finish says why
      end
    end
    if state then
      wait_for_news(copy) -- for room
      state = core.pg_copy_state(copy)
    end
  end
  function one.finish(why)
    if core.pg_copy_state(copy) then
      core.pg_copy_finish(copy, why)
    end
    wait_for_news(copy)
    return result()
  end
  return one
end

local MANY = 200 -- rows that cross from task to task at once

local function next_items(next_item)
  local items = {}
  for i = 1, MANY do
    local item = next_item()
    if item == nil then
      break
    end
    items[i] = item
    if type(item) == "string" and #item > MANY then
      break
    end
  end
  return items
end

-- What the iterator raises must end the COPY, and is what the caller sees.
local function feed(next_item, put_all)
  while true do
    local items = next_items(next_item)
    if #items == 0 then
      return
    end
    put_all(items)
  end
end

local function copy_in_here(self, sql, next_item)
  local to = sink(self, sql)
  local ok, err = pcall(feed, next_item, to.put_all)
  if ok then
    return to.finish()
  end
  if not core.why() then
    pcall(to.finish, "the rows came to an end with an error")
  end
  error(err, 0)
end

local function copy_in_aside(self, sql, next_item)
  local to, count
  local keeper = streams.open(self, function(db, serve)
    begin_alone(db)
    to = sink(db, sql)
    serve()
    count = to.finish()
    end_alone(db)
  end)
  local ok, err = pcall(feed, next_item, function(items)
    keeper:ask(function() to.put_all(items) end)
  end)
  if not ok then
    keeper:break_off()
    error(err, 0)
  end
  keeper:close()
  keeper:await_end()
  return count
end

-- ---- rows out --------------------------------------------------------------------------

local Out = { __name = "rille.copy" }
Out.__index = Out

-- The rows that came next, as bytes; nil when the server has none left.
local function source(self, sql)
  local copy = start(self, sql, "out")
  local is_over
  return function()
    if is_over then
      return nil
    end
    wait_for_news(copy)
    local rows = core.pg_copy_take(copy)
    if not rows then
      is_over = true
      result()
    end
    return rows
  end, copy
end

--- End it before its last row. In a transaction, that fails the transaction.
function Out:close()
  if not self.is_over then
    self.is_over = true
    self.leave()
  end
end

--- Some more rows, as the bytes that the server sent; nil after the last. **Yields.**
function Out:__call()
  if self.is_over then
    return nil
  end
  local ok, rows = pcall(self.fetch)
  if not ok then
    self:close()
    error(rows, 0)
  end
  if rows == nil then
    self.is_over = true;
    (self.finish or self.leave)()
  end
  return rows
end

local function copy_out_here(self, sql)
  local fetch, copy = source(self, sql)
  return setmetatable({ fetch = fetch, leave = function() core.pg_copy_drop(copy) end }, Out)
end

local function copy_out_aside(self, sql)
  local fetch_there
  local keeper = streams.open(self, function(db, serve)
    begin_alone(db)
    fetch_there = source(db, sql)
    serve()
    end_alone(db)
  end)
  keeper:ask(function() end) -- has it begun? a mistake is raised here, not in the loop
  return setmetatable({
    fetch = function() return keeper:ask(fetch_there) end,
    finish = function() keeper:close() end,
    leave = function() keeper:break_off() end,
    tie = keeper:tie(),
  }, Out)
end

-- ---- the face -----------------------------------------------------------------------------

local function check(self, sql)
  statement.lanes(self)
  if type(sql) ~= "string" then
    place.blame("the statement must be a string: got a " .. type(sql))
  end
end

-- Whether a connection is held here already.
local function is_here(self)
  return core.pg_transaction(self:lanes()) ~= nil
end

-- COPY takes an INSERT … RETURNING for a query: it is the transaction that must refuse it.
local function check_reader(self)
  if not is_here(self) then
    return
  end
  statement.await(core.pg_run(self:lanes(), nil, "select current_setting('transaction_read_only') as it"))
  if statement.checked(core.pg_rows(1))[1].it == "off" then
    place.blame "db:read():copy_out wants a transaction that is read_only, or none"
  end
end

local Db = {}

--- Load rows with COPY: many times as fast as INSERT, and all or none. **Yields.**
--
--     db:copy_in("copy users (name, email) from stdin", { { "Ada", "a@b.org" }, { "Bob" } })
--
-- In a transaction it runs on its connection; the iterator cannot use that then.
-- @tparam string sql a COPY … FROM STDIN; for rows that are lists, in COPY's own text format
-- @param rows a list, or an iterator function, of rows: each a list with a value
-- for each column (nil for NULL), or text in the statement's format; or one text for all
-- @treturn integer how many rows were loaded
-- @raise as `query`; what the iterator raises, with nothing loaded
function Db:copy_in(sql, rows)
  check(self, sql)
  if self.is_read then
    place.blame "db:read() takes statements that only read"
  end
  local next_item = items_of(rows)
  local copy = is_here(self) and copy_in_here or copy_in_aside
  return (copy(self, sql, next_item))
end

--- Go through what COPY gives, in pieces of whole rows. **Yields.**
--
--     for rows in db:copy_out "copy (select * from users) to stdout with csv header" do out:write(rows) end
--
-- Outside of a transaction a connection of its own is kept as by `each`. In one
-- it must be read to its end before another statement runs.
-- Both end when the server makes no progress for `db:with{ timeout = … }`, else the setting write_timeout.
-- @tparam string sql a COPY … TO STDOUT
-- @treturn function the iterator of strings, with a method `close`
-- @raise as `query`, there or in the loop
function Db:copy_out(sql)
  check(self, sql)
  if self.is_read then
    check_reader(self)
  end
  return (is_here(self) and copy_out_here or copy_out_aside)(self, sql)
end

return Db
