--- A folder with files in which `rille` is run, made for an example.
local lfs = require "lfs"
local shell = require "spec.shell"

local project = {}
project.__index = project

local RILLE = lfs.symlinkattributes("/proc/self/exe", "target")

--- An empty one.
function project.new()
  return setmetatable({ dir = shell.run "mktemp -d /tmp/rille-spec.XXXXXX" }, project)
end

--- Write a file in it, with the folders that it wants.
function project:write(name, text)
  local path = self.dir .. "/" .. name
  shell.run("mkdir -p " .. shell.quoted(path:match "^(.*)/"))
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

--- The whole of a file in it, or nil.
function project:read(name)
  return shell.read_file(self.dir .. "/" .. name)
end

--- The shell's words for `rille` with these words, in the folder.
function project:command(words)
  return ("cd %s && %s %s"):format(shell.quoted(self.dir), shell.quoted(RILLE), words)
end

--- Run that: both kinds of output, and the exit status.
function project:run(words)
  local pipe = io.popen(("{ %s; } 2>&1 </dev/null; echo $?"):format(self:command(words)))
  local output, status = pipe:read("*a"):match "^(.-)(%d+)\n$"
  pipe:close()
  return output, tonumber(status)
end

--- Remove it.
function project:remove()
  shell.run("rm -rf " .. shell.quoted(self.dir))
end

return project
