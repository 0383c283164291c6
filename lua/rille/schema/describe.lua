--- What can be said of a schema without a value: what it leads to, what it is called.
local slip = require "rille.slip"

local describe = {}

local CHAIN_MOST = 200  -- v.lazy leading to v.lazy leading to …
local SHOWN_MOST = 12   -- values that a message lists

-- ---- what it leads to ------------------------------------------------------------

local function resolve(node)
  local target = node.resolve()
  if getmetatable(target) ~= getmetatable(node) then
    error(("the function of v.lazy at %s must return a schema, and returned a %s"):format(node.where, type(target)), 0)
  end
  return target
end

--- The schema that v.lazy stands for; any other is its own.
function describe.target(node)
  local count = 0
  while node.kind == "lazy" do
    count = count + 1
    if count > CHAIN_MOST then
      error(("v.lazy at %s leads only to itself"):format(node.where), 0)
    end
    node.target = node.target or resolve(node)
    node = node.target
  end
  return node
end

local function collect(node, open, leaves)
  node = describe.target(node)
  if node.kind ~= "union" then
    leaves[#leaves + 1] = node
    return leaves
  end
  if open[node] then
    error(("the union at %s is a member of itself: put an object or an array between"):format(node.where), 0)
  end
  open[node] = true
  for _, member in ipairs(node.members) do
    collect(member, open, leaves)
  end
  open[node] = nil
  return leaves
end

--- The schemas one of which a value must match, through v.lazy and unions.
-- @treturn table a list; of a schema that is neither, of itself
function describe.leaves(node)
  return collect(node, {}, {})
end

--- The schema that says what becomes of an absent value: `node`, or what it leads to.
function describe.presence(node)
  if node.has_default or node.is_optional then
    return node
  end
  return describe.target(node)
end

--- Whether null is a value of it.
function describe.is_nullable(node)
  return node.is_nullable or describe.target(node).is_nullable
end

-- ---- what it is called -----------------------------------------------------------

local NOUNS = {
  string = "a string", secret = "a string", integer = "an integer", number = "a number",
  boolean = "true or false", array = "an array", object = "an object", map = "an object",
  date = "a date such as 2024-01-31", datetime = "a date and time with its offset such as 2024-01-31T09:30:00Z",
  uuid = "a UUID", email = "an email address", any = "a value",
}

local function shown(value)
  return type(value) == "string" and value or tostring(value)
end

local function choice_of(values)
  local texts = {}
  for i = 1, math.min(#values, SHOWN_MOST) do
    texts[i] = shown(values[i])
  end
  local rest = #values - #texts
  return "one of: " .. table.concat(texts, ", ") .. (rest > 0 and (" and %d more"):format(rest) or "")
end

local function noun_of(leaf)
  if leaf.kind == "enum" then
    return choice_of(leaf.values)
  elseif leaf.kind == "literal" then
    return shown(leaf.values[1])
  end
  return NOUNS[leaf.kind]
end

--- What a value must be, as in "must be …".
function describe.noun(node)
  local nouns, is_named = {}, {}
  for _, leaf in ipairs(describe.leaves(node)) do
    local noun = noun_of(leaf)
    if not is_named[noun] then
      is_named[noun] = true
      nouns[#nouns + 1] = noun
    end
  end
  local last = table.remove(nouns)
  return #nouns == 0 and last or table.concat(nouns, ", ") .. " or " .. last
end

-- ---- unions ----------------------------------------------------------------------

local SHAPES = { integer = "number", array = "array", object = "object", map = "object", number = "number", boolean = "boolean" }
local EVERY = { "string", "number", "boolean", "array", "object" }

local function add_shapes(takes, leaf, is_text)
  if leaf.kind == "any" then
    for _, shape in ipairs(EVERY) do
      takes[shape] = true
    end
  elseif leaf.values then
    for _, value in ipairs(leaf.values) do
      takes[is_text and "string" or type(value)] = true
    end
  else
    local shape = SHAPES[leaf.kind] or "string"
    takes[shape] = true
    takes[is_text and shape ~= "object" and "string" or shape] = true
  end
end

--- The shapes of values it may take: Lua's types, with array and object for table.
-- @tparam boolean is_text whether texts are coerced
function describe.takes(node, is_text)
  local takes = {}
  for _, leaf in ipairs(describe.leaves(node)) do
    add_shapes(takes, leaf, is_text)
  end
  return takes
end

local function tag_value(member, name)
  local object = describe.target(member)
  local field = object.kind == "object" and not describe.is_nullable(member) and object.fields[name]
  if not field or field.kind ~= "literal" or field.is_optional or field.has_default or field.is_nullable then
    return nil
  end
  return field.values[1]
end

-- The members by the literal in their field `name`; nil when it does not tell them apart.
local function tagged(union, name)
  local members, is_taken = {}, {}
  for _, member in ipairs(union.members) do
    local value = tag_value(member, name)
    if value == nil or is_taken[tostring(value)] then
      return nil
    end
    members[value], is_taken[tostring(value)] = member, true
  end
  return members
end

--- The field that tells a union's members apart, all of them objects.
-- @treturn ?string its name, or nil
-- @treturn ?table the members by the value of that field
function describe.tag(union)
  local first = describe.target(union.members[1])
  for _, name in ipairs(first.kind == "object" and first.order or {}) do
    local members = tagged(union, name)
    if members then
      return name, members
    end
  end
end

--- What that field must be.
function describe.tags(union, name)
  local values = {}
  for i, member in ipairs(union.members) do
    values[i] = tag_value(member, name)
  end
  return choice_of(values)
end

--- Have what no schema has raise, with the name that was meant.
-- @tparam table class
function describe.guard(class)
  slip.guard(class, "a schema", "optional nullable default partial refine describe parse check json_schema mask",
    "default_value description fields has_lazy item key max members message min name nul order pattern refinements resolve "
      .. "target unknown values", "schema")
end

return describe
