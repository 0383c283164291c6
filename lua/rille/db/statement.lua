--- One statement: sent, awaited, and its failure raised.
local core = require "rille.core"
local errors = require "rille.error"
local place = require "rille.place"
local wait = require "rille.wait"

local statement = {
  WRITES = "db:read() takes statements that only read: this one writes, or is no single statement of rows",
}

-- The line of the SQL that the server points at, and a mark below the place,
-- which it counts in characters.
local function excerpt(sql, position)
  local at, line_start, line = 0, 1, 1
  for byte_at, char in sql:gmatch "()([%z\1-\127\194-\244][\128-\191]*)" do
    at = at + 1
    if at == position then
      local text = sql:match("[^\n]*", line_start)
      local before = sql:sub(line_start, byte_at - 1):gsub("[\128-\191]", ""):gsub("[^\t]", " ")
      return ("line %d: %s\n%s^"):format(line, text, (" "):rep(#("line %d: "):format(line)) .. before)
    end
    if char == "\n" then
      line, line_start = line + 1, byte_at + 1
    end
  end
end

-- What the server said, as the error that is raised: with the line of the app's that asked.
local function explain(err)
  if err.code == "db.42601" and err.message:find("multiple commands", 1, true) then
    err.hint = "one statement a call; for several that belong together there are db:batch and db:transaction"
  elseif err.code == "db.26000" or err.code == "db.42P05" then
    err.hint = "a prepared statement is not where it was made: with a pooler such as PgBouncer set db_prepared = false"
  elseif err.code == "db.08P01" and err.message:find("^bind message supplies") then
    local given, wanted = err.message:match "supplies (%d+) parameters.*requires (%d+)"
    err.message = ("the statement has %s values as $1, $2, …, and was given %s"):format(wanted or "other", given or "others")
  elseif err.code == "db.08001" then
    -- A client may see the message of a 503: hosts and users are for the log.
    err.message, err.detail = "the database cannot be reached", err.message
  end
  local settings = core.settings
  if err.position and err.sql and settings and settings.env ~= "production" then
    err.excerpt = excerpt(err.sql, err.position)
  end
  err.at = false
  place.note(err)
  return errors.new(err)
end
statement.explain = explain

--- Hand results on; raise the error that came instead.
function statement.checked(value, err, ...)
  if not value then
    error(explain(err), 0)
  end
  return value, err, ...
end

--- Wait for the answer.
-- @raise `why`, a misuse
function statement.await(case, why)
  if why then
    place.blame(why)
  end
  return wait.won(case)
end

--- The database behind `self`, which must be one.
function statement.lanes(self)
  local pool = type(self) == "table" and self.lanes and self:lanes()
  if not pool then
    place.blame "a method of the database is called with a colon, as in db:query(…)"
  end
  return pool
end

--- Run to the answer, which is then fetched.
function statement.run(self, sql, ...)
  local pool = statement.lanes(self)
  if type(sql) ~= "string" then
    place.blame("the statement must be a string: got a " .. type(sql))
  end
  if self.is_read and not core.pg_reads(sql) then
    place.blame(statement.WRITES)
  end
  statement.await(core.pg_run(pool, self.how, sql, ...))
end

return statement
