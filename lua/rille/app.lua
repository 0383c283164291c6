--- An app: its routes, and what happens around every one of them.
local answers = require "rille.answer"
local compose = require "rille.compose"
local config = require "rille.config"
local core = require "rille.core"
local errors = require "rille.error"
local fault = require "rille.fault"
local Group = require "rille.group"
local later = require "rille.later"
local lifecycle = require "rille.lifecycle"
local method = require "rille.method"
local middleware = require "rille.middleware"
local miss = require "rille.miss"
local module = require "rille.module"
local mw = require "rille.mw"
local nearest = require "rille.nearest"
local proxy = require "rille.proxy"
local slip = require "rille.slip"
local stream = require "rille.stream"
local url = require "rille.url"
local error_page = later.of "rille.error_page"
local schedule = later.of "rille.schedule"
local template = later.of "rille.template"

local App = { __name = "rille.app" }
local VIEW_OPTIONS = { dir = true, ext = true, layout = true, env = true }

App.__index = App

-- What a group can, an app can: it has one for its root.
for _, name in ipairs { "get", "post", "put", "patch", "delete", "any", "use", "group", "mount", "static" } do
  local noted = Group[name]
  App[name] = function(self, ...)
    return noted(self.root, ...)
  end
end

--- Make a new app. An app's file returns it.
-- @treturn App
-- @local
function App.new()
  return setmetatable({
    root = Group.new(), error_handlers = {}, response_hooks = {}, start_hooks = {}, stop_hooks = {}, schedules = {}, names = {},
    folder = module.root(2),
  }, App)
end

function App.is(value)
  return getmetatable(value) == App
end

--- Run the app.lua in a folder. **Yields** if the app does.
-- @tparam string root
-- @treturn App what it returns
-- @treturn table the loader of its modules
-- @local
function App.load(root)
  local loader = module.loader(root)
  local app = loader.run(root .. "/app.lua")
  if not App.is(app) then
    error(("%s/app.lua returned %s: its last line must be `return app`"):format(root,
      app == nil and "nothing" or "a " .. type(app)), 0)
  end
  return app, loader
end

--- The same, for commands that tell of all that is wrong: nothing is raised. **Yields** if the app does.
-- @tparam string root
-- @treturn ?App nil when it does not load
-- @treturn {string,...} what is wrong with it, and with its settings
-- @local
function App.try_load(root)
  local ok, app = pcall(App.load, root)
  local problems = config.current:all_problems()
  if not ok and not config.current.is_raised then -- what a wrong setting makes its file raise is told already
    problems[#problems + 1] = errors.is(app) and (app.detail or app.message) or tostring(app)
  end
  return ok and app or nil, problems
end

--- Where a file of the app's lies.
-- @tparam string path from the app's folder, or absolute
-- @treturn string
-- @local
function App:path(path)
  if path:sub(1, 1) == "/" then
    return path
  end
  local folder = self.folder or core.settings and core.settings.app_dir
  return folder and folder .. "/" .. path or path
end

--- Declare settings of the app: each is read from config/ENV.lua, then from the
-- environment, and found in `rille.config`.
-- @tparam table declaration schemas by name: { wechat = v.object{ appid = v.string(), secret = v.secret() } }
function App:config(declaration) -- luacheck: no self
  config.current:declare(declaration, 2)
end

-- What is heard and asked is settled with the routes.
local function check_open(app, call, level)
  if app.root.is_built then
    error(Group.CLOSED:format(call), level + 1)
  end
end

local function check_function(fn, call, level)
  if type(fn) ~= "function" then
    error(("%s: got a %s"):format(call, type(fn)), level + 1)
  end
end

--- Answer errors: `app:on_error(fn)` all, `app:on_error("not_found", fn)` or
-- `app:on_error(404, fn)` those. The first handler that returns something answers.
-- @tparam[opt] string|integer code
-- @tparam function fn(c, err) returns as a handler does, or nothing to pass it on
function App:on_error(code, fn)
  check_open(self, "app:on_error", 2)
  if fn == nil then
    code, fn = nil, code
  end
  if code ~= nil and type(code) ~= "string" and type(code) ~= "number" then
    error(("app:on_error([code,] function(c, err)): the code is a text or a status, got a %s"):format(type(code)), 2)
  end
  check_function(fn, "app:on_error([code,] function(c, err))", 2)
  self.error_handlers[#self.error_handlers + 1] = { code = code, fn = fn }
end

--- See every answer before it is sent, also 404, 405, OPTIONS and faults.
-- @tparam function fn(c, res): res has status, headers, body
function App:on_response(fn)
  check_open(self, "app:on_response", 2)
  check_function(fn, "app:on_response(function(c, res))", 2)
  self.response_hooks[#self.response_hooks + 1] = fn
end

--- Where `c:render` finds templates: `app:views{ dir = "views", layout = "main" }`.
-- Without it, the folder `views` of the app.
-- @tparam table options dir (from the app's folder, or absolute), ext ("etlua"), layout (a
-- default one), env (helpers that templates see by name)
function App:views(options)
  if type(options) ~= "table" then
    error(('app:views takes a table, as in app:views{ dir = "views" }: got a %s'):format(type(options)), 2)
  end
  for key in pairs(options) do
    if not VIEW_OPTIONS[key] then
      error(("views has no option '%s': there are dir, ext, layout, env"):format(tostring(key)), 2)
    end
  end
  self.layout = options.layout
  self.view_set = template.new {
    dir = self:path(options.dir or "views"), ext = options.ext or "etlua", env = options.env,
    reload = core.settings.env == "development",
  }
end

--- Render a template of this app to text; see c:render.
-- @treturn string
-- @local
function App:render_text(name, data, options, env)
  if not self.view_set then
    self:views {}
  end
  local layout = options and options.layout
  if layout == nil then
    layout = self.layout
  end
  return self.view_set:render(name, data, { layout = layout, env = env })
end

--- Run `fn` when a worker begins to serve.
-- @tparam function fn
function App:on_start(fn)
  check_open(self, "app:on_start", 2)
  check_function(fn, "app:on_start(function())", 2)
  self.start_hooks[#self.start_hooks + 1] = fn
end

--- Run `fn` when a worker has stopped to serve.
-- @tparam function fn
function App:on_stop(fn)
  check_open(self, "app:on_stop", 2)
  check_function(fn, "app:on_stop(function())", 2)
  self.stop_hooks[#self.stop_hooks + 1] = fn
end

--- Run `fn(run)` every so often, from the start of the server to its stop: at multiples of `interval`.
-- @tparam duration interval seconds, or "250ms", "5m", "1h"
-- @tparam function fn `run` has its `name`, its `id`, and a `log` that writes both into each line
-- @tparam[opt] table options `scope` ("node"): "worker" runs it in every worker, "node" in one of the process, "cluster" in
--   one of all processes on this database. `name`: in the log; a schedule of the cluster must have one. `overlap`
--   ("skip"): what becomes of a run that is due while the last one still runs, "skip" or "queue". `jitter` (0): each run
--   begins up to that much later. `timeout` (1h): how long one may run
function App:every(interval, fn, options)
  check_open(self, "app:every", 2)
  self.schedules[#self.schedules + 1] = schedule.every(interval, fn, options, 2)
end

--- Run `fn(run)` at times of the day, as crontab(5) writes them.
-- @tparam string text "0 3 * * mon-fri": minute, hour, day of month, month, day of week; or "@daily", "@hourly" and so on
-- @tparam function fn as for app:every
-- @tparam[opt] table options as for app:every, and `zone` ("UTC"): "Europe/Berlin". Where its clocks are put forward, what
--   is due in between is due at that moment; what they show twice is due the first time. When the hour is `*`, it goes by
--   the time that passes
function App:cron(text, fn, options)
  check_open(self, "app:cron", 2)
  self.schedules[#self.schedules + 1] = schedule.cron(text, fn, options, 2)
end

local function no_such_name(self, name)
  local names = {}
  for known in pairs(self.names) do
    names[#names + 1] = known
  end
  table.sort(names)
  local meant = nearest.of(tostring(name), names)
  return ("there is no route named '%s': %s"):format(tostring(name), meant and ("did you mean '%s'?"):format(meant)
    or #names > 0 and "there are " .. table.concat(names, ", ") or "a route's option `name` gives it one")
end

-- A row may have more than the pattern wants: that is no slip.
local function check_params(name, pattern, params, level)
  if type(params) ~= "table" or getmetatable(params) then
    return
  end
  local names, known = url.names(pattern), {}
  for _, one in ipairs(names) do
    known[one] = true
  end
  for param in pairs(params) do
    if not known[param] then
      local meant = nearest.of(tostring(param), names)
      error(("url_for('%s'): %s has no parameter '%s'%s; the query's fields are the third argument"):format(name, pattern,
        tostring(param), meant and (", did you mean '%s'?"):format(meant) or ""), level + 1)
    end
  end
end

--- The path of a named route.
-- @tparam string name the route's option `name`; a mount's name goes before it: "blog.post"
-- @tparam[opt] table params for the pattern, and nothing else unless it is a row or a model
-- @tparam[opt] table query for the query string
-- @treturn string
-- @raise for a name that no route has, for a parameter that is missing, and for one that the pattern has not
function App:url_for(name, params, query)
  local pattern = self.names[name]
  if not pattern then
    error(no_such_name(self, name), 2)
  end
  local path, missing = url.fill(pattern, params)
  if not path then
    error(("url_for('%s'): the parameter '%s' of %s is missing"):format(name, missing, pattern), 2)
  end
  check_params(name, pattern, params, 2)
  if query and next(query) ~= nil then
    return path .. "?" .. url.query(query)
  end
  return path
end

-- Each app knows a route by the names between itself and the route. A bag that is
-- mounted twice has each name twice; the first mount's holds.
local function note_name(route, named)
  local name = route.options.name
  if not name then
    return
  end
  for level, app in ipairs(route.apps) do
    local before = table.concat(route.names, ".", route.bases[level] + 1)
    local full = before == "" and name or before .. "." .. name
    named[app] = named[app] or {}
    local other = named[app][full]
    if other and other.note ~= route.note then
      error(("two routes are named '%s': %s and %s"):format(full, other.where, route.where), 0)
    end
    named[app][full] = other or route
    app.names[full] = app.names[full] or route.path
  end
end

-- A path whose routes stand behind rille.mw.cors answers preflights, too.
local function add_preflights(routes, steps)
  local paths, order = {}, {}
  for _, route in ipairs(routes) do
    local shape = route.path:gsub("([:*])[%w_]+", "%1")
    local path = paths[shape]
    if not path then
      path = { methods = {} }
      paths[shape], order[#order + 1] = path, path
    end
    local cors = mw.cors_of(route.chain)
    if cors and not path.cors then
      path.route, path.cors, path.owner = route, cors, route.apps[#route.apps]
    end
    path.methods[#path.methods + 1] = route.method == "GET" and "GET, HEAD" or route.method
  end
  for _, path in ipairs(order) do
    if path.cors and not table.concat(path.methods):find("ANY", 1, true) then
      local allow = table.concat(path.methods, ", ") .. ", OPTIONS"
      core.route("OPTIONS", path.route.path, proxy.named(compose.entry({
        handler = function(c) c:set_header("Allow", allow) end,
        method = "OPTIONS", path = path.route.path, where = path.route.where,
        chain = { path.cors }, owners = { path.owner }, options = {}, apps = path.route.apps,
      }, steps)), path.route.where)
    end
  end
end

-- What C shows a browser while the files as they are now do not load (rille dev).
local function notice(_, _, status, _, why)
  return answers.new { body = error_page.not_reloaded(why), status = status, type = "text/html; charset=utf-8" }
end

-- Apps of Rille's own: mounted, as it were, but outside of the app's middleware. What is asked at another `door` is not
-- the app's to miss.
local function add_beside(apps, routes, mounts)
  for _, app in ipairs(apps) do
    for _, route in ipairs(compose.routes(app)) do
      route.door = app.door
      routes[#routes + 1] = route
    end
    for _, note in ipairs(app.door and {} or app.root.notes) do
      mounts[#mounts + 1] = { prefix = note.group.prefix, apps = { app } }
    end
  end
end

--- Hand all routes to the server; called once, after the app's file has run.
-- @tparam[opt] {App,...} beside served beside it: each has groups alone, and perhaps a `door`, the listener that it is behind
-- @local
function App:build(beside)
  local registered, named, routes, mounts = {}, {}, compose.routes(self)
  add_beside(beside or {}, routes, mounts)
  local steps = middleware.steps()
  for _, route in ipairs(routes) do
    local entry = proxy.named(compose.entry(route, steps))
    local number = core.route(route.method, route.path, entry, route.where .. route.mounted, route.door)
    registered[number] = route
    note_name(route, named)
  end
  add_preflights(routes, steps)
  local apps, seen = { self }, { [self] = true }
  for _, mount in ipairs(mounts) do
    local app = mount.apps[#mount.apps]
    if not seen[app] then
      seen[app], apps[#apps + 1] = true, app
    end
  end
  lifecycle.add(apps)
  local on_fault = fault.handler(registered, self)
  core.hook("notice", notice)
  core.hook("fault", on_fault)
  core.hook("stream", stream.handler(on_fault, registered, self))
  if proxy.is_trusting() or miss.is_heard(apps) then
    core.hook("miss", proxy.named(miss.handler(self, mounts)))
  end
end

local NAMES = {
  "get", "post", "put", "patch", "delete", "any", "use", "group", "mount", "static", "config", "on_error", "on_response",
  "on_start", "on_stop", "every", "cron", "views", "url_for",
}
method.guard(App, "app", NAMES)
slip.guard(App, "app", table.concat(NAMES, " "), "view_set layout folder door", "app")

return App
