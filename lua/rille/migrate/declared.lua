--- What the models declare of their tables.
--
--     rille.model("posts", {
--       columns = { title = "text not null", price = "numeric(10,2) not null default 0" },
--       indexes = { "title", { "author_id", "price" }, { "lower(title)", unique = true, where = "price > 0" } },
--       belongs_to = { author = "models.user" },
--     })
--
-- Beside the columns that are named a table has those that its model cannot be without: `id`, unless there is
-- another primary key; `author_id` of a belongs_to, which refers to that table, as its key and not null; what
-- soft_delete and lock name. A text is what stands behind a column's name in CREATE TABLE.
local catalogue = require "rille.model.catalogue"
local db = require "rille.db"
local files = require "rille.migrate.file"
local option = require "rille.option"

local declared = {}

local ID = "bigint generated always as identity primary key"
local INDEX = { unique = option.switch(), where = option.text(), using = option.text(), name = option.text() }

local quoted = db.quote_ident

-- Names as people write them, where PostgreSQL reads them the same.
local RESERVED = {}
for word in ([[all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
  current_date current_role current_time current_timestamp current_user default deferrable desc distinct do else end except false
  fetch for foreign from grant group having in initially intersect into lateral leading limit localtime localtimestamp not null
  offset on only or order placing primary references returning select session_user some symmetric table then to trailing true
  union unique user using variadic when where window with authorization binary collation concurrently cross
  current_schema freeze full ilike inner is isnull join left like natural notnull outer overlaps right similar tablesample
  verbose]]):gmatch "%S+" do
  RESERVED[word] = true
end

--- A name in SQL, in quotes where it wants them.
-- @tparam string name
-- @treturn string
function declared.name(name)
  return name:find "^[%l_][%l%d_]*$" and not RESERVED[name] and name or quoted(name)
end

local function blame(model, ...)
  files.fail("%s: the model %s: %s", model.at, model.table, string.format(...))
end

-- ---- columns ---------------------------------------------------------------------

local CLAUSES = {
  generated = true, primary = true, ["not"] = true, null = true, default = true, references = true, unique = true,
  check = true, constraint = true, collate = true,
}
local SERIALS = { serial = "integer", bigserial = "bigint", smallserial = "smallint" }

-- The type alone of a column's text.
local function type_of(text)
  local words = {}
  for word in text:gmatch "%S+" do
    if CLAUSES[word:lower()] then
      break
    end
    words[#words + 1] = word
  end
  local type_name = table.concat(words, " ")
  return SERIALS[type_name:lower()] or type_name
end

local function check_columns(model)
  for name, text in pairs(model.columns) do
    if type(name) ~= "string" or type(text) ~= "string" or not text:find "%S" then
      blame(model, 'columns are { title = "text not null" }: got %s = %s', tostring(name), tostring(text))
    end
  end
end

local function has_primary_key(columns)
  for _, text in pairs(columns) do
    if text:lower():find "%f[%w]primary%s+key%f[%W]" then
      return true
    end
  end
end

-- The belongs_to that are a foreign key, by name.
local function references_of(model, target_of)
  local list = {}
  for name, relation in pairs(model.relations) do
    if relation.kind == "belongs_to" and not relation.options.polymorphic then
      local target = target_of(relation)
      list[#list + 1] = {
        columns = relation.options.key or { name .. "_id" }, target = target, references = relation.options.references,
      }
    end
  end
  table.sort(list, function(a, b) return a.columns[1] < b.columns[1] end)
  return list
end

-- The columns that a model's rows are known by, and the type of one.
local function key_of(model)
  if model.columns then
    local list = {}
    for name, text in pairs(model.columns) do
      if has_primary_key { text } then
        list[#list + 1] = name
      end
    end
    return model.key or #list > 0 and list or { "id" }
  end
  return catalogue.key(model)
end

local function column_type(model, name)
  if not model.columns then
    local column = catalogue.of(model).columns[name]
    return column and column.type
  end
  local text = model.columns[name] or name == "id" and ID
  return text and type_of(text)
end

local function add_reference(columns, model, reference)
  reference.references = reference.references or key_of(reference.target)
  for i, name in ipairs(reference.columns) do
    if not columns[name] then
      local target = reference.references[i]
      local type_name = target and column_type(reference.target, target)
      if not type_name then
        blame(model, "belongs_to %s wants the column %s, whose type is not known: declare it", reference.target.table, name)
      end
      columns[name] = type_name .. " not null"
    end
  end
end

local LAST = { created_at = 1, updated_at = 2, deleted_at = 3 }

-- The key first, then what refers to others, then the rest by name.
local function ordered(columns, key, references)
  local rank = {}
  for i, name in ipairs(key) do
    rank[name] = -1000 + i
  end
  for i, reference in ipairs(references) do
    for k, name in ipairs(reference.columns) do
      rank[name] = rank[name] or -500 + i + k / 100
    end
  end
  local list = {}
  for name, text in pairs(columns) do
    list[#list + 1] = { name = name, text = text, rank = rank[name] or LAST[name] or 0 }
  end
  table.sort(list, function(a, b)
    if a.rank ~= b.rank then
      return a.rank < b.rank
    end
    return a.name < b.name
  end)
  return list
end

-- ---- tables -----------------------------------------------------------------------

--- Names in SQL, with commas between.
-- @tparam {string,...} list
-- @treturn string
function declared.names(list)
  local names = {}
  for i, name in ipairs(list) do
    names[i] = declared.name(name)
  end
  return table.concat(names, ", ")
end

local function index_of(model, one)
  local parts = type(one) == "string" and { one } or one
  if type(parts) ~= "table" or #parts == 0 then
    blame(model, 'indexes are { "title", { "author_id", "title", unique = true } }')
  end
  local given, terms = {}, {}
  for key, value in pairs(parts) do
    if type(key) == "number" then
      terms[key] = tostring(value):find "^[%w_]+$" and declared.name(value) or tostring(value)
    else
      given[key] = value
    end
  end
  local ok, options = pcall(option.read, "an index", given, INDEX, 0)
  if not ok then
    blame(model, "%s", tostring(options))
  end
  return ("create %sindex %s on %s%s (%s)%s"):format(options.unique and "unique " or "", options.name and
    declared.name(options.name) or "", declared.name(model.table), options.using and " using " .. options.using or "",
    table.concat(terms, ", "), options.where and " where " .. options.where or "")
end

local function create_of(model, columns, key)
  local lines = {}
  for i, column in ipairs(columns) do
    lines[i] = ("    %s %s"):format(declared.name(column.name), column.text)
  end
  if key then
    lines[#lines + 1] = ("    primary key (%s)"):format(declared.names(key))
  end
  return ("create table %s (\n%s\n)"):format(declared.name(model.table), table.concat(lines, ",\n"))
end

local function foreign_keys(model, references, columns)
  local list = {}
  for _, reference in ipairs(references) do
    local is_said = #reference.columns == 1 and columns[reference.columns[1]]:lower():find "%f[%w]references%f[%W]"
    if not is_said then
      list[#list + 1] = ("alter table %s add foreign key (%s) references %s (%s)"):format(declared.name(model.table),
        declared.names(reference.columns), declared.name(reference.target.table), declared.names(reference.references))
    end
  end
  return list
end

--- What a model declares, as statements.
-- @tparam table model one with `columns`
-- @tparam function target_of(relation) the model that a relation names
-- @treturn table `name`, `model`, and texts: `create`, `indexes`, `foreign_keys`; `references`, lists of the columns
-- by which it belongs to others; `refers`, the tables that its columns' texts name
-- @raise { migrate = … } with the model's line
function declared.table(model, target_of)
  if model.table:find(".", 1, true) then
    blame(model, "columns are compared for tables of the search path alone: leave the schema out of the name")
  end
  check_columns(model)
  local columns = {}
  for name, text in pairs(model.columns) do
    columns[name] = text
  end
  local references = references_of(model, target_of)
  for _, reference in ipairs(references) do
    add_reference(columns, model, reference)
  end
  local key = key_of(model)
  local has_key = has_primary_key(columns)
  if not has_key and #key == 1 and key[1] == "id" and not columns.id then
    columns.id, has_key = ID, true
  end
  if model.soft_delete then
    columns[model.soft_delete] = columns[model.soft_delete] or "timestamptz"
  end
  if model.lock_column then
    columns[model.lock_column] = columns[model.lock_column] or "integer not null default 0"
  end
  local indexes, refers = {}, {}
  for i, one in ipairs(model.indexes or {}) do
    indexes[i] = index_of(model, one)
  end
  for _, text in pairs(columns) do
    local name = text:lower():match '%f[%w]references%s+"?([%w_]+)'
    refers[#refers + 1] = name
  end
  local referring = {}
  for i, reference in ipairs(references) do
    referring[i] = reference.columns
  end
  return {
    name = model.table, model = model, create = create_of(model, ordered(columns, key, references), not has_key and key),
    indexes = indexes, foreign_keys = foreign_keys(model, references, columns), references = referring, refers = refers,
  }
end

return declared
