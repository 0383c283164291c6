--- Answers that are sent piece by piece.
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
    core.stream_begin(out[1], out[2], answer.status or 200, answer.type, answer.headers or {})
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

--- Send an answer that has a function; C calls this once the handler has returned it.
function stream.send(slot, epoch, answer)
  local out = setmetatable({ slot, epoch, answer }, Out)
  answer.run(out)
  begin(out)
end

return stream
