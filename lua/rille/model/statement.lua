--- The statements that write: their text, and the values in it.
--
--     local s = statement.new()
--     s:put("update posts set title = "):value("x"):put(" where id = "):value(5)
--     db:exec(s:text(), s:unpack())
local fragment = require "rille.model.fragment"
local quote = require("rille.db").quote_ident
local values = require "rille.model.values"

local Statement = {}
Statement.__index = Statement

local statement = {}

--- One to be written.
-- @tparam[opt] table first values that its text has already, as $1, $2, …
function statement.new(first)
  return setmetatable({ pieces = {}, values = first or {} }, Statement)
end

--- Add text.
function Statement:put(text)
  self.pieces[#self.pieces + 1] = text
  return self
end

--- Add a value, which is bound; or a fragment, with its own.
function Statement:value(value)
  if not fragment.is(value) then
    self.values[#self.values + 1] = value
    return self:put("$" .. #self.values)
  end
  local pieces = fragment.pieces(value.text)
  self:put "("
  for i, piece in ipairs(pieces) do
    self:put(piece)
    if i < #pieces then
      self:value(value.values[i])
    end
  end
  return self:put ")"
end

--- Add "a, b, c", each put by a function.
function Statement:list(list, put)
  for i, one in ipairs(list) do
    if i > 1 then
      self:put ", "
    end
    put(one)
  end
  return self
end

function Statement:text()
  return table.concat(self.pieces)
end

function Statement:unpack()
  return unpack(self.values, 1, #self.values)
end

-- ---- columns that the model writes of its own ---------------------------------------------------

local function has_time(model, name)
  local column = model.timestamps and model.facts.columns[name]
  return column and column.type:find "^timestamp" ~= nil
end

-- Of those, what an insert sets: where neither the caller nor the table's default does.
local function times_of_insert(model, fields)
  local times = {}
  for _, name in ipairs { "created_at", "updated_at" } do
    if has_time(model, name) and fields[name] == nil and not model.facts.columns[name].has_default then
      times[#times + 1] = name
    end
  end
  return times
end

--- "title, price": quoted.
function statement.columns(names)
  local quoted = {}
  for i, name in ipairs(names) do
    quoted[i] = quote(name)
  end
  return table.concat(quoted, ", ")
end

--- "insert into posts (title, created_at) values ($1, now())".
-- @tparam model model
-- @tparam {string,...} names of the columns that are given
-- @tparam table fields their values
function statement.insert(model, names, fields)
  local self, columns = statement.new(), { unpack(names) }
  for _, name in ipairs(times_of_insert(model, fields)) do
    columns[#columns + 1] = name
  end
  self:put("insert into " .. model.source)
  if #columns == 0 then
    return self:put " default values"
  end
  self:put(" (" .. statement.columns(columns) .. ") values (")
  self:list(columns, function(name)
    local value = fields[name]
    if value == nil then
      self:put "now()"
    else
      self:value(values.bound(model, name, value))
    end
  end)
  return self:put ")"
end

--- "title = $1, updated_at = now()": what an update sets.
-- @tparam statement self
-- @tparam model model
-- @tparam {string,...} names
-- @tparam table fields
function statement.put_changes(self, model, names, fields)
  self:list(names, function(name)
    self:put(quote(name) .. " = "):value(values.bound(model, name, fields[name]))
  end)
  if has_time(model, "updated_at") and fields.updated_at == nil then
    self:put(', "updated_at" = now()')
  end
  local lock = model.lock_column
  if lock and fields[lock] == nil then
    self:put((", %s = coalesce(%s, 0) + 1"):format(quote(lock), quote(lock)))
  end
end

--- " where id = $3": of one row.
-- @tparam {string,...} names
-- @tparam function value_of(name)
function statement.put_key(self, names, value_of)
  self:put " where "
  for i, name in ipairs(names) do
    local value = value_of(name)
    self:put((i > 1 and " and " or "") .. quote(name) .. (value == nil and " is null" or " = "))
    if value ~= nil then
      self:value(value)
    end
  end
end

statement.has_time, statement.times_of_insert = has_time, times_of_insert

return statement
