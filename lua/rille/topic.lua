--- Topics: what is published goes to all who have subscribed, in whatever worker they are.
--
--     publish --> topic --> [ subscription's own queue ] --> recv
--                       \-> [ subscription's own queue ] --> recv      full: its on_full
--
-- Whoever publishes never waits for those who listen.
local core = require "rille.core"
local method = require "rille.method"
local option = require "rille.option"
local shared_channel = require "rille.shared_channel"
local slip = require "rille.slip"

local receive = shared_channel.receive

local Topic = { __name = "rille.topic" }
Topic.__index = Topic

local Subscription = { __name = "rille.subscription" }
Subscription.__index = Subscription

local topic = {}

local POLICIES = { drop_oldest = 0, drop_newest = 1, disconnect = 2 }
local OPTIONS = {
  buffer = option.count(1, 64, 65536), on_full = option.one_of({ "drop_oldest", "drop_newest", "disconnect" }, "drop_oldest"),
}

--- A topic of all workers of the process. The name is all that there is to it: a topic to which nobody
-- subscribes costs nothing.
-- @tparam string name
-- @treturn Topic
function topic.new(name)
  option.name("a topic", name, 2)
  return setmetatable({ name = name }, Topic)
end

--- Send a copy of `value` to all who have subscribed; never waits.
-- @param value tables, strings, numbers, booleans, rille.null, up to 1 MB
-- @treturn integer how many will hear it
-- @raise for a value that cannot be copied, naming what of it; not looked at when nobody listens
function Topic:publish(value)
  if value == nil then
    error("a topic carries no nil: publish rille.null, false or a table", 2)
  end
  local heard, message = core.topic_publish(self.name, value)
  if not heard then
    error("topic: " .. message, 2)
  end
  return heard
end

--- Hear what is published from now on, until the current request or task ends, or `close`.
-- @tparam[opt] table options `buffer` (64): how many values wait for this subscription at most; `on_full`: what becomes
--   of one that comes when they do: "drop_oldest" (the default) makes room for it, "drop_newest" leaves it out,
--   "disconnect" ends the subscription: what is in it can be received, then it is closed
-- @treturn Subscription
function Topic:subscribe(options)
  local given = option.read("topic:subscribe", options, OPTIONS, 2)
  local handle = core.topic_subscribe(self.name, given.buffer, POLICIES[given.on_full])
  if not handle then
    error("there are 262144 subscriptions or 65536 topics already", 2)
  end
  return setmetatable({ handle = handle, name = self.name }, Subscription)
end

--- Receive the oldest value; waits until there is one. **May yield.**
-- @tparam[opt] duration timeout
-- @return the value; or nil when there is none
-- @treturn ?string then "closed" or "timeout"
function Subscription:recv(timeout)
  if getmetatable(self) ~= Subscription then
    error("subscription.recv is called with a colon: subscription:recv(…)", 2)
  end
  return receive(self, timeout, 1) -- a tail call: the caller is one level up
end

--- Receive if that needs no wait.
-- @return the value; or nil
-- @treturn ?string then "empty" or "closed"
function Subscription:try_recv()
  return shared_channel.try_receive(self)
end

--- How many values it did not get because too many waited already.
-- @treturn integer
function Subscription:dropped()
  return core.topic_dropped(self.handle)
end

--- How many values wait in it.
-- @treturn integer
function Subscription:len()
  return core.shared_len(self.handle)
end

--- Hear no more. What waits in it can still be received.
function Subscription:close()
  core.topic_leave(self.handle)
end

local function next_value(self)
  return (receive(self, nil, 2))
end

--- For `for value in subscription:iter() do`, until it is closed. **May yield** between values.
function Subscription:iter()
  return next_value, self
end

slip.guard(Topic, "a topic", "publish subscribe", "")
slip.guard(Subscription, "a subscription", "recv try_recv iter len dropped close", "")
method.guard(Topic, "topic", { "publish", "subscribe" })
method.guard(Subscription, "subscription", { "try_recv", "iter", "len", "dropped", "close" })

--- Whether it is something to receive from.
function topic.is_subscription(value)
  return getmetatable(value) == Subscription
end

return topic
