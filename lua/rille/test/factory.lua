--- Factories: how a spec makes what it is not about.
--
--     -- spec/factories.lua
--     factory("user", {
--       name = "Ada",
--       email = function(n) return ("user%d@example.com"):format(n) end,
--     }, { traits = { admin = { role = "admin" } } })
--
--     t.create("user", "admin", { name = "Grace" })
--
-- A field is a value, or a function of `n`, which counts what the factory has made, the row so
-- far (where reading a field that is a function itself calls that first) and `t`. What a call
-- gives comes before the traits it names, those before the factory's own fields. The rows are
-- a model's, or a table's; or made by a function, which takes all of it into its own hands.
--
-- What a model's row must belong to is made as well, by the factory of that relation's or that
-- model's name; a field of the relation's name says it in another way: a row, the name of a
-- factory, fields for it, or false for none.
local contents = require "rille.contents"
local core = require "rille.core"
local db = require "rille.db"
local nearest = require "rille.nearest"
local option = require "rille.option"

local parents = require "rille.test.parents"
local write = require "rille.model.write"

local factory = {}

local DEPTH_MOST = 20 -- of rows that are made for rows: more is a circle

local Factories = {}
Factories.__index = Factories

local OPTIONS = {
  model = { read = function(value)
    if type(value) == "string" or type(value) == "table" and getmetatable(value) then
      return value
    end
    return nil, "a module such as 'models.user', or a model"
  end },
  table = option.text(), from = option.text(), after = option.fn(),
  traits = { read = function(value)
    if type(value) == "table" then
      return value
    end
    return nil, "{ name = { field = value } }"
  end },
}

local function names_of(map)
  local names = {}
  for name in pairs(map) do
    names[#names + 1] = tostring(name)
  end
  table.sort(names)
  return names
end

local function unlike(name, names)
  local meant = nearest.of(tostring(name), names)
  return meant and ("did you mean '%s'?"):format(meant) or #names > 0 and "there are " .. table.concat(names, ", ")
    or "there is none yet"
end

-- ---- definitions -----------------------------------------------------------------

--- Factories of an app.
-- @tparam table t what functions get
-- @tparam table loader of the app's modules
-- @tparam ?string dir the app's folder
-- @treturn Factories
function factory.new(t, loader, dir)
  return setmetatable({ t = t, loader = loader, dir = dir, by_name = {}, made = {} }, Factories)
end

--- Say how one is made.
-- @tparam string name
-- @tparam table|function fields by column; or function(fields) that makes it and returns it
-- @tparam[opt] table options `model`: a module, "models." and the name without it; `table`: rows of
-- that instead; `from`: a factory whose fields and traits these are added to; `traits`: fields by
-- name; `after`: function(row, t), called with each that was made
-- @tparam integer level whom to blame
function Factories:define(name, fields, options, level)
  if type(name) ~= "string" or type(fields) ~= "function" and (type(fields) ~= "table" or getmetatable(fields)) then
    error("a factory takes a name and its fields, or a function(fields): factory(\"user\", { name = \"Ada\" })", level + 1)
  end
  local definition = option.read(('the factory "%s"'):format(name), options, OPTIONS, level + 1)
  definition.name, definition.fields, definition.traits = name, fields, definition.traits or {}
  self.by_name[name] = definition
end

local function run_file(self, path)
  local before = rawget(_G, "factory")
  rawset(_G, "factory", function(name, fields, options) self:define(name, fields, options, 2) end)
  local ok, err = pcall(self.loader.run, path)
  rawset(_G, "factory", before)
  if not ok then
    error(err, 0)
  end
end

-- The files that there are: of the app's own spec/, else those at the mirror of its path.
local function paths_of(dir)
  local paths = {}
  for _, folder in ipairs { dir .. "/spec", "spec/" .. dir } do
    for _, name in ipairs(core.file_names(folder) or {}) do
      if name == "factories.lua" then
        paths[#paths + 1] = folder .. "/" .. name
      end
    end
    for _, name in ipairs(core.file_names(folder .. "/factories") or {}) do
      if name:find "%.lua$" then
        paths[#paths + 1] = folder .. "/factories/" .. name
      end
    end
  end
  table.sort(paths)
  return paths
end

-- At the first use: many a spec needs none.
local function load(self)
  if self.is_loaded or not self.dir then
    return
  end
  self.is_loaded = true
  local own = self.by_name
  self.by_name = {}
  for _, path in ipairs(paths_of(self.dir)) do
    run_file(self, path)
  end
  for name, definition in pairs(own) do
    self.by_name[name] = definition -- the spec's, which knows better
  end
end

local function find(self, name, level)
  load(self)
  local definition = self.by_name[name]
  if not definition then
    error(('there is no factory "%s": %s. spec/factories.lua defines them: factory("%s", { field = value })'):format(
      tostring(name), unlike(name, names_of(self.by_name)), tostring(name)), level + 1)
  end
  return definition
end

-- The definition and those it is from, the nearest first.
local function line_of(self, name, level)
  local line, seen = {}, {}
  while name do
    if seen[name] then
      error(('the factory "%s" is from itself, in the end'):format(name), level + 1)
    end
    seen[name] = true
    line[#line + 1] = find(self, name, level + 1)
    name = line[#line].from
  end
  return line
end

-- ---- fields ------------------------------------------------------------------------

local function trait_of(line, name, level)
  local all = {}
  for _, definition in ipairs(line) do
    if definition.traits[name] then
      return definition.traits[name]
    end
    for one in pairs(definition.traits) do
      all[one] = true
    end
  end
  error(('the factory "%s" has no trait "%s": %s'):format(line[1].name, name, unlike(name, names_of(all))), level + 1)
end

-- "admin", "new", { name = "Grace" }: tables of fields, those that count more first.
local function sources_of(line, level, ...)
  local sources, given = {}, select("#", ...) > 0 and select(select("#", ...), ...) or nil
  local last = select("#", ...) - (type(given) ~= "string" and 1 or 0)
  if type(given) == "table" then
    sources[1] = given
  elseif given ~= nil and type(given) ~= "string" then
    error("behind a factory's name are traits, and then a table of fields: got a " .. type(given), level + 1)
  end
  for i = last, 1, -1 do
    local name = select(i, ...)
    if type(name) ~= "string" then
      error("a trait is a name: got a " .. type(name), level + 1)
    end
    sources[#sources + 1] = trait_of(line, name, level + 1)
  end
  for _, definition in ipairs(line) do
    sources[#sources + 1] = definition.fields
  end
  return sources
end

local function source_value(sources, key)
  for _, source in ipairs(sources) do
    if source[key] ~= nil then
      return source[key]
    end
  end
end

-- The fields with their functions called, each once, in whatever order they need each other.
local function values_of(self, name, sources)
  self.made[name] = (self.made[name] or 0) + 1
  local n, values, known, running = self.made[name], {}, {}, {}
  local row = setmetatable({}, {
    __newindex = function() error("a field's function returns its value, and assigns none", 2) end,
  })
  local function value_of(key)
    if known[key] then
      return values[key]
    elseif running[key] then
      error(('the factory "%s": the field %s needs itself, in the end'):format(name, tostring(key)), 0)
    end
    running[key] = true
    local value = source_value(sources, key)
    if type(value) == "function" then
      value = value(n, row, self.t)
    end
    known[key], values[key] = true, value
    return value
  end
  getmetatable(row).__index = function(_, key) return value_of(key) end
  for _, source in ipairs(sources) do
    for key in pairs(source) do
      value_of(key)
    end
  end
  return values
end

-- ---- making -------------------------------------------------------------------------

local function insert(name, fields)
  local columns, marks, values = {}, {}, {}
  for i, key in ipairs(names_of(fields)) do
    columns[i], marks[i], values[i] = db.quote_ident(key), "$" .. i, fields[key]
  end
  local text = #columns == 0 and "default values" or ("(%s) values (%s)"):format(table.concat(columns, ", "),
    table.concat(marks, ", "))
  local place = name:gsub("[^.]+", function(part) return db.quote_ident(part) end)
  return db:one(("insert into %s %s returning *"):format(place, text), unpack(values, 1, #columns))
end

-- What the factory, or one that it is from, says of its rows.
local function said(line, key)
  for _, definition in ipairs(line) do
    if definition[key] then
      return definition[key]
    end
  end
end

local function model_of(self, line, level)
  local model = said(line, "model")
  if type(model) == "table" then
    return model
  end
  local name = line[#line].name
  local path = ("%s/models/%s.lua"):format(self.dir or ".", name)
  if not model and not contents.exists(path) then
    error(('the factory "%s" has no model: there is no %s. Say { model = "models.…" }, or { table = "…" }, behind its fields')
      :format(name, path), level + 1)
  end
  return self.loader.require(model or "models." .. name)
end

local function make(self, line, fields, level)
  local table_name = said(line, "table")
  if table_name then
    return insert(table_name, fields)
  end
  local model = model_of(self, line, level + 1)
  self.depth = (self.depth or 0) + 1
  local ok, err = pcall(function()
    if self.depth > DEPTH_MOST then
      error(('the factory "%s" makes rows that need each other, without end'):format(line[1].name), 0)
    end
    parents.add(self, model, fields, level + 3)
  end)
  self.depth = self.depth - 1
  if not ok then
    error(err, 0)
  end
  return write.insert(model, fields)
end

local function made_by(fn, name, fields)
  local one = fn(fields)
  if one == nil then
    error(('the factory "%s" returned nothing: it returns what it made'):format(name), 0)
  end
  return one
end

--- Make one. **Yields.**
-- @tparam string name
-- @tparam integer level whom to blame
-- @param ... traits, and then fields
-- @return the row
function Factories:create(name, level, ...)
  local line = line_of(self, name, level + 1)
  local sources = sources_of(line, level + 1, ...)
  local fn = line[#line].fields
  local row
  if type(fn) == "function" then
    sources[#sources] = nil
    row = made_by(fn, name, values_of(self, name, sources))
  else
    row = make(self, line, values_of(self, name, sources), level + 1)
  end
  for i = #line, 1, -1 do
    if line[i].after then
      line[i].after(row, self.t)
    end
  end
  return row
end

--- The fields of one, which is not made: to send them as a form or as JSON. **Yields** if a field's function does.
-- @treturn table
function Factories:build(name, level, ...)
  local line = line_of(self, name, level + 1)
  if type(line[#line].fields) == "function" then
    error(('the factory "%s" is a function, which makes it at once: t.build wants one of fields'):format(name), level + 1)
  end
  return values_of(self, name, sources_of(line, level + 1, ...))
end

return factory
