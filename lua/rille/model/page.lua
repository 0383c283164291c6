--- A page at a time, by what the last row of the one before had.
--
-- A page begins behind a row, not at a number of rows: rows that come or go meanwhile make nobody see one twice or
-- miss one, and the hundredth page costs what the first does (Winand, "Use the Index, Luke", 2012: no offset).
--
-- What says where a page begins, the cursor, is the values of the columns of the order, as JSON in hexadecimal digits.
-- It is not signed: whoever makes one up sees another page of the same query, and its values are bound like any other. So
-- it must tell nothing that the rows do not: columns that JSON leaves out are no order of pages.
local catalogue = require "rille.model.catalogue"
local core = require "rille.core"
local errors = require "rille.error"
local fragment = require "rille.model.fragment"
local place = require "rille.place"
local Query = require "rille.model.query"
local quote = require("rille.db").quote_ident
local row = require "rille.model.row"
local run = require "rille.model.run"
local shape = require "rille.model.shape"
local values = require "rille.model.values"

local LIMIT, LIMIT_MOST = 20, 1000 -- rows
local CURSOR_MOST = 8192           -- bytes: more than the values of any order that is sensible

local null = core.null

-- ---- the order -----------------------------------------------------------------------

local function check_column(model, name)
  local column = model.facts.columns[name]
  if not column then
    place.blame(("page goes by columns of %s: %s is none"):format(model.table, name))
  elseif row.is_hidden(model, name) then
    place.blame(("page cannot go by %s: the cursor would show what JSON leaves out"):format(name))
  end
  return column
end

-- The columns that rows are told apart by, in order: those of the query, and then of the key.
local function order_of(self)
  local model, order, seen = self.model, {}, {}
  local is_down = false
  local function add(name)
    local column = check_column(model, name)
    if not seen[name] then
      order[#order + 1], seen[name] = { name = name, is_down = is_down, is_null = column.is_null }, true
    end
  end
  for _, one in ipairs(shape.steps(self.shape)) do
    if one.kind == "order" then
      is_down = one.what:sub(1, 1) == "-"
      add((one.what:gsub("^%-", "")))
    elseif one.kind == "order_raw" or one.kind == "limit" or one.kind == "offset" then
      place.blame(("page goes by columns, %s rows at a time: leave %s out"):format("its own number of",
        one.kind == "order_raw" and "pieces of SQL in the order" or one.kind))
    elseif one.kind == "unordered" then
      order, seen = {}, {}
    end
  end
  for _, name in ipairs(catalogue.key(model)) do
    add(name)
  end
  return order
end

local function specs_of(order)
  local specs = {}
  for i, one in ipairs(order) do
    specs[i] = (one.is_down and "-" or "") .. one.name
  end
  return specs
end

-- ---- the cursor ------------------------------------------------------------------------

local function refuse()
  values.refuse { { ["in"] = "query", path = "after", code = "cursor", message = "is no place of this list" } }
end

local function encode(order, last)
  local list = {}
  for i, one in ipairs(order) do
    if not getmetatable(last).places[one.name] then
      place.blame(("page goes by %s, which the query does not select"):format(one.name))
    end
    local value = row.value(last, one.name)
    list[i] = value == nil and null or value
  end
  return (core.json_encode(core.array(list)):gsub(".", function(char) return ("%02x"):format(char:byte()) end))
end

local function decode(order, cursor)
  if type(cursor) ~= "string" or #cursor > CURSOR_MOST or #cursor % 2 ~= 0 or cursor:find "%X" then
    refuse()
  end
  local text = cursor:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)
  local is_json, list = pcall(core.json_decode, text)
  if not is_json or type(list) ~= "table" or #list ~= #order then
    refuse()
  end
  for i, one in ipairs(order) do
    local kind = list[i] == null and "null" or type(list[i])
    if kind == "table" or kind == "null" and not one.is_null then
      refuse()
    end
  end
  return list
end

-- ---- what is behind it -------------------------------------------------------------------

local function is_uniform(order)
  for _, one in ipairs(order) do
    if one.is_down ~= order[1].is_down or one.is_null then
      return false
    end
  end
  return true
end

-- "(a, b) > (?, ?)": one range of an index.
local function behind_row(model, order, list)
  local names, marks = {}, {}
  for i, one in ipairs(order) do
    names[i], marks[i] = model.prefix .. quote(one.name), "?"
  end
  return fragment.new(("(%s) %s (%s)"):format(table.concat(names, ", "), order[1].is_down and "<" or ">",
    table.concat(marks, ", ")), unpack(list))
end

-- Behind a value in one column; PostgreSQL's NULLs are greater than everything. Nil for nothing.
local function behind_value(at, one, value)
  if value == null then
    return one.is_down and at .. " is not null" or nil
  elseif one.is_down then
    return at .. " < ?"
  end
  return one.is_null and ("(%s > ? or %s is null)"):format(at, at) or at .. " > ?"
end

-- The same, written out: behind in the first column, or equal there and behind in the second, …
local function behind_each(model, order, list)
  local ways, bound = {}, {}
  local equal, equal_values = "", {}
  for i, one in ipairs(order) do
    local at, value = model.prefix .. quote(one.name), list[i]
    local way = behind_value(at, one, value)
    if way then
      ways[#ways + 1] = "(" .. equal .. way .. ")"
      for _, before in ipairs(equal_values) do
        bound[#bound + 1] = before
      end
      bound[#bound + 1] = value ~= null and value or nil
    end
    equal = equal .. at .. (value == null and " is null and " or " = ? and ")
    equal_values[#equal_values + 1] = value ~= null and value or nil
  end
  return fragment.new(table.concat(ways, " or "), unpack(bound))
end

-- What a value of a cursor that somebody made up fails with: no number, no time, out of range.
local MISFITS = { ["db.22P02"] = true, ["db.22007"] = true, ["db.22008"] = true, ["db.22003"] = true, ["db.22021"] = true }

local function fetch(query, is_behind)
  local ok, rows = pcall(query.all, query)
  if ok then
    return rows
  elseif is_behind and errors.is(rows) and MISFITS[rows.code] then
    refuse()
  end
  error(rows, 0)
end

local function check_options(options)
  for name in pairs(options) do
    if name ~= "after" and name ~= "limit" then
      place.blame(("page has no option '%s': there are after, limit"):format(tostring(name)))
    end
  end
  local limit = options.limit or LIMIT
  if type(limit) ~= "number" or limit < 1 or limit > LIMIT_MOST or limit % 1 ~= 0 then
    place.blame(("page takes a limit from 1 to %d: got %s"):format(LIMIT_MOST, tostring(limit)))
  end
  return limit
end

--- One page of the query, in its order. **Yields.** Rows that are equal in the order are told apart by the key.
-- @tparam[opt] table options `limit`: rows, 20 without it and 1,000 at most; `after`: `next` of the page before
-- @treturn table `items`, and `next` when there are more: a text for the next page's `after`
-- @raise 422 for an `after` that is none
function Query:page(options)
  run.prepared(self)
  options = options or {}
  local limit, model = check_options(options), self.model
  local order = order_of(self)
  local query = self:reorder(unpack(specs_of(order))):limit(limit + 1)
  local after = options.after
  if after ~= nil and after ~= null then
    local list = decode(order, after)
    query = query:where((is_uniform(order) and behind_row or behind_each)(model, order, list))
  end
  local items = fetch(query, after ~= nil)
  local next_page
  if #items > limit then
    items[limit + 1] = nil
    next_page = encode(order, items[limit])
  end
  return { items = items, next = next_page }
end
