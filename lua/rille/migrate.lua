--- Migrations: SQL files that bring a database to the version of the app.
--
-- The parts are in lua/rille/migrate/: `file` reads the folder (by `script`, which cuts SQL into
-- statements), `history` is what the database has had, `lock` keeps others away, `apply` runs
-- one, `dump` writes schema.sql, `command` are the words. Here is what each command does with them.
local apply = require "rille.migrate.apply"
local command = require "rille.migrate.command"
local core = require "rille.core"
local db = require "rille.db"
local diff = require "rille.migrate.diff"
local dump = require "rille.migrate.dump"
local errors = require "rille.error"
local files = require "rille.migrate.file"
local history = require "rille.migrate.history"
local lock = require "rille.migrate.lock"

local migrate = {}

local fail = files.fail
local DEFAULT_DIR = "migrations"
local MOST_NAMED = 3

-- ---- what is to be done --------------------------------------------------------------

local function is_behind(version, limit)
  return limit ~= nil and files.is_before(limit, version)
end

local function pending(migrations, applied, limit)
  local list = {}
  for _, migration in ipairs(migrations) do
    if not applied[files.number(migration.version)] and not is_behind(migration.version, limit) then
      list[#list + 1] = migration
    end
  end
  return list
end

-- An edited file was never run as it is now: going on would build on what is not there.
local function refuse_edited(migrations, applied)
  for _, migration in ipairs(history.edited(migrations, applied)) do
    local row = applied[files.number(migration.version)]
    if row.name and row.name ~= migration.name then
      fail("%s: %s was applied with this number (%s). Give this file the next number", migration.path, row.name, row.applied_at)
    end
    fail("%s: edited since it was applied (%s), and what it says now was never run. Restore the file and write the change as "
      .. "a new migration; or, while it is the newest and only in development, `rille migrate redo`; or, if the edit "
      .. "changes nothing, `rille migrate up --accept-edited`", migration.path, row.applied_at)
  end
end

-- The applied ones to take back, the last applied first.
local function to_take_back(applied, limit)
  local list = {}
  for i = #applied, 1, -1 do
    if not limit or is_behind(applied[i].version, limit) then
      list[#list + 1] = applied[i]
    end
    if not limit then
      break
    end
  end
  return list
end

local function file_of(migrations, row)
  local migration = migrations[files.number(row.version)]
  if not migration then
    fail("%s is applied, but its file is not here: check out the branch that has it, and take it back there",
      row.name or row.version)
  elseif not migration.down then
    fail("%s:1: there is no `-- migrate:down`, so it cannot be taken back", migration.path)
  end
  return migration
end

local TITLES = { up = "applying ", down = "rolling back " }

local function run_one(at, migration, direction)
  if at.options.is_dry then
    at.out:write("-- ", TITLES[direction], migration.name, "\n", migration[direction].sql:match "^%s*(.-)%s*$", "\n")
    return
  end
  at.out:write(TITLES[direction], migration.name, "\n")
  apply.run(at.handle, migration, direction, at.out)
end

-- ---- the commands -----------------------------------------------------------------

local commands = {}

function commands.up(at)
  local applied = history.read(at.handle)
  if not at.options.is_dry then
    history.accept(at.handle, at.migrations, applied, at.options.accepts_edited)
  end
  if not at.options.accepts_edited then
    refuse_edited(at.migrations, applied)
  end
  local newest = applied[#applied]
  local list = pending(at.migrations, applied, at.options.to)
  for _, migration in ipairs(list) do
    if newest and files.is_before(migration.version, newest.version) then
      at.out:write(("%s comes behind %s, which was applied before\n"):format(migration.name, newest.name or newest.version))
    end
    run_one(at, migration, "up")
  end
  if #list == 0 then
    at.out:write "nothing to apply\n"
  elseif not at.options.is_dry then
    at.out:write(("applied %d\n"):format(#list))
  end
  return #list > 0
end

function commands.down(at)
  local rows = to_take_back(history.read(at.handle), at.options.to)
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = file_of(at.migrations, row) -- all of them, before the first is taken back
  end
  for _, migration in ipairs(list) do
    run_one(at, migration, "down")
  end
  if #list == 0 then
    at.out:write "nothing to roll back\n"
  end
  return #list > 0
end

function commands.redo(at)
  local row = to_take_back(history.read(at.handle))[1]
  if not row then
    fail "nothing is applied, so there is nothing to do again"
  end
  local migration = file_of(at.migrations, row)
  run_one(at, migration, "down")
  run_one(at, migration, "up")
  return true
end

local function status_lines(migrations, applied)
  local edited = {}
  for _, migration in ipairs(history.edited(migrations, applied)) do
    edited[migration] = true
  end
  local lines = {}
  for _, migration in ipairs(migrations) do
    local mark = not applied[files.number(migration.version)] and " " or edited[migration] and "!" or "X"
    lines[#lines + 1] = { version = migration.version, text = ("[%s] %s%s\n"):format(mark, migration.name,
      edited[migration] and " (edited since it was applied)" or "") }
  end
  for _, row in ipairs(applied) do
    if not migrations[files.number(row.version)] then
      lines[#lines + 1] = { version = row.version,
        text = ("[?] %s (applied, but its file is not here)\n"):format(row.name or row.version) }
    end
  end
  table.sort(lines, function(a, b) return files.is_before(a.version, b.version) end)
  return lines
end

function commands.status(at)
  local applied = history.read(at.handle)
  for _, line in ipairs(status_lines(at.migrations, applied)) do
    at.out:write(line.text)
  end
  at.out:write(("pending %d\n"):format(#pending(at.migrations, applied)))
  local holder = lock.holder(at.handle)
  if holder then
    at.out:write("migrating now: ", holder, "\n")
  end
end

local function tell_remarks(remarks, out)
  for _, remark in ipairs(remarks) do
    out:write("  ", (remark:gsub("\n", "\n    ")), "\n")
  end
end

function commands.diff(at)
  local lacking = pending(at.migrations, history.read(at.handle))
  if #lacking > 0 then
    fail("%s is not applied: run `rille migrate` first, so that only what is left is written", lacking[1].name)
  end
  local found = diff.compare(at.handle, at.options.app)
  if not found.text then
    at.out:write "the database has what the models declare\n"
    tell_remarks(found.remarks, at.out)
  elseif at.options.is_dry then
    at.out:write(found.text)
  else
    at.out:write(files.new(at.options.dir, at.options.name or found.title, found.text), "\n")
  end
end

-- ---- the session ----------------------------------------------------------------------

local function open_handle(options)
  if not options.url and core.settings and core.settings.db_prepared == false then
    fail("migrations keep a session, and with db_prepared = false database_url is a pooler's, which lends them: "
      .. "give the server's own address, url=postgres://…")
  end
  return db.open { url = options.url, exclusive = 1, query_timeout = 0, prepared = true }
end

local LOOKS = { status = true, diff = true }

local function in_session(at)
  local is_looking = LOOKS[at.options.command] or at.options.is_dry
  apply.prepare(at.handle)
  if not is_looking then
    lock.take(at.handle, at.options.wait, at.out)
    history.prepare(at.handle)
  end
  history.add_checksums(at.handle, at.migrations)
  local has_changed = commands[at.options.command](at)
  if has_changed and not is_looking and not at.options.has_no_dump then
    dump.write(at.handle, at.url, at.options.dir, at.out)
  end
end

local function run_in_session(options, out)
  local is_first = options.command == "diff" and not core.file_names(options.dir)
  local migrations = is_first and {} or files.load(options.dir)
  local handle = open_handle(options)
  local at = {
    options = options, out = out, migrations = migrations, handle = handle, url = options.url or core.settings.database_url,
  }
  local ok, err = pcall(handle.hold, handle, function() in_session(at) end)
  handle:close()
  errors.rethrow(ok, err)
end

-- Of `app` where one is named and has any; else here.
local function folder_of(options)
  local dir = core.settings and core.settings.db_migrations or DEFAULT_DIR
  dir = dir ~= "" and dir or DEFAULT_DIR
  return options.dir or files.folder(dir, options.app) or dir
end

local function run_command(options, out)
  options.dir, options.app = folder_of(options), options.app or "."
  if options.command == "new" then
    out:write(files.new(options.dir, options.name), "\n")
  else
    run_in_session(options, out)
  end
end

-- ---- for others -----------------------------------------------------------------------

--- What a database has not had of a folder's migrations. **Yields.**
-- @tparam Db handle
-- @tparam string dir
-- @treturn {string,...} the files' names, in their order
-- @raise { migrate = … } for a name that is none
function migrate.pending(handle, dir)
  return files.names(pending(files.list(dir), history.read(handle)))
end

--- What keeps an app from running on a database: migrations that it has not had. One that has had
-- more is fine: a newer version of the app runs already. **Yields.**
-- @tparam Db handle
-- @tparam[opt] string app_dir whose migrations come before those of this folder
-- @treturn ?string what is to be said; nil when there is nothing
function migrate.problem(handle, app_dir)
  local dir = files.folder(core.settings.db_migrations or DEFAULT_DIR, app_dir)
  if not dir then
    return nil
  end
  local ok, names = pcall(migrate.pending, handle, dir)
  if not ok then
    return type(names) == "table" and names.migrate or error(names, 0)
  elseif #names == 0 then
    return nil
  end
  local shown = table.concat(names, ", ", 1, math.min(#names, MOST_NAMED)) .. (#names > MOST_NAMED and ", …" or "")
  return ("the database lacks %d %s of %s/ (%s): run `rille migrate%s` first"):format(#names,
    #names == 1 and "migration" or "migrations", dir, shown, dir == DEFAULT_DIR and "" or " dir=" .. dir)
end

--- Run the command. **Yields.**
-- @tparam table args the words after `rille migrate`; or `command` ("up", "down",
-- "status"), `dir`, `url`, by name
-- @tparam[opt] file out where to report; standard output without it
-- @tparam[opt] file complaints standard error without it
-- @treturn integer the exit status: 0, 1 when it failed, 2 for wrong usage
function migrate.run(args, out, complaints)
  out, complaints = out or io.stdout, complaints or io.stderr
  local options, why = command.parse(args)
  if not options then
    complaints:write("rille migrate: ", why, "\n")
    return 2
  elseif options.wants_help then
    out:write(command.HELP)
    return 0
  end
  local ok, err = pcall(run_command, options, out)
  if ok then
    return 0
  end
  local text = type(err) == "table" and err.migrate or tostring(err)
  if errors.is(err) and err.detail then
    text = text .. "\n  " .. err.detail
  end
  complaints:write("rille migrate: ", text, "\n")
  return 1
end

return migrate
