--- Groups: routes under one prefix, with the middleware around them.
--
-- Nothing is registered here. A group notes down routes, groups and mounts in
-- the order in which they were written; lua/rille/compose.lua reads the notes
-- when the app has been loaded.
local file = require "rille.file"
local keys = require "rille.keys"
local later = require "rille.later"
local method = require "rille.method"
local mw = require "rille.mw"
local nearest = require "rille.nearest"
local place = require "rille.place"
local slip = require "rille.slip"
local unit = require "rille.unit"
local schema = later.of "rille.schema"

local Group = { __name = "rille.group" }
Group.__index = Group

local SCHEMAS = { params = true, query = true, headers = true, cookies = true, body = true, response = true }

local ROUTE_OPTIONS = {
  name = "string", use = "table", timeout = true, on_disconnect = true, max_body = true, max_queries = "number",
  read_only = "boolean", params = "table", query = "table", headers = "table", cookies = "table", body = "table",
  response = "table",
}

-- The name of one of rille.mw, which makes a middleware and is none.
local function maker_of(fn)
  for name, make in pairs(mw) do
    if make == fn then
      return name
    end
  end
end

local function check_middleware(middleware, level)
  if type(middleware) ~= "function" then
    error(("a middleware is a function(c, next): got a %s%s"):format(type(middleware),
      type(middleware) == "string" and ". For the routes below a path, write app:group(path, { use = { fn, … } })"
      or type(middleware) == "table" and ". Several are given one after another: app:use(fn, fn)" or ""), level + 1)
  end
  local maker = maker_of(middleware)
  if maker then
    error(("rille.mw.%s makes a middleware: call it, as in app:use(rille.mw.%s(…))"):format(maker, maker), level + 1)
  end
end

-- A list of middleware, in the option `use`.
local function check_use(list, level)
  if list ~= nil and type(list) ~= "table" then
    error(("the option 'use' is a list of middleware, { fn, … }: got a %s"):format(type(list)), level + 1)
  end
  for _, middleware in pairs(list or {}) do
    check_middleware(middleware, level + 1)
  end
end

-- The options of a group or a mount.
local function check_named(options, known, call, level)
  if options ~= nil and type(options) ~= "table" then
    error(("%s: the options are a table, got a %s"):format(call, type(options)), level + 1)
  end
  for key in pairs(options or {}) do
    if not known[key] then
      local names = table.concat(keys.sorted(known), " and ")
      error(("%s has no option '%s': there is %s"):format(call, tostring(key), names), level + 1)
    end
  end
  check_use(options and options.use, level + 1)
end

local function check_options(options, level)
  for key, value in pairs(options) do
    local kind = ROUTE_OPTIONS[key]
    if not kind then
      local known = keys.sorted(ROUTE_OPTIONS)
      local meant = nearest.of(tostring(key), known)
      error(("a route has no option '%s': %s"):format(tostring(key), meant and ("did you mean '%s'?"):format(meant)
        or "there are " .. table.concat(known, ", ")), level + 1)
    end
    if key == "use" and type(value) == "function" then
      error("a route's option 'use' is a list of middleware: write use = { … }", level + 1)
    end
    if kind ~= true and type(value) ~= kind then
      error(("a route's option '%s' is a %s: got a %s"):format(key, kind, type(value)), level + 1)
    end
  end
  check_use(options.use, level + 1)
  local leave = options.on_disconnect
  if leave ~= nil and leave ~= "finish" and leave ~= "cancel" then
    error(('on_disconnect is "finish" or "cancel": got %s'):format(tostring(leave)), level + 1)
  end
  for name in pairs(SCHEMAS) do
    if options[name] ~= nil and not schema.is(options[name]) then
      error(("a route's option '%s' is a schema, such as rille.schema.object{ … }: got a %s")
        :format(name, type(options[name])), level + 1)
    end
  end
  local most = options.max_queries
  if most ~= nil and (most < 0 or most % 1 ~= 0) then
    error(("a route's option 'max_queries' is a number of statements: got %s"):format(tostring(most)), level + 1)
  end
  if options.timeout ~= nil then
    unit.seconds(options.timeout, level + 1)
  end
  if options.max_body ~= nil then
    unit.body(options.max_body, level + 1)
  end
end

--- Put two paths together without doubling the slash between them. The path "/"
-- is the prefix itself: in a bag of posts it means all posts, /posts.
-- @local
function Group.join(prefix, path)
  if path == "/" and prefix ~= "" then
    return prefix
  end
  if prefix:sub(-1) == "/" and path:sub(1, 1) == "/" then
    return prefix .. path:sub(2)
  end
  return prefix .. path
end

local function check_path(path, level)
  if type(path) ~= "string" then
    error(("a route's path is a text that begins with '/': got a %s"):format(type(path)), level + 1)
  elseif path == "" then
    error("a route's path begins with '/': got \"\". The path \"/\" of a group or mount is its prefix alone", level + 1)
  elseif path:sub(1, 1) ~= "/" then
    error(("a route's path begins with '/': got %q, write \"/%s\""):format(path, path == "*" and "*path" or path), level + 1)
  end
end

--- What is said of whatever comes too late.
-- @local
Group.CLOSED = "%s: the app serves already. What it consists of is written while its app.lua runs"

local function check_open(group, call, level)
  if group.is_built then
    error(Group.CLOSED:format(call), level + 1)
  end
end

-- From the first route on, the middleware around all of them is settled.
local function note(group, one)
  group.first = group.first or one.where
  group.notes[#group.notes + 1] = one
end

local function add(group, verb, path, options, handler)
  if handler == nil then
    options, handler = {}, options
  end
  check_path(path, 3)
  local call = ("app:%s(path, [options,] handler)"):format(verb:lower())
  if type(options) == "function" then
    error(type(handler) == "function" and call .. ": a middleware of the route is one of its options, { use = { fn } }"
      or call .. ": the options come before the handler", 3)
  end
  if type(options) ~= "table" then
    error(("%s: the options are a table, got a %s"):format(call, type(options)), 3)
  end
  if type(handler) ~= "function" then
    error(("%s: the handler is a function, got a %s"):format(call, type(handler)), 3)
  end
  check_options(options, 3)
  check_open(group, "app:" .. verb:lower(), 3)
  note(group, {
    kind = "route", method = verb, path = path, options = options, handler = handler, where = place.at(3),
  })
end

for _, verb in ipairs { "GET", "POST", "PUT", "PATCH", "DELETE", "ANY" } do
  --- Note a route down: app:get(path, [options,] handler).
  -- @tparam string path with `:name` for a segment, `*name` for the rest
  -- @tparam[opt] table options name, use (list of middleware), timeout, …
  -- @tparam function handler(c) returns body[, status[, headers]]
  Group[verb:lower()] = function(self, path, options, handler)
    add(self, verb, path, options, handler)
  end
end

local function use(group, level, ...)
  check_open(group, "app:use", level + 1)
  if group.first then
    error(("use comes before the group's first route, which is at %s: a middleware added now would miss it"):format(
      group.first), level + 1)
  end
  for i = 1, select("#", ...) do
    local middleware = select(i, ...)
    check_middleware(middleware, level + 1)
    group.middleware[#group.middleware + 1] = middleware
  end
end

--- Serve the files of a folder: `app:static("/assets", "assets")`. Hidden files are not served.
-- @tparam string path their prefix
-- @tparam string dir from the app's folder, or absolute; a warning says at the start when it is not there
-- @tparam[opt] table options as for rille.file
function Group:static(path, dir, options)
  if type(dir) ~= "string" then
    error("static(path, dir): the folder is a text, got a " .. type(dir), 2)
  end
  check_path(path, 2)
  add(self, "GET", Group.join(path, "/*file"), {}, file.static(dir, options))
end

--- Put middleware around all routes of the group; before its first route.
-- @tparam middleware ... each a function(c, next)
function Group:use(...)
  use(self, 2, ...)
end

--- A bag of routes, to be mounted: `local posts = rille.routes()`. It can what a group can.
-- @tparam[opt=""] string prefix of all its paths
-- @treturn Group
-- @local
function Group.new(prefix)
  return setmetatable({ prefix = prefix or "", middleware = {}, notes = {} }, Group)
end

function Group.is(value)
  return getmetatable(value) == Group
end

local function check_prefix(prefix, what, level)
  if type(prefix) ~= "string" or (prefix ~= "" and prefix:sub(1, 1) ~= "/") then
    error(("a %s's prefix begins with '/': got %s"):format(what, type(prefix) == "string" and prefix or "a " .. type(prefix)),
      level + 1)
  end
end

--- Routes under a common prefix, with middleware of their own.
-- @tparam string prefix
-- @tparam[opt] table options use = { middleware, … }
-- @treturn Group
function Group:group(prefix, options)
  check_prefix(prefix, "group", 2)
  if type(options) == "function" then
    error("group: it returns the group: local g = app:group(prefix), then g:get(path, handler)", 2)
  end
  check_named(options, { use = true }, "group", 2)
  check_open(self, "app:group", 2)
  local group = Group.new(prefix)
  use(group, 2, unpack(options and options.use or {}))
  note(self, { kind = "group", group = group, path = prefix, where = place.at(2) })
  return group
end

--- Put an app or a bag of routes (`rille.routes()`) under a prefix. A mounted
-- app keeps its own on_error, on_response and modules.
-- @tparam string prefix
-- @param what an app, or routes
-- @tparam[opt] table options name: goes before the names of its routes; use: middleware around them
function Group:mount(prefix, what, options)
  check_prefix(prefix, "mount", 2)
  if type(what) ~= "table" or type(rawget(what, "notes") or rawget(what, "root")) ~= "table" then
    error(("mount(prefix, what): what is an app or rille.routes(), got a %s: %s"):format(type(what),
      type(what) == "string" and ("write require %q"):format(what) or "does its file return it?"), 2)
  end
  check_named(options, { name = true, use = true }, "mount", 2)
  check_open(self, "app:mount", 2)
  options = options or {}
  note(self, { kind = "mount", what = what, path = prefix, options = options, where = place.at(2) })
end

local NAMES = { "get", "post", "put", "patch", "delete", "any", "use", "group", "mount", "static" }

method.guard(Group, "group", NAMES)
slip.guard(Group, "group", table.concat(NAMES, " "), "first is_built")

return Group
