--- A PgBouncer in a private folder in front of a database, for the specs beside it.
--
-- Its configuration is the shipped one but for what a private folder needs and the
-- transaction mode: what Rille sends must suit it as people install it.
local private = require "spec.rille.db.private"
local lfs = require "lfs"

local pooler = {}

local CONFIG = [[
[databases]
rille = host=%s port=%s user=%s password=%s dbname=%s
[pgbouncer]
pool_mode = transaction
auth_type = trust
auth_file = %s/users
unix_socket_dir = %s
listen_port = 6432
logfile = %s/log
pidfile = %s/pid
%s
]]

local function shell(command)
  assert(os.execute(command) == 0, command)
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

-- The parts of a private cluster's URL. Its folder with the socket is not everybody's,
-- but the server listens at 127.0.0.1 as well.
local function parts_of(url)
  local user, password, name, port = url:match "^postgres://(.-):(.-)@/(.-)%?host=.-&port=(%d+)$"
  assert(user, url)
  return "127.0.0.1", port, user, password, name
end

--- Start it in front of the database of `url`, with lines of configuration added.
-- @return its URL, and a function that ends it
function pooler.start(url, lines)
  local name = io.popen "mktemp -d /tmp/rille-pgb.XXXXXX"
  local dir = name:read "*l"
  name:close()
  local host, port, user, password, database = parts_of(url)
  write(dir .. "/ini", CONFIG:format(host, port, user, password, database, dir, dir, dir, dir, lines or ""))
  write(dir .. "/users", ('"%s" "%s"\n'):format(user, password))
  -- It refuses to be root.
  local as = "exec "
  if io.popen("id -u"):read "*l" == "0" then
    shell("chown -R postgres:postgres " .. dir)
    as = "exec setpriv --reuid=postgres --regid=postgres --clear-groups "
  end
  shell(("cd %s && PATH=$PATH:/usr/sbin; (%spgbouncer -q -d ini)"):format(dir, as))
  private.eventually(function() return lfs.attributes(dir .. "/.s.PGSQL.6432") end)
  return ("postgres://%s@/rille?host=%s&port=6432"):format(user, (dir:gsub("/", "%%2F"))), function()
    local pid = io.open(dir .. "/pid"):read "*n"
    shell(("kill %d"):format(pid))
    private.eventually(function() return not lfs.attributes("/proc/" .. pid) end)
    shell("rm -rf " .. dir)
  end
end

return pooler
