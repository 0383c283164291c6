--- Migrations: SQL files, in dbmate's format, applied in the order of their numbers.
--
--     -- migrate:up
--     create table users (id bigint generated always as identity primary key);
--     -- migrate:down
--     drop table users;
--
-- Each runs in a transaction of its own, together with its line in
-- `schema_migrations`; `-- migrate:up transaction:false` is for what cannot (CREATE
-- INDEX CONCURRENTLY). One process migrates at a time: the others poll for an
-- advisory lock, since waiting in pg_advisory_lock would deadlock with a
-- concurrent index build.
local core = require "rille.core"
local db = require "rille.db"
local errors = require "rille.error"
local wait = require "rille.wait"

local migrate = {}

local LOCK_KEY = 353417055301 -- "RILLE" as a number: the same for every rille, and nobody else's
local LOCK_PATIENCE = 60      -- seconds for another process's migrations
local POLL = 0.2              -- seconds between two looks
local LOCK_TIMEOUT = "3s"     -- longer than this a migration must not block the app's own statements
local LOCK_TRIES = 5

local USAGE = "usage: rille migrate [up|down|status] [dir=migrations] [url=postgres://...]"

-- ---- files --------------------------------------------------------------------

local function fail(...)
  error({ migrate = string.format(...) }, 0)
end

local function quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

local function names_in(dir)
  local pipe = io.popen("ls -1 " .. quote(dir) .. " 2>/dev/null && echo /")
  local names, is_there = {}, false
  for name in pipe:lines() do
    is_there = name == "/"
    names[#names + 1] = name
  end
  pipe:close()
  if not is_there then
    fail("there is no folder %s", dir)
  end
  return names
end

-- Numbers of any length, as text: 9 before 10, 20240101120000 after both.
local function is_before(a, b)
  local x, y = a.version:gsub("^0+", ""), b.version:gsub("^0+", "")
  if #x ~= #y then
    return #x < #y
  end
  return x < y
end

local function read_file(path)
  local file, why = io.open(path, "rb")
  if not file then
    fail("%s", why)
  end
  local text = file:read "*a"
  file:close()
  return text
end

local function open_section(migration, line, number)
  local direction, rest = line:match "^%-%- migrate:(%a+)(.*)$"
  if not direction then
    return nil
  end
  if direction ~= "up" and direction ~= "down" then
    fail("%s:%d: migrate:%s is neither migrate:up nor migrate:down", migration.path, number, direction)
  end
  if migration[direction] then
    fail("%s:%d: a second migrate:%s", migration.path, number, direction)
  end
  local section = { first_line = number + 1, lines = {}, transaction = not rest:find("transaction:false", 1, true) }
  migration[direction] = section
  return section
end

local function parse(migration)
  local section, number = nil, 0
  for line in (read_file(migration.path) .. "\n"):gmatch "(.-)\r?\n" do
    number = number + 1
    local opened = open_section(migration, line, number)
    if opened then
      section = opened
    elseif section then
      section.lines[#section.lines + 1] = line
    elseif line ~= "" and line:sub(1, 2) ~= "--" then
      fail("%s:%d: SQL before the first `-- migrate:up`", migration.path, number)
    end
  end
  if not migration.up then
    fail("%s:1: there is no `-- migrate:up`", migration.path)
  end
  for _, direction in ipairs { "up", "down" } do
    if migration[direction] then
      migration[direction].sql = table.concat(migration[direction].lines, "\n")
    end
  end
end

local function load_files(dir)
  local files, by_version = {}, {}
  for _, name in ipairs(names_in(dir)) do
    local version = name:match "^(%d+)_.*%.sql$"
    if version then
      if by_version[version] then
        fail("%s/%s: %s has the same number", dir, name, by_version[version].name)
      end
      local migration = { version = version, name = name, path = dir .. "/" .. name }
      by_version[version] = migration
      files[#files + 1] = migration
    elseif name:find "%.sql$" then
      fail("%s/%s: a migration's name is NUMBER_name.sql", dir, name)
    end
  end
  table.sort(files, is_before)
  for _, migration in ipairs(files) do
    parse(migration)
  end
  return files, by_version
end

-- ---- the database ---------------------------------------------------------------

-- The server counts characters; a byte from 0x80 to 0xBF continues one.
local function line_of(section, position)
  local line, characters = section.first_line, 0
  for i = 1, #section.sql do
    local byte = section.sql:byte(i)
    if byte < 0x80 or byte > 0xBF then
      characters = characters + 1
    end
    if characters >= position then
      break
    end
    if byte == 10 then
      line = line + 1
    end
  end
  return line
end

local function explain(migration, section, err)
  if not errors.is(err) or err.code:sub(1, 3) ~= "db." then
    return err
  end
  local line = err.position and err.sql == section.sql and line_of(section, err.position) or section.first_line
  local text = ("%s:%d: %s (%s)"):format(migration.path, line, err.message, err.code:sub(4))
  for _, more in ipairs { "detail", "hint", "context" } do
    if err[more] then
      text = text .. ("\n  %s: %s"):format(more, err[more])
    end
  end
  return { migrate = text }
end

local function holder_of_lock(handle)
  local row = handle:one([[
    select a.pid, a.application_name as name, coalesce(host(a.client_addr), 'this machine') as host
      from pg_locks l join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted and l.objsubid = 1
       and (l.classid::bigint << 32) + l.objid::bigint = $1::bigint]], LOCK_KEY)
  return row and ("%s (server process %d, from %s)"):format(row.name, row.pid, row.host)
end

local function take_lock(handle, out)
  for round = 0, LOCK_PATIENCE / POLL do
    if handle:one("select pg_try_advisory_lock($1) as mine", LOCK_KEY).mine then
      return
    end
    if round == 0 then
      out:write("waiting: ", holder_of_lock(handle) or "another process", " is migrating\n")
    end
    wait.won(core.sleep(POLL * 1000))
  end
  fail("gave up after %d s: %s is still migrating", LOCK_PATIENCE, holder_of_lock(handle) or "another process")
end

local function prepare_session(handle)
  handle:exec("set lock_timeout = '" .. LOCK_TIMEOUT .. "'")
  handle:exec "set statement_timeout = 0"
end

-- Under the lock: two that create the table at once would collide, for all their
-- "if not exists".
local function prepare_table(handle)
  handle:exec [[create table if not exists schema_migrations (
    version varchar(128) primary key, applied_at timestamptz not null default now())]]
end

local function applied_versions(handle)
  local applied, newest = {}, nil
  if not handle:one("select to_regclass('schema_migrations') is not null as it").it then
    return applied
  end
  for _, row in ipairs(handle:query "select version from schema_migrations") do
    applied[row.version] = true
    if not newest or is_before(newest, row) then
      newest = row
    end
  end
  return applied, newest and newest.version
end

local RECORD = {
  up = "insert into schema_migrations (version) values ($1)",
  down = "delete from schema_migrations where version = $1",
}

local function run_section(handle, migration, direction)
  local section = migration[direction]
  local function body()
    handle:script(section.sql)
    handle:exec(RECORD[direction], migration.version)
  end
  if section.transaction then
    handle:transaction(body)
  else
    body()
  end
end

-- Somebody's long statement may hold the table: giving up and coming again keeps
-- the app's statements from queueing behind ours.
local function run_migration(handle, migration, direction, out)
  local section = migration[direction]
  out:write(direction == "up" and "applying " or "rolling back ", migration.name, "\n")
  for try = 1, LOCK_TRIES do
    local ok, err = pcall(run_section, handle, migration, direction)
    if ok then
      return
    end
    local is_locked = errors.is(err) and err.code == "db.55P03" and section.transaction
    if not is_locked or try == LOCK_TRIES then
      error(explain(migration, section, err), 0)
    end
    out:write("  a table is locked: trying again\n")
    wait.won(core.sleep(try * 500))
  end
end

-- ---- the commands -----------------------------------------------------------------

local commands = {}

--- Apply every migration that has not been applied.
function commands.up(handle, files, _, out)
  local applied, count = applied_versions(handle), 0
  for _, migration in ipairs(files) do
    if not applied[migration.version] then
      run_migration(handle, migration, "up", out)
      count = count + 1
    end
  end
  out:write(count == 0 and "nothing to apply\n" or ("applied %d\n"):format(count))
end

--- Take the newest applied one back.
function commands.down(handle, _, by_version, out)
  local _, newest = applied_versions(handle)
  if not newest then
    out:write "nothing to roll back\n"
    return
  end
  local migration = by_version[newest]
  if not migration then
    fail("%s is applied, but its file is not here", newest)
  end
  if not migration.down then
    fail("%s:1: there is no `-- migrate:down`", migration.path)
  end
  run_migration(handle, migration, "down", out)
end

--- List them, and who migrates now.
function commands.status(handle, files, by_version, out)
  local applied = applied_versions(handle)
  local pending = 0
  for _, migration in ipairs(files) do
    pending = pending + (applied[migration.version] and 0 or 1)
    out:write(applied[migration.version] and "[X] " or "[ ] ", migration.name, "\n")
  end
  for version in pairs(applied) do
    if not by_version[version] then
      out:write("[?] ", version, " (applied, but its file is not here)\n")
    end
  end
  out:write(("pending %d\n"):format(pending))
  local holder = holder_of_lock(handle)
  if holder then
    out:write("migrating now: ", holder, "\n")
  end
end

local function run_command(options, out)
  if not options.url and core.settings and core.settings.db_prepared == false then
    fail("migrations keep a session, and with db_prepared = false database_url is a pooler's, which lends them: "
      .. "give the server's own address, url=postgres://…")
  end
  local files, by_version = load_files(options.dir)
  local handle = db.open { url = options.url, exclusive = 1, query_timeout = 0, prepared = true }
  local ok, err = pcall(handle.hold, handle, function()
    prepare_session(handle)
    if options.command ~= "status" then
      take_lock(handle, out)
      prepare_table(handle)
    end
    commands[options.command](handle, files, by_version, out)
  end)
  handle:close()
  if not ok then
    error(err, 0)
  end
end

-- "up" "dir=x" "--dir=x" "--dir" "x"; or nil.
local function parse_args(args)
  local options = { command = args.command or "up", dir = args.dir or "migrations", url = args.url }
  local i = 1
  while args[i] do
    local name, value = args[i]:match "^%-?%-?(%a+)=(.*)$"
    if not name and (args[i] == "--dir" or args[i] == "--url") then
      name, value, i = args[i]:sub(3), args[i + 1], i + 1
    end
    if name == "dir" or name == "url" then
      options[name] = value
    elseif commands[args[i]] then
      options.command = args[i]
    else
      return nil
    end
    i = i + 1
  end
  return commands[options.command] and options.dir and options or nil
end

--- What a database has not had of a folder's migrations. **Yields.**
-- @tparam Db handle
-- @tparam string dir
-- @treturn {string,...} the files' names, in their order
-- @raise { migrate = … } for a file that is none
function migrate.pending(handle, dir)
  local applied, names = applied_versions(handle), {}
  for _, migration in ipairs(load_files(dir)) do
    if not applied[migration.version] then
      names[#names + 1] = migration.name
    end
  end
  return names
end

--- Run the command. **Yields.**
-- @tparam table args the words after `rille migrate`; or `command` ("up", "down",
-- "status"), `dir`, `url`, by name
-- @tparam[opt] file out where to report; standard output without it
-- @tparam[opt] file complaints standard error without it
-- @treturn integer the exit status: 0, 1 when it failed, 2 for wrong usage
function migrate.run(args, out, complaints)
  complaints = complaints or io.stderr
  local options = parse_args(args)
  if not options then
    complaints:write(USAGE, "\n")
    return 2
  end
  local ok, err = pcall(run_command, options, out or io.stdout)
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
