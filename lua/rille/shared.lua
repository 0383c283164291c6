--- A store that all workers of the process share, in a bounded memory.
--
-- Lost with the process: what must be there tomorrow belongs into the database. No call waits.
local core = require "rille.core"
local method = require "rille.method"
local option = require "rille.option"
local slip = require "rille.slip"
local unit = require "rille.unit"

local Shared = { __name = "rille.shared" }
Shared.__index = Shared

local shared = {}

local OPTIONS = { bytes = option.size(64 * 2 ^ 20) }
local LEAST_BYTES, MOST_KEY, MOST_KEYS = 64 * 1024, 1024, 100000
local ALWAYS, IF_ABSENT, IF_PRESENT = 0, 1, 2

local is_swept = false -- by this worker

--- A store that all workers of the process share: whoever opens the name has the same one. It outlives a reload, and is
-- lost with the process. When its bytes are used up, what has not been used for longest goes: the store is divided into
-- parts of 4 MB or more, each with its own order.
-- @tparam string name
-- @tparam[opt] table options `bytes` ("64M"): what keys, values and the store's own tables take at most
-- @treturn Shared
-- @raise when it is open with other bytes
function shared.new(name, options)
  option.name("a shared store", name, 2)
  local bytes = option.read("rille.shared", options, OPTIONS, 2).bytes
  if bytes < LEAST_BYTES then
    error(("a shared store has 64K at least: got %d bytes"):format(bytes), 2)
  end
  local handle, there = core.store_open(name, bytes)
  if not handle then
    error(there and ("the shared store '%s' is open with %d bytes, and %d were asked for: all who open it say the same")
      :format(name, there, bytes) or "there are 256 shared stores already: give fewer names", 2)
  end
  if not is_swept then
    is_swept = true
    core.store_sweep()
  end
  return setmetatable({ handle = handle, name = name }, Shared)
end

local function check_key(key, level)
  if type(key) ~= "string" or #key > MOST_KEY then
    error(("a key is a text of at most %d bytes: got %s"):format(MOST_KEY, type(key) == "string" and #key .. " bytes"
      or tostring(key)), level + 1)
  end
end

local function check_value(value, level)
  if value == nil then
    error("a store keeps no nil: shared:delete(key) removes what is there", level + 1)
  end
end

local function ms_of(ttl, level)
  if ttl == nil then
    return nil
  end
  local ms = unit.seconds(ttl, level + 1) * 1000
  if ms <= 0 then
    error("a ttl is more than 0 seconds; without one the value stays until it has to make room", level + 1)
  end
  return ms
end

-- What C says of a write: true, or nil and why; it raises for what cannot be stored.
local function outcome(self, done, why)
  if done == false then
    error("shared: " .. why, 3)
  elseif why == "full" then
    error(("shared: the value is larger than a part of the store '%s': open it with more bytes"):format(self.name), 3)
  end
  return done, why
end

--- The value of a key.
-- @tparam string key
-- @return a copy; nil when there is none
function Shared:get(key)
  check_key(key, 2)
  return core.store_get(self.handle, key)
end

--- Set a key.
-- @tparam string key of at most 1,024 bytes
-- @param value tables, strings, numbers, booleans, rille.null, up to 1 MB; it is copied
-- @tparam[opt] duration ttl how long it stays; without it, until it has to make room
-- @raise for a value that cannot be copied, naming what of it, or is larger than a part of the store
function Shared:set(key, value, ttl)
  check_key(key, 2)
  check_value(value, 2)
  outcome(self, core.store_put(self.handle, key, value, ALWAYS, ms_of(ttl, 2)))
end

--- Set a key that is not there.
-- @tparam string key
-- @param value
-- @tparam[opt] duration ttl
-- @treturn boolean|nil true; or nil
-- @treturn ?string then "exists"
-- @raise as set
function Shared:add(key, value, ttl)
  check_key(key, 2)
  check_value(value, 2)
  local done = outcome(self, core.store_put(self.handle, key, value, IF_ABSENT, ms_of(ttl, 2)))
  return done, not done and "exists" or nil
end

--- Set a key that is there.
-- @tparam string key
-- @param value
-- @tparam[opt] duration ttl
-- @treturn boolean|nil true; or nil
-- @treturn ?string then "missing"
-- @raise as set
function Shared:replace(key, value, ttl)
  check_key(key, 2)
  check_value(value, 2)
  local done = outcome(self, core.store_put(self.handle, key, value, IF_PRESENT, ms_of(ttl, 2)))
  return done, not done and "missing" or nil
end

-- NaN is none: a counter would stay that for ever.
local function is_number(value)
  return type(value) == "number" and value == value
end

--- Add to a number, in one step for all workers.
-- @tparam string key
-- @tparam[opt=1] number by
-- @tparam[opt] number init what it begins with when it is not there
-- @tparam[opt] duration ttl of one that begins; one that is there keeps its own
-- @treturn number|nil the sum; or nil when it is not there, and has no `init`
-- @treturn ?string then "missing"
-- @raise when what is there is no number
function Shared:incr(key, by, init, ttl)
  check_key(key, 2)
  by = by or 1
  if not is_number(by) or init ~= nil and not is_number(init) then
    error("incr takes a key and numbers: shared:incr(key, by, init, ttl)", 2)
  end
  local sum, why = core.store_add(self.handle, key, by, init, ms_of(ttl, 2))
  if sum then
    return sum
  elseif why == "invalid" then
    error(("shared: '%s' is no number, and cannot be added to"):format(key), 2)
  end
  outcome(self, sum, why)
  return nil, "missing"
end

--- Compare and set: when `old` is there, put `value` in its place, in one step for all workers.
-- @tparam string key
-- @param old a number, string or boolean; nil: nothing is there
-- @param value nil: delete it
-- @tparam[opt] duration ttl
-- @treturn boolean|nil true; or nil
-- @treturn ?string then "changed"
-- @raise for a table as `old`: keep a version beside it, in a key of its own
function Shared:cas(key, old, value, ttl)
  check_key(key, 2)
  if type(old) == "table" then
    error("cas compares numbers, strings and booleans, no tables: keep a number that tells versions, and compare that", 2)
  end
  local done = outcome(self, core.store_swap(self.handle, key, old, value, ms_of(ttl, 2)))
  return done, not done and "changed" or nil
end

--- Remove a key.
-- @tparam string key
-- @treturn boolean whether it was there
function Shared:delete(key)
  check_key(key, 2)
  return core.store_delete(self.handle, key)
end

--- Keys, in no order. What others write meanwhile is among them or not.
-- @tparam[opt=""] string prefix what they begin with
-- @tparam[opt=1000] integer limit how many at most; and no more than 1 MB of them
-- @treturn array
function Shared:keys(prefix, limit)
  prefix, limit = prefix or "", limit or 1000
  check_key(prefix, 2)
  if type(limit) ~= "number" or limit < 1 or limit > MOST_KEYS or limit % 1 ~= 0 then
    error(("keys takes a limit, an integer from 1 to %d: got %s"):format(MOST_KEYS, tostring(limit)), 2)
  end
  return core.array(core.store_keys(self.handle, prefix, limit))
end

--- How many keys there are; some may be over, and not yet gone.
-- @treturn integer
function Shared:count()
  return (core.store_count(self.handle))
end

--- How many bytes it uses.
-- @treturn integer
function Shared:size()
  local _, bytes = core.store_count(self.handle)
  return bytes
end

slip.guard(Shared, "a shared store", "get set add replace incr cas delete keys count size", "")
method.guard(Shared, "shared", { "get", "set", "add", "replace", "incr", "cas", "delete", "keys", "count", "size" })

return shared
