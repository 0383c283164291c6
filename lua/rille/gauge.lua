--- What this VM does just now, told each second to whoever looks: its memory, its tasks that wait, how late its loop is.
--
-- Where a record of requests is kept (rille.timeline), on each worker of a server. What a generation says stands until
-- it ends: one that was replaced and still has requests is seen, too.
local core = require "rille.core"
local errors = require "rille.error"
local wait = require "rille.wait"

local gauge = {}

local LOOK = 0.25        -- seconds: a loop that is held for longer than that is seen in any case
local LOOKS_A_TELLING = 4
local WORST_OF = 60      -- tellings
local MOST_TEXT = 60000  -- bytes: the board in C has room for little more

local newproxy = newproxy -- apps do not have it

local since
local is_retired = false
local collections -- the function that tells how many
local before -- what was told last: `at`, `taken`
local worst = {} -- the worst delay before each of the last tellings, the latest first

local function ms(seconds)
  return math.floor(seconds * 1e6 + 0.5) / 1e3
end

local function tasks_of()
  local list, count = core.gauge_parked()
  for _, task in ipairs(list) do
    task.ms, task.waited = ms(task.waited), nil
  end
  return list, count
end

-- As text, with as many tasks as have room.
local function text_of(now)
  local text = core.json_encode(now)
  while #text > MOST_TEXT and #now.tasks > 0 do
    for _ = 1, math.ceil(#now.tasks / 4) do
      table.remove(now.tasks)
    end
    text = core.json_encode(now)
  end
  return text
end

--- Count the cycles of this VM's collector from now on. LuaJIT says neither when one ends nor how long it took; but each
-- finalizes what nobody holds.
-- @treturn function that returns how many have ended
-- @treturn function that ends the counting
function gauge.collections()
  local count, is_over = 0, false
  local function watch()
    getmetatable(newproxy(true)).__gc = function()
      count = count + 1
      if not is_over then
        pcall(watch) -- without memory: it is not counted any more
      end
    end
  end
  watch()
  return function() return count end, function() is_over = true end
end

-- How fast the app's Lua asks for memory, which is what the collector has to do.
local function allocation_rate(taken)
  local last, now = before, { at = core.uptime(), taken = taken }
  before = now
  return last and now.at > last.at and (taken - last.taken) / (now.at - last.at) or 0
end

local function tell(lag)
  table.insert(worst, 1, lag)
  worst[WORST_OF + 1] = nil
  local now = core.gauge_vm()
  now.since, now.is_retired = since, is_retired or nil
  now.allocation_rate, now.collections = allocation_rate(now.taken), collections()
  now.lag_ms, now.worst_lag_ms = ms(lag), ms(math.max(unpack(worst)))
  now.tasks, now.task_count = tasks_of()
  core.gauge_put(text_of(now))
end

-- How much later than asked for it is woken is how late everybody on this loop is.
local function look(times)
  local lag = 0
  for _ = 1, times do
    local due = core.uptime() + LOOK
    wait.won(core.sleep(LOOK * 1000))
    lag = math.max(lag, core.uptime() - due)
  end
  return lag
end

local function run()
  local end_count
  collections, end_count = gauge.collections()
  local _, err = pcall(function()
    tell(look(1))
    while true do
      tell(look(LOOKS_A_TELLING))
    end
  end)
  end_count()
  core.gauge_put(nil) -- whatever ended it: a VM that is no more must not be seen
  if err ~= errors.CANCELLED then
    error(err, 0)
  end
end

local id -- of the task

--- Begin to tell, where anybody can hear it.
function gauge.begin()
  if core.journal_is_kept() and core.gauge_put(nil) then
    since = core.wall()
    id = core.spawn(true, run)
  end
end

--- Another generation has taken over.
function gauge.retire()
  is_retired = true
end

--- Say nothing any more.
function gauge.stop()
  if id then
    core.cancel(id)
  end
end

return gauge
