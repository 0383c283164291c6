--- What a factory's row belongs to: the rows that its belongs_to relations lead to.
local catalogue = require "rille.model.catalogue"
local keys = require "rille.keys"
local way = require "rille.model.path"

local parents = {}

local function named(model, relation)
  return ("%s.%s"):format(model.table, relation.name)
end

local function factory_of(factories, model, relation, level)
  local target = relation.to and way.target(relation)
  for _, name in ipairs { relation.name, target and target.noun } do
    if factories.by_name[name] then
      return name
    end
  end
  error(("%s wants a row, and there is no factory %s: define one, or give %s a row, or the name of a factory"):format(
    named(model, relation), target and ('"%s" or "%s"'):format(relation.name, target.noun) or '"' .. relation.name .. '"',
    relation.name), level + 1)
end

local function made_for(factories, model, relation, given, level)
  if type(given) == "string" then
    return factories:create(given, level + 1)
  elseif given == nil or type(given) == "table" and getmetatable(given) == nil then
    return factories:create(factory_of(factories, model, relation, level + 1), level + 1, given)
  elseif type(given) == "table" then
    return given
  end
  error(("%s is a row, the name of a factory, fields for it, or false: got a %s"):format(named(model, relation), type(given)),
    level + 1)
end

-- The value of a polymorphic relation's type column that means rows of `target`.
local function type_of(relation, target)
  for value in pairs(relation.options.polymorphic) do
    if way.of_type(relation, value).target == target then
      return value
    end
  end
end

local function refer(fields, relation, row)
  local set = row[0]
  local of_target = relation
  if relation.options.polymorphic then
    local value = type(set) == "table" and type_of(relation, set.model)
    if not value then
      error(("%s: the row is none of those that the relation may mean"):format(named(relation.model, relation)), 0)
    end
    fields[relation.type_column], of_target = value, way.of_type(relation, value)
  end
  for i, column in ipairs(relation.own) do
    fields[column] = row[of_target.hops[1].enter[i]]
  end
end

-- Whether a row cannot be without what it belongs to, and nobody has said what that is.
local function is_wanted(model, relation, fields)
  local columns = catalogue.of(model).columns
  for _, name in ipairs(relation.own) do
    if fields[name] == nil and not columns[name].is_null and not columns[name].has_default then
      return not relation.options.polymorphic
    end
  end
end

--- Make what a row must belong to, and put the keys of all it belongs to into its fields. **Yields.**
-- @tparam Factories factories
-- @tparam model model
-- @tparam table fields of the row, where relations may have a value, by their names; changed
-- @tparam integer level whom to blame
function parents.add(factories, model, fields, level)
  for _, name in ipairs(keys.sorted(model.relations)) do
    local relation, given = model.relations[name], fields[name]
    if relation.kind == "belongs_to" then
      way.resolve(relation)
      fields[name] = nil
      if given or given == nil and is_wanted(model, relation, fields) then
        refer(fields, relation, made_for(factories, model, relation, given, level + 1))
      end
    end
  end
end

return parents
