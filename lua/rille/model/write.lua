--- Writing one row: made, changed, deleted.
--
-- A write that has more to it than its statement (hooks, parents to touch) is a transaction; in one that is open
-- already, it belongs to that. What is written comes back with `returning`, so a row shows what the database has.
local catalogue = require "rille.model.catalogue"
local core = require "rille.core"
local errors = require "rille.error"
local fragment = require "rille.model.fragment"
local place = require "rille.place"
local quote = require("rille.db").quote_ident
local row = require "rille.model.row"
local run = require "rille.model.run"
local statement = require "rille.model.statement"
local transactions = require "rille.db.transaction"
local values = require "rille.model.values"
local violation = require "rille.model.violation"

local rawget, rawset = rawget, rawset

local write = {
  --- What a model can that its queries cannot.
  starters = {},
}
local Row = row.methods

-- ---- running ------------------------------------------------------------------------------

-- The row that a statement returns; nil when it wrote none.
local function returned(model, s)
  local handle = run.handle_of(model)
  local ok, result = pcall(handle.one, handle, s:put(" returning *"):text(), s:unpack())
  if not ok then
    catalogue.heed(model, result)
    error(violation.explained(model, result), 0)
  end
  return result
end

-- What belongs to a write beside its statement, all or nothing with it.
local function with_hooks(model, before, after, write_it)
  local hooks = model.hooks
  if not hooks[before] and not hooks[after] and #model.touches == 0 then
    return write_it()
  end
  return model.db:transaction(write_it)
end

local function call_hook(model, name, ...)
  local hook = model.hooks[name]
  if hook then
    hook(...)
  end
end

-- The rows that a row belongs to, and whose time of change follows its own.
local function touch_parents(model, self)
  for _, name in ipairs(model.touches) do
    local parent = self[name]
    if parent then
      parent:touch()
    end
  end
end

-- ---- making ---------------------------------------------------------------------------------

-- Made from values that have been checked.
local function insert(model, fields)
  catalogue.of(model)
  values.with_defaults(model, fields)
  return with_hooks(model, "before_save", "after_save", function()
    call_hook(model, "before_save", fields, nil)
    local made = returned(model, statement.insert(model, values.names(model, fields), fields))
    touch_parents(model, made)
    call_hook(model, "after_save", made, true)
    return made
  end)
end

--- Make a row of the program's own values, which nobody checks: for the factories of specs. **Yields.**
-- @tparam model model
-- @tparam table fields by column; ours from now on
-- @treturn row
write.insert = insert

--- Make a row. **Yields.**
-- @tparam table fields values by column, `rille.null` for NULL: from outside, where the model has `writable` or a `schema`,
-- which then check them
-- @tparam[opt] table own what the program adds, in any column
-- @treturn row as the database has it, with defaults
-- @raise 422 with a problem for each field that is wrong; db.23505, 409, whose details name the field that is taken
function write.starters:create(fields, own)
  return insert(self, values.checked(self, fields, own, "create", true))
end

-- What fails for its values gives them back as problems; in a transaction, which would be lost else, by a savepoint.
local function try(model, fn)
  local is_inside = core.pg_transaction(model.db:lanes())
  local ok, result
  if is_inside and transactions.here(model.db) then
    ok, result = pcall(model.db.transaction, model.db, fn)
  else
    ok, result = pcall(fn)
  end
  if ok then
    return result, nil
  end
  local problems = violation.problems(model, result) or errors.is(result) and result.status == 422 and result.details
  if not problems then
    error(result, 0)
  end
  return nil, problems
end

--- Make a row, unless something is wrong with its values. **Yields.**
-- @tparam table fields as `create` takes them
-- @tparam[opt] table own
-- @treturn row|nil
-- @treturn ?table then the problems, `{ in, path, code, message }`: the schema's, and those that the database's
-- constraints find: "taken", "required", "unknown" (it refers to nothing), "check"
function write.starters:try_create(fields, own)
  return try(self, function() return self:create(fields, own) end)
end

-- ---- one row -----------------------------------------------------------------------------------

-- The value that a row's key had when it came.
local function key_value(self)
  local was = rawget(self, row.WAS)
  return function(name)
    local old = was and was[name]
    if old ~= nil then
      return old ~= core.null and old or nil
    end
    return row.value(self, name)
  end
end

local function check_key(model, self)
  local key = catalogue.key(model)
  for _, name in ipairs(key) do
    if not getmetatable(self).places[name] then
      place.blame(("this row of %s was selected without its %s, and cannot be told from others"):format(model.table, name))
    end
  end
  return key
end

local function key_and_lock(model, self)
  local names = { unpack(check_key(model, self)) }
  local lock = model.lock_column
  if lock and not getmetatable(self).places[lock] then
    place.blame(("this row of %s was selected without its %s, by which it is locked"):format(model.table, lock))
  end
  names[#names + 1] = lock or nil
  return names
end

-- Take over what the database has; what was assigned meanwhile stays, unless it was what was written.
local function take(self, fresh, written)
  local was = rawget(self, row.WAS)
  for _, name in ipairs(row.names(fresh)) do
    local is_pending = was and was[name] ~= nil and not (written and written[name] ~= nil)
    if not is_pending then
      row.put(self, name, row.value(fresh, name))
      if was then
        was[name] = nil
      end
    end
  end
end

-- The values of its key, in their order.
local function key_of(model, self)
  local list, value_of = {}, key_value(self)
  for i, name in ipairs(check_key(model, self)) do
    list[i] = value_of(name)
  end
  return unpack(list)
end

local function gone(model, self)
  if model.lock_column and model.blank:with_deleted():find(key_of(model, self)) then
    error(errors.new {
      status = 409, code = "conflict", message = ("this %s was changed meanwhile: read it again"):format(model.noun),
      is_public = true,
    }, 0)
  end
  errors.fail(404, ("there is no such %s any more"):format(model.noun))
end

-- One row, changed in these columns; `found_by` gives the columns that must be as they were.
local function change(model, self, fields, found_by)
  local names = values.names(model, fields)
  local s = statement.new():put("update " .. model.source .. " set ")
  statement.put_changes(s, model, names, fields)
  statement.put_key(s, found_by(model, self), key_value(self))
  local fresh = returned(model, s)
  if not fresh then
    gone(model, self)
  end
  take(self, fresh, fields)
  return fresh
end

local function assigned(self)
  local fields = {}
  for name in pairs(Row.changed(self) or {}) do
    local value = row.value(self, name)
    fields[name] = value == nil and core.null or value
  end
  return fields
end

local function save(model, self, fields, found_by)
  catalogue.of(model)
  if next(fields) == nil then
    return self
  end
  return with_hooks(model, "before_save", "after_save", function()
    call_hook(model, "before_save", fields, self)
    change(model, self, fields, found_by or key_and_lock)
    row.forget_relations(self, fields)
    touch_parents(model, self)
    call_hook(model, "after_save", self, false)
    return self
  end)
end

--- Change a row: exactly the columns given, false and 0 too. **Yields.**
-- @tparam[opt] table fields values by column; nil leaves a column alone, rille.null clears it, a fragment is an
-- expression: `{ stock = rille.sql("stock - ?", 1) }`. From outside, where the model has `writable` or a `schema`. Without it,
-- what was assigned to the row is written
-- @tparam[opt] table own what the program adds
-- @treturn row the same, as the database has it
-- @raise as `create`; 404 when it is gone, 409 when the model has a lock column and somebody else wrote it meanwhile
function Row:update(fields, own)
  local model = row.model(self)
  if fields == nil and own == nil then
    return save(model, self, assigned(self))
  end
  return save(model, self, values.checked(model, fields or {}, own, "update", false))
end

--- Change a row, unless something is wrong with the values. **Yields.**
-- @tparam[opt] table fields as `update` takes them
-- @tparam[opt] table own
-- @treturn row|nil
-- @treturn ?table then the problems, as try_create's
function Row:try_update(fields, own)
  return try(row.model(self), function() return self:update(fields, own) end)
end

--- Add to a number, in the database: two who do so at once both count, also where the model has a lock column. **Yields.**
-- @tparam string column NULL counts as 0
-- @tparam[opt=1] number by may be negative
-- @treturn row the same
function Row:increment(column, by)
  local model = row.model(self)
  if type(column) ~= "string" or by ~= nil and type(by) ~= "number" then
    place.blame "increment takes the name of a column, and a number"
  end
  values.names(model, { [column] = 0 })
  return save(model, self, { [column] = fragment.new(("coalesce(%s, 0) + ?"):format(quote(column)), by or 1) }, check_key)
end

--- Note that a row has changed: its updated_at is now, whoever has written it meanwhile. A lock column counts that, too:
-- who has seen the row as it was before may not write it. **Yields.**
-- @treturn row the same
function Row:touch()
  local model = row.model(self)
  catalogue.of(model)
  if not statement.has_time(model, "updated_at") then
    place.blame(("a row of %s cannot be touched: it has no updated_at"):format(model.table))
  end
  return save(model, self, { updated_at = fragment.new "now()" }, check_key)
end

--- Read a row again: what was assigned to it, and what was loaded of its relations, is forgotten. **Yields.**
-- @treturn row the same
-- @raise 404 when it is gone
function Row:reload()
  local model = row.model(self)
  local fresh = model.blank:with_deleted():get(key_of(model, self))
  rawset(self, row.WAS, nil)
  take(self, fresh)
  row.forget_relations(self)
  return self
end

-- ---- deleting --------------------------------------------------------------------------------------

local function delete(model, self, is_for_good)
  local s
  local names = key_and_lock(model, self)
  if model.soft_delete and not is_for_good then
    s = statement.new():put("update " .. model.source .. " set ")
    statement.put_changes(s, model, { model.soft_delete }, { [model.soft_delete] = fragment.new "now()" })
  else
    s = statement.new():put("delete from " .. model.source)
  end
  statement.put_key(s, names, key_value(self))
  local fresh = returned(model, s)
  if not fresh then
    gone(model, self)
  end
  take(self, fresh)
end

--- Delete a row; where the model has soft_delete, mark it as deleted. **Yields.**
-- @tparam[opt] table options `for_good = true`: delete it, even so
-- @treturn row the same
-- @raise 404 when it is gone already; 409 as `update`
function Row:delete(options)
  local model = row.model(self)
  if options ~= nil and (type(options) ~= "table" or options.for_good ~= true) then
    place.blame "delete takes { for_good = true } or nothing: what else is to go, a query's delete_all deletes"
  end
  catalogue.of(model)
  return with_hooks(model, "before_delete", "after_delete", function()
    call_hook(model, "before_delete", self)
    delete(model, self, options ~= nil)
    touch_parents(model, self)
    call_hook(model, "after_delete", self)
    return self
  end)
end

--- Take back what delete() marked. **Yields.**
-- @treturn row the same
function Row:restore()
  local model = row.model(self)
  if not model.soft_delete then
    place.blame(("what is deleted from %s is gone: its model has no soft_delete"):format(model.table))
  end
  return save(model, self, { [model.soft_delete] = core.null })
end

return write
