--- The dashboard at /_rille: an app of Rille's own beside the one that is served, for whoever writes or runs that.
--
-- Pages are made here, and made again every second while somebody looks at one: its script asks the page's own address
-- for server-sent events, and shows what comes in place of what is there.
local answers = require "rille.answer"
local App = require "rille.app"
local core = require "rille.core"
local errors = require "rille.error"
local events = require "rille.dashboard.events"
local pages = require "rille.dashboard.pages"
local recorder = require "rille.recorder"
local script = require "rille.dashboard.script"
local show = require "rille.dashboard.show"
local style = require "rille.dashboard.style"
local tables = require "rille.dashboard.tables"
local template = require "rille.template"
local view = require "rille.dashboard.view"

local dashboard = {}

local EVERY_MS = 1000
local STAMP_EVERY_MS = 15000 -- beside when there is news

-- Nothing but what this host serves, and nothing in the pages themselves runs or decides how they look.
local HEADERS = {
  ["Content-Security-Policy"] = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    .. "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ["Cache-Control"] = "no-store",
  ["Cross-Origin-Resource-Policy"] = "same-origin",
  ["Referrer-Policy"] = "no-referrer",
  ["X-Content-Type-Options"] = "nosniff",
}

local NAV = {
  { path = "", label = "Requests", make = pages.overview }, { path = "/routes", label = "Routes", make = tables.routes },
  { path = "/statements", label = "Statements", make = pages.statements },
  { path = "/database", label = "Database", make = tables.database }, { path = "/tasks", label = "Tasks", make = pages.tasks },
  { path = "/channels", label = "Channels", make = tables.channels },
  { path = "/workers", label = "Workers", make = tables.workers }, { path = "/log", label = "Log", make = pages.log },
}

local views = template.new {
  dir = "dashboard", env = { show = show },
  read = function(path) return view[path:match "([^/]+)%.etlua$"] end,
}

-- What it is called whose dashboard this is: the folder's name.
local function app_name()
  local folder = core.settings.app_dir or ""
  return folder:match "([^/.][^/]*)/*$" or "Rille"
end

-- `is_still`: what it shows costs more than a look, and stays as it is.
local function page(path, title, make, is_still)
  return function(c)
    local function look()
      local name, data = make(c)
      return views:render(name, data)
    end
    if events.is_wanted(c) and not is_still then
      return events.stream(look, EVERY_MS)
    end
    local name, data = make(c)
    data.title, data.here, data.nav, data.app_name, data.is_still = title, path, NAV, app_name(), is_still or false
    return answers.html(views:render(name, data, { layout = "layout" }))
  end
end

local function file(name, type)
  local text = name:find "%.js$" and script[name] or style
  return function()
    return answers.new { body = text, status = 200, type = type }
  end
end

--- A guard: lets programs of this machine in, which ask by one of its own names.
-- @raise 403 for others
function dashboard.only_here(c, next)
  if not core.is_local(c[1], c[2], core.settings.allowed_hosts) then
    errors.fail(403, "the dashboard is for this machine, asked by a name of its own; for others there is the setting admin")
  end
  return next(c)
end

-- A form of a page that this host served: browsers say from where one is sent, and no script can say otherwise.
local function from_own_page(c, next)
  local origin, host = c.headers.origin, c.headers.host
  if not origin or not host or origin:lower():match "^https?://(.*)$" ~= host:lower() then
    errors.fail(403, "this is for the pages of the app that is asked, and the request comes from another")
  end
  return next(c)
end

local function write_spec(c)
  local token = c:form().token
  return answers.redirect("/_rille/specs/" .. recorder.write(type(token) == "string" and token or ""), 303)
end

local function written_spec(c)
  local text, path = recorder.read(c.params.file)
  if not text then
    errors.fail(404, "there is no " .. path)
  end
  return "spec", { text = text, path = path }
end

-- What looks at the app is not what the log is read for.
local function quietly(c, next)
  core.keep_quiet(c[1], c[2])
  return next(c)
end

--- The app with the dashboard.
-- @tparam function guard a middleware: whom it lets in
-- @tparam[opt] string door "admin": it is served by the admin listener, and nowhere else
-- @treturn App
function dashboard.app(guard, door)
  local app = App.new()
  app.door = door
  app:on_response(function(_, res)
    for name, value in pairs(HEADERS) do
      res.headers[name] = value
    end
  end)
  local group = app:group("/_rille", { use = { guard, quietly } })
  group:get("/requests/:id", page("", "Request", pages.request))
  group:get("/requests/:id/plans/:number", page("", "Plan", pages.plan, true))
  for _, one in ipairs(NAV) do
    group:get(one.path == "" and "/" or one.path, page(one.path, one.label, one.make))
  end
  group:get("/dashboard.css", file("dashboard.css", "text/css; charset=utf-8"))
  group:get("/dashboard.js", file("dashboard.js", "text/javascript; charset=utf-8"))
  group:get("/refresh.js", file("refresh.js", "text/javascript; charset=utf-8"))
  group:get("/changes", function() return events.stream(core.stamp, STAMP_EVERY_MS) end)
  if not door then -- of what runs in production nothing is written down
    group:post("/specs", { use = { from_own_page } }, write_spec)
    group:get("/specs/:file", page("", "Spec", written_spec, true))
  end
  return app
end

return dashboard
