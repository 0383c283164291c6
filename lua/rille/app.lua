--- An app: routes, groups of routes, and the middleware around them.
--
-- Everything here runs once, at load. Each route becomes one function in which
-- its middleware and handler are folded together, and C calls that directly.
local answers = require "rille.answer"
local core = require "rille.core"
local Context = require "rille.context"
local fault = require "rille.fault"
local unit = require "rille.unit"

local App = { __name = "rille.app" }
App.__index = App
local Group = { __name = "rille.group" }
Group.__index = Group

local ROUTE_OPTIONS = { name = true, use = true, timeout = true, on_disconnect = true }

-- Where the app's code called us: "routes/users.lua:12".
local function caller(level)
  local info = debug.getinfo(level + 1, "Sl")
  return info and ("%s:%d"):format(info.short_src, info.currentline) or "?"
end

local function check_options(options, level)
  for key in pairs(options) do
    if not ROUTE_OPTIONS[key] then
      error(("a route has no option '%s': there are name, use, timeout and on_disconnect"):format(tostring(key)), level + 1)
    end
  end
  local leave = options.on_disconnect
  if leave ~= nil and leave ~= "finish" and leave ~= "cancel" then
    error(('on_disconnect is "finish" or "cancel": got %s'):format(tostring(leave)), level + 1)
  end
end

local function join(prefix, path)
  if prefix:sub(-1) == "/" and path:sub(1, 1) == "/" then
    return prefix:sub(1, -2) .. path
  end
  return prefix .. path
end

local function add(group, method, path, options, handler)
  if handler == nil then
    options, handler = {}, options
  end
  if type(path) ~= "string" or (path:sub(1, 1) ~= "/" and not (path == "" and group.prefix ~= "")) then
    error(("a route's path is a text that begins with '/': got %s"):format(tostring(path)), 3)
  end
  if type(options) ~= "table" then
    error(("app:%s(path, [options,] handler): the options are a table, got a %s"):format(method:lower(), type(options)), 3)
  end
  if type(handler) ~= "function" then
    error(("app:%s(path, [options,] handler): the handler is a function, got a %s"):format(method:lower(), type(handler)), 3)
  end
  check_options(options, 3)
  group.has_routes = true
  local routes = group.app.routes
  routes[#routes + 1] = {
    method = method, path = join(group.prefix, path), options = options, handler = handler, group = group,
    where = caller(3),
  }
end

for _, method in ipairs { "GET", "POST", "PUT", "PATCH", "DELETE", "ANY" } do
  --- Register a route: app:get(path, [options,] handler).
  -- @tparam string path with `:name` for a segment, `*name` for the rest
  -- @tparam[opt] table options name, use (list of middleware), timeout, on_disconnect
  -- @tparam function handler(c) returns body[, status[, headers]]
  Group[method:lower()] = function(self, path, options, handler)
    add(self, method, path, options, handler)
  end
  App[method:lower()] = function(self, path, options, handler)
    add(self.root, method, path, options, handler)
  end
end

local function use(group, ...)
  if group.has_routes then
    error("use comes before the group's first route: a middleware added now would miss the routes above", 3)
  end
  for i = 1, select("#", ...) do
    local middleware = select(i, ...)
    if type(middleware) ~= "function" then
      error(("a middleware is a function(c, next): got a %s"):format(type(middleware)), 3)
    end
    group.middleware[#group.middleware + 1] = middleware
  end
end

local function new_group(app, parent, prefix, options)
  if type(prefix) ~= "string" or (prefix ~= "" and prefix:sub(1, 1) ~= "/") then
    error(("a group's prefix begins with '/': got %s"):format(tostring(prefix)), 3)
  end
  local group = setmetatable({ app = app, parent = parent, prefix = prefix, middleware = {} }, Group)
  for _, middleware in ipairs(options and options.use or {}) do
    use(group, middleware)
  end
  return group
end

--- Routes under a common prefix, with middleware of their own.
-- @tparam string prefix
-- @tparam[opt] table options use = { middleware, … }
function Group:group(prefix, options)
  return new_group(self.app, self, join(self.prefix, prefix), options)
end

--- Put middleware around all routes of the group; before its first route.
function Group:use(...)
  use(self, ...)
end

function App:group(prefix, options)
  return new_group(self, self.root, prefix, options)
end

function App:use(...)
  use(self.root, ...)
end

-- ---- composing ------------------------------------------------------------

local function middleware_of(route)
  local chain, groups = {}, {}
  local group = route.group
  while group do
    table.insert(groups, 1, group)
    group = group.parent
  end
  for _, one in ipairs(groups) do
    for _, middleware in ipairs(one.middleware) do
      chain[#chain + 1] = middleware
    end
  end
  for _, middleware in ipairs(route.options.use or {}) do
    chain[#chain + 1] = middleware
  end
  return chain
end

local function next_of(inner)
  return function(c)
    if not Context.is(c) then
      error("next takes the context: call next(c)", 2)
    end
    return inner(c)
  end
end

-- The chain from the inside out; each step returns an answer value.
local function compose(handler, chain)
  local of = answers.of
  local inner = function(c)
    return of(handler(c))
  end
  for i = #chain, 1, -1 do
    local middleware, follow = chain[i], next_of(inner)
    inner = function(c)
      return of(middleware(c, follow))
    end
  end
  return inner
end

-- What C calls. Written out for the common case: a handler alone.
local function entry(route)
  local new, chain, options = Context.new, middleware_of(route), route.options
  local handler = #chain > 0 and compose(route.handler, chain) or route.handler
  local timeout = options.timeout and unit.seconds(options.timeout, 4)
  local finishes = options.on_disconnect == "finish"
  if not timeout and not finishes then
    return function(slot, epoch)
      return handler(new(slot, epoch))
    end
  end
  return function(slot, epoch)
    if timeout then
      core.set_deadline(timeout)
    end
    if finishes then
      core.set_finish(slot, epoch, true)
    end
    return handler(new(slot, epoch))
  end
end

--- Make a new app. An app's file returns it.
function App.new()
  local app = setmetatable({ routes = {} }, App)
  app.root = new_group(app, nil, "")
  return app
end

function App.is(value)
  return getmetatable(value) == App
end

--- Hand all routes to the server; called once, after the app's file has run.
function App:build()
  local registered = {}
  for _, route in ipairs(self.routes) do
    local number = core.route(route.method, route.path, entry(route), route.where)
    registered[number] = route
  end
  core.on_fault(fault.handler(registered))
end

return App
