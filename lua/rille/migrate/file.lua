--- The files of migrations: their names, their numbers, their parts.
--
--     migrations/0007_add_price.sql
--
--     -- migrate:up
--     alter table products add column price numeric(10,2);
--     -- migrate:down
--     alter table products drop column price;
--
-- Numbers order them: counted (0007) or the time (20240131120000), gaps do not
-- matter, 7 and 0007 are one. `-- migrate:up transaction:false` is for what cannot
-- run in a transaction. The format is dbmate's.
local contents = require "rille.contents"
local core = require "rille.core"
local quoted = require("rille.program").quoted
local script = require "rille.migrate.script"

local files = {}

local SCHEMA = "schema.sql" -- beside them: what is in the database behind the last one
local NAME = "^(%d+)_.*%.sql$"

local function fail(...)
  error({ migrate = string.format(...) }, 0)
end

--- A version as it is compared: 0007 is 7.
-- @tparam string version
-- @treturn string
function files.number(version)
  return (version:gsub("^0+(%d)", "%1"))
end

--- The names of migrations, of tables: of what has one.
-- @tparam {table,...} list
-- @treturn {string,...} in its order
function files.names(list)
  local names = {}
  for i, one in ipairs(list) do
    names[i] = one.name
  end
  return names
end

--- Whether a version comes before another. Numbers of any length, as text: 9 before
-- 10, 20240101120000 behind both.
function files.is_before(a, b)
  a, b = files.number(a), files.number(b)
  if #a ~= #b then
    return #a < #b
  end
  return a < b
end

-- ---- parts ------------------------------------------------------------------------

local function read_file(path)
  local text, why = contents.of(path)
  return text or fail("%s", why)
end

local function options_of(migration, rest, number)
  local has_transaction = true
  for word in rest:gmatch "%S+" do
    if word ~= "transaction:false" and word ~= "transaction:true" then
      fail("%s:%d: behind migrate:up and migrate:down may stand transaction:false, not '%s'", migration.path, number, word)
    end
    has_transaction = word == "transaction:true"
  end
  return has_transaction
end

local function open_part(migration, line, number)
  local direction, rest = line:match "^%-%-%s*migrate:(%a+)(.*)$"
  if not direction then
    return nil
  end
  if direction ~= "up" and direction ~= "down" then
    fail("%s:%d: migrate:%s is neither migrate:up nor migrate:down", migration.path, number, direction)
  end
  if migration[direction] then
    fail("%s:%d: a second migrate:%s", migration.path, number, direction)
  end
  local part = {
    first_line = number + 1, lines = {}, has_transaction = options_of(migration, rest, number), path = migration.path,
  }
  migration[direction] = part
  return part
end

--- The line of the file where a byte of a part is.
-- @tparam table part
-- @tparam integer at
-- @treturn integer
function files.line(part, at)
  local _, count = part.sql:sub(1, at - 1):gsub("\n", "")
  return part.first_line + count
end

-- What would end the transaction that a part runs in, and leave half of it behind.
local ENDS = { begin = true, start = true, commit = true, ["end"] = true, rollback = true, abort = true }

local function check_statement(part, statement)
  local first, second = statement.words[1], statement.words[2]
  local ends = ENDS[first] and second ~= "to" or first == "prepare" and second == "transaction"
  if part.has_transaction and ends then
    fail("%s:%d: %s inside a migration, which runs in a transaction of its own: leave it out, or write "
      .. "`-- migrate:up transaction:false`", part.path, files.line(part, statement.first), first:upper())
  end
end

local function finish_part(part)
  part.sql = table.concat(part.lines, "\n")
  local statements, problem, at = script.statements(part.sql)
  if not statements then
    fail("%s:%d: %s", part.path, files.line(part, at), problem)
  end
  for _, statement in ipairs(statements) do
    check_statement(part, statement)
  end
  part.statements, part.lines = statements, nil
end

local function parse(migration)
  local part, number = nil, 0
  for line in (read_file(migration.path) .. "\n"):gmatch "(.-)\r?\n" do
    number = number + 1
    local opened = open_part(migration, line, number)
    if opened then
      part = opened
    elseif part then
      part.lines[#part.lines + 1] = line
    elseif line:find "%S" and line:sub(1, 2) ~= "--" then
      fail("%s:%d: SQL before the first `-- migrate:up`", migration.path, number)
    end
  end
  if not migration.up then
    fail("%s:1: there is no `-- migrate:up`", migration.path)
  end
  finish_part(migration.up)
  if migration.down then
    finish_part(migration.down)
  end
  -- Else it would count as applied, and what is written into it later would never run.
  if #migration.up.statements == 0 then
    fail("%s:%d: there is no statement behind `-- migrate:up`", migration.path, migration.up.first_line - 1)
  end
end

-- ---- the folder ---------------------------------------------------------------------

--- The migrations' names in a folder, in their order, unread.
-- @tparam string dir
-- @treturn {table,...} `version`, `name`, `path`; and each by its number
-- @raise { migrate = … } for a folder that is none, a name that is none, a number that two have
function files.list(dir)
  local names = core.file_names(dir)
  if not names then
    fail("there is no folder %s: `rille migrate new NAME` makes it, dir=FOLDER names another", dir)
  end
  table.sort(names)
  local list = {}
  for _, name in ipairs(names) do
    local version = name:match(NAME)
    local twin = version and list[files.number(version)]
    if twin then
      fail("%s/%s: %s has the same number: give the one that is not applied anywhere yet the next one", dir, name, twin.name)
    elseif version then
      local migration = { version = version, name = name, path = dir .. "/" .. name }
      list[files.number(version)] = migration
      list[#list + 1] = migration
    elseif name:find "%.sql$" and name ~= SCHEMA then
      fail("%s/%s: a migration's name is NUMBER_name.sql", dir, name)
    end
  end
  table.sort(list, function(a, b) return files.is_before(a.version, b.version) end)
  return list
end

--- The migrations of a folder, read.
-- @tparam string dir
-- @treturn {table,...} as files.list has them, with `up` and, if there is one, `down`: `sql`,
-- `statements` (see rille.migrate.script), `has_transaction`, `first_line`, `path`
-- @raise { migrate = … } with file and line
function files.load(dir)
  local list = files.list(dir)
  for _, migration in ipairs(list) do
    parse(migration)
  end
  return list
end

--- Where an app's migrations are: in its own folder, else in this one.
-- @tparam string dir as the setting db_migrations has it
-- @tparam[opt] string app_dir
-- @treturn ?string nil when there are none
function files.folder(dir, app_dir)
  if dir == "" then
    return nil
  end
  local is_absolute = dir:sub(1, 1) == "/"
  local own = app_dir and not is_absolute and app_dir .. "/" .. dir
  if own and core.file_names(own) then
    return own
  end
  return core.file_names(dir) and dir or nil
end

-- ---- new ones -----------------------------------------------------------------------

local TEMPLATE = [[
-- migrate:up


-- migrate:down

]]

local TIME_DIGITS = 14 -- of 20240131120000

-- The number behind the newest: as wide as that; the time, where that is one.
local function next_version(list)
  local newest = list[#list]
  if not newest then
    return "0001"
  elseif #files.number(newest.version) >= TIME_DIGITS then
    return os.date "!%Y%m%d%H%M%S"
  end
  return ("%0" .. #newest.version .. "d"):format(tonumber(newest.version) + 1)
end

local function folded(name)
  local word = name:lower():gsub("[%s%-]+", "_"):gsub("%.sql$", "")
  if not word:find "^[%w_]+$" then
    fail("a migration's name is letters, digits and _, such as add_price_to_products: got '%s'", name)
  end
  return word
end

--- Write a new one, behind all others.
-- @tparam string dir made when it is not there
-- @tparam string name what it does: "add price" becomes NNNN_add_price.sql
-- @tparam[opt] string text instead of the empty form
-- @treturn string its path
-- @raise { migrate = … }
function files.new(dir, name, text)
  local word = folded(name)
  if not core.file_names(dir) then
    os.execute("mkdir -p -- " .. quoted(dir))
  end
  local path = ("%s/%s_%s.sql"):format(dir, next_version(files.list(dir)), word)
  local file, why = io.open(path, "wb")
  if not file then
    fail("%s", why)
  end
  file:write(text or TEMPLATE)
  file:close()
  return path
end

files.SCHEMA = SCHEMA
files.fail = fail

return files
