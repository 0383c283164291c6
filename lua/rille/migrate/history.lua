--- What a database has had: the table schema_migrations.
--
-- A row a migration, with its file's name and the checksum of what was run. A
-- dbmate's table, which has the versions alone, is taken over as it is.
local core = require "rille.core"
local files = require "rille.migrate.file"

local history = {}

-- Under the lock: two that create the table at once would collide, for all their
-- "if not exists".
local PREPARE = [[
  create table if not exists schema_migrations (version varchar(128) primary key);
  alter table schema_migrations add column if not exists name text, add column if not exists checksum text,
    add column if not exists applied_at timestamptz default clock_timestamp();
]]
local IS_READY = [[select count(*) = 3 as it from pg_attribute
  where attrelid = to_regclass('schema_migrations') and attname in ('name', 'checksum', 'applied_at') and not attisdropped]]
-- By JSON, as the columns may not be there yet.
local READ = [[select version, to_jsonb(m) ->> 'name' as name, to_jsonb(m) ->> 'checksum' as checksum,
    to_char((to_jsonb(m) ->> 'applied_at')::timestamptz at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as applied_at
  from schema_migrations m]]

--- Make the table, or complete it. **Yields.**
-- @tparam Db handle a session that holds the lock
function history.prepare(handle)
  if not handle:one(IS_READY).it then
    handle:script(PREPARE)
  end
end

--- What has been applied. **Yields.** Also before `prepare`.
-- @tparam Db handle
-- @treturn {table,...} in the order in which it was: `version`, `name`, `checksum`, `applied_at`
-- (the last three may be nil); and each by its number
function history.read(handle)
  if not handle:one("select to_regclass('schema_migrations') is not null as it").it then
    return {}
  end
  local applied = {}
  for _, row in ipairs(handle:query(READ)) do
    applied[#applied + 1] = { version = row.version, name = row.name, checksum = row.checksum, applied_at = row.applied_at }
  end
  for _, one in ipairs(applied) do
    applied[files.number(one.version)] = one
  end
  table.sort(applied, function(a, b)
    local x, y = a.applied_at or "", b.applied_at or ""
    if x ~= y then
      return x < y
    end
    return files.is_before(a.version, b.version) -- a dump that was loaded has one time for all
  end)
  return applied
end

--- Give each migration its `checksum`: of what its file says behind `migrate:up`. What takes it
-- back may be mended later, and line ends and blanks around it are git's and editors' business. **Yields.**
-- @tparam Db handle which counts them
-- @tparam {table,...} migrations
function history.add_checksums(handle, migrations)
  local texts = {}
  for i, migration in ipairs(migrations) do
    texts[i] = migration.up.sql:match "^%s*(.-)%s*$":gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)
  end
  local rows = handle:query([[select encode(sha256(decode(text, 'hex')), 'hex') as sum
    from unnest($1::text[]) with ordinality as given(text, place) order by place]], core.array(texts))
  for i, row in ipairs(rows) do
    migrations[i].checksum = row.sum
  end
end

--- What was applied from another text than its file has now.
-- @tparam {table,...} migrations with checksums
-- @tparam {table,...} applied as `read` gives it
-- @treturn {table,...} the migrations
function history.edited(migrations, applied)
  local found = {}
  for _, migration in ipairs(migrations) do
    local row = applied[files.number(migration.version)]
    if row and row.checksum and row.checksum ~= migration.checksum then
      found[#found + 1] = migration
    end
  end
  return found
end

--- Note that a migration was applied ("up") or taken back ("down"). **Yields.**
-- @tparam Db handle
-- @tparam string place the table's whole name, as a migration may have set another search_path
-- @tparam table migration
-- @tparam string direction
function history.record(handle, place, migration, direction)
  if direction == "up" then
    handle:exec("insert into " .. place .. " (version, name, checksum, applied_at) values ($1, $2, $3, clock_timestamp())",
      migration.version, migration.name, migration.checksum)
  else
    handle:exec("delete from " .. place .. " where ltrim(version, '0') = ltrim($1, '0')", migration.version)
  end
end

--- The table's whole name. **Yields.**
function history.place(handle)
  return handle:one("select quote_ident(n.nspname) || '.schema_migrations' as it from pg_class c join pg_namespace n "
    .. "on n.oid = c.relnamespace where c.oid = to_regclass('schema_migrations')").it
end

--- Take over what the files say now for what was run: for edits that change nothing, and rows of
-- before there were checksums. **Yields.**
-- @tparam Db handle
-- @tparam {table,...} migrations with checksums
-- @tparam {table,...} applied
-- @tparam boolean with_edited
function history.accept(handle, migrations, applied, with_edited)
  for _, migration in ipairs(migrations) do
    local row = applied[files.number(migration.version)]
    if row and row.checksum ~= migration.checksum and (with_edited or not row.checksum) then
      handle:exec("update schema_migrations set name = $2, checksum = $3 where version = $1", row.version, migration.name,
        migration.checksum)
    end
  end
end

return history
