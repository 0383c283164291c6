--- Select over channels of this worker and what is shared with others, in one wait.
--
-- What is this worker's own changes only while its Lua runs, so that it stays as it was seen until the task
-- is parked; what is shared may change at any moment, and is looked at once more when C parks it.
local channel = require "rille.channel"
local core = require "rille.core"
local errors = require "rille.error"
local shared_channel = require "rille.shared_channel"
local topic = require "rille.topic"
local wait = require "rille.wait"

local selection = {}

local own = channel.case
local random = math.random

local PARK = core.PARK
local AGAIN = -1
local MOST_SHARED = 24

-- The handle of a shared case, and what it sends, or nil when it receives; nothing when it is none.
local function parts_of(case)
  if shared_channel.is(case) or topic.is_subscription(case) then
    return case.handle
  elseif type(case) == "table" and rawget(case, 2) ~= nil and shared_channel.is(rawget(case, 1)) then
    return case[1].handle, case[2]
  end
end

local function check_cases(cases)
  local shared = 0
  for i = 1, #cases do
    local case = cases[i]
    if parts_of(case) then
      shared = shared + 1
    elseif not own.is(case) then
      error(("select: case %d is neither a channel, to receive from it, nor { channel, value }, to send there"):format(i), 3)
    end
  end
  if shared > MOST_SHARED then
    error(("select: %d shared channels and subscriptions, of at most %d"):format(shared, MOST_SHARED), 3)
  end
  return shared
end

local function is_ready(case)
  local handle, value = parts_of(case)
  if not handle then
    return own.is_ready(case)
  end
  return not core.shared_would_wait(handle, value ~= nil)
end

local function choose(cases)
  local chosen, ready = nil, 0
  for i, case in ipairs(cases) do
    if is_ready(case) then
      ready = ready + 1
      if ready == 1 or random(ready) == 1 then
        chosen = i
      end
    end
  end
  return chosen
end

local function raise_closed()
  error(errors.new { code = "closed", message = "sent on a channel that is closed" }, 3)
end

-- Carry a case out: true and what came of it, or false when another worker was quicker.
local function carry_out(case)
  local handle, value = parts_of(case)
  if not handle then
    return own.carry_out(case)
  elseif value == nil then
    local got, is_closed = core.shared_receive(handle)
    return got ~= nil or is_closed, got, is_closed and "closed" or nil
  end
  local sent, message = core.shared_send(handle, value)
  if sent == nil then
    if message then
      error("select: " .. message, 3)
    end
    raise_closed()
  end
  return sent
end

-- Parties for the shared cases, and which cases they are.
local function sit(cases, shared)
  local seat, indexes = core.shared_seat(shared), {}
  for i, case in ipairs(cases) do
    local handle, value = parts_of(case)
    if handle then
      indexes[#indexes + 1] = i
      local done, message = core.shared_sit(seat, #indexes, handle, value)
      if not done then
        error("select: " .. message, 4)
      end
    end
  end
  return seat, indexes
end

-- The cases of this worker's own, and which they are.
local function own_of(cases)
  local list, indexes = {}, {}
  for i, case in ipairs(cases) do
    if not parts_of(case) then
      list[#list + 1], indexes[#indexes + 1] = case, i
    end
  end
  return list, indexes
end

local function outcome_of_party(seat, party, case)
  local value = core.shared_end(seat, party)
  local _, sent = parts_of(case)
  if sent == nil then
    if value == nil then
      return nil, "closed"
    end
    return value
  elseif value == nil then
    raise_closed()
  end
end

-- Wait for all cases: the index of the one that could go on, and what came of it; false and "timeout"; or nil when one
-- could go on before anybody waited.
local function wait_for(cases, shared, ms)
  own.check_keys(cases, #cases)
  local list, own_indexes = own_of(cases)
  local seat, indexes = sit(cases, shared)
  local lines, values = own.lines_of(list, #list)
  local case, gift = core.line_wait_any(lines, ms, PARK, values, seat)
  local party = case - #lines - 1
  if party >= 1 then
    local index = indexes[party]
    return index, outcome_of_party(seat, party, cases[index])
  end
  core.shared_leave(seat)
  if case == AGAIN then
    return nil
  elseif wait.won(case) > #lines then
    return false, "timeout"
  end
  return own.outcome(own_indexes[case], list[case], gift)
end

--- rille.select, when a case is none of this worker's own. **Yields.**
-- @tparam table cases as for rille.select
-- @tparam ?number ms what their timeout is
-- @return as rille.select
-- @local
function selection.of(cases, ms)
  local shared = check_cases(cases)
  local over_at = ms and core.uptime() * 1000 + ms
  while true do
    local chosen = choose(cases)
    if chosen then
      local done, value, why = carry_out(cases[chosen])
      if done then
        return chosen, value, why
      end
    elseif cases.default then
      return nil, "default"
    else
      local index, value, why = wait_for(cases, shared, over_at and math.max(over_at - core.uptime() * 1000, 0))
      if index ~= nil then
        return index or nil, value, why
      end
    end
  end
end

return selection
