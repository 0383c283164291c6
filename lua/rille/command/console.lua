--- `rille console APP`: lines of Lua in the app's context, each run at once and its value printed.
--
--     keys --line--> chunk --run as a task--> values, printed
--      |                        ^
--      +--Ctrl-C: cancelled-----+
--
-- Each line is a task, so it may wait: queries, sleep, channels. From a pipe the lines come as from a
-- script: no prompt, no colours, and the status tells whether one of them failed.
-- Where no database is named, it is the private one of `rille dev` and `rille db`, when that runs.
local App = require "rille.app"
local cluster = require "rille.cluster"
local complete = require "rille.console.complete"
local config = require "rille.config"
local core = require "rille.core"
local errors = require "rille.error"
local guard = require "rille.guard"
local hand = require "rille.console.hand"
local input = require "rille.console.input"
local inspect = require "rille.console.inspect"
local tasks = require "rille.task"
local wait = require "rille.wait"

local USAGE = "usage: rille console APP [settings]\n"
local MOST_TRACE = 12 -- lines of a traceback
local HOUSE = debug.getinfo(1, "S").source:match "^@(.*/)command/console%.lua$" -- where Rille's own files are

-- Names that are nobody's values.
local LEAVING = { exit = true, quit = true }

-- The user's own folder for what programs remember, by the XDG base directory specification.
local function history_path()
  local state, home = os.getenv "XDG_STATE_HOME", os.getenv "HOME"
  local folder = state and state:sub(1, 1) == "/" and state or home and home:sub(1, 1) == "/" and home .. "/.local/state"
  return folder and folder .. "/rille/console_history" or nil
end

-- What the prompt calls the app.
local function name_of(root)
  local name = root:match "([^/]+)/*$"
  if name and name ~= "." and name ~= ".." then
    return name
  end
  return name == "." and (os.getenv "PWD" or ""):match "([^/]+)/*$" or "app"
end

-- ---- what is told -----------------------------------------------------------------------

local Session = {}
Session.__index = Session

function Session:width()
  return self.is_terminal and core.prompt_width() or 100
end

function Session:painted(colour, text)
  return self.has_colours and ("\27[%sm%s\27[m"):format(colour, text) or text
end

function Session:complain(text)
  io.stdout:flush()
  io.stderr:write(self:painted("31", text), "\n")
end

-- Of a traceback, what is the app's: the rest are Rille's own frames, and the line that was typed.
local function trace_of(trace)
  local lines = {}
  for line in (trace or ""):gmatch "[^\n]+" do
    if line:find "^%s+%S-%.lua:%d+:" and line:match "^%s+(.*)":sub(1, #HOUSE) ~= HOUSE and #lines < MOST_TRACE then
      lines[#lines + 1] = line
    end
  end
  return #lines > 0 and "\n" .. table.concat(lines, "\n") or ""
end

function Session:tell_failure(err, trace)
  self.has_failed = true
  if err == errors.CANCELLED then
    self:complain((self.is_terminal and "\n" or "") .. "interrupted") -- behind the terminal's ^C
  elseif errors.is(err) then
    local where = err.excerpt and "\n" .. err.excerpt or ""
    self:complain(("%s: %s%s"):format(err.code, err.detail or err.message, where))
  else
    self:complain(tostring(err) .. trace_of(trace))
  end
end

-- ---- running ------------------------------------------------------------------------------

-- Run `fn` as a task that Ctrl-C cancels; whether it came to its end.
function Session:run(fn)
  self.is_interrupted = false
  local task = tasks.spawn(function()
    if self.is_interrupted then -- before it began: it may have no wait that would tell it
      error(errors.CANCELLED, 0)
    end
    return fn()
  end)
  self.running = task
  local ok = pcall(task.await, task)
  self.running = nil
  if not ok then
    local _, err, trace = tasks.has_failed(task)
    self:tell_failure(err, trace)
  end
  io.stdout:flush()
  return ok
end

function Session:load()
  local root = self.root
  if self.env.app then
    local settings, sources = core.settings_of(root)
    if not settings then
      error(sources, 0)
    end
    config.current:begin { settings = settings, sources = sources }
  end
  local app, loader = App.load(root)
  config.current:finish()
  self.hand.put(app, loader, root)
end

local function print_values(session, ...)
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    print(inspect.of(value, { width = session:width(), has_colours = session.has_colours }))
  end
  if select("#", ...) > 0 then
    session.env._ = (...)
  end
end

local function as_given(...)
  return ...
end

function Session:run_chunk(chunk)
  setfenv(chunk, self.env)
  self:run(function() print_values(self, chunk(as_given)) end)
end

function Session:reload()
  if self:run(function() self:load() end) then
    print "reloaded; what you assigned is as it was"
  end
end

-- ---- lines -----------------------------------------------------------------------------------

-- The next line, or "end", or "abandoned". Meanwhile Tab is answered.
function Session:next_line(prompt)
  core.prompt_ask(self.is_terminal and prompt or "")
  while true do
    wait.won(core.prompt_next())
    local kind, text = core.prompt_news()
    if kind ~= "complete" then
      return kind, text
    end
    local ok, insert, list = pcall(complete.of, self.env, self.hand.names(), text, self:width())
    core.prompt_offer(ok and insert or "", ok and list or "")
  end
end

-- Take one line, behind those of a chunk that is not complete yet. Returns what stays open of it.
function Session:take(open, line)
  local text = open and open .. "\n" .. line or line
  if not open and text:find "^%s*$" then
    return nil
  elseif not open and text:find "^%s*reload!%s*$" then
    self:reload()
    return nil
  end
  local chunk, err = input.read(text)
  if chunk then
    self:run_chunk(chunk)
  elseif err then
    self.has_failed = true
    self:complain(err)
  else
    return text
  end
end

-- Of the first line of a chunk, and of those behind it. The editor wants \1 around what takes no room.
function Session:prompts()
  local name = name_of(self.root) .. (self.is_production and "(production)" or "")
  local shown = self.is_production and self:painted("31", name):gsub("\27%[[%d;]*m", "\1%0\1") or name
  return shown .. "> ", (" "):rep(#name) .. "| "
end

function Session:take_lines()
  local first, rest = self:prompts()
  local open
  while true do
    local kind, line = self:next_line(open and rest or first)
    if kind == "end" then
      break
    elseif kind == "abandoned" then
      open = nil
    elseif not open and LEAVING[line:match "^%s*(%a*)%s*$"] then
      return
    else
      open = self:take(open, line)
    end
  end
  if open then
    self.has_failed = true
    self:complain "the last lines are no complete chunk: they were not run"
  end
  if self.is_terminal then
    print()
  end
end

function Session:greet()
  if not self.is_terminal then
    return
  end
  local models = self.hand.models()
  print(("app, db, rille%s; sql SELECT …, reload!, Ctrl-D"):format(#models > 0 and ", " .. table.concat(models, ", ") or ""))
  if self.is_production then
    print(self:painted("31", "This is production: what you change here is changed for everybody."))
  end
end

return function(root, more)
  if more then
    io.stderr:write(("rille console: unexpected argument '%s'\n%s"):format(more, USAGE))
    return 2
  end
  cluster.stand_in(core.settings)
  guard.install()
  jit.off() -- machine code looks at no hook: Ctrl-C could not end what is typed and runs for ever
  local is_terminal = core.prompt_open(history_path())
  local session = setmetatable({
    root = root, is_terminal = is_terminal, is_production = core.settings.env == "production",
    has_colours = is_terminal and (os.getenv "NO_COLOR" or "") == "",
  }, Session)
  session.env, session.hand = hand.new(function() return session:width() end)
  tasks.spawn(function()
    while true do
      wait.won(core.prompt_interrupted())
      if session.running then
        session.is_interrupted = true
        session.running:cancel()
      end
    end
  end)
  if not session:run(function() session:load() end) then
    return 1
  end
  session:greet()
  session:take_lines()
  return session.has_failed and not is_terminal and 1 or 0
end
