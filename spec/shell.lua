--- What the helpers of specs ask of the shell.
local lfs = require "lfs"

local shell = {}

--- A word as the shell takes it for one.
function shell.quoted(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

--- Run a command; its output, both kinds, without the last line feed.
-- The status is echoed behind it: Lua 5.1 does not tell how a pipe ended.
-- @raise the output when it fails, blamed on the caller's caller
function shell.run(command)
  local pipe = assert(io.popen("{ " .. command .. "; } 2>&1; echo \" $?\"", "r"))
  local output, status = pipe:read("*a"):match("^(.-)\n? (%d+)\n$")
  pipe:close()
  if status ~= "0" then error(command .. ":\n" .. output, 3) end
  return output
end

--- The path of the binary under test: `build/rille`, or what the environment variable RILLE names.
function shell.rille()
  local path = os.getenv("RILLE") or "build/rille"
  return path:sub(1, 1) == "/" and path or lfs.currentdir() .. "/" .. path
end

--- Run statements through psql: what one part of Rille got wrong, another would overlook.
-- @treturn string the rows, columns with | between
function shell.psql(url, text)
  return shell.run("psql -X -q -A -t -v ON_ERROR_STOP=1 -c " .. shell.quoted(text) .. " " .. shell.quoted(url))
end

--- The whole of a file, or nil.
function shell.read_file(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

return shell
