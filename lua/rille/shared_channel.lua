--- Channels between all workers of the process, with the semantics of those in channel.lua.
--
--     worker 0: send "orders" --copy--> [ queue, `capacity` ] --copy--> recv "orders" :worker 1
--
-- What passes is copied, so that no VM sees another's tables. C holds the queue, and the lines of those who
-- wait (core/sync/channel.h); here is what a task does that has to wait.
local core = require "rille.core"
local errors = require "rille.error"
local method = require "rille.method"
local option = require "rille.option"
local slip = require "rille.slip"
local unit = require "rille.unit"
local wait = require "rille.wait"

local send_now, receive_now = core.shared_send, core.shared_receive
local sit, park, end_wait, leave = core.shared_sit, core.shared_park, core.shared_end, core.shared_leave
local won, give_way = wait.won, core.give_way

local SharedChannel = { __name = "rille.shared_channel" }
SharedChannel.__index = SharedChannel

local shared_channel = {}

local OPTIONS = { capacity = option.count(0, 0, 2 ^ 24) }
local CASE_TIMEOUT, CASE_SERVED = 1, 2

--- A channel that all workers of the process share: whoever opens the name has the same one. Values are copied:
-- tables, strings, numbers, booleans, rille.null, rille.array; up to 1 MB each. It is full with 64 MB, whatever its
-- capacity. It outlives a reload, and is lost with the process.
-- @tparam string name
-- @tparam[opt] table options `capacity` (0): how many values it holds that nobody has received yet
-- @treturn SharedChannel
-- @raise when it is open with another capacity
function shared_channel.new(name, options)
  option.name("a shared channel", name, 2)
  local capacity = option.read("rille.shared_channel", options, OPTIONS, 2).capacity
  local handle, there = core.shared_open(name, capacity)
  if handle then
    return setmetatable({ handle = handle, name = name }, SharedChannel)
  end
  error(there and ("the shared channel '%s' is open with a capacity of %d, and %d was asked for: all who open it say the same")
    :format(name, there, capacity) or "there are 4096 shared channels already: give fewer names", 2)
end

-- Who always finds what he wants would never wait, and so keep all others of his worker from running.
local MOST_WITHOUT_A_BREAK = 256
local left = MOST_WITHOUT_A_BREAK

local function take_break()
  left = MOST_WITHOUT_A_BREAK
  won(give_way())
end

-- Seats for one, that nobody sits in.
local spare, spare_count = {}, 0
local MOST_SPARE = 64

local function take_seat()
  if spare_count == 0 then
    return core.shared_seat(1)
  end
  local seat = spare[spare_count]
  spare[spare_count] = nil
  spare_count = spare_count - 1
  return seat
end

local function give_back(seat)
  if spare_count < MOST_SPARE then
    spare_count = spare_count + 1
    spare[spare_count] = seat
  end
end

-- Wait in the seat: true and what came of it, or nil and the case that it was.
local function wait_in(seat, ms)
  local case = park(seat, ms)
  if case == CASE_SERVED then
    local value = end_wait(seat, 1)
    give_back(seat)
    return true, value
  end
  leave(seat)
  give_back(seat)
  return nil, won(case)
end

local function ms_left(over_at)
  return over_at and math.max(over_at - core.uptime() * 1000, 0)
end

local function over_at_of(timeout, level)
  local ms = unit.ms(timeout, level + 1)
  return ms and core.uptime() * 1000 + ms
end

--- Receive from what has a handle: a channel, or a subscription.
-- @treturn value, or nil and "closed" or "timeout"
function shared_channel.receive(self, timeout, level)
  left = left - 1
  if left <= 0 then
    take_break()
  end
  local handle, over_at = self.handle, over_at_of(timeout, level + 1)
  local value, is_closed = receive_now(handle)
  if value ~= nil then
    return value
  end
  while not is_closed do
    local seat = take_seat()
    sit(seat, 1, handle)
    local is_served, what = wait_in(seat, ms_left(over_at))
    if is_served then
      left = MOST_WITHOUT_A_BREAK
      if what == nil then
        return nil, "closed"
      end
      return what
    elseif what == CASE_TIMEOUT then
      return nil, "timeout"
    end
    value, is_closed = receive_now(handle)
    if value ~= nil then
      return value
    end
  end
  return nil, "closed"
end

--- The same without a wait.
-- @return value, or nil and "closed" or "empty"
function shared_channel.try_receive(self)
  local value, is_closed = receive_now(self.handle)
  if value ~= nil then
    return value
  end
  return nil, is_closed and "closed" or "empty"
end

local receive = shared_channel.receive

local function raise_closed(verb, level)
  error(errors.new { code = "closed", message = ("%s a channel that is closed"):format(verb) }, level + 1)
end

-- What a send came to that was not sent, and need not wait: closed, or no such value.
local function refuse(message, level)
  if message then
    error("shared_channel: " .. message, level + 1)
  end
  raise_closed("sent on", level + 1)
end

-- Of the two that are called most, without another call between.
local function check(self, name)
  if getmetatable(self) ~= SharedChannel then
    error(("channel.%s is called with a colon: channel:%s(…)"):format(name, name), 3)
  end
end

local function check_value(value, level)
  if value == nil then
    error("a channel carries no nil: send rille.null, false or a table", level + 1)
  end
end

--- Send a copy of `value`; waits until somebody has received it, or the channel has room. **May yield.**
-- @param value tables, strings, numbers, booleans, rille.null
-- @tparam[opt] duration timeout
-- @treturn boolean|nil true; or nil when the time has passed: the value was not sent
-- @treturn ?string then "timeout"
-- @raise `closed` when the channel is, or is closed while this waits; for a value that cannot be copied, naming what of it
function SharedChannel:send(value, timeout)
  check(self, "send")
  check_value(value, 2)
  left = left - 1
  if left <= 0 then
    take_break()
  end
  local handle, over_at = self.handle, over_at_of(timeout, 2)
  local sent, message = send_now(handle, value)
  if sent then
    return true
  end
  while sent == false do
    local seat = take_seat()
    sit(seat, 1, handle, value)
    local is_served, what = wait_in(seat, ms_left(over_at))
    if is_served then
      left = MOST_WITHOUT_A_BREAK
      if what == nil then
        raise_closed("sent on", 2)
      end
      return true
    elseif what == CASE_TIMEOUT then
      return nil, "timeout"
    end
    sent, message = send_now(handle, value)
  end
  return sent or refuse(message, 2)
end

--- Receive the oldest value; waits until there is one. **May yield.**
-- @tparam[opt] duration timeout
-- @return the value; or nil when there is none
-- @treturn ?string then "closed" or "timeout"
function SharedChannel:recv(timeout)
  check(self, "recv")
  return receive(self, timeout, 1) -- a tail call: the caller is one level up
end

--- Send a copy of `value`, if that needs no wait.
-- @param value tables, strings, numbers, booleans, rille.null
-- @treturn boolean|nil true; or nil
-- @treturn ?string then "full"
-- @raise `closed`; for a value that cannot be copied
function SharedChannel:try_send(value)
  check_value(value, 2)
  local sent, message = send_now(self.handle, value)
  if sent then
    return true
  elseif sent == false then
    return nil, "full"
  end
  refuse(message, 2)
end

--- Receive if that needs no wait.
-- @return the value; or nil
-- @treturn ?string then "empty" or "closed"
function SharedChannel:try_recv()
  return shared_channel.try_receive(self)
end

--- No more is sent, by any worker. What is in it can still be received; whoever waits is woken.
-- @raise `closed` when it is already
function SharedChannel:close()
  if not core.shared_close(self.handle) then
    raise_closed("closed", 2)
  end
end

--- How many values are in it, sent and not yet received.
-- @treturn integer
function SharedChannel:len()
  return core.shared_len(self.handle)
end

local function next_value(self)
  return (receive(self, nil, 2))
end

--- For `for value in channel:iter() do`: until the channel is closed and empty. **May yield** between values.
function SharedChannel:iter()
  return next_value, self
end

slip.guard(SharedChannel, "a shared channel", "send recv try_send try_recv iter len close", "", "channel")
method.guard(SharedChannel, "channel", { "try_send", "try_recv", "iter", "len", "close" })

--- Whether it is one.
function shared_channel.is(value)
  return getmetatable(value) == SharedChannel
end

return shared_channel
