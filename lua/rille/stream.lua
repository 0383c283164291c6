--- Answers that are sent piece by piece.
local Context = require "rille.context"
local core = require "rille.core"
local errors = require "rille.error"
local wait = require "rille.wait"

local stream = {}

local Out = { __name = "rille.out" }
Out.__index = Out

-- The head goes out with the first piece: an error before it can still be answered.
local function begin(out)
  if not out.has_begun then
    local answer = out[3]
    out.has_begun = true
    core.stream_begin(out[1], out[2], answer.status or 200, answer.type, answer.headers or {}, answer.length)
  end
end

--- Send a piece. **Yields** while the client does not read.
-- @tparam string text
-- @raise `cancelled` when the client has gone
function Out:write(text)
  if type(text) ~= "string" then
    error("out:write takes a string: got a " .. type(text), 2)
  end
  begin(self)
  if not core.stream_write(self[1], self[2], text) then
    error(errors.CANCELLED, 0)
  end
  wait.won(core.stream_room(self[1], self[2]))
end

--- The function that C calls with an answer that has `run`, once the handler has
-- returned it. What it returns is answered instead: nothing when all was sent.
-- @tparam function fault as rille.fault.handler makes it
function stream.handler(fault)
  return function(slot, epoch, answer, _, number)
    local out = setmetatable({ slot, epoch, answer }, Out)
    local ok, err = pcall(function()
      if answer.is_late then -- only now is it known what to send
        answer = answer.run(answer, Context.recall(slot, epoch))
        out[3] = answer
      end
      if answer.run then
        answer.run(out)
        begin(out)
      end
    end)
    if not ok and out.has_begun then
      error(err, 0)
    elseif not ok then
      return fault(slot, epoch, err, nil, number)
    elseif not answer.run then
      return answer
    end
  end
end

return stream
