--- PostgreSQL's own programs, run on a database: psql, pg_dump.
--
-- A command line is for every user of the machine to read, and so the password goes by a
-- file that only we can. All of this blocks: it is for commands, not for a server's loop.
local program = {}

--- A word as the shell takes it for one.
function program.quoted(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

--- Whether there is such a program.
-- @tparam string name
-- @treturn boolean
function program.exists(name)
  local pipe = io.popen("command -v " .. program.quoted(name) .. " 2>/dev/null")
  local found = pipe:read "*a" ~= ""
  pipe:close()
  return found
end

local function decoded(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

-- The URL without its password, and that.
local function split(url)
  local scheme, user, password, rest = url:match "^(%w+://)([^/@:?]*):([^/@?]*)(@.*)$"
  if not scheme then
    return url, nil
  end
  return scheme .. user .. rest, decoded(password)
end

-- A file of libpq's form that holds the password for every server, ours alone to read (mkstemp).
local function password_file(password)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write("*:*:*:*:", (password:gsub("[\\:]", "\\%0")), "\n")
  file:close()
  return path
end

--- Run `fn(command)` with a shell command that runs a program on a database.
-- @tparam string words the program and its options, as the shell wants them
-- @tparam string url
-- @tparam function fn
-- @return what `fn` returns
function program.on(words, url, fn)
  local bare, password = split(url)
  local path = password and password_file(password)
  local command = ("%s%s -d %s"):format(path and "PGPASSFILE=" .. program.quoted(path) .. " " or "", words, program.quoted(bare))
  local ok, result = pcall(fn, command)
  if path then
    os.remove(path)
  end
  if not ok then
    error(result, 0)
  end
  return result
end

return program
