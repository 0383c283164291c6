--- A program at a pseudo terminal, for specs: keys go in, and what the terminal would show comes out.
--
--     local at = terminal.open("build/rille console apps/hello", { XDG_STATE_HOME = dir })
--     at:type "1 + 1\r"
--     at:see "2\r\n"
--     assert.equal(0, at:close())
local ffi = require "ffi"
local shell = require "spec.shell"

ffi.cdef [[
int posix_openpt(int flags);
int grantpt(int fd);
int unlockpt(int fd);
char *ptsname(int fd);
int ioctl(int fd, unsigned long request, ...);
ssize_t read(int fd, void *buf, size_t count);
ssize_t write(int fd, const void *buf, size_t count);
int close(int fd);
struct spec_pollfd { int fd; short events, revents; };
int poll(struct spec_pollfd *fds, unsigned long count, int timeout);
struct spec_winsize { unsigned short rows, columns, x, y; };
]]

local O_RDWR, O_NOCTTY, O_CLOEXEC, POLLIN, TIOCSWINSZ = 2, 0x100, 0x80000, 1, 0x5414
local PATIENCE_MS = 60000

local terminal = {}
local Terminal = {}
Terminal.__index = Terminal

--- Begin a command at a terminal of its own, of 100 columns.
-- @tparam string command for the shell
-- @tparam[opt] table env variables
function terminal.open(command, env)
  local fd = ffi.C.posix_openpt(O_RDWR + O_NOCTTY + O_CLOEXEC)
  assert(fd >= 0 and ffi.C.grantpt(fd) == 0 and ffi.C.unlockpt(fd) == 0, "no pseudo terminal")
  ffi.C.ioctl(fd, TIOCSWINSZ, ffi.new("struct spec_winsize", { rows = 40, columns = 100 }))
  local words = { "TERM=xterm" }
  for name, value in pairs(env or {}) do words[#words + 1] = name .. "=" .. shell.quoted(value) end
  local path = ffi.string(ffi.C.ptsname(fd))
  local pipe = io.popen(("env %s setsid --ctty --wait %s <%s >%s 2>&1; echo $?"):format(table.concat(words, " "), command, path, path))
  return setmetatable({ fd = fd, pipe = pipe, seen = "", at = 1 }, Terminal)
end

function Terminal:type(keys)
  assert(ffi.C.write(self.fd, keys, #keys) == #keys)
end

-- More of what is shown; false when there will be none.
local function read_more(self)
  local ready, bytes = ffi.new("struct spec_pollfd[1]", { { fd = self.fd, events = POLLIN } }), ffi.new "char[4096]"
  if ffi.C.poll(ready, 1, PATIENCE_MS) <= 0 then error("nothing more is shown, after:\n" .. self.seen, 3) end
  local len = ffi.C.read(self.fd, bytes, 4096)
  if len > 0 then self.seen = self.seen .. ffi.string(bytes, len) end
  return len > 0
end

--- Read until a text is shown, behind what was seen before.
-- @treturn string all that was shown, up to its end
function Terminal:see(text)
  while true do
    local from, to = self.seen:find(text, self.at, true)
    if to then
      local shown = self.seen:sub(self.at, to)
      self.at = to + 1
      return shown, from
    end
    if not read_more(self) then error(("it ended before %q was shown:\n%s"):format(text, self.seen), 2) end
  end
end

--- Wait for the program's end.
-- @treturn integer its exit status
function Terminal:close()
  while read_more(self) do end
  local status = tonumber(self.pipe:read "*a")
  self.pipe:close()
  ffi.C.close(self.fd)
  return status
end

return terminal
