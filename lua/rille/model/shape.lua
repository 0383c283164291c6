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
local place = require "rille.place"

local shape = {}

local MOST = 5000 -- steps that a model's tree keeps; an app writes fewer, beyond it somebody composes texts

-- What the steps are called where they are written.
local WRITTEN = {
  is = "where", is_in = "where_in", is_not_in = "where_not_in", is_null = "where_null", is_filled = "where_not_null",
  distinct_on = "distinct",
}

local function one() return 1 end
local function none() return 0 end

local function check_name(name, kind)
  if name == "" or name:find("%z") then
    place.blame(("%s takes the name of a column: got an empty one, or a NUL byte"):format(WRITTEN[kind] or kind))
  end
end

local function name_alone(node)
  check_name(node.what, node.kind)
  return 0
end
local function name_and_value(node)
  check_name(node.what, node.kind)
  return 1
end

local function of_order(node)
  check_name(node.what, "order")
  local name = node.what:gsub("^%-", "")
  if name == "" or name:find "[%s,;()]" then
    place.blame(("order takes names of columns, with - in front for the greatest first; pieces of SQL as rille.sql(…): got %q")
      :format(node.what))
  end
  return 0
end

local function of_sub(node) return node.what.count end
local function of_text(node)
  node.pieces = fragment.pieces(node.what)
  return #node.pieces - 1
end
local function of_condition(node) -- the text stands second
  check_name(node.what, node.kind)
  node.pieces = fragment.pieces(node.also)
  return #node.pieces - 1
end

-- How many values a step of each kind takes; what is wrong with its words is raised here, once.
local WIDTHS = {
  is = name_and_value, is_in = name_and_value, is_not_in = name_and_value, is_null = name_alone, is_filled = name_alone,
  raw = of_text,
  both = of_sub, either = of_sub, negated = of_sub, exists = of_sub, not_exists = of_sub, in_query = of_sub,
  not_in_query = of_sub, select = name_alone, select_raw = of_text, order = of_order, order_raw = of_text, unordered = none,
  group = name_alone, group_raw = of_text, having = of_text, distinct = none, distinct_on = name_alone, limit = one, offset = one,
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
