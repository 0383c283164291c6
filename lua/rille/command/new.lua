--- `rille new NAME`: a project to begin with, whose specs pass.
local lfs = require "lfs"

local PARTS = { "rille.new.app", "rille.new.around" } -- texts by path
local NAME_MOST = 50 -- bytes: it becomes the name of a folder and of an image

local HELP = [[
usage: rille new NAME

A project in a new folder NAME: an app with two models and their migration, routes, a page, specs with
factories, settings, files for Docker and for lua-language-server. NAME is lower-case letters, digits, _ and -,
a letter first.

example:
  rille new blog
  cd blog
  rille spec
  rille dev .
]]

local function complain(...)
  io.stderr:write("rille new: ", string.format(...), "\n")
end

local function is_empty(dir)
  for entry in lfs.dir(dir) do
    if entry ~= "." and entry ~= ".." then
      return false
    end
  end
  return true
end

-- What keeps a project of that name from being made here, or nil.
local function objection(name)
  if #name > NAME_MOST or not name:find "^%l[%l%d_-]*$" then
    return ("'%s' is no name for a project: give it lower-case letters, digits, _ and -, a letter first, at most %d")
      :format(name, NAME_MOST)
  end
  local mode = lfs.attributes(name, "mode")
  if mode and mode ~= "directory" then
    return ("there is a %s '%s' already: choose another name"):format(mode, name)
  end
  if mode and not is_empty(name) then
    return ("the folder '%s' is there and not empty: choose another name, or empty it"):format(name)
  end
end

-- A file, and the folders it is in. Files are never written over.
local function write(root, path, text)
  for at in path:gmatch "()/" do
    lfs.mkdir(root .. "/" .. path:sub(1, at - 1)) -- perhaps there already; io.open tells whatever else is wrong
  end
  local file = assert(io.open(root .. "/" .. path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

local function create(name)
  lfs.mkdir(name)
  local paths = {}
  for _, part in ipairs(PARTS) do
    for path, text in pairs(require(part)) do
      write(name, path, (text:gsub("NAME", name)))
      paths[#paths + 1] = path
    end
  end
  table.sort(paths)
  return paths
end

return function(name, more)
  if name == "--help" or name == "-h" or not name then
    (name and io.stdout or io.stderr):write(HELP)
    return name and 0 or 2
  end
  local wrong = more and ("'%s' is too much: it takes one name"):format(more) or objection(name)
  if wrong then
    complain("%s", wrong)
    return 2
  end
  local ok, made = pcall(create, name)
  if not ok then
    complain("%s", made)
    return 1
  end
  for _, path in ipairs(made) do
    print(("  %s/%s"):format(name, path))
  end
  print(("\ncd %s, then\n  rille spec     runs its specs\n  rille dev .    serves it on http://127.0.0.1:8080/"):format(name))
  return 0
end
