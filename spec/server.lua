--- A real server on a real port, for specs that speak to it through sockets.
--
--     local s = server.start{ app = "spec/apps/fixture", args = { "--max-body", "64K" } }
--     ... talk to 127.0.0.1, s.port ...
--     assert.equal(0, s:stop())
--
-- The binary is `build/rille`, or what the environment variable RILLE names.
-- The server's standard output and error go to a log file; the port it chose is
-- read from there. A shell waits for the server, so its exit status is known.
-- Linux only: who lives, and what they hold, is read from /proc.

local lfs = require "lfs"
local shell = require "spec.shell"
local socket = require "socket"

local quoted, read_file = shell.quoted, shell.read_file

local server = {}
local Server = {}
Server.__index = Server

local POLL_SECONDS = 0.005 -- between two looks at a file or at /proc
local PATIENCE_SECONDS = 60 -- a sanitizer build on a busy machine starts within 5
local LAST_LOG_BYTES = 4000 -- enough for a sanitizer's report
local FAULTS = { [4] = "SIGILL", [6] = "SIGABRT", [7] = "SIGBUS", [8] = "SIGFPE", [11] = "SIGSEGV" }

--- Call `look` until it returns something true, or for so long that it never will.
-- @param look
-- @param[opt] seconds what must come no later than this, on any machine
-- @return what `look` returned, or nil
function server.wait_for(look, seconds)
  local deadline = socket.gettime() + (seconds or PATIENCE_SECONDS)
  repeat
    local seen = look()
    if seen then return seen end
    socket.select(nil, nil, POLL_SECONDS)
  until socket.gettime() > deadline
  return look()
end

local function command_line(options, log_path)
  local words = { "env" }
  if options.dir then
    words[2] = "-C " .. quoted(options.dir)
  elseif not (options.env or {}).RILLE_DB_MIGRATIONS then
    words[2] = "RILLE_DB_MIGRATIONS=" -- most of the apps in specs have other tables than this folder's
  end
  if options.command == "dev" then
    words[#words + 1] = "RILLE_ALLOWED_HOSTS=x" -- what spec.wire calls every server
  end
  for name, value in pairs(options.env or {}) do
    words[#words + 1] = quoted(name .. "=" .. value)
  end
  words[#words + 1] = options.launcher
  words[#words + 1] = quoted(shell.rille())
  words[#words + 1] = (options.command or "serve") .. " " .. quoted(options.app) .. " --host 127.0.0.1 --port 0"
  if not options.supervise then words[#words + 1] = "--no-supervise" end
  for _, argument in ipairs(options.args or {}) do
    words[#words + 1] = quoted(argument)
  end
  local run = table.concat(words, " ") .. " >" .. quoted(log_path) .. " 2>&1"
  return run .. " & echo $!; wait $!; echo $?"
end

local function is_running(pid)
  local stat = read_file("/proc/" .. pid .. "/stat")
  local state = stat and stat:match("^.*%) (%a)")
  return state ~= nil and state ~= "Z"
end

--- Start `options.app` and wait until it listens.
-- @param options app: folder with app.lua; dir: where to start it; launcher: words before the binary's, whose process becomes
--   it; supervise: with a supervisor; command: "serve" unless told; args: list of flags; env: table of environment variables;
--   log: path of the log file, by default a temporary one
-- @return the server: fields port, pid; crashes, to be set where one of its processes is meant to
-- @raise with the log's text when it does not come up
function server.start(options)
  local log_path = options.log or os.tmpname()
  local parent = assert(io.popen(command_line(options, log_path), "r"))
  local self = setmetatable({
    pid = assert(tonumber(parent:read("*l"))),
    shell = parent,
    log_path = log_path,
    log_is_ours = not options.log,
    crashes = false,
  }, Server)
  server.wait_for(function()
    self.port = tonumber(self:log():match("listening on http://127%.0%.0%.1:(%d+)"))
    return self.port or not is_running(self.pid)
  end)
  if not self.port then
    local text = self:log()
    self:stop("KILL")
    error("the server did not start:\n" .. text, 2)
  end
  return self
end

--- What it has logged so far.
function Server:log()
  return read_file(self.log_path) or ""
end

function Server:is_running()
  return is_running(self.pid)
end

--- Whether the binary was built with a sanitizer, which costs memory of its own.
function Server:is_sanitized()
  return (read_file("/proc/" .. self.pid .. "/maps") or ""):find("lib[at]san") ~= nil
end

-- What no server may do, whatever else a spec asks of it: die of a signal that a fault raises, or have a sanitizer report.
local function fault_of(status, log)
  local at = log:find "%u%l+Sanitizer:" or log:find "runtime error:"
  if at then return "a sanitizer reported:\n" .. log:sub(math.max(1, at - 80), at + LAST_LOG_BYTES) end
  local signal = FAULTS[status - 128]
  return signal and ("it was ended by signal %d, %s:\n%s"):format(status - 128, signal, log:sub(-LAST_LOG_BYTES))
end

--- Send `signal` (by name, "TERM" unless told; "0" sends none) and wait for the end.
-- @return the exit status, 128 + n when signal n ended it; and the last of the log
-- @raise when it is still there after `seconds`; it is killed then. When it crashed, or a sanitizer reported something,
--   and it was not meant to
function Server:stop(signal, seconds)
  if self.status then return self.status, self.last_log end
  os.execute("kill -" .. (signal or "TERM") .. " " .. self.pid .. " 2>/dev/null")
  local in_time = server.wait_for(function() return not is_running(self.pid) end, seconds)
  if not in_time then os.execute("kill -KILL " .. self.pid) end
  self.status = tonumber(self.shell:read("*l"))
  self.shell:close()
  local log = self:log()
  self.last_log = log:sub(-LAST_LOG_BYTES)
  if self.log_is_ours then os.remove(self.log_path) end
  if not in_time then error("the server did not stop:\n" .. self.last_log, 2) end
  local fault = not self.crashes and fault_of(self.status, log)
  if fault then error("the server had a fault: " .. fault, 2) end
  return self.status, self.last_log
end

-- The process and everything it forked.
local function family(pid, into)
  into[#into + 1] = pid
  local children = read_file("/proc/" .. pid .. "/task/" .. pid .. "/children") or ""
  for child in children:gmatch("%d+") do
    family(tonumber(child), into)
  end
  return into
end

-- Seconds that a thread was ready to run and did not get to, by /proc/PID/schedstat.
local function starved_seconds(path)
  return (tonumber((read_file(path) or ""):match("^%d+ (%d+)")) or 0) / 1e9
end

--- Seconds for which this machine has kept the spec or the slowest of the server's threads
-- from running, so far: what a client waits for that nobody here can be blamed for.
function Server:starved()
  local most = 0
  for thread in lfs.dir("/proc/" .. self.pid .. "/task") do
    most = math.max(most, starved_seconds(("/proc/%d/task/%s/schedstat"):format(self.pid, thread)))
  end
  return most + starved_seconds("/proc/self/schedstat")
end

--- How many file descriptors the server's processes hold.
function Server:descriptors()
  local count = 0
  for _, pid in ipairs(family(self.pid, {})) do
    for name in lfs.dir("/proc/" .. pid .. "/fd") do
      if name:match("^%d+$") then count = count + 1 end
    end
  end
  return count
end

--- Resident memory of the server's processes, in bytes.
function Server:memory()
  local total_kb = 0
  for _, pid in ipairs(family(self.pid, {})) do
    local status = read_file("/proc/" .. pid .. "/status") or ""
    total_kb = total_kb + (tonumber(status:match("VmRSS:%s*(%d+)")) or 0)
  end
  return total_kb * 1024
end

return server
