--- The folder of a guide's section: its files, its servers, its commands.
local lfs = require "lfs"
local quoted = require("spec.shell").quoted
local server = require "spec.server"
local talk = require "spec.guide.talk"

local folder = {}
local Folder = {}
Folder.__index = Folder

local function run(command)
  local pipe = assert(io.popen("{ " .. command .. "; } 2>&1", "r"))
  local output = pipe:read "*a"
  pipe:close()
  return output
end

--- A new one.
-- @tparam string url of the database
function folder.new(url)
  return setmetatable({ dir = run("mktemp -d /tmp/rille-guide.XXXXXX"):gsub("%s+$", ""), url = url }, Folder)
end

function Folder:write(path, text)
  run("mkdir -p " .. quoted(self.dir .. "/" .. (path:match "^(.*)/" or ".")))
  local file = assert(io.open(self.dir .. "/" .. path, "w"))
  file:write(text)
  file:close()
end

local function end_server(self)
  if self.server then
    local status, log = self.server:stop()
    self.server = nil
    assert(status == 0, log)
  end
end

-- ---- what each kind of step does ------------------------------------------------

local steps = {}

function steps.file(self, step)
  self:write(step.path, step.text)
end

-- Started when somebody speaks to it: a sample may be one that does not start.
function steps.sample(self, step)
  end_server(self)
  self:write("app.lua", step.text)
end

local function started(self)
  if not self.server then
    self.server = server.start {
      app = self.dir, args = { "--workers", "1" }, env = { DATABASE_URL = self.url },
    }
  end
  return self.server
end

function steps.http(self, step)
  talk.hold(started(self).port, step.text)
end

local function has_line(log, wanted)
  for line in log:gmatch "[^\n]+" do
    if talk.matches(wanted, line) then
      return true
    end
  end
end

function steps.log(self, step)
  for wanted in step.text:gmatch "[^\n]+" do
    local is_there = server.wait_for(function() return has_line(self.server:log(), wanted) end)
    assert(is_there, ("the log has no line\n%s\nbut is\n%s"):format(wanted, self.server:log()))
  end
end

-- Paths are written as one who stands in the folder sees them.
local function seen_from_here(self, text)
  return (text:gsub(self.dir:gsub("%p", "%%%0") .. "/", ""))
end

steps["error"] = function(self, step)
  local ok, why = pcall(started, self)
  assert(not ok, "the sample starts")
  local wanted = step.text:gsub("%s+$", "")
  assert(seen_from_here(self, why):find(wanted, 1, true), ("it does not start, but says\n%s"):format(why))
end

local function command_line(self, command)
  local rille = os.getenv "RILLE" or "build/rille"
  rille = rille:sub(1, 1) == "/" and rille or lfs.currentdir() .. "/" .. rille
  return ("cd %s && rille() { %s \"$@\"; } && export DATABASE_URL=%s NO_COLOR=1 && { %s; } </dev/null"):format(
    quoted(self.dir), quoted(rille), quoted(self.url), command)
end

-- A line `...` stands for any lines.
local function is_output(wanted, output)
  return talk.matches((wanted:gsub("\n%.%.%.\n", "\n…\n"):gsub("^%.%.%.\n", "…"):gsub("%s+$", "")), (output:gsub("%s+$", "")))
end

function steps.console(self, step)
  for command, wanted in (step.text .. "$ "):gmatch "%$ ([^\n]*)\n(.-)%f[$]" do
    if command:find "^rille serve" then
      local first = started(self):log():match "^[^\n]*"
      local from_here = first:gsub(": /tmp/[^ ]*", ": .")
      assert(talk.matches((wanted:gsub(":8080", ":…"):gsub("%s+$", "")), from_here), "it says\n" .. first)
    else
      local output = seen_from_here(self, run(command_line(self, command)))
      assert(is_output(wanted, output), ("`%s` printed\n%s"):format(command, output))
    end
  end
end

--- Do what a step of a section says.
-- @raise when something else comes of it
function Folder:follow(step)
  local follow = assert(steps[step.kind], ("line %d: nothing runs a block of %q"):format(step.line, step.kind))
  local ok, why = pcall(follow, self, step)
  if not ok then
    error(("line %d: %s"):format(step.line, tostring(why)), 0)
  end
end

function Folder:drop()
  local ok, why = pcall(end_server, self)
  run("rm -rf " .. quoted(self.dir))
  assert(ok, why)
end

return folder
