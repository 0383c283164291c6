--- One process migrates a database at a time.
--
-- The others poll for an advisory lock: a statement that waits in pg_advisory_lock holds
-- a snapshot, which CREATE INDEX CONCURRENTLY waits for, and so the two would wait
-- for each other.
local core = require "rille.core"
local files = require "rille.migrate.file"
local wait = require "rille.wait"

local lock = {}

local KEY = 353417055301 -- "RILLE" as a number: the same for every rille, and nobody else's
local POLL = 0.2         -- seconds between two looks

--- Who holds it. **Yields.**
-- @tparam Db handle
-- @treturn ?string
function lock.holder(handle)
  local row = handle:one([[
    select a.pid, coalesce(nullif(a.application_name, ''), 'a client') as name,
        coalesce(host(a.client_addr), 'this machine') as host, extract(epoch from now() - a.backend_start)::int as seconds
      from pg_locks l join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted and l.objsubid = 1
       and l.database = (select oid from pg_database where datname = current_database())
       and (l.classid::bigint << 32) + l.objid::bigint = $1::bigint]], KEY)
  return row and ("%s (server process %d, from %s, since %d s)"):format(row.name, row.pid, row.host, row.seconds)
end

--- Take it; the end of the session gives it back. **Yields.**
-- @tparam Db handle a session of one's own
-- @tparam number patience seconds
-- @tparam file out told of who is waited for
-- @raise { migrate = … } when it was not to be had in that time
function lock.take(handle, patience, out)
  local over_at, has_told = core.uptime() + patience, false
  while not handle:one("select pg_try_advisory_lock($1) as mine", KEY).mine do
    if core.uptime() >= over_at then
      files.fail("gave up after %g s: %s is still migrating. wait=10m waits longer", patience,
        lock.holder(handle) or "another process")
    elseif not has_told then
      out:write("waiting: ", lock.holder(handle) or "another process", " is migrating\n")
      has_told = true
    end
    wait.won(core.sleep(POLL * 1000))
  end
end

return lock
