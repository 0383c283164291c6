--- Models: tables as values that can be asked.
--
--     -- models/post.lua
--     local post = rille.model("posts", { soft_delete = true, hidden = { "notes" } })
--     function post.query:published() return self:where { status = "published" } end
--     function post.row:is_new() return self.views == 0 end
--     return post
--
--     post:published():order("-created_at"):limit(10):all()
--
-- Columns and types are the database's own, read at the first use; nothing touches it when a model is declared.
-- A model is the query for all of its rows (lua/rille/model/query.lua), and makes rows. One noun a file in lua/rille/model/:
-- `query`, `where`, `clause`, `shape` are what is asked, `sql` its text, `run` its endings, `catalogue` what the database says,
-- `row` what comes back, `write` what is written.
local catalogue = require "rille.model.catalogue"
local place = require "rille.place"
local Query = require "rille.model.query"
local relations = require "rille.model.relation"
local row = require "rille.model.row"
require "rille.model.where"
require "rille.model.clause"
require "rille.model.run"
require "rille.model.stream"
require "rille.model.page"
require "rille.model.auto"
require "rille.model.stale"
require "rille.model.joined"
require "rille.model.preload"
local shape = require "rille.model.shape"
local slip = require "rille.slip"
local sql = require "rille.model.sql"
local write = require "rille.model.write"
require "rille.model.many"
local default_db = require "rille.db"

local model = {}

local NONE = {}

-- Options, and what they must be.
local OPTIONS = {
  db = "table", key = "table", noun = "string", soft_delete = "boolean|string", lock = "boolean|string",
  timestamps = "boolean", hidden = "table", shown = "table", computed = "table", columns = "table",
  writable = "table", schema = "table", defaults = "table", touch = "table",
  before_save = "function", after_save = "function", before_delete = "function", after_delete = "function",
  belongs_to = "table", has_one = "table", has_many = "table", many_to_many = "table", strict = "boolean",
  indexes = "table",
}

local function check_options(table_name, options)
  local is_name = type(table_name) == "string"
    and (table_name:find "^[%a_][%w_$]*$" or table_name:find "^[%a_][%w_$]*%.[%a_][%w_$]*$")
  if not is_name then
    error(("rille.model takes the name of a table, and then options: got %s"):format(type(table_name) == "string"
      and ("%q"):format(table_name) or "a " .. type(table_name)), 3)
  end
  if type(options) ~= "table" then
    error("the options of a model are a table: got a " .. type(options), 3)
  end
  local names = {}
  for name in pairs(OPTIONS) do
    names[#names + 1] = name
  end
  table.sort(names)
  for name, value in pairs(options) do
    if not OPTIONS[name] then
      error((slip.text("rille.model", name, names):gsub(" has no ", " has no option ")), 3)
    elseif not ("|" .. OPTIONS[name] .. "|"):find("|" .. type(value) .. "|", 1, true) then
      error(("the option %s of a model is a %s: got a %s"):format(name, OPTIONS[name]:gsub("|", " or a "), type(value)), 3)
    end
  end
end

local function set_of(list)
  local set = {}
  for _, name in ipairs(list or NONE) do
    set[name] = true
  end
  return set
end

-- "post" for posts, "country" for countries, "address" for addresses.
local function noun_of(name)
  name = name:match "[^.]*$"
  if name:find "ies$" then
    return (name:gsub("ies$", "y"))
  end
  local has_e = not (name:find "sses$" or name:find "xes$" or name:find "[cs]hes$" or name:find "[^aeo]uses$") -- houses, statuses
  return (name:gsub(has_e and "s$" or "es$", ""))
end

local function named(option, otherwise)
  return option == true and otherwise or option or false
end

-- Scopes, behind which the methods of all queries are found; one that hides such a method is refused.
local function scopes_of(table_name)
  return setmetatable({}, {
    __index = Query,
    __newindex = function(scopes, name, fn)
      if type(fn) ~= "function" then
        error(("a scope is a function: function %s.query:%s() … end"):format(table_name, tostring(name)), 2)
      elseif rawget(Query, name) ~= nil or write.starters[name] ~= nil then
        error(("a query has the method '%s' already: call the scope otherwise"):format(name), 2)
      end
      rawset(scopes, name, fn)
    end,
  })
end

local function row_methods(table_name)
  return setmetatable({}, {
    __newindex = function(methods, name, fn)
      if type(fn) ~= "function" then
        error(("a row's method is a function: function %s.row:%s() … end"):format(table_name, tostring(name)), 2)
      elseif row.methods[name] then
        error(("a row has the method '%s' already: call it otherwise"):format(name), 2)
      end
      rawset(methods, name, fn)
    end,
  })
end

local function starters(scopes)
  local methods = {}
  for name, fn in pairs(write.starters) do
    methods[name] = fn
  end
  return setmetatable(methods, { __index = scopes })
end

local function query_tostring(self)
  local text, values = Query.sql(self)
  for i, value in ipairs(values) do
    values[i] = ("$%d = %s"):format(i, type(value) == "string" and ("%q"):format(value)
      or type(value) == "table" and "{…}" or tostring(value))
  end
  return #values > 0 and text .. " -- " .. table.concat(values, ", ") or text
end

--- Declare a model: what is known of a table beside what the database knows. Touches no database.
-- @tparam string table_name "posts", or "blog.posts" in another schema
-- @tparam[opt] table options `key`: names of the columns that tell rows apart, for what has no primary key (a view);
-- `soft_delete = true`: delete() sets the column deleted_at, or the one that is named instead, and queries leave such rows out;
-- `lock = true`: an update raises 409 for a row that somebody has written meanwhile, by the column lock_version, or the
-- one that is named; `timestamps = false`: leave created_at and updated_at alone; `hidden`, `shown`: columns that JSON leaves
-- out, or has although they are named like a secret; `computed`: attributes by name, functions of the row; `columns`,
-- `indexes`: what `rille migrate diff` gives the table; `noun`: what one of it is called in messages; `db`: another
-- database; `writable`: the columns that create and update take from outside;
-- `schema`: what those must look like, a rille.schema.object; `defaults`: values by column, or functions that make them;
-- `touch`: relations to rows whose updated_at follows; `before_save(fields, row)`, where row is nil for a new one,
-- `after_save(row, is_new)`, `before_delete(row)`, `after_delete(row)`: run in the write's transaction;
-- `belongs_to`, `has_one`, `has_many`, `many_to_many`: relations, as
-- `{ author = "models.user" }` or `{ author = { "models.user", key = "user_id" } }`, whose options are `key`, `references`,
-- `where`, `order`, `limit`, `with_deleted`, `through` and `source`, `as`, `polymorphic` and `type`, `table`, `other` and
-- `other_references` (the guide's Relations); `strict = true`: they do not load by themselves
-- @treturn model
function model.new(table_name, options)
  options = options or {}
  check_options(table_name, options)
  local self = {
    table = table_name, bare_table = table_name:match "[^.]*$", noun = options.noun or noun_of(table_name), at = place.at(2),
    source = sql.name(table_name), prefix = sql.name((table_name:match "[^.]*$")) .. ".", db = options.db or default_db,
    key = options.key or false, soft_delete = named(options.soft_delete, "deleted_at"),
    lock_column = named(options.lock, "lock_version"), timestamps = options.timestamps ~= false,
    hidden = set_of(options.hidden), shown = set_of(options.shown), computed = options.computed or NONE,
    writable = options.writable and set_of(options.writable) or false, schema = options.schema or false,
    partial_schema = options.schema and options.schema:partial() or false, defaults = options.defaults or NONE,
    touches = options.touch or NONE, hooks = {
      before_save = options.before_save, after_save = options.after_save,
      before_delete = options.before_delete, after_delete = options.after_delete,
    },
    columns = options.columns or false, indexes = options.indexes or false, relations = false,
    is_strict = options.strict or false, facts = false,
    handles = setmetatable({}, { __mode = "k" }),
    row = row_methods(table_name), query = scopes_of(table_name), values = NONE, manner = NONE,
  }
  self.model, self.blank, self.mold = self, self, row.mold(self)
  self.shape = shape.root(self)
  self.query_meta = { __index = self.query, __tostring = query_tostring, __name = "rille.query" }
  relations.declare(self, options)
  catalogue.add(self)
  return setmetatable(self, {
    __index = starters(self.query), __name = "rille.model", __tostring = function() return "model of " .. table_name end,
  })
end

return model
