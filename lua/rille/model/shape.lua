--- The shape of a query: all of it but its values.
--
--     root --where title = ?--> node --order id--> node --limit ?--> node
--          \--where id = ?--> node
--
-- Each step from a shape by the same words leads to the same next one, so a query
-- that is asked again in other values finds its shape, and with that its SQL,
-- by a few look-ups. A node knows how many values the steps to it take: the ones of
-- a step are $first to $count.
local fragment = require "rille.model.fragment"

local shape = {}

local MOST = 5000 -- steps that a model's tree keeps; an app writes fewer, beyond it somebody composes texts

local function one() return 1 end
local function none() return 0 end
local function of_sub(node) return node.what.count end
local function of_text(node)
  node.pieces = fragment.pieces(node.what)
  return #node.pieces - 1
end
local function of_condition(node) -- the text stands second
  node.pieces = fragment.pieces(node.also)
  return #node.pieces - 1
end

-- How many values a step of each kind takes.
local WIDTHS = {
  is = one, is_in = one, is_not_in = one, is_null = none, is_filled = none, raw = of_text,
  both = of_sub, either = of_sub, negated = of_sub, exists = of_sub, not_exists = of_sub, in_query = of_sub,
  not_in_query = of_sub, select = none, select_raw = of_text, order = none, order_raw = of_text, unordered = none,
  group = none, group_raw = of_text, having = of_text, distinct = none, distinct_on = none, limit = one, offset = one,
  lock = none, join = of_condition, left_join = of_condition, with = of_sub, with_raw = of_text, from = of_sub,
  union = of_sub, beside = of_sub, behind = of_text, fixed = none, deleted = none,
}

--- The shape of all rows: where a model's queries begin.
-- @tparam model model
function shape.root(model)
  return { next = {}, count = 0, age = 1, family = { model = model, count = 0, age = 1 } }
end

-- Once the tree is full it is begun again: each node drops its next ones when it is met.
local function make_room(family)
  family.count = family.count + 1
  if family.count > MOST then
    family.count, family.age = 0, family.age + 1
  end
end

--- The next shape.
-- @tparam table node
-- @tparam string kind one of WIDTHS
-- @param what a text, or another shape
-- @tparam[opt] string also a second text
-- @treturn table the node: up, kind, what, also, first, count
function shape.step(node, kind, what, also)
  local family, way = node.family, also and kind .. "\0" .. also or kind
  if node.age ~= family.age then
    node.next, node.age = {}, family.age
  end
  local known = node.next[way]
  local found = known and known[what]
  if found then
    return found
  end
  local made = {
    up = node, kind = kind, what = what, also = also, first = node.count + 1, next = {}, age = family.age, family = family,
  }
  made.count = node.count + WIDTHS[kind](made)
  known = known or {}
  node.next[way], known[what] = known, made
  make_room(family)
  return made
end

--- Whether a query was told something of this kind; "select" stands for "select_raw" as well.
-- @tparam table node
-- @tparam string kind
-- @treturn boolean
function shape.has(node, kind)
  while node.up do
    if node.kind == kind or node.kind == kind .. "_raw" then
      return true
    end
    node = node.up
  end
  return false
end

--- The steps that lead to a shape, in their order.
-- @treturn {node,...}
function shape.steps(node)
  local count, at = 0, node
  while at.up do
    count, at = count + 1, at.up
  end
  local steps = {}
  at = node
  for i = count, 1, -1 do
    steps[i], at = at, at.up
  end
  return steps
end

return shape
