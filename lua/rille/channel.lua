--- Channels between the tasks of one worker, with the semantics of Go's.
--
--     senders (a line)  -->  items (a ring, `capacity` of them)  -->  receivers (a line)
--
-- At any time one of the two lines is empty: a sender waits only while the ring is
-- full, a receiver only while it is empty. A woken receiver was given its value in that
-- moment, so that it has it although it runs later, and nobody can get between.
local errors = require "rille.error"
local later = require "rille.later"
local line = require "rille.line"
local slip = require "rille.slip"
local unit = require "rille.unit"
local selection = later.of "rille.select"

local wake, give, first, stand = line.wake, line.give, line.first, line.stand
local random = math.random

local Channel = { __name = "rille.channel" }
Channel.__index = Channel

local channel = {}

local MOST_CAPACITY = 2 ^ 24

--- A channel. Values are passed by reference: whoever sends a table should not write to it any more.
-- @tparam[opt] integer capacity how many values it holds that nobody has received yet;
--   0 (the default): a send waits for its receiver
-- @treturn Channel
function channel.new(capacity)
  capacity = capacity or 0
  if type(capacity) ~= "number" or capacity < 0 or capacity > MOST_CAPACITY or capacity % 1 ~= 0 then
    error(("a channel's capacity is an integer from 0 to %d: got %s"):format(MOST_CAPACITY, tostring(capacity)), 2)
  end
  return setmetatable({
    items = {}, first = 0, count = 0, capacity = capacity, is_closed = false,
    senders = line.new(), receivers = line.new(),
    may_send = false, may_receive = false, -- whether somebody may stand there: false is sure
  }, Channel)
end

local function is_channel(value)
  return getmetatable(value) == Channel
end

local function check(self, name)
  if getmetatable(self) ~= Channel then
    error(("channel.%s is called with a colon: channel:%s(…)"):format(name, name), 3)
  end
end

local function check_value(value)
  if value == nil then
    error("a channel carries no nil: send rille.null, false or a table", 3)
  end
end

-- True when the value was taken: by somebody who waits for one, or by the ring.
local function offer(self, value)
  if self.may_receive then
    if give(self.receivers, value) then
      return true
    end
    self.may_receive = false
  end
  local count, capacity = self.count, self.capacity
  if count < capacity then
    local at = self.first + count
    self.items[at < capacity and at or at - capacity] = value
    self.count = count + 1
    return true
  end
  return false
end

-- What the sender brought who has waited longest, or nil.
local function take_waiting(self)
  if self.may_send then
    local is_woken, value = wake(self.senders)
    if is_woken then
      return value
    end
    self.may_send = false
  end
end

-- The oldest value, or nil. A sender who waits takes its place in the ring, or hands over.
local function take(self)
  local count = self.count
  if count == 0 then
    return take_waiting(self)
  end
  local items, at = self.items, self.first
  local value, sent = items[at], take_waiting(self)
  local next = at + 1
  self.first = next == self.capacity and 0 or next
  if sent ~= nil then
    items[at] = sent -- the ring was full: its new end is where its beginning was
  else
    items[at] = false
    self.count = count - 1
  end
  return value
end

local CLOSED = {} -- what a woken party is given when the channel was closed

local function raise_closed(verb)
  error(errors.new { code = "closed", message = ("%s a channel that is closed"):format(verb) }, 3)
end

--- Send a value; waits until somebody has received it, or the channel has room. **May yield.**
-- @param value anything but nil
-- @tparam[opt] duration timeout
-- @treturn boolean|nil true; or nil when the time has passed: the value was not sent
-- @treturn ?string then "timeout"
-- @raise `closed` when the channel is, or is closed while this waits
function Channel:send(value, timeout)
  check(self, "send")
  check_value(value)
  local ms = unit.ms(timeout)
  if self.is_closed then
    raise_closed "sent on"
  end
  if offer(self, value) then
    return true
  end
  self.may_send = true
  local is_woken, gift = stand(self.senders, value, ms)
  if not is_woken then
    return nil, "timeout"
  elseif gift == CLOSED then
    raise_closed "sent on"
  end
  return true
end

--- Receive the oldest value; waits until there is one. **May yield.**
-- @tparam[opt] duration timeout
-- @return the value; or nil when there is none
-- @treturn ?string then "closed" or "timeout"
function Channel:recv(timeout)
  check(self, "recv")
  local ms = unit.ms(timeout)
  local value = take(self)
  if value ~= nil then
    return value
  end
  if self.is_closed then
    return nil, "closed"
  end
  self.may_receive = true
  local is_woken, gift = stand(self.receivers, nil, ms)
  if not is_woken then
    return nil, "timeout"
  elseif gift == CLOSED then
    return nil, "closed"
  end
  return gift
end

--- Send if that needs no wait.
-- @param value anything but nil
-- @treturn boolean|nil true; or nil
-- @treturn ?string then "full"
-- @raise `closed`
function Channel:try_send(value)
  check(self, "try_send")
  check_value(value)
  if self.is_closed then
    raise_closed "sent on"
  end
  if offer(self, value) then
    return true
  end
  return nil, "full"
end

--- Receive if that needs no wait.
-- @return the value; or nil
-- @treturn ?string then "empty" or "closed"
function Channel:try_recv()
  check(self, "try_recv")
  local value = take(self)
  if value ~= nil then
    return value
  end
  return nil, self.is_closed and "closed" or "empty"
end

--- No more is sent. What is in the channel can still be received; whoever waits is woken.
-- @raise `closed` when it is already
function Channel:close()
  check(self, "close")
  if self.is_closed then
    raise_closed "closed"
  end
  self.is_closed = true
  for _, waiting in ipairs { self.senders, self.receivers } do
    while give(waiting, CLOSED) do end
  end
end

local function next_value(self)
  return (self:recv())
end

--- For `for value in channel:iter() do`: until the channel is closed and empty. **Yields** between values.
function Channel:iter()
  check(self, "iter")
  return next_value, self
end

slip.guard(Channel, "a channel", "send recv try_send try_recv iter len close", "", "channel")

-- ---- select -------------------------------------------------------------------

-- What a case is about: its channel, and what it sends there, or nil when it receives.
local function parts_of(case)
  if getmetatable(case) == Channel then
    return case
  end
  return case[1], case[2]
end

local function is_case(case)
  return is_channel(case) or (type(case) == "table" and rawget(case, 2) ~= nil and is_channel(rawget(case, 1)))
end

local function is_ready(self, value)
  if self.is_closed then
    return true
  elseif value ~= nil then
    return self.count < self.capacity or self:has_receivers()
  end
  return self.count > 0 or self.may_send and first(self.senders)
end

-- Any of the ready cases with equal chance: one that is always ready must not starve the others.
-- Then true when some case is none of ours.
local function choose(cases, count)
  local chosen, ready = nil, 0
  for i = 1, count do
    if not is_case(cases[i]) then
      return nil, true
    end
    if is_ready(parts_of(cases[i])) then
      ready = ready + 1
      if ready == 1 or random(ready) == 1 then
        chosen = i
      end
    end
  end
  return chosen
end

-- Carry a case out that is ready: whether that was so, and what came of it. It is not when whoever waited at the
-- other side was woken by another worker in this moment.
local function carry_out(case)
  local self, value = parts_of(case)
  if value ~= nil then
    if self.is_closed then
      raise_closed "sent on"
    end
    return offer(self, value)
  end
  local got = take(self)
  if got ~= nil then
    return true, got
  end
  return self.is_closed, nil, "closed"
end

-- Whoever is about to wait for cases is told of what is none, and no option: it may be the one that was meant to end the wait.
local function check_keys(cases, count)
  for key in next, cases, count > 0 and count or nil do
    if type(key) ~= "number" and key ~= "timeout" and key ~= "default" then
      error(("select takes a list of cases, timeout and default: got '%s'"):format(tostring(key)), 3)
    elseif type(key) == "number" and key > count then
      error(("select: case %d is nil, so that what is behind it is not seen"):format(count + 1), 3)
    end
  end
end

-- The lines of all cases, and what each brings there.
local function lines_of(cases, count)
  local lines, values = {}, {}
  for i = 1, count do
    local self, value = parts_of(cases[i])
    if value ~= nil then
      self.may_send = true
      lines[i], values[i] = self.senders, value
    else
      self.may_receive = true
      lines[i], values[i] = self.receivers, false
    end
  end
  return lines, values
end

-- What a case came to that was waited for.
local function outcome(index, case, gift)
  local _, sent = parts_of(case)
  if gift ~= CLOSED then
    return index, gift
  elseif sent ~= nil then
    raise_closed "sent on"
  end
  return index, nil, "closed"
end

--- Wait until one of several channels can go on, and do that. **May yield.**
--
--     local index, order = rille.select { orders, stop, { results, 42 }, timeout = "1s" }
--
-- Of several that are ready, each has the same chance.
-- @tparam table cases a list of channels and subscriptions, to receive from, and of `{ channel, value }`, to send
--   there, shared ones among them (24 at most); `timeout`: a duration; `default = true`: do not wait
-- @treturn integer|nil which of them it was; nil when none was
-- @return what was received; or nil. When it was none: "timeout" or "default"
-- @treturn ?string "closed" when it was a channel that is closed and empty
-- @raise `closed` when it was a send, and the channel is closed
function channel.select(cases)
  if type(cases) ~= "table" then
    error("select takes a table of cases: got a " .. type(cases), 2)
  end
  local count, ms = #cases, unit.ms(cases.timeout)
  local chosen, has_others = choose(cases, count)
  if has_others then
    return selection.of(cases, ms)
  elseif chosen then
    local done, value, why = carry_out(cases[chosen])
    if done then
      return chosen, value, why
    end
    return channel.select(cases)
  elseif cases.default then
    return nil, "default"
  elseif count == 0 and not cases.timeout then
    error("select has neither a case nor a timeout: it would wait for ever", 2)
  end
  check_keys(cases, count)
  local lines, values = lines_of(cases, count)
  local woken, gift = line.stand_in_any(lines, values, ms)
  if not woken then
    return nil, "timeout"
  end
  return outcome(woken, cases[woken], gift)
end

-- Whether somebody waits for a value.
function Channel:has_receivers()
  return self.may_receive and first(self.receivers)
end

--- For rille.select, of cases that are ours: whether one is, whether it can go on, to carry it out then; the lines to wait
-- in, and what came of that. Of all of them: whether there is anything else.
channel.case = {
  check_keys = check_keys,
  is = is_case,
  is_ready = function(case) return is_ready(parts_of(case)) end,
  carry_out = carry_out,
  lines_of = lines_of,
  outcome = outcome,
}

--- How many values are in it, sent and not yet received.
-- @treturn integer
function Channel:len()
  check(self, "len")
  return self.count
end

return channel
