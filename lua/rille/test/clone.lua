--- A copy of the database, for a file that wants one to itself.
--
-- PostgreSQL copies a database only while nobody else is connected to it, and keeps
-- whoever asks waiting for that: so we look who is there, and say so.
local core = require "rille.core"
local db = require "rille.db"
local errors = require "rille.error"
local wait = require "rille.wait"

local clone = {}

local Db = getmetatable(db)

local PATIENCE = 2 -- seconds: of a process that has just ended, the server may not know it yet
local POLL = 0.1
local MOST_NAMED = 5

local current -- the copy of `make`: original (its URL), name, url

local function split_url(url)
  local before, name, after = url:match "^(%w+://[^/]*/)([^?]*)(.*)$"
  if not before or name == "" then
    error('isolation = "database" wants a database_url of the form postgres://user:password@host/name', 0)
  end
  return before, name, after
end

-- Run `fn(admin)` with a connection to another database of the same server.
local function as_admin(url, fn)
  local before, _, after = split_url(url)
  local admin = Db.open { url = before .. "postgres" .. after, exclusive = 1 }
  local ok, err = pcall(fn, admin)
  admin:close()
  if not ok then
    error(err, 0)
  end
end

-- ---- who is in the way ---------------------------------------------------------------

local function holders_of(admin, name)
  return admin:query([[
    select pid, coalesce(nullif(application_name, ''), 'a client') as name, coalesce(host(client_addr), 'this machine') as host
      from pg_stat_activity
     where datname = $1 and backend_type = 'client backend' and pid <> pg_backend_pid()
     order by pid]], name)
end

local function refuse(name, holders)
  local names = {}
  for i = 1, math.min(#holders, MOST_NAMED) do
    names[i] = ("%s (server process %d, from %s)"):format(holders[i].name, holders[i].pid, holders[i].host)
  end
  if #holders > MOST_NAMED then
    names[#names + 1] = ("%d more"):format(#holders - MOST_NAMED)
  end
  error(('isolation = "database" copies the database "%s", which works only while nobody else is connected to it: %s. '
    .. "Stop whoever that is, such as a `rille serve`, or give the specs a database of their own, in DATABASE_URL"):format(
    name, #names > 0 and "there is " .. table.concat(names, ", ") or "somebody was"), 0)
end

local function await_alone(admin, name)
  local over_at = core.uptime() + PATIENCE
  while true do
    local holders = holders_of(admin, name)
    if #holders == 0 then
      return
    elseif core.uptime() >= over_at then
      refuse(name, holders)
    end
    wait.won(core.sleep(POLL * 1000))
  end
end

local function create(admin, copy, name)
  await_alone(admin, name)
  local text = ("create database %s template %s"):format(db.quote_ident(copy), db.quote_ident(name))
  local ok, err = pcall(admin.script, admin, text)
  if not ok and errors.is(err) and err.code == "db.55006" then -- somebody came meanwhile
    refuse(name, holders_of(admin, name))
  elseif not ok then
    error(err, 0)
  end
end

-- ---- the copy ------------------------------------------------------------------------

local function unique_name(name)
  local bytes = assert(io.open("/dev/urandom", "rb"))
  local suffix = bytes:read(6):gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)
  bytes:close()
  return name .. "_spec_" .. suffix
end

local function use_url(url)
  db:close()
  db.options.url = url
  core.settings.database_url = url
end

--- Where the copy is; nil when there is none.
-- @treturn ?string
function clone.url()
  return current and current.url
end

--- A copy of the database at `url`. **Yields.**
-- @tparam string url
-- @treturn table `url` of the copy; for `remove`
-- @raise who is connected to the original, and keeps it from being copied
function clone.of(url)
  local before, name, after = split_url(url)
  local copy = unique_name(name)
  as_admin(url, function(admin) create(admin, copy, name) end)
  return { original = url, name = copy, url = before .. copy .. after }
end

--- Drop a copy, whoever is connected to it. **Yields.**
-- @tparam table copy
function clone.remove(copy)
  as_admin(copy.original, function(admin)
    admin:script(("drop database if exists %s with (force)"):format(db.quote_ident(copy.name)))
  end)
end

--- Copy the database of the settings, and use the copy from now on; once. **Yields.**
-- @raise as `of` does
function clone.make()
  if current then
    return
  end
  db:close() -- we are somebody, too
  local copy = clone.of(core.settings.database_url)
  current = copy
  use_url(copy.url)
end

--- Drop the copy, and use the original again. **Yields.**
function clone.drop()
  if not current then
    return
  end
  local gone = current
  current = nil
  use_url(gone.original)
  clone.remove(gone)
end

return clone
