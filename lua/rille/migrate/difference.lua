--- What must be done to a table so that it is as another one says, and what takes that back.
--
-- A list of changes { stage, up, down, note }, in the order of their stages: what is in the way goes
-- first, foreign keys come last. What the database has besides is nobody's mistake, and never dropped: it
-- is a remark, to be looked at.
local declared = require "rille.migrate.declared"
local sorted = require("rille.keys").sorted

local difference = {}

local DROP, CREATE, COLUMN, ADD, REFER = 1, 2, 3, 4, 5

local name_of, names_in = declared.name, declared.names

local Changes = {}
Changes.__index = Changes

-- What is added to a new table goes with it.
local function add(self, stage, up, down, note)
  self[#self + 1] = { stage = stage, up = up, down = not (self.is_new and stage == ADD) and down or nil, note = note }
end

local function remark(self, ...)
  self.remarks[#self.remarks + 1] = string.format(...)
end

-- ---- columns -----------------------------------------------------------------------

local SERIALS = { integer = "serial", bigint = "bigserial", smallint = "smallserial" }
local IDENTITY = { a = "always", d = "by default" }

-- As ADD COLUMN takes it; what else belongs to it is a constraint of its own.
local function definition(column)
  local is_serial = column.serial and SERIALS[column.type]
  local parts = { name_of(column.name), is_serial and SERIALS[column.type] or column.type }
  parts[#parts + 1] = column.collation and "collate " .. column.collation
  if column.generated then
    parts[#parts + 1] = ("generated always as (%s) stored"):format(column.default)
  elseif column.identity then
    parts[#parts + 1] = ("generated %s as identity"):format(IDENTITY[column.identity])
  elseif column.default and not is_serial then
    parts[#parts + 1] = "default " .. column.default
  end
  if not column.is_null then
    parts[#parts + 1] = "not null"
  end
  return table.concat(parts, " ")
end

local function alter(self, one, up, down, note)
  local head = "alter table " .. name_of(self.table) .. " "
  local column = "alter column " .. name_of(one.name) .. " "
  add(self, COLUMN, head .. column .. up, head .. column .. down, note)
end

local function add_column(self, one)
  local head = "alter table " .. name_of(self.table)
  local must_be_given = not (one.is_null or one.default or one.identity)
  add(self, COLUMN, ("%s add column %s"):format(head, definition(one)), ("%s drop column %s"):format(head, name_of(one.name)),
    must_be_given and ("fails where %s has rows, which want a value: give it a default, or fill it in before `set not null`")
      :format(self.table))
end

-- Computed by the database: made anew, nothing is lost.
local function replace_column(self, wanted, had)
  local head = "alter table " .. name_of(self.table)
  local drop = ("%s drop column %s"):format(head, name_of(wanted.name))
  add(self, COLUMN, drop, ("%s add column %s"):format(head, definition(had)))
  add(self, COLUMN, ("%s add column %s"):format(head, definition(wanted)), drop)
end

local function set_default(value)
  return value and "set default " .. value or "drop default"
end

local function change_default(self, wanted, had, from, to)
  if from ~= to then
    alter(self, wanted, set_default(to), set_default(from), wanted.serial and not had.serial
      and ("the sequence is not there: create sequence … owned by %s.%s"):format(self.table, wanted.name))
  end
end

local function change_type(self, wanted, had)
  local function to(one)
    return ("type %s%s using %s::%s"):format(one.type, one.collation and " collate " .. one.collation or "",
      name_of(one.name), one.type)
  end
  local note = "rewrites the table: does every value become one of the new type?"
  for _, name in ipairs(sorted(self.kept)) do
    local text = " " .. self.kept[name].text .. " "
    if self.kept[name].kind == "c" and text:find("[^%w_]" .. wanted.name:gsub("%p", "%%%0") .. "[^%w_]") then
      note = ("%s %s speaks of it, and may have to go before"):format(note, name)
    end
  end
  alter(self, wanted, to(wanted), to(had), note)
end

local function change_identity(self, wanted, had)
  local function step(from, to)
    if from and to then
      return "set generated " .. IDENTITY[to]
    end
    return to and ("add generated %s as identity"):format(IDENTITY[to]) or "drop identity"
  end
  alter(self, wanted, step(had.identity, wanted.identity), step(wanted.identity, had.identity), wanted.identity
    and not had.identity and "counts from 1: where there are rows, `alter column … restart with` a number behind them")
end

local function change_null(self, wanted)
  local set, drop = "set not null", "drop not null"
  if wanted.is_null then
    alter(self, wanted, drop, set)
  else
    alter(self, wanted, set, drop, ("fails where a row has none: fill %s in first"):format(wanted.name))
  end
end

local function is_same_kind(wanted, had)
  return not wanted.generated and not had.generated
    or wanted.generated and had.generated and wanted.default == had.default and wanted.type == had.type
end

local function change_column(self, wanted, had)
  if wanted.generated and not had.generated then
    return remark(self, "%s.%s is declared as generated, and what it holds would be lost:\n%s", self.table, wanted.name,
      ("alter table %s drop column %s, add column %s;"):format(name_of(self.table), name_of(wanted.name), definition(wanted)))
  elseif not is_same_kind(wanted, had) then
    return replace_column(self, wanted, had)
  end
  local has_other_type = wanted.type ~= had.type or wanted.collation ~= had.collation
  local plain_default = not wanted.generated
  local default = had.default
  if plain_default and default and (has_other_type or wanted.identity) then
    change_default(self, wanted, had, default, nil) -- which may not become one of the new type
    default = nil
  end
  if had.identity and not wanted.identity then
    change_identity(self, wanted, had)
  end
  if has_other_type then
    change_type(self, wanted, had)
  end
  if wanted.is_null ~= had.is_null then
    change_null(self, wanted)
  end
  if wanted.identity and wanted.identity ~= had.identity then
    change_identity(self, wanted, had)
  end
  if plain_default then
    change_default(self, wanted, had, default, wanted.default)
  end
end

local function note_extra_column(self, extra, missing)
  remark(self, "%s.%s (%s) is not declared. Once nothing needs it:\nalter table %s drop column %s;", self.table, extra.name,
    extra.type, name_of(self.table), name_of(extra.name))
  for _, one in ipairs(missing) do
    if one.type == extra.type then
      remark(self, "Or was it renamed? Then this, and not the new column:\nalter table %s rename column %s to %s;",
        name_of(self.table), name_of(extra.name), name_of(one.name))
    end
  end
end

local function compare_columns(self, wanted, had)
  local missing = {}
  for _, name in ipairs(wanted.order) do
    local one = wanted.columns[name]
    if not had.columns[name] then
      missing[#missing + 1] = one
      add_column(self, one)
    else
      change_column(self, one, had.columns[name])
    end
  end
  for _, name in ipairs(had.order) do
    if not wanted.columns[name] then
      note_extra_column(self, had.columns[name], missing)
    end
  end
end

-- ---- constraints and indexes ------------------------------------------------------

local function add_constraint(self, name, one)
  return ("alter table %s add constraint %s %s"):format(name_of(self.table), name_of(name), one.text)
end

local function drop_constraint(self, name)
  return ("alter table %s drop constraint %s"):format(name_of(self.table), name_of(name))
end

local function create_index(self, name, one)
  return ("create %sindex %s on %s %s"):format(one.is_unique and "unique " or "", name_of(name), name_of(self.table), one.text)
end

local function drop_index(_, name)
  return "drop index " .. name_of(name)
end

local function sign_of_constraint(one)
  return one.kind .. one.text
end

local function sign_of_index(one)
  return (one.is_unique and "u" or "i") .. one.text
end

-- What is said the same way is the same, by whatever name: the names in `had` that are kept, and those in `wanted` that
-- are missing.
local function paired(wanted, had, sign)
  local there, kept, own, missing = {}, {}, {}, {}
  for _, name in ipairs(sorted(had)) do
    local text = sign(had[name])
    if wanted[name] and sign(wanted[name]) == text then
      kept[name], own[name] = true, true
    else
      there[text] = there[text] or {}
      table.insert(there[text], name)
    end
  end
  for _, name in ipairs(sorted(wanted)) do
    local twin = not own[name] and table.remove(there[sign(wanted[name])] or {})
    if twin then
      kept[twin] = true
    elseif not own[name] then
      missing[#missing + 1] = name
    end
  end
  return kept, missing
end

-- The name, or one behind it that nothing has which stays.
local function free_name(name, wanted, kept)
  local free, n = name, 0
  while kept[free] or free ~= name and wanted[free] do
    n = n + 1
    free = name .. n
  end
  return free
end

-- What has the same name and says something else is replaced.
local function compare_named(self, wanted, had, make, drop, sign, what)
  local kept, missing = paired(wanted, had, sign)
  local replaced = {}
  for _, name in ipairs(missing) do
    local free = free_name(name, wanted, kept)
    if had[free] then
      replaced[free] = true
      add(self, DROP, drop(self, free), make(self, free, had[free]))
    end
    add(self, wanted[name].kind == "f" and REFER or ADD, make(self, free, wanted[name]), drop(self, free), wanted[name].note)
  end
  for _, name in ipairs(sorted(had)) do
    if not kept[name] and not replaced[name] then
      remark(self, "The %s %s of %s is not declared (%s). Once nothing needs it:\n%s;", what, name, self.table, had[name].text,
        drop(self, name))
    end
  end
end

-- ---- indexes of what refers to others -----------------------------------------------------

-- Whether an index, or a constraint that has one, finds rows by these columns: they are its first.
local function finds_by(one, names)
  local has_index = one.kind == nil or one.kind == "p" or one.kind == "u"
  local terms = one.text:match "^%u[%u ]+(%(.*)$" or one.text -- PRIMARY KEY (…)
  local head = "(" .. names
  return has_index and not one.text:find(" WHERE ", 1, true) and terms:sub(1, #head) == head
    and terms:find("^[,) ]", #head + 1) ~= nil
end

local function is_found_by(names, ...)
  for _, list in ipairs { ... } do
    for _, one in pairs(list) do
      if finds_by(one, names) then
        return true
      end
    end
  end
  return false
end

local function has_alike(indexes, wanted)
  for _, one in pairs(indexes) do
    if sign_of_index(one) == sign_of_index(wanted) then
      return true
    end
  end
  return false
end

-- An index of its own for each reference that no other finds, here or in the database.
local function want_indexes_of(references, wanted, had)
  for _, columns in ipairs(references) do
    local names = names_in(columns)
    local index = {
      is_unique = false, text = "(" .. names .. ")",
      note = "PostgreSQL does not index by itself what refers to others: without it a has_many, and a delete there, "
        .. "read the whole table",
    }
    local is_found = is_found_by(names, wanted.constraints, wanted.indexes)
      or is_found_by(names, had.constraints, had.indexes) and not has_alike(had.indexes, index)
    if not is_found then
      wanted.indexes[("%s_%s_idx"):format(wanted.name, table.concat(columns, "_"))] = index
    end
  end
end

local function undeclared(wanted, had)
  local found = {}
  for name, one in pairs(had) do
    found[name] = not wanted[name] and one or nil
  end
  return found
end

--- Compare two tables.
-- @tparam table wanted as rille.migrate.tables has it
-- @tparam ?table had nil: it is to be made
-- @tparam[opt] table made what CREATE TABLE alone makes of it, and `create`, that text
-- @tparam[opt] {table,...} references lists of the columns by which its rows belong to others: each is to have an index
-- @treturn {table,...} changes: stage, up, down (if it needs one), note; and `remarks`
function difference.of(wanted, had, made, references)
  local self = setmetatable({ table = wanted.name, remarks = {} }, Changes)
  if not had then
    add(self, CREATE, made.create, "drop table " .. name_of(wanted.name))
    self.is_new = true
    had = { columns = wanted.columns, order = wanted.order, constraints = made.constraints, indexes = made.indexes }
  end
  want_indexes_of(references or {}, wanted, had)
  self.kept = undeclared(wanted.constraints, had.constraints)
  compare_columns(self, wanted, had)
  compare_named(self, wanted.constraints, had.constraints, add_constraint, drop_constraint, sign_of_constraint, "constraint")
  compare_named(self, wanted.indexes, had.indexes, create_index, drop_index, sign_of_index, "index")
  return self
end

return difference
