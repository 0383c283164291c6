--- In development and in specs: what a request left open, with the line that began it.
--
--     warn  a request left open: a task (app.lua:12), 2 locked mutexes (app.lua:30)
--
--     handler --returns--> what its end takes back by itself   (tasks, subscriptions, listeners)
--        |                        `--> left
--        `--over, deferred functions and c:after too--> what nobody takes back (locks, permits, files) --> left --> told
--
-- A handler that raised, or was cancelled, had no chance to await or to close: the first kind counts only
-- where it returned. Nobody watches in production.
local behalf = require "rille.behalf"
local cleanup = require "rille.cleanup"
local compose = require "rille.compose"
local core = require "rille.core"
local db = require "rille.db"
local place = require "rille.place"
local resources = require "rille.resources"
local sync = require "rille.sync"
local tasks = require "rille.task"
local topic = require "rille.topic"

local leaks = {}

local MOST_HELD = 1000 -- things of a request that are watched: each is kept until its end

-- One and several of a kind.
local TASK, FILE = { "a task", "tasks" }, { "an open file", "open files" }
local SUBSCRIPTION = { "a subscription", "subscriptions" }
local LISTENER = { "a listener of the database", "listeners of the database" }
local PERMIT, RESOURCE = { "a permit of a semaphore", "permits of a semaphore" }, { "a resource", "resources" }
local MUTEX = { "a locked mutex", "locked mutexes" }
local READ = { "a lock for reading", "locks for reading" }
local WRITE = { "a lock for writing", "locks for writing" }

local of_slot = {} -- what each slot's request holds; one of another epoch is stale
local holdings = setmetatable({}, { __mode = "k" }) -- the entries of a thing, oldest first
local watched_count = 0 -- requests in of_slot whose end is to come
local tell

-- ---- a request's end ---------------------------------------------------------------------

-- "2 tasks (app.lua:12)", for each kind and line.
local function text_of(left)
  local counts, texts = {}, {}
  for _, one in ipairs(left) do
    local kinds = counts[one.at] or {}
    counts[one.at], kinds[one.kind] = kinds, (kinds[one.kind] or 0) + 1
  end
  for at, kinds in pairs(counts) do
    for kind, count in pairs(kinds) do
      texts[#texts + 1] = ("%s (%s)"):format(count == 1 and kind[1] or count .. " " .. kind[2], at)
    end
  end
  table.sort(texts)
  return "a request left open: " .. table.concat(texts, ", ")
end

local function forget(entry)
  entry.record.held[entry] = nil
  entry.record.count = entry.record.count - 1
  local entries = holdings[entry.thing]
  for i, one in ipairs(entries) do
    if one == entry then
      table.remove(entries, i)
      break
    end
  end
end

-- Move what is still open, and of that kind, to what is told.
local function take_left(record, is_taken_back)
  for entry in pairs(record.held) do
    if entry.is_taken_back == is_taken_back then
      forget(entry)
      if not entry.is_open or entry.is_open(entry.thing) then
        record.left[#record.left + 1] = entry
      end
    end
  end
end

local function finish(record, owner)
  if owner.after and #owner.after > 0 then -- what the app runs there may give things back
    return cleanup.after(owner, finish, record, owner)
  end
  watched_count = watched_count - 1
  of_slot[record.slot] = nil
  take_left(record, false)
  if #record.left > 0 then
    tell(text_of(record.left), core.request_id(record.slot, record.epoch))
  end
end

local function record_of(slot, epoch)
  local record = of_slot[slot]
  if not record or record.epoch ~= epoch then
    record = { slot = slot, epoch = epoch, held = {}, count = 0, left = {} }
    local owner = cleanup.of_request(slot, epoch)
    cleanup.after(owner, finish, record, owner)
    of_slot[slot], watched_count = record, watched_count + 1
  end
  return record
end

-- ---- what is begun, and ended ------------------------------------------------------------

-- `at`: where, if that is known; `is_open(thing)`: for what is not seen to end.
local function note(thing, kind, is_taken_back, at, is_open)
  local slot, epoch
  if is_taken_back then
    slot, epoch = core.request_here() -- in a task, its end takes it back
  else
    slot, epoch = behalf.here()
  end
  local record = slot and record_of(slot, epoch)
  if not record or record.count >= MOST_HELD then
    return
  end
  local entry = {
    record = record, thing = thing, kind = kind, at = at or place.nearest() or "?", is_taken_back = is_taken_back,
    is_open = is_open,
  }
  record.held[entry], record.count = true, record.count + 1
  holdings[thing] = holdings[thing] or {}
  table.insert(holdings[thing], entry)
end

-- Given back: by the request that has it, or by whoever was handed it.
local function release(thing, kind)
  local slot, epoch = behalf.here()
  local found
  for _, entry in ipairs(holdings[thing] or {}) do
    local is_own = entry.record.slot == slot and entry.record.epoch == epoch
    if entry.kind == kind and (not found or is_own) then
      found = entry
    end
  end
  if found then
    forget(found)
  end
end

-- The app's line is blamed for a misuse, as without the watch: whoever raised counts stack levels.
local function checked(ok, ...)
  if ok then
    return ...
  elseif type((...)) == "string" then
    place.blame((...))
  end
  error((...), 0)
end

local function noted(thing, kind, is_taken, ...)
  if is_taken then
    note(thing, kind, false)
  end
  return is_taken, ...
end

local function watch_taking(Class, name, kind)
  local plain = Class[name]
  Class[name] = function(self, ...)
    if not behalf.here() then
      return plain(self, ...)
    end
    return noted(self, kind, checked(pcall(plain, self, ...)))
  end
end

local function watch_release(Class, name, kind)
  local plain = Class[name]
  Class[name] = function(self, ...)
    release(self, kind)
    return plain(self, ...)
  end
end

-- What `Class[name]` makes is open until its `close`.
local function watch_making(Class, name, kind)
  local plain, is_close_watched = Class[name], false
  Class[name] = function(self, ...)
    if not core.request_here() then
      return plain(self, ...)
    end
    local made = checked(pcall(plain, self, ...))
    if not is_close_watched then
      is_close_watched = true
      watch_release(getmetatable(made), "close", kind)
    end
    note(made, kind, true)
    return made
  end
end

local function is_open_file(file)
  return io.type(file) == "file"
end

-- Those that Rille itself opens it closes, or keeps for good, as rille.random does.
local function watch_files()
  local open = io.open
  function io.open(...) -- luacheck: ignore 122
    local file, why, code = open(...)
    local taker, line = core.caller(2)
    local at = file and taker and place.of(taker, line)
    if at then
      note(file, FILE, false, at, is_open_file)
    end
    return file, why, code
  end
end

-- They are taken back before the request is over, by a deferred function that tells which these were.
local function watch_resources()
  local Resources = resources.class
  local plain = Resources.acquire
  function Resources:acquire()
    local slot, epoch = behalf.here()
    if slot then
      record_of(slot, epoch)
    end
    return plain(self) -- a tail call: it looks for its caller
  end
  function resources.on_left(taken_at)
    local slot, epoch = behalf.here()
    if not slot then
      return false
    end
    local left = record_of(slot, epoch).left
    left[#left + 1] = { kind = RESOURCE, at = taken_at }
    return true
  end
end

-- ---- tasks -------------------------------------------------------------------------------

-- Those of Rille's own are nobody's mistake.
local function note_running(slot, epoch, spawned)
  for _, task in pairs(spawned) do
    local at = tasks.left_at(task)
    if at then
      local left = record_of(slot, epoch).left
      left[#left + 1] = { kind = TASK, at = at }
    end
  end
end

local function answered(slot, epoch, spawned, ...)
  tasks.keep_list(nil)
  note_running(slot, epoch, spawned)
  local record = of_slot[slot]
  if record and record.epoch == epoch then
    take_left(record, true)
  end
  return ...
end

local function watch_handlers()
  local plain = compose.entry
  function compose.entry(...)
    local entry = plain(...)
    return function(slot, epoch)
      local spawned = setmetatable({}, { __mode = "v" }) -- those that have ended may go
      tasks.keep_list(spawned)
      return answered(slot, epoch, spawned, entry(slot, epoch))
    end
  end
end

-- ---- for those who run apps --------------------------------------------------------------

--- Watch the requests of all apps that are built from now on.
-- @tparam function hear(text, request_id) told at the end of a request that left something open
function leaks.watch(hear)
  local is_first = tell == nil
  tell = hear
  if not is_first then
    return
  end
  watch_handlers()
  watch_files()
  watch_resources()
  local Semaphore, Mutex, RWLock = getmetatable(sync.semaphore(1)), getmetatable(sync.mutex()), getmetatable(sync.rwlock())
  for _, one in ipairs {
    { Semaphore, PERMIT, "release", "acquire", "try_acquire" }, { Mutex, MUTEX, "unlock", "lock", "try_lock" },
    { RWLock, READ, "read_unlock", "read_lock" }, { RWLock, WRITE, "unlock", "lock" },
  } do
    watch_release(one[1], one[3], one[2])
    for i = 4, #one do
      watch_taking(one[1], one[i], one[2])
    end
  end
  watch_making(getmetatable(topic.new "watched"), "subscribe", SUBSCRIPTION)
  watch_making(getmetatable(db), "listen", LISTENER)
end

--- How many requests have begun something that is watched, and are not over yet.
-- @treturn integer
function leaks.pending()
  return watched_count
end

return leaks
