--- How many streams may hold a connection at once: half of the lent ones.
--
-- A stream holds its connection at its reader's pace, which is a client's or a
-- loop's; the other half stays for transactions.
local core = require "rille.core"
local aside = require "rille.db.aside"
local errors = require "rille.error"
local wait = require "rille.wait"

local streams = {}

local DEFAULT_EXCLUSIVE, DEFAULT_ACQUIRE = 8, 3

local function limit_of(root)
  local settings = core.settings or {}
  local exclusive = root.options.exclusive or settings.db_exclusive or DEFAULT_EXCLUSIVE
  local workers = math.max(settings.workers or 1, 1) -- they share the lent ones
  return math.max(1, math.floor(exclusive / 2 / workers))
end

local function refuse(limit, seconds)
  error(errors.new {
    status = 503, code = "overloaded",
    message = ("%d streams of the database are being read already, and none ended within %g s"):format(limit, seconds),
  }, 0)
end

-- Those that a loop left by `break` count until they are collected.
local function take_place(root)
  local limit = limit_of(root)
  if root.streams < limit then
    return
  end
  collectgarbage()
  root.ended = root.ended or core.signal()
  local seconds = root.options.acquire_timeout or (core.settings or {}).db_acquire_timeout or DEFAULT_ACQUIRE
  local over_at = core.uptime() + seconds
  while root.streams >= limit do
    local left = over_at - core.uptime()
    if left <= 0 then
      refuse(limit, seconds)
    end
    wait.won(core.signal_wait(root.ended, left * 1000))
  end
end

--- As aside.open, when there is room. **Yields.**
-- @raise `overloaded`
function streams.open(db, enter)
  local root = db.root
  take_place(root)
  root.streams = root.streams + 1
  return aside.open(enter, function()
    root.streams = root.streams - 1
    if root.ended then
      core.signal_all(root.ended)
    end
  end)
end

return streams
