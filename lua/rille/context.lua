--- `c`: a handler's view of its request.
--
-- A context is {slot, epoch}: where C keeps the request, and which of the
-- requests that were ever there. So one that was kept past its end can only say
-- so. What was read once is kept in the places behind them, and the epoch is
-- checked before it is used again.
local answers = require "rille.answer"
local cleanup = require "rille.cleanup"
local core = require "rille.core"
local errors = require "rille.error"
local fields_of = require "rille.fields"
local later = require "rille.later"
local log = require "rille.log"
local method = require "rille.method"
local proxy = require "rille.proxy"
local slip = require "rille.slip"
local wait = require "rille.wait"
local cookie = later.of "rille.cookie"
local form = later.of "rille.form"
local schema_of = later.of "rille.schema"
local spooled = later.of "rille.spooled"

local setmetatable = setmetatable

local KIND_SEALED = 5 -- core/vm/kind.h: it is not to be encoded, and [1] says why

local Context = {
  [0] = KIND_SEALED, "c is the request, which cannot be encoded: name what is meant, as in { path = c.path }",
}
local methods, getters, cached = {}, {}, {}

--- The place of the app whose function has the context now: an outer app's middleware
-- around a mounted app's route renders its own views. For lua/rille/compose.lua.
Context.APP = 3

-- Where in a context each cached part lies.
local PLACES = { params = 4, query = 5, headers = 6, state = 7, cookies = 8, body = 9, form = 10 }

--- For lua/rille/middleware.lua: the places of the answer that the last next(c) returned, of the
-- depth of the step that called it, and of what runs inside of all middleware.
Context.LAST, Context.DONE, Context.REST = 11, 12, 13

-- The newest context of a slot: a fault handler finds the state of its request there.
local newest = {}

--- The context of the request in `slot`.
-- @local
function Context.new(slot, epoch, app)
  return setmetatable({
    slot, epoch, app, false, false, false, false, false, false, false, false, false, false,
  }, Context)
end

--- Have Context.recall find it: only where somebody may ask, since a context
-- that nobody keeps costs nothing once its route is compiled.
function Context.remember(c)
  newest[c[1]] = c
end

--- The context that a request has already, or a new one.
function Context.recall(slot, epoch, app)
  local c = newest[slot]
  if c and c[2] == epoch then
    return c
  end
  return Context.new(slot, epoch, app)
end

function Context.is(value)
  return getmetatable(value) == Context
end

--- Put a validated part in the place of the raw one.
function Context.replace(c, part, value)
  c[PLACES[part]] = fields_of[part] and fields_of[part](value) or value
end

-- What is wrong with `c.parms`: the name that was meant, when one is near.
local function no_such(key)
  local names = {}
  for _, set in ipairs { cached, getters, methods } do
    for name in pairs(set) do
      names[#names + 1] = name
    end
  end
  table.sort(names)
  local text, is_hint = slip.text("c", key, names, "c")
  return is_hint and text or text .. " (what a middleware wants to pass on goes into c.state)"
end

function Context.__index(c, key)
  local read = cached[key]
  if read then
    local place = PLACES[key]
    local value = c[place]
    if value then
      core.check(c[1], c[2])
    else
      value = read(c[1], c[2], c)
      c[place] = value
    end
    return value
  end
  local act = methods[key]
  if act then
    return act
  end
  read = getters[key]
  if read then
    return read(c[1], c[2])
  end
  error(no_such(key), 2)
end

function Context.__newindex(_, key)
  error(("c.%s cannot be assigned: put your own values into c.state"):format(tostring(key)), 2)
end

-- A refusal that C found: nil, status, message.
local function checked(value, status, message, path)
  if value == nil then
    errors.fail(status, message, path and path ~= "" and { { ["in"] = "body", path = path, message = message } } or nil)
  end
  return value
end

-- A handler that has not waited yet has no deadline yet: it gets the usual one when it does.
local function remaining(slot, epoch)
  core.check(slot, epoch)
  return core.remaining() or core.settings and core.settings.request_timeout or nil
end

--- The request's method, in capitals.
-- @treturn string
getters.method = core.method
--- The raw path, as sent.
-- @treturn string
getters.path = core.path
--- The id of this request: in every error answer and log line.
-- @treturn string
getters.request_id = core.request_id
--- The client's address; behind trusted proxies, the one that they tell.
-- @treturn string
getters.ip = proxy.ip
--- "http" or "https"; behind trusted proxies, what the client speaks to them.
-- @treturn string
getters.scheme = proxy.scheme
--- The host that the client asked for, with its port; behind trusted proxies, the one that
-- they tell. Anybody may send any.
-- @treturn string
getters.host = proxy.host
--- Seconds left until the request's deadline, or nil.
-- @treturn ?number
getters.deadline = remaining
--- A log whose lines carry the request id.
-- @treturn Log
getters.log = function(slot, epoch)
  return log.with { request_id = core.request_id(slot, epoch) }
end

--- The parameters of the route's pattern, decoded.
-- @treturn table
cached.params = function(slot, epoch)
  return fields_of.params(checked(core.params(slot, epoch)))
end
--- The query's fields, the first value of each.
-- @treturn table
cached.query = function(slot, epoch)
  return fields_of.query((checked(core.query(slot, epoch))))
end
--- The header fields, by lower-case name, though any case reads them; repeated ones joined by ", ".
-- @treturn table
cached.headers = function(slot, epoch)
  return fields_of.headers(core.headers(slot, epoch))
end
--- The cookies the client sent, by name.
-- @treturn table
cached.cookies = function(slot, epoch)
  return fields_of.cookies(cookie.parse(core.headers(slot, epoch).cookie))
end
--- The app's own values for this request, from middleware to handler.
-- @treturn table
cached.state = function(slot, epoch)
  core.check(slot, epoch)
  return {}
end
--- The body: validated when the route has a schema for it, else by its content
-- type: JSON, a form's fields, or the text. **Yields** until it has arrived.
-- @raise 411 when there is none: c:text() is "" then, and raises nothing
cached.body = function(slot, epoch, c)
  local media = form.media_type(core.header(slot, epoch, "content-type"))
  if media == "application/json" or media:sub(-5) == "+json" then
    return c:json()
  elseif media == "application/x-www-form-urlencoded" or media == "multipart/form-data" then
    return c:form()
  end
  local text = c:text()
  if text == "" then
    errors.fail(411, "this wants a body: send one, with its Content-Type")
  end
  return text
end

--- All values of one query field, in order.
-- @tparam string name
-- @treturn table a list, empty when there is none
function methods:query_all(name)
  local first, all, message = core.query(self[1], self[2])
  if first == nil then
    errors.fail(all, message)
  end
  return core.array(all[name] or {})
end

--- The raw body. **Yields** until it has arrived; may be called again.
-- @param ... nothing: an answer is returned, and whoever gives it here is told so
-- @treturn string
-- @raise what kept it from arriving: 400, 408, 413, …
function methods:text(...)
  if select("#", ...) > 0 then
    core.check(self[1], self[2])
    error("c:text() reads the request's body; to answer with a text, return it: return text, status", 2)
  end
  wait.won(core.body_wait(self[1], self[2]))
  local text, status = spooled.text(self)
  if text == nil then
    text, status = core.body_text(self[1], self[2])
  end
  if text == nil then
    errors.fail(status, "the body did not arrive")
  end
  return text
end

--- The body as JSON. **Yields** until it has arrived.
-- @param ... nothing, as for c:text
-- @return the value; JSON null is rille.null
-- @raise 400 for malformed JSON, 413 for too much of it, 415 for another content type
-- @raise 411 when the request has no body at all
function methods:json(...)
  if select("#", ...) > 0 then
    core.check(self[1], self[2])
    error("c:json() reads the request's body; to answer with JSON, return the table: return { … }, status", 2)
  end
  if not core.has_body(self[1], self[2]) then
    errors.fail(411, "this wants a JSON body: the request has neither Content-Length nor Transfer-Encoding")
  end
  local content_type = core.header(self[1], self[2], "content-type")
  if content_type then
    local media = form.media_type(content_type)
    if media ~= "application/json" and media:sub(-5) ~= "+json" then
      errors.fail(415, ("this wants a JSON body: send it with 'Content-Type: application/json', not '%s'")
        :format(content_type))
    end
  end
  wait.won(core.body_wait(self[1], self[2]))
  return checked(core.body_json(self[1], self[2], spooled.text(self, core.settings.max_json)))
end

-- The form's fields, the first value of each, and lists of all their values; read once.
local function form_of(c)
  local read = c[PLACES.form]
  if read then
    core.check(c[1], c[2])
    return read[1], read[2]
  end
  local fields, all
  local media, boundary = form.media_type(core.header(c[1], c[2], "content-type"))
  if media == "application/x-www-form-urlencoded" then
    fields, all = form.urlencoded(c:text())
  elseif media == "multipart/form-data" then
    fields, all = form.multipart(c:text(), boundary)
  else
    errors.fail(415, ("this wants a form: application/x-www-form-urlencoded or multipart/form-data, not '%s'"):format(media))
  end
  c[PLACES.form] = { fields, all }
  return fields, all
end

--- The body as a form's fields. **Yields** until it has arrived. For a field that
-- comes several times, c:validate with an array in its schema.
-- @treturn table the first value of each field; an uploaded file is { filename, content_type, body }
-- @raise 400 for a malformed one, 415 for another content type
function methods:form()
  return (form_of(self))
end

--- Raise an answer; see rille.fail.
-- @tparam integer status 400 to 599
-- @tparam[opt] string|table what a message, or a table with code, message, details, headers
-- @param[opt] details anything JSON can hold
-- @raise always
function methods:fail(status, what, details) -- luacheck: no self
  return errors.fail(status, what, details)
end

--- Check the body against a schema. **Yields** until it has arrived.
-- @tparam schema schema
-- @return the checked value
-- @raise 422 with everything that is wrong
function methods:validate(schema)
  core.check(self[1], self[2])
  if not schema_of.is(schema) then
    error(("c:validate takes a schema, as in rille.schema.object{ … }: got a %s"):format(type(schema)), 2)
  end
  local media = form.media_type(core.header(self[1], self[2], "content-type"))
  local value, wrong
  if media == "application/x-www-form-urlencoded" or media == "multipart/form-data" then
    local _, all = form_of(self)
    value, wrong = schema:parse(all, "text", "body")
  else
    value, wrong = schema:parse(self:json(), "json", "body")
  end
  if wrong then
    errors.fail(422, "the body is invalid", core.array(wrong))
  end
  return value
end

--- Set a header of whatever answer follows, an error's too.
-- @tparam string name
-- @tparam string|number|table|nil value a list sets the header several times; nil takes it back
function methods:set_header(name, value)
  if type(name) ~= "string" then
    error("c:set_header takes a name first: got a " .. type(name), 2)
  end
  local list = type(value) == "table" and value or { value }
  core.set_header(self[1], self[2], name, nil)
  for i = 1, #list do
    local kind = type(list[i])
    if kind ~= "string" and kind ~= "number" then
      error(("header '%s': its value must be a string, a number or a list of them, got a %s"):format(name, kind), 2)
    end
    local wrong = core.set_header(self[1], self[2], name, tostring(list[i]), true)
    if wrong then
      error(wrong, 2)
    end
  end
end

--- Set a cookie with whatever answer follows; see rille.cookie for the options.
-- @tparam string name
-- @tparam string|nil value nil removes it
-- @tparam[opt] table options path, domain, max_age, expires, secure, http_only, same_site
function methods:set_cookie(name, value, options)
  local wrong = core.set_header(self[1], self[2], "Set-Cookie", cookie.format(name, value, options, 2), true)
  if wrong then
    error(wrong, 2)
  end
end

--- The path of a named route; see app:url_for.
-- @tparam string name
-- @tparam[opt] table params for the pattern
-- @tparam[opt] table query for the query string
-- @treturn string
function methods:url_for(name, params, query)
  core.check(self[1], self[2])
  return self[3]:url_for(name, params, query)
end

--- A page made of a template: `return c:render("products/list", { products = rows })`.
-- In the template `url_for(name, params, query)` gives the paths of named routes.
-- @tparam string name of the template, below the views folder, without its ending
-- @tparam[opt] table data the template's variables
-- @tparam[opt] table options layout (false for none)
-- @treturn answer an HTML page
-- @raise with the template's line
function methods:render(name, data, options)
  local app = self[3]
  core.check(self[1], self[2])
  return answers.html(app:render_text(name, data, options, {
    url_for = function(...) return app:url_for(...) end,
  }))
end

--- Run `fn(...)` once the answer has been handed over. The client does not wait for it.
-- @tparam function fn
-- @param ... its arguments
function methods:after(fn, ...)
  if type(fn) ~= "function" then
    error("c:after takes a function: got a " .. type(fn), 2)
  end
  cleanup.after(cleanup.of_request(self[1], self[2]), fn, ...)
end

--- Seconds left until the request's deadline, or nil when it has none.
-- @treturn ?number
function methods:remaining()
  return remaining(self[1], self[2])
end

local names = {}
for name in pairs(methods) do
  names[#names + 1] = name
end
method.guard(methods, "c", names, Context)

return Context
