--- Notifications: what NOTIFY says, heard by whoever listens.
--
-- One connection hears for all workers of the process; it is not of those that are lent.
local core = require "rille.core"
local statement = require "rille.db.statement"
local unit = require "rille.unit"
local wait = require "rille.wait"

local DEFAULT_CONNECT = 5 -- seconds

local Notifications = { __name = "rille.notifications" }
Notifications.__index = Notifications

local function connect_timeout(root)
  return root.options.connect_timeout or (core.settings or {}).db_connect_timeout or DEFAULT_CONNECT
end

local function address(root)
  return root.opened_with.url, connect_timeout(root) * 1000
end

-- Until the server has confirmed it: a NOTIFY sent from then on is heard.
local function await_confirmed(root, ear)
  local over_at = core.uptime() + connect_timeout(root)
  local _, is_heard = core.pg_ear_state(ear)
  while not is_heard do
    local left = over_at - core.uptime()
    if left <= 0 then
      core.pg_unlisten(ear)
      error(statement.explain {
        code = "db.08001", status = 503, message = core.pg_listen_error(root:lanes(), address(root)),
      }, 0)
    end
    wait.won(core.pg_ear_wait(ear, left * 1000))
    _, is_heard = core.pg_ear_state(ear)
  end
end

local function note(self, payload, pid, missed)
  if payload == true then
    return { channel = self.channel, missed = true }
  end
  return { channel = self.channel, payload = payload, pid = pid, missed = missed > 0 and missed or nil }
end

--- Wait for the next notification. **Yields.**
-- @tparam[opt] duration timeout
-- @treturn table `channel`, `payload`, `pid` of the sender; `missed`: how many were
-- dropped before it because 1,024 were waiting; or only `channel` and `missed =
-- true` after the connection was away, when nobody knows. Or nil and "closed" or "timeout"
function Notifications:recv(timeout)
  local over_at = timeout and core.uptime() + unit.seconds(timeout, 2)
  while true do
    local payload, pid, missed = core.pg_ear_take(self.ear)
    if payload then
      return note(self, payload, pid, missed)
    end
    if not core.pg_ear_state(self.ear) then
      return nil, "closed"
    end
    local left = over_at and math.max(over_at - core.uptime(), 0)
    if wait.won(core.pg_ear_wait(self.ear, left and left * 1000)) == 2 then
      return nil, "timeout"
    end
  end
end

--- The notifications in a loop, until `close`. The loop **yields.**
--
--     for note in db:listen("orders"):iter() do … end
-- @treturn function
function Notifications:iter()
  return function() return (self:recv()) end
end

--- Hear no more. Who waits gets nil and "closed".
function Notifications:close()
  core.pg_unlisten(self.ear)
end

local Db = {}

--- Listen to a channel of NOTIFY until the current request or task ends, or
-- `close`. **Yields** until the server has confirmed it: what is sent after that is
-- heard. When the connection is lost it is made again by itself, and what was sent
-- meanwhile is lost: a notification with `missed = true` says so.
-- @tparam string channel its name, case and all
-- @treturn Notifications
-- @raise `db.08001` when the database cannot be reached within the connect timeout
function Db:listen(channel)
  local pool = statement.lanes(self)
  self:want_session "db:listen hears in a session of its own"
  if type(channel) ~= "string" or channel == "" or #channel > 63 or channel:find("%z") then
    error("a channel's name is a text of 1 to 63 bytes: got " .. tostring(channel), 2)
  end
  local root = self.root
  local ear = core.pg_listen(pool, root.opened_with.url, connect_timeout(root) * 1000, channel)
  await_confirmed(root, ear)
  return setmetatable({ ear = ear, channel = channel }, Notifications)
end

return Db
