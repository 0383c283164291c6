--- Writing many rows by one statement. None of it calls hooks: what those are for has to be said here as well.
local catalogue = require "rille.model.catalogue"
local core = require "rille.core"
local fragment = require "rille.model.fragment"
local place = require "rille.place"
local Query = require "rille.model.query"
local quote = require("rille.db").quote_ident
local run = require "rille.model.run"
local sql = require "rille.model.sql"
local statement = require "rille.model.statement"
local values = require "rille.model.values"
local violation = require "rille.model.violation"
local write = require "rille.model.write"

-- Of one statement: more of them are no faster, and hold more memory at once. COPY gives no keys back; by way of a
-- temporary table, which does, it takes as long.
local ROWS_MOST = 5000

local null = core.null

-- ---- insert_many ------------------------------------------------------------------------------

-- The values of one row, which may be the caller's own table: nothing is put into it.
local function values_of(model, fields, i)
  if model.writable or model.schema or next(model.defaults) ~= nil then
    local checked = values.checked(model, fields, nil, ("insert_many, row %d,"):format(i), true)
    values.with_defaults(model, checked)
    return checked
  end
  values.check_table(fields, "insert_many, row %d,", i)
  return fields
end

-- Whether a row gives the columns of a group, no more and no fewer.
local function fits(group, fields)
  local count, is_in = 0, group.is_in
  for name in pairs(fields) do
    if not is_in[name] then
      return false
    end
    count = count + 1
  end
  return count == #group.names
end

local function new_group(names)
  local group = { names = names, is_in = {}, rows = {}, places = {} }
  for _, name in ipairs(names) do
    group.is_in[name] = true
  end
  return group
end

-- Rows that give the same columns: an absent one has the table's default, which no array can say.
local function alike(model, list)
  local groups, by_columns, group = {}, {}, nil
  for i = 1, #list do
    local fields = values_of(model, list[i], i)
    if not group or #group.rows == ROWS_MOST or not fits(group, fields) then
      local names = values.names(model, fields)
      local key = table.concat(names, "\0")
      group = by_columns[key]
      if not group or #group.rows == ROWS_MOST then
        group = new_group(names)
        by_columns[key], groups[#groups + 1] = group, group
      end
    end
    group.rows[#group.rows + 1], group.places[#group.places + 1] = fields, i
  end
  return groups
end

-- How a column's values travel in an array, and what is made of each: PostgreSQL's arrays cannot hold arrays
-- of different lengths, so a column that is one comes as JSON.
local function column_of(model, name, at)
  local kind = model.facts.columns[name].type
  if kind:find "%[%]$" then
    local element = ("case when %s is not null then array(select jsonb_array_elements_text(%s))::%s end"):format(at, at, kind)
    return "jsonb[]", element, function(value) return core.jsonb(values.list(value)) end
  end
  return kind .. "[]", at, function(value) return values.bound(model, name, value) end
end

-- Whether text, numbers and booleans go into a column as they are.
local function takes_plain(model, name)
  local kind = model.facts.columns[name].type
  return not (kind:find "^json" or kind:find "%[%]$" or kind == "bytea")
end

local function array_of(model, group, name, convert)
  local array, rows, is_plain = {}, group.rows, takes_plain(model, name)
  for i = 1, #rows do
    local value = rows[i][name]
    if value ~= null and not (is_plain and type(value) ~= "table") then
      if fragment.is(value) then
        place.blame(("insert_many takes values, and no pieces of SQL: %s of row %d is one"):format(name, group.places[i]))
      end
      value = convert(value)
    end
    array[i] = value
  end
  return core.array(array)
end

-- "insert into t (a, b) select r.a, r.b from unnest($1::int[], $2::text[]) with ordinality as r (…)".
local function insert_statement(model, group)
  local names = group.names
  local types, picked, aliases, arrays = {}, {}, {}, {}
  for i, name in ipairs(names) do
    local kind, expression, convert = column_of(model, name, "r.c" .. i)
    types[i], picked[i], aliases[i] = ("$%d::%s"):format(i, kind), expression, "c" .. i
    arrays[i] = array_of(model, group, name, convert)
  end
  local columns = { statement.columns(names) }
  for _, name in ipairs(statement.times_of_insert(model, group.rows[1])) do
    columns[#columns + 1], picked[#picked + 1] = quote(name), "now()"
  end
  return ("insert into %s (%s) select %s from unnest(%s) with ordinality as r (%s, place) order by r.place"):format(model.source,
    table.concat(columns, ", "), table.concat(picked, ", "), table.concat(types, ", "), table.concat(aliases, ", ")), arrays
end

-- Rows that give nothing at all.
local function insert_blank(model, group)
  return ("insert into %s select from generate_series(1, %d)"):format(model.source, #group.rows), {}
end

local function insert_group(model, group, key, ids)
  local build = #group.names > 0 and insert_statement or insert_blank
  local text, arrays = build(model, group)
  if #key == 0 then
    return model.db:exec(text, unpack(arrays))
  end
  local rows = model.db:query(text .. " returning " .. statement.columns(key), unpack(arrays))
  for i, one in ipairs(rows) do
    ids[group.places[i]] = #key == 1 and one[key[1]] or one
  end
end

--- Make many rows, all or none: one statement for each 5,000, whose columns travel as arrays. **Yields.** No hooks are called.
-- @tparam {table,...} list values by column, as create takes them; where a row leaves a column out it has its default
-- @treturn list their keys in the same order; of a key of several columns, plain rows of it
-- @raise as create
function write.starters:insert_many(list)
  if type(list) ~= "table" or #list == 0 and next(list) ~= nil then
    place.blame("insert_many takes a list of { column = value }: got " .. (type(list) == "table" and "a table of another kind"
      or "a " .. type(list)))
  end
  local key, ids = catalogue.of(self).key, {}
  local groups = alike(self, list)
  local function insert_all()
    for _, group in ipairs(groups) do
      insert_group(self, group, key, ids)
    end
  end
  local ok, err
  if #groups > 1 then
    ok, err = pcall(self.db.transaction, self.db, insert_all)
  else
    ok, err = pcall(insert_all)
  end
  if not ok then
    catalogue.heed(self, err)
    error(violation.explained(self, err), 0)
  end
  return core.array(ids)
end

-- ---- upsert -----------------------------------------------------------------------------------

-- What tells rows apart: "(email)", or an expression as it stands.
local function conflict_of(model, on)
  if fragment.is(on) then
    return on
  end
  local names = type(on) == "string" and { on } or on
  if type(names) ~= "table" or #names == 0 then
    place.blame('upsert takes { on = "email" }: the columns of a unique index, by which a row is there already')
  end
  local set = {}
  for _, name in ipairs(names) do
    set[name] = true
  end
  values.names(model, set)
  return fragment.new("(" .. statement.columns(names) .. ")"), set
end

local function check_upsert(options)
  if type(options) ~= "table" or options.on == nil then
    place.blame('upsert takes values, and { on = "email" }: the columns of a unique index, by which a row is there already')
  end
  for name in pairs(options) do
    if name ~= "on" and name ~= "update" and name ~= "own" then
      place.blame(("upsert has no option '%s': there are on, update, own"):format(tostring(name)))
    end
  end
end

-- What becomes of the row that is there: given columns take the new values; where none does, it is written as it is,
-- so that it is returned.
local function put_update(s, model, names, options, set)
  local changed = {}
  if options.update ~= nil then
    changed = options.update
    local known = {}
    for _, name in ipairs(changed) do
      known[name] = true
    end
    values.names(model, known)
  else
    for _, name in ipairs(names) do
      if not (set and set[name]) then
        changed[#changed + 1] = name
      end
    end
  end
  local is_untouched = #changed == 0
  s:list(is_untouched and { names[1] } or changed, function(name)
    s:put(("%s = %s.%s"):format(quote(name), is_untouched and model.prefix:sub(1, -2) or "excluded", quote(name)))
  end)
  if not is_untouched and statement.has_time(model, "updated_at") then
    s:put(', "updated_at" = now()')
  end
end

--- Make a row, or change the one that is there already. **Yields.** No hooks are called.
-- @tparam table fields values by column
-- @tparam table options `on`: the columns of a unique index, or its expression as rille.sql("(lower(email))"); `update`: the
-- columns that the row that is there takes (without it all that are given; {} for none); `own`: what the program adds
-- @treturn row with `created`, whether it is new
-- @raise as create
function write.starters:upsert(fields, options)
  check_upsert(options)
  local given = values.checked(self, fields, options.own, "upsert", true)
  catalogue.of(self)
  values.with_defaults(self, given)
  local names = values.names(self, given)
  if #names == 0 then
    place.blame "upsert takes values: got none"
  end
  local s = statement.insert(self, names, given)
  local conflict, set = conflict_of(self, options.on)
  s:put " on conflict "
  if set then
    s:put(conflict.text)
  else
    s:value(conflict)
  end
  s:put " do update set "
  put_update(s, self, names, options, set)
  local handle = run.handle_of(self)
  local ok, made = pcall(handle.one, handle, s:put(" returning *, (xmax = 0) as rl_created"):text(), s:unpack())
  if not ok then
    catalogue.heed(self, made)
    error(violation.explained(self, made), 0)
  end
  rawset(made, "created", made.rl_created)
  return made
end

-- ---- update_all, delete_all -----------------------------------------------------------------------

-- The options of `what`, each of which may be true.
local function flags(options, what, known)
  for name, value in pairs(options or {}) do
    if not known[name] or value ~= true then
      place.blame(("%s takes { all = true } behind, or nothing: got %s = %s"):format(what, tostring(name), tostring(value)))
    end
  end
  return options or {}
end

local function check_whole(c, is_whole, what)
  if not is_whole and #c.kept == 0 and c.limit == "" and #c.joins == 0 and not c.from then
    place.blame(("%s without a condition would be about every row: if that is meant, say %s")
      :format(what, what == "update_all" and "update_all(fields, { all = true })" or "delete_all { all = true }"))
  end
end

-- " where …": by its own conditions, or by the keys of the rows that a richer query finds.
local function put_rows(s, model, query, c)
  if sql.is_plain(c) and #c.joins == 0 and not c.from and #c.ctes == 0 then
    return s:put(sql.where_text(c))
  end
  local key = {}
  for i, name in ipairs(catalogue.key(model)) do
    key[i] = model.prefix .. quote(name)
  end
  local text = sql.keys(query, table.concat(key, ", "))
  return s:put((" where (%s) in (%s)"):format(table.concat(key, ", "), text))
end

local function write_all(self, is_whole, what, head)
  local c = sql.clauses(self, 0)
  check_whole(c, is_whole, what)
  local s = statement.new { unpack(self.values, 1, self.shape.count) }
  head(s)
  put_rows(s, self.model, self, c)
  local db = self.manner.db or self.model.db
  local ok, count = pcall(db.exec, db, s:text(), s:unpack())
  if not ok then
    catalogue.heed(self.model, count)
    error(violation.explained(self.model, count), 0)
  end
  return count
end

--- Change all rows of the query by one statement. **Yields.** No hooks are called.
-- @tparam table fields values by column; a fragment is an expression: `{ stock = rille.sql("stock - ?", 1) }`
-- @tparam[opt] table options `all = true`: every row of the table is meant; without it, a query needs a condition
-- @treturn integer how many there were
function Query:update_all(fields, options)
  run.prepared(self)
  local model = self.model
  local given = values.checked(model, fields, nil, "update_all", false)
  local names = values.names(model, given)
  if #names == 0 then
    place.blame "update_all takes values: a field that is nil is not there, so { title = nil } is empty"
  end
  local asked = flags(options, "update_all", { all = true })
  return write_all(self, asked.all, "update_all", function(s)
    s:put("update " .. model.source .. " set ")
    statement.put_changes(s, model, names, given)
  end)
end

--- Delete all rows of the query by one statement; where the model has soft_delete, mark them. **Yields.** No hooks are called.
-- @tparam[opt] table options `all = true`: every row of the table is meant; `for_good = true`: delete them, even so
-- @treturn integer how many there were
function Query:delete_all(options)
  run.prepared(self)
  local model, asked = self.model, flags(options, "delete_all", { all = true, for_good = true })
  return write_all(self, asked.all, "delete_all", function(s)
    if not model.soft_delete or asked.for_good then
      return s:put("delete from " .. model.source)
    end
    s:put("update " .. model.source .. " set ")
    statement.put_changes(s, model, { model.soft_delete }, { [model.soft_delete] = fragment.new "now()" })
  end)
end
