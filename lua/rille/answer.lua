--- Answer values: what a handler may return besides text and data.
--
-- An answer is a table with `body`, `status`, `headers`, `type`. Its metatable
-- carries the kind number that C looks for (core/vm/kind.h) at 0, and behind it
-- the names of the fields in the order in which C reads them.
local core = require "rille.core"
local fields_of = require "rille.fields"
local method = require "rille.method"
local slip = require "rille.slip"

local answers = {}

local KIND_ANSWER = 3

local REDIRECTS = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

local Answer = {
  [0] = KIND_ANSWER, "body", "status", "headers", "type", "run", __name = "rille.answer",
  is_late = false, run = false, -- what every answer is asked, and most lack
}

-- Most answers have no headers: their table is made for whoever asks.
function Answer.__index(answer, name)
  if name ~= "headers" then
    return Answer[name]
  end
  local headers = fields_of.sent()
  rawset(answer, "headers", headers)
  return headers
end

function Answer.__newindex(answer, name, value)
  if name == "headers" then
    value = fields_of.sent(value)
  elseif name ~= "body" and name ~= "status" then
    local _ = Answer[name] -- which raises
  end
  rawset(answer, name, value)
end

--- Make an answer value.
-- @tparam table fields body, status, headers, type
function answers.new(fields)
  return setmetatable(fields, Answer)
end

function answers.is(value)
  return getmetatable(value) == Answer
end

--- The body as it will be sent, encoded once however often it is asked for.
-- @treturn string "" when there is none
function Answer:bytes()
  local body = self.body
  if body == nil then
    return ""
  end
  if type(body) ~= "string" then
    self.type = self.type or "application/json"
    self.body = core.json_encode(body)
  elseif not self.type then
    self.type = "text/plain; charset=utf-8"
  end
  return self.body
end

local function copied(fields)
  local out = {}
  for name, value in pairs(fields) do
    out[name] = value
  end
  return out
end

--- The answer for what a handler returned, which may be an answer already. Its
-- headers are its own: an app may return the same table for every request, and
-- what a middleware adds is meant for one.
-- Called with the handler's results, so that none and a lone nil can be told apart.
function answers.of(...)
  local body, status, headers = ...
  if select("#", ...) > 3 then
    error("handler returned more than three values: return body, status, headers", 0)
  end
  if headers ~= nil and type(headers) ~= "table" then
    error(("handler returned a %s as its headers: they are a table, as in return body, 200, { [\"X-Pages\"] = 7 }")
      :format(type(headers)), 0)
  end
  if getmetatable(body) == Answer then
    local own = setmetatable(copied(body), Answer)
    own.status = status or body.status or (body.body == nil and 204 or 200)
    rawset(own, "headers", fields_of.sent(body.headers, headers))
    return own
  end
  if select("#", ...) > 0 and body == nil then
    if type(status) == "number" then
      error('handler returned nil with a status: an empty body is "", and an error c:fail(status)', 0)
    elseif status ~= nil then
      error(status, 0) -- `return nil, err` raises err
    end
    error("handler returned nil: return nothing for 204, or the answer", 0)
  end
  status = status or (body == nil and 204 or 200)
  -- Written with values that are constants: as bytecode a template of others has no room for them.
  local answer = setmetatable({ body = false, status = 200 }, Answer)
  answer.body, answer.status = body, status
  if headers then
    answer.headers = headers
  end
  return answer
end

--- An answer as C is done with soonest: text and status, where there is nothing more to it.
-- @tparam answer res
-- @return what a handler may return
function answers.unfolded(res)
  if type(res.body) ~= "string" or rawget(res, "headers") or rawget(res, "type") or res.run then
    return res
  elseif res.status == 200 then
    return res.body
  end
  return res.body, res.status
end

--- An HTML page.
-- @tparam string text sent as it is: escape what comes from outside
-- @treturn answer
function answers.html(text)
  if type(text) ~= "string" then
    error("html takes a string: got a " .. type(text), 2)
  end
  return setmetatable({ body = text, status = 200, headers = {}, type = "text/html; charset=utf-8" }, Answer)
end

--- An answer sent piece by piece: `rille.stream(function(out) out:write("…") end)`.
-- The function runs after the handler has returned; `out:write(text)` waits while
-- the client does not read. An error in it breaks the connection, so that half
-- an answer is not taken for a whole one.
-- @tparam function fn(out)
-- @tparam[opt="application/octet-stream"] string content_type
-- @treturn answer
function answers.stream(fn, content_type)
  if type(fn) ~= "function" then
    error("stream takes a function(out): got a " .. type(fn), 2)
  end
  return setmetatable({
    run = fn, status = 200, headers = {}, type = content_type or "application/octet-stream",
  }, Answer)
end

--- Lead the client elsewhere.
-- @tparam string url a path or an absolute URL
-- @tparam[opt=302] integer status 301, 302, 303, 307 or 308
-- @treturn answer
function answers.redirect(url, status)
  if type(url) ~= "string" or url == "" then
    error("redirect takes a URL: got " .. tostring(url), 2)
  end
  if status ~= nil and not REDIRECTS[status] then
    error("redirect takes a status of 301, 302, 303, 307 or 308: got " .. tostring(status), 2)
  end
  return setmetatable({ body = "", status = status or 302, headers = { Location = url } }, Answer)
end

method.guard(Answer, "res", { "bytes" })
slip.guard(Answer, "res", "status headers body bytes",
  "body status type close length options path", "res") -- the last ones are a file's

return answers
