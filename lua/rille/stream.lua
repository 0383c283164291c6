--- Answers that are sent piece by piece.
local answers = require "rille.answer"
local Context = require "rille.context"
local core = require "rille.core"
local errors = require "rille.error"
local method = require "rille.method"
local place = require "rille.place"
local report = require "rille.report"
local slip = require "rille.slip"
local wait = require "rille.wait"

local stream = {}

local Out = { __name = "rille.out" }
Out.__index = Out

-- The head goes out with the first piece: an error before it can still be answered.
local function begin(out)
  if not out.has_begun then
    local answer = out[3]
    core.stream_begin(out[1], out[2], answer.status or 200, answer.type, answer.headers or {}, answer.length)
    out.has_begun = true
  end
end

--- Send a piece. **Yields** while the client does not read.
-- @tparam string text
-- @param ... nothing: several texts are joined by whoever has them
-- @raise `cancelled` when the client has gone
function Out:write(text, ...)
  if type(text) ~= "string" then
    error("out:write takes a string: got a " .. type(text), 2)
  elseif select("#", ...) > 0 then
    error("out:write takes one string: join them, as in out:write(a .. b)", 2)
  end
  begin(self)
  if not core.stream_write(self[1], self[2], text) then
    error(errors.CANCELLED, 0)
  end
  wait.won(core.stream_room(self[1], self[2]))
end

method.guard(Out, "out", { "write" })
slip.guard(Out, "out", "write", "has_begun", "out")

-- A HEAD request is answered with the head alone: no piece would be sent.
local function send(out, c)
  local answer = out[3]
  if answer.is_late then -- only now is it known what to send
    answer = answer.run(answer, c)
    out[3] = answer
  end
  if not answer.run then
    return
  end
  if core.method(out[1], out[2]) ~= "HEAD" then
    answer.run(out)
  end
  begin(out)
end

-- What broke a stream that was on its way; a client that left is no fault.
local function log_broken(c, err, answer, route)
  if err ~= errors.CANCELLED then
    local what = ("a streamed answer broke off: %s %s"):format(c.method, route and route.path or c.path)
    report.unanswered(err, { what = what, at = answer and answer.run and place.of(answer.run), request_id = c.request_id })
  end
end

--- The function that C calls with an answer that has `run`, once the handler has
-- returned it with `status` and `headers`. What it returns is answered instead:
-- nothing when all was sent.
-- @tparam function fault as rille.fault.handler makes it
-- @tparam table routes by their numbers
-- @tparam App app whose folder holds where no route is known
function stream.handler(fault, routes, app)
  return function(slot, epoch, answer, status, headers, number)
    local route = routes[number]
    local c = Context.recall(slot, epoch, route and route.apps[#route.apps] or app)
    local out = setmetatable({ slot, epoch }, Out)
    local ok, err = xpcall(function()
      out[3] = answers.of(answer, status, headers)
      send(out, c)
    end, report.traced)
    local sent = out[3]
    if sent and sent.close then
      sent.close()
    end
    if ok and sent.run then
      return
    elseif ok then
      return sent
    elseif not out.has_begun then
      return fault(slot, epoch, err, nil, number)
    end
    log_broken(c, err, sent, route)
    error(errors.CANCELLED, 0) -- and C breaks the connection: half an answer must not look whole
  end
end

return stream
