--- The way from a row to the rows of its relation: which columns lead through which tables.
--
--     posts --id--> [ post_id: post_tags :tag_id ] --> [ id: tags ]
--       own            hop: enter        leave            hop: enter      target
--
-- A relation of one hop goes straight to the target's table. The last hop's table is
-- always the target's; those before it are tables between (`through`, many_to_many).
-- The models that a relation names are required here, at its first use.
local catalogue = require "rille.model.catalogue"
local core = require "rille.core"
local relation = require "rille.model.relation"

local path = {}

local blame = relation.blame

-- ---- models ------------------------------------------------------------------------

local function required(self, name)
  local ok, found = pcall(self.model.require, name)
  if ok then
    return found
  elseif type(found) == "string" and found:find(("module '%s'"):format(name), 1, true) then
    blame(self, ("there is no module '%s'"):format(name))
  end
  error(found, 0)
end

local function target_of(self, to)
  local target = to
  if type(to) == "string" then
    target = required(self, to)
  elseif type(to) == "function" then
    target = to()
  end
  if type(target) ~= "table" or rawget(target, "relations") == nil then
    blame(self, ("%s is no model: the module returns what rille.model gave"):format(
      type(to) == "string" and to or "what it names"))
  end
  return target
end

--- The model that a relation names, whether it leads there or not.
function path.target(self)
  return target_of(self, self.to)
end

-- ---- columns ------------------------------------------------------------------------

local function listed(columns)
  return table.concat(columns, ", ")
end

local function check_columns(self, model, columns, option)
  local known = catalogue.of(model)
  for _, column in ipairs(columns) do
    if not known.columns[column] then
      blame(self, ("%s has no column %s: say %s = …, it has %s"):format(model.table, column, option, listed(known.names)))
    end
  end
  return columns
end

local function primary_key(self, model, option)
  local key = catalogue.of(model).key
  if #key == 0 then
    blame(self, ("%s has no primary key: say %s = …"):format(model.table, option))
  end
  return key
end

local function check_same_count(self, a, b)
  if #a ~= #b then
    blame(self, ("it goes by %s on one side and by %s on the other: as many columns on both sides"):format(listed(a), listed(b)))
  end
end

local function own_key(self)
  local options = self.options
  return options.references and check_columns(self, self.model, options.references, "references")
    or primary_key(self, self.model, "references")
end

-- ---- each kind -------------------------------------------------------------------------

local resolve = {}

function resolve.belongs_to(self)
  local options = self.options
  self.own = check_columns(self, self.model, options.key or { self.name .. "_id" }, "key")
  if options.polymorphic then
    self.type_column = check_columns(self, self.model, { options.type or self.name .. "_type" }, "type")[1]
    return
  end
  local enter = options.references and check_columns(self, self.target, options.references, "references")
    or primary_key(self, self.target, "references")
  check_same_count(self, self.own, enter)
  self.hops = { { table = self.target.table, model = self.target, enter = enter } }
end

-- The value of the type column that means us, in the relation that `as` names.
local function polymorphic_columns(self, as)
  local back = self.target.relations[as]
  if not back or not back.options.polymorphic then
    blame(self, ('as = "%s" names a polymorphic belongs_to of %s, and it has none'):format(as, self.target.table))
  end
  path.resolve(back)
  for value, to in pairs(back.options.polymorphic) do
    if target_of(back, to) == self.model then
      return back.own, { [back.type_column] = value }
    end
  end
  blame(self, ("%s.%s (%s) does not name %s among those it may mean"):format(self.target.table, as, back.at, self.model.table))
end

local function resolve_has(self)
  local options = self.options
  if options.through then
    return resolve.through(self)
  end
  self.own = own_key(self)
  local enter, fixed
  if options.as then
    enter, fixed = polymorphic_columns(self, options.as)
  else
    enter = check_columns(self, self.target, options.key or { self.model.noun .. "_id" }, "key")
  end
  check_same_count(self, self.own, enter)
  self.hops = { { table = self.target.table, model = self.target, enter = enter, fixed = fixed } }
end
resolve.has_one, resolve.has_many = resolve_has, resolve_has

function resolve.many_to_many(self)
  local options = self.options
  self.own = own_key(self)
  local enter = options.other_references and check_columns(self, self.target, options.other_references, "other_references")
    or primary_key(self, self.target, "other_references")
  local key = options.key or { self.model.noun .. "_id" }
  local other = options.other or { self.target.noun .. "_id" }
  check_same_count(self, self.own, key)
  check_same_count(self, enter, other)
  if listed(key) == listed(other) then
    blame(self, ("both sides go by %s of %s: say key = … and other = …"):format(listed(key), options.table))
  end
  self.hops = {
    { table = options.table, enter = key, leave = other },
    { table = self.target.table, model = self.target, enter = enter },
  }
end

-- Which relation of the model between leads on: the one that is named, or the only one that leads to our target.
local function source_of(self, between)
  local source = self.options.source
  if source then
    return between.relations[source] or blame(self, ("%s has no relation %s"):format(between.table, source))
  end
  local found, names = nil, {}
  for name, one in pairs(between.relations) do
    if one.kind ~= "count" and not one.options.polymorphic and not one.options.through and path.target(one) == self.target then
      found, names[#names + 1] = one, name
    end
  end
  if #names == 1 then
    return found
  end
  table.sort(names)
  blame(self, ("%s of %s leads to %s: say source = …"):format(#names == 0 and "no relation" or "more than one relation ("
    .. listed(names) .. ")", between.table, self.target.table))
end

local function check_passable(self, one)
  if not one.hops then
    blame(self, ("it goes through %s.%s, which is polymorphic: the rows would be of several models"):format(one.model.table,
      one.name))
  elseif one.options.limit then
    blame(self, ("it goes through %s.%s, which has a limit"):format(one.model.table, one.name))
  end
end

function resolve.through(self)
  local first = self.model.relations[self.options.through]
  if not first or first.kind == "count" then
    blame(self, ("through = \"%s\" names a relation of %s, and it has none"):format(self.options.through, self.model.table))
  end
  path.resolve(first)
  check_passable(self, first)
  local second = path.resolve(source_of(self, first.target))
  check_passable(self, second)
  if self.target and self.target ~= second.target then
    blame(self, ("%s.%s leads to %s, and not to %s"):format(first.target.table, second.name, second.target.table,
      self.target.table))
  end
  self.target, self.own, self.hops = second.target, first.own, {}
  for i, hop in ipairs(first.hops) do
    self.hops[i] = hop
  end
  -- The last hop of the first is no end any more: its conditions go along.
  local last = first.hops[#first.hops]
  self.hops[#first.hops] = {
    table = last.table, model = last.model, enter = last.enter, fixed = last.fixed, leave = second.own,
    where = first.options.where, with_deleted = first.options.with_deleted,
  }
  for _, hop in ipairs(second.hops) do
    self.hops[#self.hops + 1] = hop
  end
  self.source_where, self.source_with_deleted = second.options.where, second.options.with_deleted
end

function resolve.count(self)
  local of = path.resolve(self.of)
  self.target, self.own, self.hops = of.target, of.own, of.hops
end

--- Find out where a relation leads. **May yield.**
-- @tparam table self the relation; gets `target`, `own` (columns of the row that lead out) and `hops`
-- { table, model, enter, leave, fixed, where, with_deleted }; a polymorphic belongs_to gets `type_column` instead of target
-- and hops
-- @treturn table self
-- @raise a misuse, with the line that declared it
function path.resolve(self)
  if self.is_resolved then
    return self
  elseif self.resolving_by == core.here() and self.resolving_by then
    blame(self, "it goes through itself")
  end
  self.resolving_by = core.here() -- requiring a module may wait, and another task come here meanwhile
  local ok, err = pcall(function()
    self.target = self.to and target_of(self, self.to) or nil
    resolve[self.kind](self)
  end)
  self.resolving_by = nil
  if not ok then
    error(err, 0)
  end
  self.is_resolved = true
  return self
end

--- What a polymorphic belongs_to is for the rows with one value of its type column.
-- @tparam table self the relation, resolved
-- @tparam string value
-- @treturn table a relation with one target
-- @raise a misuse: the relation does not name that value
function path.of_type(self, value)
  self.by_type = self.by_type or {}
  local one = self.by_type[value]
  if not one then
    local to = self.options.polymorphic[value]
    if not to then
      blame(self, ("a row has the %s '%s', which is none of those in polymorphic"):format(self.type_column, tostring(value)))
    end
    one = setmetatable({ target = target_of(self, to) }, { __index = self })
    local enter = primary_key(one, one.target, "key")
    check_same_count(self, self.own, enter)
    one.hops = { { table = one.target.table, model = one.target, enter = enter } }
    self.by_type[value] = one
  end
  return one
end

return path
