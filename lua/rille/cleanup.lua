--- What runs when a request or a task has ended: deferred functions, the last
-- one first, then those given to c:after, in their order.
local core = require "rille.core"
local errors = require "rille.error"
local place = require "rille.place"
local report = require "rille.report"

local cleanup = {}

-- The request that has functions to run, by slot. An entry is of one epoch and
-- is taken out when they have run.
local requests = {}

-- How whoever gave a function calls what he did.
local CALLS = { deferred = "rille.defer", after = "c:after" }

local function packed(list, fn, ...)
  return { call = CALLS[list], fn = fn, count = select("#", ...), ... }
end

-- The request has been answered, and what it had of time for all that follows is over.
local function cut_off(one)
  local settings = core.settings
  return ("%s was cut off: what follows an answer has request_timeout%s, together; a task of rille.background has its own "
    .. "time"):format(one.call, settings and settings.request_timeout and (" (%g s)"):format(settings.request_timeout) or "")
end

-- One that fails must not keep the others from running.
local function call(one)
  local ok, err = xpcall(one.fn, report.traced, unpack(one, 1, one.count))
  if ok then
    return
  end
  local at = place.of(one.fn)
  if err == errors.TIMEOUT and core.why() == "timeout" then
    err = cut_off(one)
  end
  report.unanswered(err, { what = ("a function given to %s failed%s"):format(one.call, at and " (" .. at .. ")" or ""), at = at })
end

local function next_of(owner)
  local deferred, after = owner.deferred, owner.after
  if deferred and #deferred > 0 then
    return table.remove(deferred)
  end
  if after then
    return table.remove(after, 1)
  end
end

--- Run what was noted down for `owner`, and what these functions note down themselves.
function cleanup.run(owner)
  for one in next_of, owner do
    call(one)
  end
end

--- The owner that stands for a request: C runs it once the answer was handed over.
function cleanup.of_request(slot, epoch)
  local owner = requests[slot]
  if not owner or owner.epoch ~= epoch then
    owner = { epoch = epoch }
    core.after(slot, epoch, function() -- raises when that request is over: another one has the slot
      requests[slot] = nil
      cleanup.run(owner)
    end)
    requests[slot] = owner
  end
  return owner
end

local function note(owner, list, fn, ...)
  owner[list] = owner[list] or {}
  table.insert(owner[list], packed(list, fn, ...))
end

function cleanup.add(owner, fn, ...)
  note(owner, "deferred", fn, ...)
end

function cleanup.after(owner, fn, ...)
  note(owner, "after", fn, ...)
end

return cleanup
