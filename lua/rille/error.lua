--- Errors as tables: `code`, `status`, `message`, and what belongs to them.
--
-- An error table is an answer that was thrown: the fault handler turns it into
-- the one JSON form `{ error = { code, message, details, request_id } }`. Anything
-- else that is thrown is a fault of the program, and answered 500.
local core = require "rille.core"

local errors = {}

local CODES = {
  [400] = "bad_request", [401] = "unauthenticated", [403] = "forbidden", [404] = "not_found",
  [405] = "method_not_allowed", [408] = "timeout", [409] = "conflict", [410] = "gone",
  [411] = "length_required", [413] = "too_large", [415] = "unsupported_media_type",
  [416] = "range_not_satisfiable", [422] = "invalid", [429] = "too_many_requests", [500] = "internal",
  [501] = "not_implemented", [502] = "bad_gateway", [503] = "overloaded", [504] = "timeout",
  [507] = "insufficient_storage",
}

local Error = { __name = "rille.error" }
Error.__index = Error

function Error:__tostring()
  return ("%s: %s"):format(self.code, self.message)
end

--- Make an error table, without raising it.
-- @tparam table fields code, status, message, and more
-- @treturn table with `tostring`
function errors.new(fields)
  fields.status = fields.status or 500
  fields.code = fields.code or CODES[fields.status] or ("http_" .. fields.status)
  fields.message = fields.message or fields.code
  return setmetatable(fields, Error)
end

--- Whether `value` is an error table, ours or another module's.
function errors.is(value)
  return type(value) == "table" and type(value.code) == "string" and type(value.status) == "number"
end

--- Raise an answer: `fail(404, "no such user")`, or
-- `fail(422, { code = "invalid", message = "…", details = {…} })`.
-- @tparam integer status 400 to 599
-- @tparam[opt] string|table what a message, or a table with code, message, details, headers
-- @param[opt] details anything JSON can hold
-- @raise always
function errors.fail(status, what, details)
  if type(status) ~= "number" or status % 1 ~= 0 or status < 400 or status > 599 then
    error("fail takes a status from 400 to 599 first: got " .. (type(status) == "table"
      and "a table. It is c:fail(status, message), and rille.fail(status, message) with a dot" or tostring(status)), 2)
  end
  if what ~= nil and type(what) ~= "string" and type(what) ~= "table" then
    error("fail takes a message or a table { code, message, details, headers } second: got a " .. type(what), 2)
  end
  local fields = type(what) == "table" and what or { message = what }
  error(errors.new {
    status = status, code = fields.code, message = fields.message, details = details or fields.details,
    headers = fields.headers, is_public = true,
  }, 0)
end

--- What pcall gave, as if it had not been there.
-- @tparam boolean ok
-- @param ... the results, or what was raised
-- @return the results
-- @raise what was raised
function errors.rethrow(ok, ...)
  if not ok then
    error((...), 0)
  end
  return ...
end

--- What a wait raises when its scope's deadline passed, or its client left.
errors.TIMEOUT = errors.new { code = "timeout", status = 504, message = "the deadline passed", is_public = true }
errors.CANCELLED = errors.new { code = "cancelled", status = 503, message = "nobody waits for this any more", is_public = true }
core.register_errors(errors.TIMEOUT, errors.CANCELLED)

return errors
