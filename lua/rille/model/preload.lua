--- Preloading: what is known to be wanted of a query's rows, loaded with them.
--
--     post:preload("author", { comments = "author" }):all()
--
--     posts ---+-- author                  one round trip for each level: what is
--              +-- comments -- author      independent goes out together
--
-- A preload is by name; `{ name = more }` says more of it: what to preload below it (a name,
-- or a table of the same kind), or a query, or a function that narrows one. What was
-- preloaded, JSON has behind the columns; what loads by itself it has not.
local core = require "rille.core"
local keys = require "rille.keys"
local loading = require "rille.model.loading"
local place = require "rille.place"
local Query = require "rille.model.query"
local relations = require "rille.model.relation"
local slip = require "rille.slip"

local preload = {}

-- ---- what is wanted --------------------------------------------------------------------

local function relation_of(model, name)
  local found = type(name) == "string" and model.relations[name]
  if not found then
    local names = keys.sorted(model.relations)
    if #names == 0 then
      place.blame(("%s has no relations: its model declares none"):format(model.table))
    end
    place.blame((slip.text(model.table, tostring(name), names):gsub("^(.-) has no", "%1 has no relation")))
  end
  return found
end

local specs_of

-- One of { name = more }.
local function spec_of(name, more)
  local spec = { name = name, below = {} }
  if Query.is(more) or type(more) == "function" then
    spec.refine = more
  elseif more ~= true then
    spec.below = specs_of { more }
  end
  return spec
end

-- The wanted of a list of names and tables, in order.
function specs_of(list)
  local specs = {}
  for i = 1, #list do
    local one = list[i]
    if type(one) == "string" then
      specs[#specs + 1] = spec_of(one, true)
    elseif type(one) == "table" and not Query.is(one) and getmetatable(one) == nil then
      for _, spec in ipairs(specs_of { unpack(one) }) do
        specs[#specs + 1] = spec
      end
      local names = {}
      for name in pairs(one) do
        names[#names + 1] = type(name) == "string" and name or nil
      end
      table.sort(names)
      for _, name in ipairs(names) do
        specs[#specs + 1] = spec_of(name, one[name])
      end
    else
      place.blame("preload takes names of relations and tables { name = what is wanted below it }: got "
        .. (Query.is(one) and "a query: write { name = query }" or "a " .. type(one)))
    end
  end
  return specs
end

-- ---- loading it, level by level ----------------------------------------------------------

local function show(set, name)
  set[1] = set[1] or {}
  for i = 1, #set[1], 2 do
    if set[1][i] == name then
      return
    end
  end
  table.insert(set[1], name)
  table.insert(set[1], "," .. core.json_encode(name) .. ":")
end

-- Each row has it by its name, where JSON finds it.
local function show_values(set, state, name)
  show(set, name)
  local rows = set.rows
  for i = 1, #rows do
    rawset(rows[i], name, loading.value(state, rows[i]) or nil)
  end
end

-- What is wanted of one set. A polymorphic relation leads to several models: what is wanted
-- below it is wanted of those that have it.
local function add_jobs(jobs, set, specs)
  for _, spec in ipairs(specs) do
    local relation = spec.relation or relation_of(set.model, spec.name)
    jobs[#jobs + 1] = { set = set, spec = spec, state = loading.state(set, relation, {
      name = spec.name, refine = spec.refine,
    }) }
  end
end

local function having(model, specs)
  local out = {}
  for _, spec in ipairs(specs) do
    out[#out + 1] = model.relations[spec.name] and spec or nil
  end
  return out
end

local function check_some_have(relation, specs, sets)
  for _, spec in ipairs(specs) do
    local has = #sets == 0
    for _, set in ipairs(sets) do
      has = has or set.model.relations[spec.name]
    end
    if not has then
      place.blame(("none of the models of %s.%s has a relation %s"):format(relation.model.table, relation.name, spec.name))
    end
  end
end

-- The sets that a job's rows are in, and what is wanted of them.
local function add_below(jobs, job)
  local relation, sets = job.state.relation, {}
  for _, one in ipairs(job.pendings) do
    if one.state.children and not sets[one.state] then
      sets[one.state], sets[#sets + 1] = true, one.state.children
    end
  end
  if relation.type_column then
    check_some_have(relation, job.spec.below, sets)
  end
  for i, set in ipairs(sets) do
    add_jobs(jobs, set, relation.type_column and having(set.model, job.spec.below) or job.spec.below)
    add_jobs(jobs, set, job.pendings[i].preloads or {})
  end
end

--- Load what is wanted of a set's rows. **Yields.**
-- @tparam table set
-- @tparam {table,...} specs
-- @tparam[opt] Db db another one than the model's
function preload.run(set, specs, db)
  local level = {}
  add_jobs(level, set, specs)
  while #level > 0 do
    local all = {}
    for _, job in ipairs(level) do
      job.pendings = loading.pendings(job.state, job.set.rows)
      for _, one in ipairs(job.pendings) do
        all[#all + 1] = one
      end
    end
    loading.run(db or set.model.db, all)
    local below = {}
    for _, job in ipairs(level) do
      show_values(job.set, job.state, job.spec.name)
      add_below(below, job)
    end
    level = below
  end
end

-- ---- on queries ----------------------------------------------------------------------------

--- What is done with the rows of a query that wants more of them.
-- @local
function preload.after(query, rows)
  local manner, first = query.manner, rows[1]
  if not first then
    return
  end
  local set = first[0]
  set.strict, set.db = manner.strict, manner.db
  if manner.split then
    manner.split(query, rows)
  end
  if manner.preloads then
    preload.run(set, manner.preloads, manner.db)
  end
end

local function with_specs(self, specs)
  local all = {}
  for _, list in ipairs { self.manner.preloads or {}, specs } do
    for _, spec in ipairs(list) do
      all[#all + 1] = spec
    end
  end
  return self:in_manner { preloads = all, after = preload.after }
end

--- With these relations of its rows loaded at once, one statement for each: `preload("author", { comments = "author" })`.
-- What is narrowed to a number of rows is so for each parent: `{ comments = function(q) return q:order("-id"):limit(3) end }`.
-- @param ... names of relations; tables of `name = what`: a name or a table of what is wanted below it, a query of
-- that model, or a function that is given a query and returns it narrowed
-- @treturn query
function Query:preload(...)
  local specs = specs_of { ... }
  if #specs == 0 then
    place.blame "preload takes names of relations"
  end
  for _, spec in ipairs(specs) do
    relation_of(self.model, spec.name)
  end
  return with_specs(self, specs)
end

local function aggregate_spec(self, fn, name, column, refine, as)
  local of = relation_of(self.model, name)
  if not of.is_many then
    place.blame(("preload_%s is about several rows, and %s.%s is %s"):format(fn, self.model.table, name, of.kind))
  elseif fn ~= "count" and type(column) ~= "string" then
    place.blame(("preload_%s takes a relation and a column"):format(fn))
  elseif refine ~= nil and type(refine) ~= "function" and not Query.is(refine) then
    place.blame(("preload_%s takes a query, or a function that narrows one: got a %s"):format(fn, type(refine)))
  elseif as ~= nil and type(as) ~= "string" then
    place.blame(("preload_%s takes a name for what it finds: got a %s"):format(fn, type(as)))
  end
  as = as or (column and ("%s_%s_%s"):format(name, fn, column) or name .. "_count")
  return { name = as, refine = refine, below = {}, relation = relations.aggregate(of, fn, column, as) }
end

--- With the number of rows of a relation, as `comments_count`.
-- @tparam string name of a has_many or many_to_many
-- @param[opt] refine a query, or a function that narrows one: only those rows count
-- @tparam[opt] string as what it is called in the row
-- @treturn query
function Query:preload_count(name, refine, as)
  return with_specs(self, { aggregate_spec(self, "count", name, nil, refine, as) })
end

--- With the sum of a column over the rows of a relation, as `comments_sum_stars`; 0 where there is none.
-- @tparam string name of a has_many or many_to_many
-- @tparam string column
-- @param[opt] refine as for preload_count
-- @tparam[opt] string as what it is called in the row
-- @treturn query
function Query:preload_sum(name, column, refine, as)
  return with_specs(self, { aggregate_spec(self, "sum", name, column, refine, as) })
end

--- With the average of a column over the rows of a relation, as `comments_avg_stars`; nil where there is none.
-- @tparam string name of a has_many or many_to_many
-- @tparam string column
-- @param[opt] refine as for preload_count
-- @tparam[opt] string as what it is called in the row
-- @treturn query
function Query:preload_avg(name, column, refine, as)
  return with_specs(self, { aggregate_spec(self, "avg", name, column, refine, as) })
end

--- With the least value of a column over the rows of a relation, as `comments_min_stars`; nil where there is none.
-- @tparam string name of a has_many or many_to_many
-- @tparam string column
-- @param[opt] refine as for preload_count
-- @tparam[opt] string as what it is called in the row
-- @treturn query
function Query:preload_min(name, column, refine, as)
  return with_specs(self, { aggregate_spec(self, "min", name, column, refine, as) })
end

--- With the greatest value of a column over the rows of a relation, as `comments_max_stars`; nil where there is none.
-- @tparam string name of a has_many or many_to_many
-- @tparam string column
-- @param[opt] refine as for preload_count
-- @tparam[opt] string as what it is called in the row
-- @treturn query
function Query:preload_max(name, column, refine, as)
  return with_specs(self, { aggregate_spec(self, "max", name, column, refine, as) })
end

--- Rows whose relations do not load by themselves: touching one that was not preloaded raises, with the line.
-- @tparam[opt=true] boolean is_strict false: they do, whatever the model says
-- @treturn query
function Query:strict(is_strict)
  return self:in_manner { strict = is_strict ~= false, after = preload.after }
end

preload.relation_of, preload.specs_of, preload.show = relation_of, specs_of, show

return preload
