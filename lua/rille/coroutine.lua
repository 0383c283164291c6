--- Coroutines of the user's own, in which Rille's calls may still wait.
--
-- A wait yields the private PARK value. When it surfaces from an inner
-- coroutine it is no value of the user's: it is passed outward with what the wait brings,
-- and what comes back is passed inward again, so a generator may query the database.
local core = require "rille.core"
local errors = require "rille.error"

local PARK = core.PARK
local create, resume, yield, status = coroutine.create, coroutine.resume, coroutine.yield, coroutine.status
local running, isyieldable = coroutine.running, coroutine.isyieldable

local forwarding = {}
for name, fn in pairs(coroutine) do
  forwarding[name] = fn
end

-- Coroutines that are parked in one of Rille's waits: to their user they run.
local parked = setmetatable({}, { __mode = "k" })

local function resumed(co, ...)
  parked[co] = nil
  return resume(co, ...)
end

local function passed(co, ok, first, ...)
  if ok and first == PARK then
    parked[co] = true
    return passed(co, resumed(co, yield(PARK, ...)))
  end
  return ok, first, ...
end

function forwarding.resume(co, ...)
  if parked[co] then
    return false, "cannot resume a coroutine that waits: it goes on by itself"
  end
  return passed(co, resume(co, ...))
end

function forwarding.wrap(fn)
  local co = create(fn)
  return function(...)
    return errors.rethrow(forwarding.resume(co, ...))
  end
end

function forwarding.status(co)
  return parked[co] and "normal" or status(co)
end

forwarding.running, forwarding.isyieldable = running, isyieldable

return forwarding
