--- Relations: what a model says of how its rows belong to others.
--
--     rille.model("posts", {
--       belongs_to = { author = "models.user", subject = { polymorphic = { photo = "models.photo" } } },
--       has_one = { cover = { "models.image", as = "owner" } },
--       has_many = {
--         comments = { "models.comment", order = "id" },
--         latest = { "models.comment", order = "id desc", limit = 3 },
--         commenters = { "models.user", through = "comments", source = "author" },
--       },
--       many_to_many = { tags = { "models.tag", table = "post_tags" } },
--     })
--
-- Here they are noted down and checked; nothing is loaded. The model that a relation
-- names is required at its first use, so that models may refer to each other: that, and
-- which columns it goes by, is model/path.lua's.
local modules = require "rille.module"
local place = require "rille.place"
local slip = require "rille.slip"

local relation = {
  --- What a relation can: `touch`, by model/auto.lua.
  methods = {},
}
local meta = { __index = relation.methods }

-- What may be said of each kind, beside the model.
local OPTIONS = {
  belongs_to = "key references where with_deleted polymorphic type",
  has_one = "key references where order with_deleted as through source",
  has_many = "key references where order limit with_deleted as through source",
  many_to_many = "table key references other other_references where order limit with_deleted",
}
local KINDS = { "belongs_to", "has_one", "has_many", "many_to_many" }
relation.KINDS = KINDS

local COLUMNS = { key = true, references = true, other = true, other_references = true }
local NAMES = { as = true, through = true, source = true, table = true, type = true }

-- ---- misuse ------------------------------------------------------------------------

--- Raise a misuse of a relation, with the line that declared it.
-- @tparam table self the relation
-- @tparam string message
-- @raise always
function relation.blame(self, message)
  error(("%s: %s %s.%s: %s"):format(self.at, self.kind, self.model.table, self.name, message), 0)
end
local blame = relation.blame

-- ---- reading what was declared -------------------------------------------------------

local function check_columns(self, key, value)
  local list = type(value) == "table" and value or { value }
  for i = 1, math.max(#list, 1) do
    if type(list[i]) ~= "string" or list[i] == "" then
      blame(self, ("%s is a column, or a list of columns: got a %s"):format(key, type(list[i])))
    end
  end
  return list
end

local function check_where(self, value)
  if type(value) == "string" then
    return { value }
  elseif type(value) ~= "table" or next(value) == nil then
    blame(self, 'where is { column = value } or { "price > ?", value }: got ' .. (type(value) == "table"
      and "an empty table" or "a " .. type(value)))
  end
  return value
end

local function check_limit(self, value)
  if type(value) ~= "number" or value < 1 or value % 1 ~= 0 then
    blame(self, "limit is a number of rows for each parent, from 1: got " .. tostring(value))
  end
  return value
end

local function check_with_deleted(self, value)
  if type(value) ~= "boolean" then
    blame(self, "with_deleted is true or false: got a " .. type(value))
  end
  return value
end

local function is_target(value)
  return type(value) == "string" and value ~= "" or type(value) == "function"
    or type(value) == "table" and rawget(value, "relations") ~= nil
end

local function check_polymorphic(self, value)
  if type(value) ~= "table" or next(value) == nil then
    blame(self, 'polymorphic is { value of the type column = "models.name", … }')
  end
  for name, target in pairs(value) do
    if type(name) ~= "string" or not is_target(target) then
      blame(self, ('polymorphic is { value of the type column = "models.name", … }: %s = %s'):format(
        tostring(name), tostring(target)))
    end
  end
  return value
end

local function check_option(self, key, value)
  if COLUMNS[key] then
    return check_columns(self, key, value)
  elseif NAMES[key] then
    if type(value) ~= "string" or value == "" then
      blame(self, ("%s is a name: got a %s"):format(key, type(value)))
    end
    return value
  elseif key == "where" then
    return check_where(self, value)
  elseif key == "limit" then
    return check_limit(self, value)
  elseif key == "with_deleted" then
    return check_with_deleted(self, value)
  elseif key == "polymorphic" then
    return check_polymorphic(self, value)
  end
  return value -- `order`: as query:order takes it, which checks it
end

local APART = {
  { "through", "key", "through goes by the keys of the relations it names" },
  { "through", "as", "through goes by the keys of the relations it names" },
  { "polymorphic", "references", "polymorphic goes to the primary key of each model" },
  { "as", "key", "as goes by the columns of the polymorphic relation it names" },
}

local function check_together(self)
  local options = self.options
  for _, pair in ipairs(APART) do
    if options[pair[1]] and options[pair[2]] then
      blame(self, ("%s and %s do not go together: %s"):format(pair[1], pair[2], pair[3]))
    end
  end
  if options.source and not options.through then
    blame(self, "source says which relation of the one named by through is meant: there is no through")
  elseif options.type and not options.polymorphic then
    blame(self, "type is the column that says which model a polymorphic relation means: there is no polymorphic")
  elseif self.kind == "many_to_many" and not options.table then
    blame(self, 'table is missing: the one between the two, as in { "models.tag", table = "post_tags" }')
  elseif not self.to and not options.polymorphic and not (options.through and options.source) then
    blame(self, 'it names a model: "models.user", or { "models.user", key = … }')
  end
end

local function read(model, kind, name, given, at)
  local self = setmetatable({ model = model, kind = kind, name = name, options = {}, at = at }, meta)
  self.is_many = kind == "has_many" or kind == "many_to_many"
  if is_target(given) then
    self.to = given
    given = {}
  elseif type(given) ~= "table" then
    blame(self, 'it names a model: "models.user", or { "models.user", key = … }: got a ' .. type(given))
  end
  local known = {}
  for key in OPTIONS[kind]:gmatch "%S+" do
    known[#known + 1], known[key] = key, true
  end
  for key, value in pairs(given) do
    if key == 1 and is_target(value) then
      self.to = value
    elseif not known[key] then
      blame(self, (slip.text("it", key, known)))
    else
      self.options[key] = check_option(self, key, value)
    end
  end
  check_together(self)
  return self
end

-- ---- counts ---------------------------------------------------------------------------

--- A relation's rows as one value.
-- @tparam table of the relation
-- @tparam string fn "count", "sum", "avg", "min", "max"
-- @tparam ?string column what it is of; nil for "count"
-- @tparam string name
-- @treturn table a relation
function relation.aggregate(of, fn, column, name)
  return setmetatable({
    model = of.model, kind = "count", name = name, options = {}, at = of.at, of = of, fn = fn, column = column,
    nothing = (fn == "count" or fn == "sum") and 0 or nil,
  }, meta)
end

-- `comments_count` stands beside `comments`, and is loaded as it is.
local function add_counts(relations)
  local counts = {}
  for name, one in pairs(relations) do
    if one.is_many then
      counts[name .. "_count"] = relation.aggregate(one, "count", nil, name .. "_count")
    end
  end
  for name, count in pairs(counts) do
    relations[name] = relations[name] or count
  end
end

-- The require of the app whose file declares the model, and the line, or at least the file: a module that ends
-- with `return rille.model(…)` is on no stack any more when that runs.
local function origin()
  local loading, at = modules.innermost(), place.nearest()
  if loading then
    return loading.require, at and at:match "^(.*):" == loading.path and at or loading.path
  end
  local level = 3
  while true do
    local info = debug.getinfo(level, "f")
    local own = info and rawget(getfenv(info.func), "require")
    if not info or own then
      return own or require, at or "?"
    end
    level = level + 1
  end
end

--- Note down the relations that a model declares.
-- @tparam table model has `table`; gets `relations`, by name, and `require`
-- @tparam table options those of rille.model: belongs_to, has_one, has_many, many_to_many
-- @raise a misuse, with the line
function relation.declare(model, options)
  local relations = {}
  local require_there, at = origin()
  model.relations, model.require = relations, require_there
  for _, kind in ipairs(KINDS) do
    local given = options[kind]
    for name, one in pairs(given or {}) do
      if type(name) ~= "string" or not name:find "^[%a_][%w_]*$" then
        error(("%s: %s of the model %s is { name = \"models.name\", … }: it has the key %s"):format(at, kind, model.table,
          tostring(name)), 0)
      elseif relations[name] then
        blame(relations[name], ("it is declared as %s as well: each relation has a name of its own"):format(kind))
      end
      relations[name] = read(model, kind, name, one, at)
    end
  end
  add_counts(relations)
end

return relation
