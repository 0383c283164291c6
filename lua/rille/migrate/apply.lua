--- Run one migration, up or down.
--
-- In a transaction, together with its row of schema_migrations; or statement by
-- statement, where that is asked for. Somebody's long statement may hold the table
-- that is to be changed, and whoever comes later stands behind us: so we do not wait
-- for long, and come again.
local core = require "rille.core"
local errors = require "rille.error"
local files = require "rille.migrate.file"
local history = require "rille.migrate.history"
local wait = require "rille.wait"

local apply = {}

local LOCK_TIMEOUT = "3s" -- longer than this a migration must not block the app's own statements
local LOCK_TRIES = 5
local PAUSE = 0.5         -- seconds before the second try; each later one waits that much longer

--- Have the session as a migration finds it, whatever the one before has set. **Yields.**
-- @tparam Db handle
-- @tparam[opt] table migration named to those who look who is there
function apply.prepare(handle, migration)
  local name = migration and " " .. migration.name:gsub("'", "''") or ""
  handle:script(("reset session authorization; reset all; set lock_timeout = '%s'; set statement_timeout = 0; "
    .. "set application_name = 'rille migrate%s'"):format(LOCK_TIMEOUT, name))
end

-- ---- what went wrong ----------------------------------------------------------------

-- The server counts characters; a byte from 0x80 to 0xBF continues one.
local function byte_of(text, position)
  local characters = 0
  for i = 1, #text do
    local byte = text:byte(i)
    characters = characters + ((byte < 0x80 or byte > 0xBF) and 1 or 0)
    if characters >= position then
      return i
    end
  end
  return #text
end

local HINTS = {
  ["db.25001"] = "what cannot run in a transaction wants `-- migrate:up transaction:false`",
  ["db.55P03"] = "somebody's transaction holds what this changes: pg_stat_activity names it",
}

local HALF_BUILT = "what was built of an index stays, invalid, also for `if not exists`: drop index concurrently, then try again"

-- What is of class 42 was refused before it began; but a name that is there may be that of such an index.
local function hint_for(err, sent)
  local builds = sent and sent.text:lower():find "create%s[%s%a]*index%s+concurrently"
  local is_begun = err.code == "db.42P07" or err.code:sub(1, 5) ~= "db.42"
  return HINTS[err.code] or builds and is_begun and HALF_BUILT
end

-- What is left when a part without a transaction ends in its middle.
local function told_done(part, done)
  if part.has_transaction or done == 0 then
    return ""
  end
  return ("\n  %d of its %d statements were done, and stay: take them back by hand, or out of the file"):format(done,
    #part.statements)
end

-- `sent`: the statement, or nil where the whole part was.
local function explained(part, sent, done, err)
  if not errors.is(err) or err.code:sub(1, 3) ~= "db." then
    return err
  end
  local text = sent and sent.text or part.sql
  local first = sent and sent.first or 1
  local at = err.position and err.sql == text and first + byte_of(text, err.position) - 1 or sent and first
  local line = at and files.line(part, at) or files.line(part, part.statements[1] and part.statements[1].first or 1)
  local lines = { ("%s:%d: %s (%s)"):format(part.path, line, err.message, err.code:sub(4)) }
  for _, more in ipairs { "detail", "hint", "context" } do
    if err[more] then
      lines[#lines + 1] = ("  %s: %s"):format(more, err[more])
    end
  end
  local hint = hint_for(err, sent)
  if hint then
    lines[#lines + 1] = "  hint: " .. hint
  end
  return { migrate = table.concat(lines, "\n") .. told_done(part, done) }
end

-- ---- running -------------------------------------------------------------------------

-- Try again what lost against somebody's lock, of which nothing was done.
local function with_tries(out, fn)
  for try = 1, LOCK_TRIES do
    local ok, err = pcall(fn)
    if ok then
      return
    elseif not (errors.is(err) and err.code == "db.55P03") or try == LOCK_TRIES then
      error(err, 0)
    end
    out:write("  a table is locked: trying again\n")
    wait.won(core.sleep(try * PAUSE * 1000))
  end
end

local function run_whole(handle, place, migration, direction, out)
  local part = migration[direction]
  local ok, err = pcall(with_tries, out, function()
    handle:transaction(function()
      if #part.statements > 0 then
        handle:script(part.sql)
      end
      history.record(handle, place, migration, direction)
    end)
  end)
  if not ok then
    error(explained(part, nil, 0, err), 0)
  end
end

-- What is built concurrently waits for other transactions, and blocks nobody meanwhile.
local function is_patient(statement)
  return statement.text:lower():find("concurrently", 1, true) ~= nil
end

local function run_statement(handle, statement, out)
  if not is_patient(statement) then
    return with_tries(out, function() handle:script(statement.text) end)
  end
  handle:exec "set lock_timeout = 0"
  handle:script(statement.text)
  handle:exec(("set lock_timeout = '%s'"):format(LOCK_TIMEOUT))
end

local function run_apart(handle, place, migration, direction, out)
  local part = migration[direction]
  for i, statement in ipairs(part.statements) do
    local ok, err = pcall(run_statement, handle, statement, out)
    if not ok then
      error(explained(part, statement, i - 1, err), 0)
    end
  end
  history.record(handle, place, migration, direction)
end

--- Run it. **Yields.**
-- @tparam Db handle a session that holds the lock
-- @tparam table migration as files.load has it
-- @tparam string direction "up" or "down"
-- @tparam file out told of waiting
-- @raise { migrate = … } with file and line
function apply.run(handle, migration, direction, out)
  apply.prepare(handle, migration)
  local place = history.place(handle)
  local run = migration[direction].has_transaction and run_whole or run_apart
  run(handle, place, migration, direction, out)
  apply.prepare(handle)
end

return apply
