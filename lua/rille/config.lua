--- Settings: Rille's own, and those an app declares.
--
--     app:config{
--       wechat = v.object{ appid = v.string(), secret = v.secret() },
--       origins = v.array(v.string()):default{},
--     }
--     rille.config.wechat.appid      rille.config.port
--
--     defaults  <  config/ENV.lua                  <  environment
--                  wechat = { appid = "wx12" }        WECHAT_APPID=wx12, ORIGINS=a,b
--
-- A wrong value does not raise where it is declared: all of them are told at
-- once, at the first use of one or when the app has been loaded.
local core = require "rille.core"
local describe = require "rille.schema.describe"
local later = require "rille.later"
local layer = require "rille.config.layer"
local nearest = require "rille.nearest"
local place_at = require("rille.place").at
local message = later.of "rille.config.message"
local v = later.of "rille.schema"

local Config = { __name = "rille.config" }
Config.__index = Config

local KIND_SEALED = 5 -- core/vm/kind.h: it is not to be encoded, and [1] says why
local NO_SOURCES = { rows = {}, rest = {}, file = "", problems = "", warnings = "" }

-- The system sets these: a setting that is read from one would be a surprise.
local SYSTEM = {}
for _, name in ipairs {
  "DISPLAY", "EDITOR", "HOME", "HOSTNAME", "LANG", "LANGUAGE", "LOGNAME", "MAIL", "OLDPWD", "PAGER", "PATH", "PWD",
  "SHELL", "TERM", "TMPDIR", "TZ", "USER",
} do
  SYSTEM[name] = true
end

-- ---- reading ---------------------------------------------------------------------

local function sorted(set)
  local names = {}
  for name in pairs(set) do
    names[#names + 1] = tostring(name)
  end
  table.sort(names)
  return names
end

-- What handlers see: a table that has nothing but what is declared. The values are
-- not in it, so that an assignment never hits one.
local function view(path, read, refuse)
  return setmetatable({}, {
    [0] = KIND_SEALED, "settings cannot be encoded, as there may be secrets among them: name the fields that are meant",
    __index = read,
    __newindex = function(_, key)
      refuse(tostring(key))
    end,
    __tostring = function()
      return path
    end,
  })
end

local function no_field(path, key, fields)
  local names = sorted(fields)
  local meant = nearest.of(key, names)
  local hint = meant and (": did you mean '%s.%s'?"):format(path, meant)
    or (": %s has %s"):format(path, #names > 0 and table.concat(names, ", ") or "no fields")
  error(("there is no setting '%s.%s'%s"):format(path, key, hint), 3)
end

-- Lists, maps and unions are handed out as they are.
local function view_of(self, node, value, path)
  local target = describe.target(node)
  if target.kind ~= "object" or type(value) ~= "table" then
    return value
  end
  local values = {}
  for key, inner in pairs(value) do
    local field = target.fields[key]
    values[key] = field and view_of(self, field, inner, path .. "." .. key) or inner
  end
  return view("rille.config." .. path, function(_, key)
    local found = values[key]
    if found == nil and not target.fields[key] and target.unknown ~= "keep" then
      no_field(path, tostring(key), target.fields)
    end
    return found
  end, function(key)
    self:refuse_assignment(path .. "." .. key)
  end)
end

function Config:refuse_assignment(path)
  local at = layer.variable(path)
  error(("settings are read-only: set %s in %s or %s in the environment"):format(path, self:file_name(),
    self.own[path] and "RILLE_" .. at or at), 4)
end

function Config:file_name()
  return self.sources.file ~= "" and self.sources.file or "config/ENV.lua"
end

-- The text of an error for these problems.
local function report(problems)
  if #problems == 1 then
    return problems[1]
  end
  return ("%d settings are wrong:\n  %s"):format(#problems, table.concat(problems, "\n  "))
end

local function read_root(self, key)
  local declared = self.declared[key]
  if declared then
    if declared.is_wrong then
      self.is_raised = true -- whoever loads the app tells all problems: not this one twice
      error(report(self.problems), 0)
    end
    return declared.view
  end
  if self.own[key] then
    return self.settings[key]
  end
  key = tostring(key)
  local meant = nearest.of(key, self:names())
  error(("there is no setting '%s': %s"):format(key, meant and ("did you mean '%s'?"):format(meant)
    or ("an app declares its own, as in app:config{ %s = v.string() }"):format(key)), 2)
end

--- Forget what was declared, and go on with these sources: a spec file chooses its
-- app, and with it the settings.
-- @tparam table from `settings` and `sources` as core/vm/settings.h has them
function Config:begin(from)
  self.settings, self.sources = from.settings or {}, from.sources or NO_SOURCES
  self.declared, self.own, self.problems, self.is_raised = {}, {}, {}, false
  self.variables = { DATABASE_URL = "database_url" }
  self.file = layer.read_file(self.sources.rest)
  for _, row in ipairs(self.sources.rows) do
    self.own[row.name] = true
  end
end

--- Settings from these sources.
-- @tparam table from as for `begin`, and `getenv`, the environment: a function of a
--   variable's name
-- @treturn Config; its `values` are what `rille.config` is
function Config.new(from)
  local self = setmetatable({ getenv = from.getenv }, Config)
  self:begin(from)
  self.values = view("rille.config", function(_, key)
    return read_root(self, key)
  end, function(key)
    self:refuse_assignment(key)
  end)
  return self
end

--- The names of all settings that there are now, sorted.
function Config:names()
  local names = {}
  for name in pairs(self.own) do
    names[name] = true
  end
  for name in pairs(self.declared) do
    names[name] = true
  end
  return sorted(names)
end

-- ---- declaring -------------------------------------------------------------------

local function check_name(self, name, node, where, level)
  if type(name) ~= "string" or not name:find "^%a[%w_]*$" then
    error(("app:config: a setting's name is a word such as wechat, got %s"):format(tostring(name)), level)
  end
  if not v.is(node) then
    local hint = type(node) == "table" and next(node) ~= nil and ("write %s = v.object{ … }"):format(name)
      or ("write %s = v.string(), say"):format(name)
    error(("app:config: %s: expected a schema, got a %s: %s"):format(name, type(node), hint), level)
  end
  if self.own[name] then
    error(("app:config: '%s' is a setting of Rille's own: take another name"):format(name), level)
  end
  local other = self.declared[name]
  if other and other.where ~= where then
    error(("app:config: '%s' is declared already at %s"):format(name, other.where), level)
  end
end

-- A variable belongs to one setting, so that nobody sets two at once.
local function check_variable(self, leaf, level)
  local path, name = leaf.path, leaf.variable
  if SYSTEM[name] or name:find "^RILLE_" then
    error(("app:config: '%s' would be read from the variable %s, which is %s: put it into a table, as in my = v.object{ %s = … }")
      :format(path, name, SYSTEM[name] and "the system's" or "Rille's", path), level)
  end
  local other = self.variables[name]
  if other and other ~= path then
    error(("app:config: '%s' and '%s' would both be read from the variable %s: rename one")
      :format(other, path, name), level)
  end
end

-- Read one declared setting from its layers.
local function read(self, name, node, where)
  local reading = layer.new(self.sources.file, self.getenv)
  local raw = reading:gather(node, name, self.file.fields[name])
  local schema = v.object { [name] = node }
  local parsed, problems = schema:parse({ [name] = raw }, "output")
  local declared = { node = node, where = where, reading = reading, is_wrong = problems ~= nil, problems = problems or {} }
  if not problems then
    declared.value = parsed[name]
    declared.view = view_of(self, node, parsed[name], name)
  end
  return declared
end

-- Again after each declaration: a declaration run once more replaces its problems.
local function collect_problems(self)
  self.problems = {}
  for _, name in ipairs(sorted(self.declared)) do
    local declared = self.declared[name]
    for _, problem in ipairs(declared.problems) do
      self.problems[#self.problems + 1] = message.of(problem, declared.node, declared.reading, self:file_name())
    end
  end
end

--- Declare settings of an app and read them: `app:config`.
-- @tparam table declaration schemas by name
-- @tparam[opt=1] integer level whom to blame, as `error` takes it
-- @raise for a declaration that cannot be; a wrong value is told later
function Config:declare(declaration, level)
  level = (level or 1) + 1
  if type(declaration) ~= "table" or v.is(declaration) then
    error("app:config takes a table of schemas, as in app:config{ wechat = v.object{ appid = v.string() } }", level)
  end
  local where = place_at(level)
  for name, node in pairs(declaration) do
    check_name(self, name, node, where, level + 1)
  end
  for _, name in ipairs(sorted(declaration)) do
    for _, leaf in ipairs(layer.leaves(declaration[name], name)) do
      check_variable(self, leaf, level + 1)
      self.variables[leaf.variable] = leaf.path
    end
  end
  for _, name in ipairs(sorted(declaration)) do
    self.declared[name] = read(self, name, declaration[name], where)
  end
  collect_problems(self)
end

-- ---- telling -----------------------------------------------------------------------

-- The names of all settings, and of the fields in them: wechat_appid may mean wechat.appid.
local function known_paths(self)
  local paths = self:names()
  for _, path in pairs(self.variables) do
    paths[#paths + 1] = path
  end
  return paths
end

-- Names in the file that nobody declared.
local function unknown_names(self)
  local problems, known = {}, known_paths(self)
  for _, name in ipairs(sorted(self.file.fields)) do
    if not self.declared[name] then
      local place = layer.place(self.sources.file, self.file.fields[name])
      problems[#problems + 1] = message.unknown(name, place, nearest.of(name, known))
    end
  end
  return problems
end

--- Everything that is wrong with the app's settings: to be asked when its file has run.
-- @treturn {string,...}
function Config:all_problems()
  local all = unknown_names(self)
  for _, problem in ipairs(self.problems) do
    all[#all + 1] = problem
  end
  return all
end

--- The app's file has run: every setting must be right, and every key of the file known.
-- @raise one text with all problems
function Config:finish()
  local problems = self:all_problems()
  if #problems > 0 then
    error(report(problems), 0)
  end
end

--- The app's settings as `rille check` prints them; secrets masked.
-- @treturn {table,...} name, shown, place
function Config:rows()
  local rows = {}
  for _, name in ipairs(sorted(self.declared)) do
    local declared = self.declared[name]
    for _, leaf in ipairs(layer.leaves(declared.node, name)) do
      rows[#rows + 1] = {
        name = leaf.path, shown = message.shown(leaf, declared), place = declared.reading.places[leaf.path] or "default",
      }
    end
  end
  return rows
end

--- The settings of this VM.
Config.current = Config.new { settings = core.settings, sources = core.sources, getenv = os.getenv }

return Config
