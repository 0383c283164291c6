--- Type annotations for lua-language-server, made from the docstrings.
--
--     lua lua/annotations.lua [FILE]       build/annotations/rille.lua, unless said otherwise
--
-- What an app can reach is listed below; what is said of it, its parameters and
-- results, is read from the comments in front of it (LDoc's), so that nothing is
-- told twice. Whatever has no docstring, or a parameter that it does not name,
-- is an error here. Functions of a class that are not for apps are marked @local.
local target = ... or "build/annotations/rille.lua"

-- Which functions of which file are whose, by what stands before the dot or colon;
-- `returns` is the result of those that say none.
local CLASSES = {
  { class = "rille.App", name = "App", from = { { "app", "App" }, { "group", "Group" } } },
  { class = "rille.Routes", name = "Routes", from = { { "group", "Group" } } },
  { class = "rille.Context", name = "Context", from = { { "context", "methods" } },
    fields = { { "context", "getters" }, { "context", "cached" } } },
  { class = "rille.Answer", name = "Answer", from = { { "answer", "Answer" } },
    lines = { "---@field status integer", "---@field headers table<string, string>", "---@field body any" } },
  { class = "rille.Out", name = "Out", from = { { "stream", "Out" } } },
  { class = "rille.Error", name = "Error", from = {},
    lines = { "---@field code string", "---@field status integer", "---@field message string", "---@field details any" } },
  { class = "rille.Task", name = "Task", from = { { "task", "Task" } } },
  { class = "rille.Channel", name = "Channel", from = { { "channel", "Channel" } } },
  { class = "rille.SharedChannel", name = "SharedChannel", from = { { "shared_channel", "SharedChannel" } } },
  { class = "rille.Topic", name = "Topic", from = { { "topic", "Topic" } } },
  { class = "rille.Subscription", name = "Subscription", from = { { "topic", "Subscription" } } },
  { class = "rille.Shared", name = "Shared", from = { { "shared", "Shared" } } },
  { class = "rille.Pool", name = "Pool", from = { { "pool", "Pool" } } },
  { class = "rille.Mutex", name = "Mutex", from = { { "sync", "Mutex" } } },
  { class = "rille.RWLock", name = "RWLock", from = { { "sync", "RWLock" } } },
  { class = "rille.Semaphore", name = "Semaphore", from = { { "sync", "Semaphore" } } },
  { class = "rille.WaitGroup", name = "WaitGroup", from = { { "sync", "WaitGroup" } } },
  { class = "rille.Condition", name = "Condition", from = { { "sync", "Condition" } } },
  { class = "rille.Row", name = "Row", from = {}, lines = { "---@field [string] any" } },
  { class = "rille.Db", name = "Db", from = {
    { "db", "Db" }, { "db/transaction", "Db" }, { "db/batch", "Db" }, { "db/each", "Db" },
    { "db/copy", "Db" }, { "db/lock", "Db" }, { "db/listen", "Db" } } },
  { class = "rille.Notifications", name = "Notifications", from = { { "db/listen", "Notifications" } } },
  { class = "rille.Log", name = "Log", from = { { "log", "log" } } },
  { class = "rille.Schema", name = "Schema", from = { { "schema", "Schema" } }, returns = "rille.Schema" },
  { class = "rille.schema", name = "schema", from = { { "schema", "v" } }, returns = "rille.Schema" },
  { class = "rille.mw", name = "mw", from = { { "mw", "mw" } } },
  { class = "rille.json", name = "json", from = { { "../rille", "json" } } },
  { class = "rille.test.Response", name = "Response", from = {},
    lines = { "---@field status integer", "---@field headers table<string, string>", "---@field body string",
      "---@field json any" } },
  { class = "rille.test.Client", name = "Client", from = { { "test/client", "Client" } } },
  { class = "rille.test.Clock", name = "Clock", from = { { "test/clock", "clock" } } },
  { class = "rille.Test", name = "Test", from = { { "test", "T" }, { "test", "t" } },
    lines = { "---@field clock rille.test.Clock" } },
}

-- What docstrings call a thing, and its class.
local TYPES = {
  App = "rille.App", Group = "rille.Routes", Context = "rille.Context", answer = "rille.Answer", Task = "rille.Task",
  Channel = "rille.Channel", SharedChannel = "rille.SharedChannel", Topic = "rille.Topic", Subscription = "rille.Subscription",
  Shared = "rille.Shared", Pool = "rille.Pool", Mutex = "rille.Mutex", RWLock = "rille.RWLock", Semaphore = "rille.Semaphore",
  WaitGroup = "rille.WaitGroup", Condition = "rille.Condition",
  Db = "rille.Db", Notifications = "rille.Notifications", row = "rille.Row",
  schema = "rille.Schema", Client = "rille.test.Client", t = "rille.Test",
  Log = "rille.Log", duration = "rille.Duration", size = "rille.Size", response = "rille.test.Response",
  middleware = "fun(c: rille.Context, next: fun(c: rille.Context): rille.Answer): any, integer?, table?",
}

-- Parameters of the functions that apps hand over.
local ARGUMENTS = {
  c = "rille.Context", res = "rille.Answer", err = "rille.Error", out = "rille.Out", db = "rille.Db", fields = "table",
  client = "rille.test.Client",
}

-- ---- reading ---------------------------------------------------------------------

local files = {}

local function lines_of(path)
  local lines = {}
  for line in assert(io.open(path)):lines() do
    lines[#lines + 1] = line
  end
  return lines
end

-- The words of `{ "get", "post" }`, where a loop or a constant has them.
local function words_of(lines, at)
  for i = at, 1, -1 do
    local list = lines[i]:match "^for _, [%w_]+ in ipairs ?(.*) do$"
    local constant = list and list:match "^%(([%u_]+)%)$"
    for j = constant and i or 0, 1, -1 do
      list = lines[j]:match("^local " .. constant .. " = ({.*})$") or list
    end
    if list then
      return list
    end
  end
  error(("line %d: which names this function gets is not to be seen"):format(at))
end

-- Owner, names and parameters of what a docstring stands in front of.
local function subject(lines, at)
  local code = lines[at] or ""
  local owner, name, parameters = code:match "^%s*function ([%w_]+)[.:]([%w_]+)(%b())"
  if owner then
    return owner, { name }, parameters
  end
  owner, parameters = code:match "^%s*([%w_]+)%[[^%]]+%] = function(%b())"
  if owner then
    local names = {}
    for word in words_of(lines, at):gmatch '"([%w_]+)"' do
      names[#names + 1] = word:lower()
    end
    return owner, names, parameters
  end
  owner, name = code:match "^%s*([%w_]+)%.([%w_]+) = "
  if owner then
    return owner, { name }, code:match "= function(%b())"
  end
  name = code:match "^%s*([%w_]+) = "
  return name and "", { name }, code:match "= function(%b())"
end

-- `@tparam[opt=1] integer level whom to blame`
local function tag_of(text)
  local tag, optional, rest = text:match "^@(%l+)(%b[])%s*(.*)$"
  if not tag then
    tag, rest = text:match "^@(%l+)%s*(.*)$"
  end
  local one = { tag = tag, is_optional = optional ~= nil and optional:find "^%[opt" ~= nil, rest = rest }
  if tag == "tparam" or tag == "treturn" then
    one.type, one.rest = rest:match "^(%S+)%s*(.*)$"
  end
  if tag == "tparam" or tag == "param" then
    one.name, one.rest = one.rest:match "^([%w_.]+)%s*(.*)$"
  end
  return one
end

-- A docstring: what it says first, and its tags.
local function read_doc(lines, at)
  local doc, current = { text = {}, tags = {} }, nil
  local text = lines[at]:match "^%s*%-%-%- ?(.*)$"
  while text do
    if text:find "^@" then
      current = tag_of(text)
      table.insert(doc.tags, current)
    elseif current then
      current.rest = current.rest .. " " .. text:gsub("^%s+", "")
    else
      table.insert(doc.text, text)
    end
    at = at + 1
    text = (lines[at] or ""):match "^%s*%-%- ?(.*)$"
  end
  return doc, at
end

-- All docstrings of a file, by owner and name.
local function docs_of(module)
  if files[module] then
    return files[module]
  end
  local lines, docs, at = lines_of("lua/rille/" .. module .. ".lua"), {}, 1
  while at <= #lines do
    if lines[at]:find "^%s*%-%-%- " then
      local doc, after = read_doc(lines, at)
      local owner, names, parameters = subject(lines, after)
      for _, name in ipairs(owner and names or {}) do
        table.insert(docs, { owner = owner, name = name, parameters = parameters, doc = doc, place = module .. ":" .. after })
      end
      at = after
    else
      at = at + 1
    end
  end
  files[module] = docs
  return docs
end

-- ---- writing ---------------------------------------------------------------------

local out = {}

local function put(text, ...)
  text = select("#", ...) > 0 and text:format(...) or text
  out[#out + 1] = text:gsub("[ #]+$", "")
end

local function put_text(lines)
  for _, line in ipairs(lines) do
    put("---" .. line)
  end
end

local function type_of(text)
  if not text then
    return "any"
  end
  local optional = text:match "^%?(.*)$"
  if optional then
    return type_of(optional) .. "?"
  end
  local item = text:match "^{(.*),%.%.%.}$"
  if item then
    return type_of(item) .. "[]"
  end
  return (text:gsub("[%a_][%w_]*", TYPES))
end

local function has_tag(doc, wanted)
  for _, one in ipairs(doc.tags) do
    if one.tag == wanted then
      return one
    end
  end
end

local function function_type(arguments)
  local parts = {}
  for name in arguments:gmatch "[%w_]+" do
    parts[#parts + 1] = name .. ": " .. (ARGUMENTS[name] or "any")
  end
  return "fun(" .. table.concat(parts, ", ") .. "): any, integer?, table?"
end

-- A parameter's type, and what is left to say of it.
local function parameter_type(one)
  local kind = type_of(one.type)
  local arguments, rest = one.rest:match "^f?n?(%b())[:,]?%s*(.*)$"
  if kind == "function" and arguments then
    return function_type(arguments), rest
  end
  return kind, one.rest
end

-- Parameters as they are called: without self, and without `level`, which is for us.
local function called_with(entry)
  local names = {}
  if entry.parameters then
    for name in entry.parameters:gmatch "[%w_.]+" do
      if name ~= "self" and name ~= "_" and name ~= "level" then
        names[#names + 1] = name
      end
    end
    return names
  end
  for _, one in ipairs(entry.doc.tags) do
    names[#names + 1] = one.name
  end
  return names
end

-- `app:get(path, handler)`: an option in the middle may be left out.
local function put_overload(names, tags, separator)
  local parts, is_short = { separator == ":" and "self" or nil }, false
  for i, name in ipairs(names) do
    local follower = tags[names[i + 1]]
    if tags[name].is_optional and follower and not follower.is_optional and names[i + 1] ~= "..." then
      is_short = true
    else
      parts[#parts + 1] = name .. (tags[name].is_optional and "?" or "") .. ": " .. parameter_type(tags[name])
    end
  end
  if is_short then
    put("---@overload fun(%s)", table.concat(parts, ", "))
  end
end

local function put_results(doc, default)
  for _, one in ipairs(doc.tags) do
    if one.tag == "treturn" or one.tag == "return" then
      put("---@return %s # %s", type_of(one.type), one.rest)
      default = nil
    elseif one.tag == "raise" then
      put("---Raises: " .. one.rest)
    end
  end
  if default then
    put("---@return " .. default)
  end
end

local function put_function(class, entry, separator, returns)
  put ""
  put_text(entry.doc.text)
  local names, tags = called_with(entry), {}
  for _, one in ipairs(entry.doc.tags) do
    tags[one.name or 0] = tags[one.name or 0] or one
  end
  for _, name in ipairs(names) do
    local one = tags[name]
    if not one then
      error(("lua/rille/%s: %s says nothing of its parameter %s"):format(entry.place, entry.name, name), 0)
    end
    put("---@param %s%s %s %s", name, one.is_optional and "?" or "", parameter_type(one))
  end
  put_overload(names, tags, separator)
  put_results(entry.doc, returns)
  put("function %s%s%s(%s) end", class, separator, entry.name, table.concat(names, ", "))
end

local function entries_of(list)
  local found = {}
  for _, from in ipairs(list) do
    for _, entry in ipairs(docs_of(from[1])) do
      if entry.owner == from[2] and not entry.name:find "^__" and not has_tag(entry.doc, "local") then
        found[#found + 1] = entry
      end
    end
  end
  return found
end

-- Modules are called with a dot, and so are the functions that t carries.
local DOTTED = { Log = true, schema = true, mw = true, json = true, Clock = true, t = true }

local function put_class(one)
  put ""
  put("---@class %s", one.class)
  for _, line in ipairs(one.lines or {}) do
    put(line)
  end
  for _, entry in ipairs(entries_of(one.fields or {})) do
    put("---@field %s %s %s", entry.name, type_of((has_tag(entry.doc, "treturn") or {}).type), table.concat(entry.doc.text, " "))
  end
  put("local %s = {}", one.name)
  for _, entry in ipairs(entries_of(one.from)) do
    put_function(one.name, entry, (DOTTED[one.name] or DOTTED[entry.owner]) and "." or ":", one.returns)
  end
end

-- ---- rille itself ------------------------------------------------------------------

-- `app = App.new` with `local App = require "rille.app"` is said in lua/rille/app.lua.
local function documented(modules, owner, name)
  local module = modules[owner]
  for _, entry in ipairs(module and docs_of(module) or {}) do
    if entry.name == name then
      return entry
    end
  end
end

local FIELD_TYPES = {
  json = "rille.json", mw = "rille.mw", schema = "rille.schema", config = "table", db = "rille.Db",
  log = "rille.Log", null = "userdata",
}

local function put_rille()
  local lines, modules, fields, functions = lines_of "lua/rille.lua", {}, {}, {}
  local own = {}
  for _, entry in ipairs(docs_of "../rille") do
    own[entry.name] = entry
  end
  for _, line in ipairs(lines) do
    local name, module = line:match '^local ([%w_]+) = [%w.]+ "rille%.([%w_.]+)"'
    if name then
      modules[name] = module:gsub("%.", "/")
    end
    local key, value = line:match "^  ([%w_]+) = (.-),?$"
    if key and FIELD_TYPES[key] then
      local entry = own[key] or error(("lua/rille.lua: %s has no docstring"):format(key), 0)
      fields[#fields + 1] = ("---@field %s %s %s"):format(key, FIELD_TYPES[key], table.concat(entry.doc.text, " "))
    elseif key then
      local entry = own[key] or documented(modules, value:match "^([%w_]+)%.([%w_]+)$")
      entry = entry or error(("lua/rille.lua: %s has no docstring"):format(key), 0)
      functions[#functions + 1] = { name = key, parameters = entry.parameters, doc = entry.doc, place = entry.place }
    end
  end
  put ""
  put "---@class rille"
  for _, line in ipairs(fields) do
    put(line)
  end
  put "local rille = {}"
  for _, entry in ipairs(functions) do
    put_function("rille", entry, ".")
  end
end

-- ---- all of it ---------------------------------------------------------------------

put "---@meta rille"
put "-- Made from the docstrings by lua/annotations.lua."
put ""
put '---@alias rille.Duration number|string seconds, or "250ms", "5s", "10m"'
put '---@alias rille.Size number|string bytes, or "64K", "8M"'
for _, one in ipairs(CLASSES) do
  put_class(one)
end
put_rille()
put ""
put "return rille"

os.execute("mkdir -p '" .. (target:match "^(.*)/" or ".") .. "'")
local file = assert(io.open(target, "w"))
file:write(table.concat(out, "\n"), "\n")
file:close()
