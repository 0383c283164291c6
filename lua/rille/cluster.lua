--- A private PostgreSQL cluster in a folder: the database of development and specs.
--
--     .rille/pg/data       the cluster, of the newest PostgreSQL installed
--              /port       where it listens, on 127.0.0.1
--              /password   of its one role, readable by its owner alone
--              /log
--
-- Nothing outside the folder is touched. Every connection needs the password:
-- trusting 127.0.0.1 would let in every user of the machine. As root the server
-- runs as another user, because it refuses to be root. All of this blocks: it is
-- for commands, not for a server's loop.
local contents = require "rille.contents"
local quote = require("rille.program").quoted
local random = require "rille.random"

local cluster = {}

local ROLE, DATABASE = "rille", "rille"
local START_TRIES = 10       -- ports to try: a random one is rarely taken
local LONGEST_SOCKET = 107   -- bytes that sun_path holds
local PORT_FROM, PORT_COUNT = 20000, 12000 -- below Linux' own choices for outgoing connections

-- ---- the shell -------------------------------------------------------------------

-- Run a shell command: whether it succeeded, and what it printed.
local function sh(...)
  local pipe = io.popen("{ " .. table.concat({ ... }, " ") .. "\n} 2>&1 </dev/null; printf '\\n%d' $?")
  local text = pipe:read "*a"
  pipe:close()
  local output, status = text:match "^(.*)\n(%d+)$"
  return status == "0", (output or text):match "^(.-)%s*$"
end

local function fail(...)
  error("cluster: " .. string.format(...), 0)
end

local function must(what, ...)
  local ok, output = sh(...)
  if not ok then
    fail("%s: %s", what, output)
  end
  return output
end

local function read(path)
  local text = contents.of(path)
  return text and text:match "^%s*(.-)%s*$"
end

-- A file that only we can read, from its first byte on.
local function write(path, text)
  must("cannot write " .. path, "umask 077; printf %s", quote(text), ">", quote(path .. ".new"), "&& mv",
    quote(path .. ".new"), quote(path))
end

-- ---- what is there ---------------------------------------------------------------------

local function find_programs()
  local ok, dir = sh "ls -d /usr/lib/postgresql/*/bin/initdb /usr/local/pgsql/bin/initdb 2>/dev/null | sort -V | tail -n 1"
  if not ok or dir == "" then
    ok, dir = sh "command -v initdb"
  end
  if not ok or dir == "" then
    fail "PostgreSQL's server is not installed: `make deps` installs it (Debian's package postgresql)"
  end
  return dir:match "^(.*)/initdb$"
end

-- The prefix that runs a command as the server's user, and that user; "" and nil
-- when that is ourselves.
local function server_user(dir)
  local _, uid = sh "id -u"
  if uid ~= "0" then
    return "", nil
  end
  local user = sh "id postgres" and "postgres" or "nobody"
  local _, group = sh("id -gn", user)
  local prefix = ("setpriv --reuid=%s --regid=%s --clear-groups "):format(user, quote(group))
  -- Under a folder such as /root, which others may not enter, the server gets the
  -- one capability that lets it through. (stat, not test -x: access(2) ignores capabilities.)
  if not sh(prefix, "stat", quote(dir .. "/.")) then
    prefix = prefix .. "--inh-caps=+dac_override --ambient-caps=+dac_override "
    if not sh(prefix, "stat", quote(dir .. "/.")) then
      fail("user %s cannot enter %s, and setpriv cannot let it", user, dir)
    end
  end
  return prefix, user
end

-- As the system names it: a running server is known by its working directory.
local function absolute(dir)
  return must("no working directory", "realpath -m --", quote(dir))
end

local function locate(dir)
  local self = { dir = absolute(dir or ".rille/pg") }
  self.data = self.dir .. "/data"
  return self
end

local function socket_dir(self)
  return #self.dir + #"/.s.PGSQL.65535" <= LONGEST_SOCKET and self.dir or nil
end

local function escape(text)
  return (text:gsub("[^%w%-%._~]", function(byte)
    return ("%%%02X"):format(byte:byte())
  end))
end

local function url_of(self)
  local port, password = read(self.dir .. "/port"), read(self.dir .. "/password")
  if not port or not password then
    return nil
  end
  local host = socket_dir(self)
  if host then
    return ("postgres://%s:%s@/%s?host=%s&port=%s"):format(ROLE, password, DATABASE, escape(host), port)
  end
  return ("postgres://%s:%s@127.0.0.1:%s/%s"):format(ROLE, password, port, DATABASE)
end

-- ---- making and running ------------------------------------------------------------------

local function attach(self)
  self.bin = find_programs()
  self.as_server, self.user = server_user(self.dir)
end

-- initdb works beside the final place: what it leaves when it is interrupted is
-- never taken for a cluster.
local function create(self)
  local unfinished, secret = self.dir .. "/data.new", self.dir .. "/initdb.password"
  write(self.dir .. "/password", random.text(24))
  must("cannot clean up", "rm -rf", quote(unfinished), "; umask 077; cp", quote(self.dir .. "/password"), quote(secret))
  if self.user then
    must("cannot hand over", "chown", self.user, quote(secret))
  end
  local ok, output = sh("cd", quote(self.dir), "&&", self.as_server, quote(self.bin .. "/initdb"), "-D",
    quote(unfinished), "-U", ROLE, "-A scram-sha-256 --pwfile", quote(secret), "-E UTF8 --locale=C.UTF-8 --no-sync")
  sh("rm -f", quote(secret))
  if not ok then
    fail("initdb failed in %s: %s", self.dir, output)
  end
  must("cannot finish", "mv", quote(unfinished), quote(self.data))
end

-- Whether any process still works in the cluster: a killed server's children may
-- outlive it for a moment, and another server must not start beside them.
local function is_in_use(self)
  return (sh("for p in /proc/[0-9]*; do readlink $p/cwd; done | grep -Fxq --", quote(self.data)))
end

-- The server's process, by its number in postmaster.pid. After a crash that may be
-- nobody's, another program's, or a zombie's, which has no command line.
local function is_running(self)
  local pid = (read(self.data .. "/postmaster.pid") or ""):match "^%d+"
  if not pid then
    return false
  end
  local command = read("/proc/" .. pid .. "/cmdline")
  if command and command:find(self.data, 1, true) then
    return true
  end
  for _ = 1, 50 do
    if not is_in_use(self) then
      -- The server would take a zombie of that number for a living owner.
      sh("rm -f", quote(self.data .. "/postmaster.pid"), quote(self.dir) .. "/.s.PGSQL.*")
      return false
    end
    sh "sleep 0.1"
  end
  fail("server processes without their master still run in %s", self.data)
end

local FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off "

local function server_options(self, port, options)
  local text = ("-c listen_addresses=127.0.0.1 -c port=%s -c unix_socket_directories=%s -c max_connections=%d ")
    :format(port, quote(socket_dir(self) or ""), options.max_connections or 100)
  return text .. (options.durable == false and FAST or "")
end

local function start_on(self, port, options)
  return sh("cd", quote(self.dir), "&&", self.as_server, quote(self.bin .. "/pg_ctl"), "-D", quote(self.data),
    "-l", quote(self.dir .. "/log"), "-w -s -t 60 -o", quote(server_options(self, port, options)), "start")
end

local function last_of_log(self)
  local _, text = sh("tail -n 5", quote(self.dir .. "/log"))
  return text
end

local function random_port()
  return PORT_FROM + tonumber(random.text(3), 16) % PORT_COUNT
end

local function start_server(self, options)
  local port = read(self.dir .. "/port") or random_port()
  for _ = 1, START_TRIES do
    must("cannot empty the log", ":>", quote(self.dir .. "/log"))
    if self.user then
      must("cannot hand over", "chown", self.user, quote(self.dir .. "/log"))
    end
    write(self.dir .. "/port", port)
    if start_on(self, port, options) or is_running(self) then
      return
    end
    local log = last_of_log(self)
    if not log:find("Address already in use", 1, true) and not log:find("TCP/IP", 1, true) then
      break
    end
    port = random_port()
  end
  fail("PostgreSQL did not start in %s:\n%s", self.dir, last_of_log(self))
end

local function create_database(self)
  local done = self.dir .. "/created"
  if read(done) then
    return
  end
  local ok, output = sh("PGPASSWORD=" .. quote(read(self.dir .. "/password")), quote(self.bin .. "/createdb"),
    "-h", quote(socket_dir(self) or "127.0.0.1"), "-p", read(self.dir .. "/port"), "-U", ROLE, "--maintenance-db=postgres",
    DATABASE)
  if not ok and not output:find("already exists", 1, true) then
    fail("cannot create the database: %s", output)
  end
  write(done, DATABASE)
end

--- Make the cluster if there is none, start it if it does not run.
-- @tparam[opt=".rille/pg"] string dir
-- @tparam[opt] table options `durable = false`: faster, and lost with the machine's
-- power; `max_connections`
-- @treturn string its URL
-- @raise a string that says what is missing or failed
function cluster.start(dir, options)
  local self = locate(dir)
  must("cannot make " .. self.dir, "mkdir -p", quote(self.dir), "&& chmod 700", quote(self.dir))
  local _, uid = sh "id -u"
  if uid == "0" then
    must("cannot hand over " .. self.dir, "chown", sh "id postgres" and "postgres" or "nobody", quote(self.dir))
  end
  attach(self)
  if not read(self.data .. "/PG_VERSION") then
    create(self)
  end
  if not is_running(self) then
    start_server(self, options or {})
  end
  create_database(self)
  return url_of(self)
end

--- Stop it: clients are disconnected, what was committed is on disk.
-- @tparam[opt] string dir
-- @treturn boolean whether it ran
function cluster.stop(dir)
  local self = locate(dir)
  if not read(self.data .. "/PG_VERSION") then
    return false
  end
  attach(self)
  if not is_running(self) then
    return false
  end
  must("cannot stop " .. self.dir, "cd", quote(self.dir), "&&", self.as_server, quote(self.bin .. "/pg_ctl"), "-D",
    quote(self.data), "-w -s -m fast stop")
  return true
end

--- Its URL.
-- @tparam[opt] string dir
-- @treturn string|nil nil when it was never started
function cluster.url(dir)
  return url_of(locate(dir))
end

--- Whether it runs.
-- @tparam[opt] string dir
-- @treturn string "absent", "stopped" or "running"
function cluster.status(dir)
  local self = locate(dir)
  if not read(self.data .. "/PG_VERSION") then
    return "absent"
  end
  attach(self)
  return is_running(self) and "running" or "stopped"
end

--- Have settings that name no database mean the one in .rille/pg, while that runs.
-- @tparam table settings
function cluster.stand_in(settings)
  if settings.database_url == "" and cluster.status() == "running" then
    settings.database_url = cluster.url()
  end
end

return cluster
