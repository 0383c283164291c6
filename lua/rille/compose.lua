--- From the notes of an app to one Lua function for each route.
--
--   notes --flatten--> routes { method, path, handler, chain, apps, … } --entry--> what C calls
--
-- All of it happens once, when the app has been loaded. C leads a request
-- straight to its route's function: a loop in Lua that dispatched all routes
-- would be one long trace of guards.
local allowance = require "rille.allowance"
local answers = require "rille.answer"
local Context = require "rille.context"
local core = require "rille.core"
local errors = require "rille.error"
local file = require "rille.file"
local Group = require "rille.group"
local later = require "rille.later"
local middleware = require "rille.middleware"
local own = require "rille.own"
local place = require "rille.place"
local report = require "rille.report"
local unit = require "rille.unit"
local error_page = later.of "rille.error_page"
local validate = later.of "rille.validate"

local compose = {}

local APP = Context.APP
local MOST_GATHERED = 1024 * 1024 -- of an error's page: it is held in memory

local function append(list, more)
  local out = {}
  for i = 1, #list do
    out[i] = list[i]
  end
  for i = 1, #(more or {}) do
    out[#out + 1] = more[i]
  end
  return out
end

-- ---- flattening ------------------------------------------------------------

local flatten

-- The chain with `more` behind it, and whose middleware each of them is: the
-- innermost app's, where no other stands there already.
local function lengthened(at, more)
  local chain, owners = append(at.chain, more), append(at.owners)
  for i = #owners + 1, #chain do
    owners[i] = at.apps[#at.apps]
  end
  return chain, owners
end

local function contains(list, value)
  for i = 1, #list do
    if list[i] == value then
      return true
    end
  end
  return false
end

local function flatten_mount(note, at, out)
  local what, options = note.what, note.options
  local chain, owners = lengthened(at, options.use)
  local inner = {
    prefix = Group.join(at.prefix, note.path), chain = chain, owners = owners, apps = at.apps,
    names = append(at.names, options.name and { options.name }), bases = at.bases, mounts = at.mounts,
    around = at.around, mounted = (" (mounted at %s)"):format(note.where) .. at.mounted,
  }
  local app_root = rawget(what, "root") -- an app has one, a bag of routes is one
  local group = app_root or what
  if contains(at.around, group) then
    error(("%s: %s is mounted into itself"):format(note.where, app_root and "an app" or "a bag of routes"), 0)
  end
  if app_root then
    inner.apps, inner.bases = append(at.apps, { what }), append(at.bases, { #inner.names })
    table.insert(at.mounts, { prefix = inner.prefix, apps = inner.apps })
  end
  flatten(group, inner, out)
end

-- What an error calls the place of a route: where its handler begins, and where the
-- route stands if that is another file.
local function place_of(note)
  local at = place.of(note.handler)
  if not at then
    return note.where
  end
  local is_beside = at:match "^(.*):" == note.where:match "^(.*):"
  return is_beside and at or ("%s, route at %s"):format(at, note.where)
end

-- `at`: prefix; chain of middleware, and whose they are; apps from the outside in; names
-- of the mounts so far, and for each app how many of them lie outside of it; mounts: of
-- apps, filled in; around: the groups on the way; mounted: where, for people.
function flatten(group, at, out)
  local chain, owners = lengthened(at, group.middleware)
  local inside = {
    prefix = Group.join(at.prefix, group.prefix), chain = chain, owners = owners, apps = at.apps,
    names = at.names, bases = at.bases, mounts = at.mounts, around = append(at.around, { group }), mounted = at.mounted,
  }
  group.is_built = true
  for _, note in ipairs(group.notes) do
    if note.kind == "group" then
      flatten(note.group, inside, out)
    elseif note.kind == "mount" then
      flatten_mount(note, inside, out)
    else
      local path = Group.join(inside.prefix, note.path)
      local whole, whose = lengthened(inside, note.options.use)
      out[#out + 1] = {
        method = note.method, path = path == "" and "/" or path, options = note.options, handler = note.handler,
        where = note.where, at = place_of(note), chain = whole, owners = whose, apps = inside.apps, names = inside.names,
        bases = inside.bases, note = note, mounted = inside.mounted,
      }
    end
  end
end

--- All routes of an app, mounted ones included, in the order in which they were written.
-- From now on nothing can be added to it.
-- @treturn {table,...} method, path, handler, where (it stands), at (as errors say it), options,
-- chain, owners (the app of each of the chain), apps (from the outside in), names, bases, note
-- (the same in each mount of a bag), mounted (" (mounted at …)", or "")
-- @treturn {table,...} where apps are mounted: prefix, apps (from the outside in)
function compose.routes(app)
  local out, mounts = {}, {}
  flatten(app.root, {
    prefix = "", chain = {}, owners = {}, apps = { app }, names = {}, bases = { 0 }, mounts = mounts, around = {},
    mounted = "",
  }, out)
  return out, mounts
end

-- ---- answering -------------------------------------------------------------

-- Every on_response of the route's apps, the innermost app's first; and whose each is.
local function response_hooks(apps)
  local hooks, owners = {}, {}
  for i = #apps, 1, -1 do
    for _, hook in ipairs(apps[i].response_hooks) do
      hooks[#hooks + 1], owners[#owners + 1] = hook, apps[i]
    end
  end
  return hooks, owners
end

local function error_body(err, c)
  return { code = err.code, message = err.message, details = err.details, request_id = c.request_id }
end

-- In development a fault knows its frames, and a browser is shown them.
local function default_answer(c, err)
  if err.fault and err.fault.frames and error_page.is_wanted(c) then
    return answers.new {
      body = error_page.of(c, err.fault), status = err.status, type = "text/html; charset=utf-8",
      headers = error_page.headers(),
    }
  end
  return answers.of({ error = error_body(err, c) }, err.status, err.headers)
end

-- An error's answer is sent at once: what a file or a stream holds is gathered.
local function gathered(c, answer)
  if answer.is_late then
    answer = answer.run(answer, c)
  end
  if not answer.run then
    return answer
  end
  local pieces, length, out = {}, 0, {}
  function out.write(_, text)
    pieces[#pieces + 1], length = text, length + #text
    if length > MOST_GATHERED then
      error(("on_error answers with at most %d bytes of a file or a stream"):format(MOST_GATHERED), 0)
    end
  end
  answer.run(out)
  if answer.close then
    answer.close()
  end
  return answers.new {
    body = table.concat(pieces), status = answer.status, headers = answer.headers, type = answer.type,
  }
end

-- What an on_error returned. It says what the answer looks like; that it is an
-- error's, unless it gives another status, goes without saying.
local function answer_of(c, err, ...)
  local body, status = ...
  if body == nil then
    return nil
  end
  local answer = answers.of(...)
  if status == nil and answer.status < 300 then
    answer.status = err.status
  end
  return gathered(c, answer)
end

-- The error that a handler of `code` is given, or nil. A fault is hidden behind
-- "internal" from all but those who ask for it by its own code, as "db.42P01".
local function known_as(err, code)
  if code == nil or code == err.code or code == err.status then
    return err
  end
  return err.cause and errors.is(err.cause) and err.cause.code == code and err.cause or nil
end

-- The first on_error that answers, from the innermost app outward. One that
-- fails itself does not keep the client from its answer: what it raised is the
-- error from there on, and outer apps may know it.
local function handled(c, err, apps)
  for i = #apps, 1, -1 do
    c[APP] = apps[i]
    for _, one in ipairs(apps[i].error_handlers) do
      local known = known_as(err, one.code)
      if known then
        local ok, answer = xpcall(function() return answer_of(c, known, one.fn(c, known)) end, report.traced)
        if not ok then
          report.tell(err)
          err = report.shown(answer, { what = "fault in on_error", at = place.of(one.fn), request_id = c.request_id })
          break
        elseif answer then
          if known ~= err.cause then -- else it was asked for by its own code: expected, and no fault
            report.tell(err)
          end
          return answer
        end
      end
    end
  end
  report.tell(err)
  return default_answer(c, err)
end

-- Hooks that see an answer to something that went wrong already: each gets its turn.
local function run_hooks(c, res, apps)
  local hooks, owners = response_hooks(apps)
  for i, hook in ipairs(hooks) do
    c[APP] = owners[i]
    local ok, raised = xpcall(function() hook(c, res) end, report.traced)
    if not ok then
      report.tell(report.shown(raised, { what = "fault in on_response", at = place.of(hook), request_id = c.request_id }))
    end
  end
  return res
end

--- The answer to an OPTIONS that no route answers: C has set Allow already.
function compose.answer_options(c, apps)
  return run_hooks(c, answers.new { status = 204, headers = {} }, apps)
end

--- The answer for `err`, with the apps' on_error and on_response applied.
-- @tparam Context c
-- @tparam table err an error table
-- @tparam table apps from the outside in
function compose.answer_error(c, err, apps)
  return run_hooks(c, handled(c, err, apps), apps)
end

-- ---- entries ---------------------------------------------------------------

local function before(first, handler)
  return function(c)
    first(c)
    return handler(c)
  end
end

local function with_hooks(inner, hooks, owners)
  if #hooks == 0 then
    return inner
  end
  return function(c)
    local res = inner(c)
    for i = 1, #hooks do
      c[APP] = owners[i]
      local other = hooks[i](c, res)
      if other ~= nil and other ~= res then
        error("on_response returned an answer, which nobody asks for: change the one that it is given, as in res.status = 404", 0)
      end
    end
    return res
  end
end

-- What an option asks for before the handler runs.
local function preparation(route)
  local options, allow = route.options, allowance.of(route)
  local timeout = options.timeout and unit.seconds(options.timeout, 4)
  local most = options.max_body and unit.bytes(options.max_body, 4)
  local leave = options.on_disconnect
  if not timeout and not most and not leave and not allow then
    return nil
  end
  return function(c)
    if timeout then
      core.set_deadline(timeout)
    end
    if allow then
      allow(c[1], c[2])
    end
    if leave then
      core.set_finish(c[1], c[2], leave == "finish")
    end
    if most and not core.limit_body(c[1], c[2], most) then
      errors.fail(413, ("the body is longer than %d bytes"):format(most))
    end
  end
end

-- Whether an on_error or on_response may want the context that the handler had. One
-- that nobody keeps costs nothing, and nor does the answer, once the route is compiled.
local function is_looked_at(route, hooks)
  local handlers = 0
  for _, app in ipairs(route.apps) do
    handlers = handlers + #app.error_handlers
  end
  return #hooks + handlers > 0
end

-- The two ways in. Each route has its code for itself (lua/rille/own.lua).
local function make_entry(inner, app, new)
  return function(slot, epoch)
    return inner(new(slot, epoch, app))
  end
end

local function make_remembering_entry(inner, app, new, remember)
  return function(slot, epoch)
    local c = new(slot, epoch, app)
    remember(c)
    return inner(c)
  end
end

local function make_unfolding(inner, rest, REST, unfolded)
  return function(c)
    c[REST] = rest
    return unfolded(inner(c))
  end
end

--- What C calls for a route. Written out for the common case: a handler alone.
-- @tparam table route as compose.routes has it
-- @tparam table steps of middleware, for all routes of an app
-- @treturn function(slot, epoch)
function compose.entry(route, steps)
  local prepare = preparation(route)
  local hooks, owners = response_hooks(route.apps)
  local app = route.apps[#route.apps]
  local inner, shape = route.handler, validate.output(route.options)
  validate.against_path(route)
  file.check_folder(route.handler, app, route.where)
  local check = validate.input(route.options)
  if check then
    inner = before(check, inner) -- behind the middleware: who may not ask need not know what is wrong
  end
  if #route.chain > 0 or #hooks > 0 or shape then
    inner = own.copy(make_unfolding)(with_hooks(middleware.fold(route, steps), hooks, owners),
      middleware.innermost(inner, app, shape), Context.REST, answers.unfolded)
  end
  if prepare then
    inner = before(prepare, inner)
  end
  inner = report.watched(inner)
  if is_looked_at(route, hooks) then
    return own.copy(make_remembering_entry)(inner, app, Context.new, Context.remember)
  end
  return own.copy(make_entry)(inner, app, Context.new)
end

return compose
