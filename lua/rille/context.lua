--- `c`: a handler's view of its request.
--
-- A context is {slot, epoch}: where C keeps the request, and which of the
-- requests that were ever there. So one that was kept past its end can only say
-- so. What was read once is kept in the places behind them, and the epoch is
-- checked before it is used again.
local core = require "rille.core"
local errors = require "rille.error"
local wait = require "rille.wait"

local setmetatable = setmetatable

local Context = {}
local methods, getters, cached = {}, {}, {}

-- Where in a context each cached part lies.
local PLACES = { params = 3, query = 4, headers = 5, state = 6 }

--- The context of the request in `slot`.
function Context.new(slot, epoch)
  return setmetatable({ slot, epoch, false, false, false, false }, Context)
end

function Context.is(value)
  return getmetatable(value) == Context
end

function Context.__index(c, key)
  local place = PLACES[key]
  if place then
    local value = c[place]
    if value then
      core.check(c[1], c[2])
    else
      value = cached[key](c[1], c[2])
      c[place] = value
    end
    return value
  end
  local method = methods[key]
  if method then
    return method
  end
  local read = getters[key]
  if read then
    return read(c[1], c[2])
  end
  error(("c has no '%s' (what a middleware wants to pass on goes into c.state)"):format(tostring(key)), 2)
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

--- The request's method, in capitals.
getters.method = core.method
--- The raw path, as sent.
getters.path = core.path
--- The id of this request: in every error answer and log line.
getters.request_id = core.request_id
--- The client's address.
getters.ip = core.ip
--- Seconds left until the request's deadline, or nil.
getters.deadline = core.remaining
--- The parameters of the route's pattern, decoded.
cached.params = function(slot, epoch)
  return checked(core.params(slot, epoch))
end
--- The query's fields, the first value of each.
cached.query = function(slot, epoch)
  return (checked(core.query(slot, epoch)))
end
--- The header fields, by lower-case name; repeated ones joined by ", ".
cached.headers = core.headers
--- The app's own values for this request, from middleware to handler.
cached.state = function(slot, epoch)
  core.check(slot, epoch)
  return {}
end

--- All values of one query field, in order.
-- @tparam string name
-- @treturn table a list, empty when there is none
function methods:query_all(name)
  local first, all, message = core.query(self[1], self[2])
  if first == nil then
    errors.fail(all, message)
  end
  return all[name] or core.array {}
end

--- The raw body. **Yields** until it has arrived; may be called again.
-- @treturn string
-- @raise what kept it from arriving: 400, 408, 413, …
function methods:text()
  wait.won(core.body_wait(self[1], self[2]))
  local text, status = core.body_text(self[1], self[2])
  if text == nil then
    errors.fail(status, "the body did not arrive")
  end
  return text
end

-- Linear, and without a pattern: the value comes from outside.
local function is_json(content_type)
  local media = content_type:lower()
  local cut = media:find(";", 1, true)
  if cut then
    media = media:sub(1, cut - 1)
  end
  while media:sub(-1) == " " do
    media = media:sub(1, -2)
  end
  return media == "application/json" or media:sub(-5) == "+json"
end

--- The body as JSON. **Yields** until it has arrived.
-- @return the value; JSON null is rille.null
-- @raise 400 for malformed JSON, 413 for too much of it, 415 for another content type
-- @raise 411 when the request has no body at all
function methods:json()
  if not core.has_body(self[1], self[2]) then
    errors.fail(411, "this wants a JSON body: the request has neither Content-Length nor Transfer-Encoding")
  end
  local content_type = core.header(self[1], self[2], "content-type")
  if content_type and not is_json(content_type) then
    errors.fail(415, ("this wants a JSON body: send it with 'Content-Type: application/json', not '%s'"):format(content_type))
  end
  wait.won(core.body_wait(self[1], self[2]))
  return checked(core.body_json(self[1], self[2]))
end

--- Raise an answer; see rille.fail.
function methods.fail(_, status, what, details)
  return errors.fail(status, what, details)
end

--- Set a header of whatever answer follows, an error's too.
-- @tparam string name
-- @tparam string|number|nil value nil takes it back
function methods:set_header(name, value)
  core.set_header(self[1], self[2], name, value ~= nil and tostring(value) or nil)
end

--- Seconds left until the request's deadline, or nil when it has none.
function methods.remaining()
  return core.remaining()
end

return Context
