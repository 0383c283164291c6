--- Server-sent events (the HTML standard, 9.2): an answer that goes on while a page is open.
--
-- Such a stream has no end of its own, so it ends when the app gets no more requests: new code has taken
-- over, or the server stops. Its last event is `again`, and the page asks again.
local answers = require "rille.answer"
local core = require "rille.core"
local errors = require "rille.error"
local text = require "rille.text"
local wait = require "rille.wait"

local events = {}

local MOST_OPEN = 64 -- of this worker: a page has one, and only while somebody looks at it
local QUIET_ROUNDS = 20 -- then something is sent, so that nobody in between takes it for dead
local RETRY_MS = 1000

local open = 0

-- A line of the data each, however many `data` has.
local function message(data)
  local lines = text.split(data, "\n")
  return "data: " .. table.concat(lines, "\ndata: ") .. "\n\n"
end

local function send(out, look, every_ms)
  local last, quiet = nil, 0
  out:write(("retry: %d\n\n"):format(RETRY_MS))
  while not core.is_leaving() do
    local now = look()
    if now ~= last then
      out:write(message(now))
      last, quiet = now, 0
    elseif quiet == QUIET_ROUNDS then
      out:write ":\n\n"
      quiet = 0
    end
    quiet = quiet + 1
    wait.won(core.news(every_ms))
  end
  out:write "event: again\ndata:\n\n"
end

--- An answer that sends what `look` returns whenever that is another text than before.
-- @tparam function look() -> string
-- @tparam integer every_ms how often it is asked, beside when there is news
-- @treturn answer
-- @raise 503 when there are too many
function events.stream(look, every_ms)
  if open >= MOST_OPEN then
    errors.fail(503, ("%d pages are open: close some"):format(open))
  end
  return answers.stream(function(out)
    open = open + 1
    local ok, err = pcall(send, out, look, every_ms)
    open = open - 1
    if not ok then
      error(err, 0)
    end
  end, "text/event-stream")
end

--- Whether the request comes from an EventSource.
-- @tparam Context c
-- @treturn boolean
function events.is_wanted(c)
  return c.headers.accept == "text/event-stream"
end

return events
