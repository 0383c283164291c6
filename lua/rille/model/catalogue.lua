--- What the database says of the models' tables: columns, types, keys.
--
--     facts = {
--       names = { "id", "title", … }, columns = { title = { name, type, is_null, has_default, is_given }, … },
--       key = { "id" }, uniques = { { name, columns = {…} }, … }, constraints = { [name] = { kind, columns } },
--     }
--
-- Read at the first use of a model, for all that have been declared, in one statement; and again after one
-- that failed because a table was changed. A model whose table is not there yet may be declared.
local core = require "rille.core"
local errors = require "rille.error"
local place = require "rille.place"
local timeline = require "rille.timeline"

local catalogue = {}

-- Of each table: its columns, the indexes that keep values unique, and what else a value may violate.
-- Types without their lengths: what is bound is cast to them, and a length would cut it in silence.
local SQL = timeline.OWN .. [[
select w.name,
  (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, -1), 'is_null', not a.attnotnull,
      'has_default', a.atthasdef or a.attidentity <> '', 'is_given', a.attidentity = 'a' or a.attgenerated <> '')
      order by a.attnum)
    from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
  (select json_agg(json_build_object('name', x.relname, 'is_primary', i.indisprimary,
      'expressions', pg_get_expr(i.indexprs, i.indrelid), 'columns',
      (select json_agg(a.attname order by k.place) from unnest(i.indkey::int2[]) with ordinality as k(number, place)
        left join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number and k.number > 0
        where k.place <= i.indnkeyatts)) order by x.relname)
    from pg_index i join pg_class x on x.oid = i.indexrelid where i.indrelid = c.oid and i.indisunique) as uniques,
  (select json_agg(json_build_object('name', n.conname, 'kind', n.contype, 'columns',
      (select json_agg(a.attname order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum = any(n.conkey))))
    from pg_constraint n where n.conrelid = c.oid and n.contype in ('c', 'f')) as constraints
from unnest($1::text[]) as w(name) join pg_class c on c.oid = to_regclass(w.name)]]

local models = {} -- that have been declared, in order

-- The columns of a unique index; of lower(email), those that it speaks of.
local function columns_of_index(index, columns)
  local list, known = {}, {}
  local function add(name)
    if columns[name] and not known[name] then
      known[name], list[#list + 1] = true, name
    end
  end
  for _, name in ipairs(index.columns) do
    add(name) -- null stands for an expression
  end
  if index.expressions and index.expressions ~= core.null then
    for word in index.expressions:gmatch '[^%s"(),:]+' do
      add(word)
    end
  end
  return list
end

local function facts_of(row, given_key)
  local facts = { names = {}, columns = {}, key = {}, uniques = {}, constraints = {} }
  for i, column in ipairs(row.columns or {}) do
    facts.names[i], facts.columns[column.name] = column.name, column
  end
  for _, index in ipairs(row.uniques or {}) do
    local columns = columns_of_index(index, facts.columns)
    facts.constraints[index.name] = { kind = "u", columns = columns }
    if index.is_primary then
      facts.key = columns
    else
      facts.uniques[#facts.uniques + 1] = { name = index.name, columns = columns }
    end
  end
  for _, constraint in ipairs(row.constraints or {}) do
    local columns = constraint.columns ~= core.null and constraint.columns or {}
    facts.constraints[constraint.name] = { kind = constraint.kind, columns = columns }
  end
  facts.key = given_key or facts.key
  return facts
end

-- A model's own names that a column has as well: the column wins.
local function warn_of_clashes(model, facts)
  for _, name in ipairs(facts.names) do
    local what = rawget(model.row, name) and "method" or model.relations[name] and "relation"
        or model.computed[name] and "computed attribute"
    if what then
      core.log("warn", ("the column '%s' of %s hides the %s of that name of its rows"):format(name, model.table, what))
    end
  end
end

local function check_facts(model, facts)
  for _, what in ipairs { "soft_delete", "lock_column" } do
    local name = model[what]
    if name and not facts.columns[name] then
      error(("the table %s has no column '%s', which its model at %s names as %s"):format(model.table, name, model.at, what), 0)
    end
  end
  for _, name in ipairs(facts.key) do
    if not facts.columns[name] then
      error(("the table %s has no column '%s', which its model at %s names in key"):format(model.table, name, model.at), 0)
    end
  end
end

local function load(db)
  local names, by_name = {}, {}
  for _, model in ipairs(models) do
    if model.db.root == db.root then
      if not by_name[model.source] then
        names[#names + 1] = model.source
      end
      by_name[model.source] = by_name[model.source] or {}
      table.insert(by_name[model.source], model)
    end
  end
  for _, row in ipairs(db:own_query(SQL, core.array(names))) do
    for _, model in ipairs(by_name[row.name]) do
      local facts = facts_of(row, model.key)
      check_facts(model, facts)
      if not model.facts then
        warn_of_clashes(model, facts)
      end
      model.facts = facts
    end
  end
end

--- Note a model that has been declared.
function catalogue.add(model)
  models[#models + 1] = model
end

--- The facts of a model's table. **Yields** at first use.
-- @tparam model model
-- @treturn table
-- @raise when there is no such table
function catalogue.of(model)
  if not model.facts then
    load(model.db)
  end
  if not model.facts then
    place.blame(("there is no table '%s', which the model at %s is about: does a migration make it, and has "
      .. "`rille migrate` been run?"):format(model.table, model.at))
  end
  return model.facts
end

--- The primary key of a model's table. **Yields** at first use.
-- @treturn {string,...}
-- @raise when it has none
function catalogue.key(model)
  local key = catalogue.of(model).key
  if #key == 0 then
    place.blame(("the table '%s' has no primary key: give its model the option key = { \"column\", … }"):format(model.table))
  end
  return key
end

--- All models that have been declared, in order.
function catalogue.models()
  return models
end

--- Forget what is known, of one model or of all: the next use reads it again.
-- @tparam[opt] model model
function catalogue.forget(model)
  for _, one in ipairs(model and { model } or models) do
    one.facts = false
  end
end

-- What a statement fails with when its table, or a column of it, is not what it was.
local CHANGED = { ["db.42P01"] = true, ["db.42703"] = true, ["db.42804"] = true, ["db.0A000"] = true, ["db.42P10"] = true }

--- Look at a failure: one that speaks of a changed table makes us forget what we knew.
-- @tparam model model
-- @param err what was raised
function catalogue.heed(model, err)
  if errors.is(err) and CHANGED[err.code] then
    catalogue.forget(model)
  end
end

return catalogue
