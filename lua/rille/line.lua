--- A line of waiting tasks, first come first served: the ground under channels, locks and pools.
--
--     line (a ring's head) <-> node <-> node <-> ...      one node a task and thing it waits for
--
-- A node's `owner` is what is parked: itself, or the one owner of all nodes of a
-- select. Whoever wakes it may leave a `value` in the node; the wait is over then,
-- whatever else happens before the task runs again.
local core = require "rille.core"
local wait = require "rille.wait"

local park, wake, is_parked, won = core.park, core.wake, core.is_parked, wait.won

local line = {}

--- @treturn line an empty one
function line.new()
  local head = { next = false, prev = false }
  head.next, head.prev = head, head
  return head
end

-- Nodes that nobody needs any more, linked by `next`: a wait then allocates nothing.
local spare, spare_count = false, 0
local MOST_SPARE = 1024

-- A node's first element says whose it is, once park has put that there. A wait that is
-- refused leaves its node in line: it wakes nobody, and is dropped when its turn comes.
local NOBODY = 0

--- A node to wait with.
-- @param value what it brings
-- @tparam[opt] table owner what is parked (default: the node itself)
-- @treturn node
function line.node(value, owner)
  local node = spare
  if node then
    spare, spare_count = node.next, spare_count - 1
    node[1], node.next = NOBODY, false
  else
    node = { NOBODY, next = false, prev = false, owner = false, value = false, won = false, index = 0 }
  end
  node.value, node.owner = value, owner or node
  return node
end

--- Take back a node that stands in no line, and whose wait is over.
-- @return its value
function line.take_back(node)
  local value = node.value
  if spare_count < MOST_SPARE then
    node.value, node.owner, node.won = false, false, false
    node.next, spare, spare_count = spare, node, spare_count + 1
  end
  return value
end

--- Stand in line, at its end.
function line.join(head, node)
  local last = head.prev
  node.prev, node.next = last, head
  last.next, head.prev = node, node
end

--- Leave the line, if it stands in one.
function line.leave(node)
  local next, prev = node.next, node.prev
  if next then
    prev.next, next.prev = next, prev
    node.next, node.prev = false, false
  end
end

local leave = line.leave

--- Wake all who wait.
function line.wake_all(head)
  while line.wake(head) do end
end

--- Whether somebody waits in it; those who went away meanwhile are dropped.
-- @treturn boolean
function line.is_waited(head)
  local node = head.next
  while node ~= head do
    if is_parked(node.owner) then
      return true
    end
    leave(node)
    node = head.next
  end
  return false
end

--- Wake the first one that still waits; those who went away meanwhile are dropped.
-- @treturn node|nil its node, out of line: its owner's `won` names it
function line.wake(head)
  local node = head.next
  while node ~= head do
    leave(node)
    local owner = node.owner
    if wake(owner) then
      owner.won = node
      return node
    end
    node = head.next
  end
end

local join, take_back = line.join, line.take_back

--- Wait in a line. **Yields.**
-- @tparam line head
-- @tparam node node of line.node; when it was woken the caller takes it back
-- @tparam[opt] number ms how long at most
-- @treturn boolean whether it was woken; false: the time has passed
-- @raise the cancellation of the task, which is out of line then
function line.wait(head, node, ms)
  join(head, node)
  local case = park(node, ms)
  if case == 1 then
    return true
  end
  leave(node)
  won(case)
  take_back(node)
  return false
end

--- Wait in a line for nothing but to be woken. **Yields.**
-- @tparam line head
-- @param value what others find in its node
-- @tparam[opt] number ms how long at most
-- @treturn boolean whether it was woken; false: the time has passed
-- @raise the cancellation of the task
function line.stand(head, value, ms)
  local node = line.node(value)
  local is_woken = line.wait(head, node, ms)
  if is_woken then
    take_back(node)
  end
  return is_woken
end

--- Wait in several lines until one of them wakes. **Yields.**
-- @tparam {node,...} nodes each with an owner `owner`, and joined already
-- @tparam node owner
-- @tparam[opt] number ms how long at most
-- @treturn node|nil the one that was woken, which the caller takes back
-- @raise the cancellation of the task
function line.wait_any(nodes, owner, ms)
  local case = park(owner, ms)
  local woken = case == 1 and owner.won
  for i = 1, #nodes do
    leave(nodes[i])
    if nodes[i] ~= woken then
      take_back(nodes[i])
    end
  end
  take_back(owner)
  won(case)
  return woken or nil
end

return line
