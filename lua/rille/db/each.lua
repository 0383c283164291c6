--- Rows in a stream: a cursor, read a few hundred rows at a time.
--
-- A cursor and not libpq's single-row mode: between two fetches the connection is
-- free, so in a transaction the loop's own statements can use it, and a reader
-- who pauses does not keep the server in the middle of a send.
local core = require "rille.core"
local errors = require "rille.error"
local place = require "rille.place"
local statement = require "rille.db.statement"
local streams = require "rille.db.streams"
local transactions = require "rille.db.transaction"

local CHUNK = 500 -- rows: a round trip for so many costs nothing; wide ones may want fewer

local Stream = { __name = "rille.stream" }
Stream.__index = Stream

-- Cursors are numbered, the lowest free number first: few texts to prepare.
local function take_number(record)
  record.cursors = record.cursors or {}
  local number = 1
  while record.cursors[number] do
    number = number + 1
  end
  record.cursors[number] = true
  return number
end

-- The server counts from the start of our text; the caller's begins later.
local function with_place(err, sql, prefix)
  if errors.is(err) and err.position and err.position > #prefix then
    err.position, err.sql, err.excerpt = err.position - #prefix, sql, nil
    return statement.explain(err)
  end
  return err
end

-- For statements of our own, which read and do not look it, and which nobody counts.
local function inner(self, manner)
  local handle = self:with(manner or {})
  handle.is_read, handle.is_inner = nil, true
  return handle
end

local function declare(self, sql, number, ...)
  local prefix = ("declare rl_each_%d no scroll cursor for "):format(number)
  local handle = inner(self)
  local ok, err = pcall(handle.exec, handle, prefix .. sql, ...)
  if not ok then
    error(with_place(err, sql, prefix), 0)
  end
end

local function chunk_of(self)
  return self.asked.chunk or CHUNK
end

-- In the transaction that is open here already.
local function open_here(self, record, sql, ...)
  local number = take_number(record)
  local ok, err = pcall(declare, self, sql, number, ...)
  if not ok then
    record.cursors[number] = nil
    error(err, 0)
  end
  local whole = inner(self, { prepared = false })
  return setmetatable({
    fetch = function() return whole:query(("fetch %d from rl_each_%d"):format(chunk_of(self), number)) end,
    leave = function()
      record.cursors[number] = nil
      if not core.why() then
        pcall(whole.exec, whole, "close rl_each_" .. number)
      end
    end,
  }, Stream)
end

-- In a transaction of its own, on a connection that another task keeps.
local function open_aside(self, sql, ...)
  local values, count = { ... }, select("#", ...)
  local keeper = streams.open(self, function(db, serve)
    db:transaction(function()
      declare(db, sql, 1, unpack(values, 1, count))
      serve()
    end)
  end)
  local whole = inner(self, { prepared = false })
  local text = ("fetch %d from rl_each_1"):format(chunk_of(self))
  local function fetch_there() return whole:query(text) end
  return setmetatable({
    fetch = function() return keeper:ask(fetch_there) end,
    finish = function() keeper:close() end,
    leave = function() keeper:break_off() end,
    tie = keeper:tie(),
  }, Stream)
end

--- End the stream before its last row: its connection goes back at once. A loop
-- that is left by `break` does without, a little later.
function Stream:close()
  if not self.is_over then
    self.is_over, self.rows = true, nil
    self.leave()
  end
end

-- Fewer rows than asked for are the last ones: nothing is held while they are read.
local function fetch_more(self)
  local ok, rows = pcall(self.fetch)
  if not ok then
    self:close()
    error(rows, 0)
  end
  self.rows, self.at = rows, 0
  if #rows < self.chunk then
    self.is_over = true;
    (self.finish or self.leave)()
  end
end

--- The next row, nil after the last. **Yields.**
function Stream:__call()
  if not self.rows or self.at >= #self.rows then
    if self.is_over then
      return nil
    end
    fetch_more(self)
  end
  self.at = self.at + 1
  return self.rows[self.at]
end

local Db = {}

--- Run a query and go through its rows one by one, however many: only some
-- hundreds are held (`db:with{ chunk = … }`). **Yields.**
--
--     for user in db:each "select id, email from users" do … end
--
-- In a transaction the rows come over its connection, beside other statements.
-- Outside, a connection of its own is kept in a transaction of its own, for half
-- of the lent ones at most; it goes back with the last rows, at `stream:close()`,
-- soon after a `break`, or when no row was asked for during `write_timeout`.
-- @tparam string sql one statement that only selects: SELECT, VALUES, WITH
-- @param ... the values
-- @treturn function the iterator, with a method `close`
-- @raise as `query`, there or in the loop
function Db:each(sql, ...)
  statement.lanes(self)
  if type(sql) ~= "string" then
    error("the statement must be a string: got a " .. type(sql), 2)
  end
  if self.is_read and not core.pg_reads(sql) then
    place.blame(statement.WRITES)
  end
  local record, is_held, is_open = transactions.here(self)
  if is_held and not is_open then
    error("db:each wants a transaction on a connection that is held: db:transaction inside of it", 2)
  end
  local stream = record and open_here(self, record, sql, ...) or open_aside(self, sql, ...)
  stream.chunk = chunk_of(self)
  fetch_more(stream)
  return stream
end

return Db
