--- A body that was too long for memory, read back from its file on other threads.
local buffer = require "string.buffer"
local core = require "rille.core"
local line = require "rille.line"
local wait = require "rille.wait"

local spooled = {}

local PIECE = 256 * 1024 -- one job's: others wait for the same threads

local function whole(handle, size)
  local pieces = buffer.new(size)
  local at = 0
  while at < size do
    wait.won(core.file_read(handle, at, math.min(PIECE, size - at)))
    local bytes, why = core.file_take(handle)
    if not bytes or bytes == "" then
      error("the body could not be read back from its file: " .. (why or "it became shorter"), 0)
    end
    pieces:put(bytes)
    at = at + #bytes
  end
  local text = pieces:tostring()
  pieces:free() -- as long as the text: not to wait for the collector
  return text
end

-- One at a time, in the order of the calls: at the end a text lies in memory twice.
local reader, waiting = nil, line.new()

local function whole_in_turn(handle, size)
  while reader do
    line.stand(waiting)
  end
  reader = handle
  return whole(handle, size)
end

--- The text of the body of `c`, which must have arrived. **Yields.**
-- @tparam[opt] integer most leave a longer one where it is
-- @treturn string or nil: it lies in memory, or is longer than `most` bytes
function spooled.text(c, most)
  local handle, size = core.body_file(c[1], c[2], most)
  if not handle then
    return nil
  end
  local ok, text = pcall(whole_in_turn, handle, size)
  if reader == handle then
    reader = nil
    line.wake_all(waiting)
  end
  core.file_close(handle)
  return ok and text or error(text, 0)
end

return spooled
