--- The order in which the tasks of an example run that can: a seed draws who is next.
--
-- Servers run who has been ready for longest, but no task may rely on that, and so no example passes
-- because of it. Each draws from the run's seed and its own name: alone it has the order that it has
-- among others. With `--shuffle K` an example runs K times, with the seeds from the run's own on, until it
-- fails with one: that one is named. busted hears of one example all the same.
local orders = {}

local MOST = 2 ^ 32

-- Two examples with the same seed shall not draw alike.
local function seed_of(seed, name)
  for i = 1, #name do
    seed = (seed * 31 + name:byte(i)) % MOST
  end
  return seed + 1 -- 0 is no seed
end

-- Of an example that may run again, the first start is told, and one end.
local function hold_back(busted)
  local publish, held = busted.publish, nil
  function busted.publish(channel, element, parent, status, ...)
    if held and channel[1] == "test" and channel[2] == "start" and held.is_begun then
      return
    elseif held and channel[1] == "test" and channel[2] == "end" then
      held.has_failed = held.has_failed or status ~= "success"
      held.tell_end = function() publish(channel, element, parent, status) end
      return
    elseif held and (channel[1] == "error" or channel[1] == "failure") then
      held.has_failed = true
    end
    return publish(channel, element, parent, status, ...)
  end
  return function(state) held = state end
end

--- What runs the examples of a busted.
-- @tparam table busted
-- @tparam table given rille.test.options: seed, orders
-- @treturn function runner(element, run) -> what the last run(seed) returned; **yields** if `run` does
function orders.runner(busted, given)
  if given.orders == 1 then
    return function(element, run) return run(seed_of(given.seed, element.name)) end
  end
  local hold = hold_back(busted)
  return function(element, run)
    local status
    for k = 1, given.orders do
      local state = { is_begun = k > 1, has_failed = false, tell_end = nil }
      hold(state)
      status = run(seed_of(given.seed + k - 1, element.name))
      hold(nil)
      if state.tell_end and (state.has_failed or k == given.orders) then
        state.tell_end()
      end
      if state.has_failed then
        io.stderr:write(("# %s: failed in order %d of %d, which --seed=%d repeats\n"):format(element.name, k, given.orders,
          given.seed + k - 1))
        break
      end
    end
    return status
  end
end

return orders
