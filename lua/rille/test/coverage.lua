--- `--coverage`: how often each line of the app's Lua ran.
--
--     hook, line by line --> hits by file --> counts, of all processes --> lines of each file
--
-- LuaJIT has one hook for all coroutines, and calls it from its interpreter alone: machine code is not made while this
-- counts. What runs in other VMs, such as those of rille.threads and of servers that a spec starts, is not counted.
local contents = require "rille.contents"
local util = require "jit.util"
local lfs = require "lfs"

local coverage = {}

-- What is no code of the app's: its specs, settings and libraries, and Rille itself.
local NOT_OURS = { "^spec/", "_spec%.lua$", "^config/", "^lua_modules/", "^lua/rille" }

-- ---- counting ------------------------------------------------------------------------

local hits -- by source, then by line; nil while nothing is counted

local getinfo = debug.getinfo

local function on_line(_, line)
  local source = getinfo(2, "S").source
  local lines = hits[source]
  if not lines then
    lines = {}
    hits[source] = lines
  end
  lines[line] = (lines[line] or 0) + 1
end

--- Count from here on; once more where it was begun, since other hooks may have taken the place of ours.
function coverage.count()
  if not hits then
    jit.off()
    jit.flush()
    hits = {}
  end
  debug.sethook(on_line, "l")
end

--- Whether lines are counted in this process.
-- @treturn boolean
function coverage.counts()
  return hits ~= nil
end

-- The path of an app's file, from the folder we are in; nil for what is none.
local function path_of(source)
  local path = source:match "^@(.*%.lua)$"
  local here = lfs.currentdir() .. "/"
  path = path and (path:sub(1, #here) == here and path:sub(#here + 1) or path):gsub("^%./", "")
  if not path or path:sub(1, 1) == "/" then
    return nil
  end
  for _, pattern in ipairs(NOT_OURS) do
    if path:find(pattern) then
      return nil
    end
  end
  return path
end

--- What was counted until now.
-- @treturn {table,...} `path`, and `hits`: a line, how often it ran, the next line …
function coverage.counted()
  debug.sethook()
  local files = {}
  for source, lines in pairs(hits) do
    local path = path_of(source)
    if path then
      local flat = {}
      for line, count in pairs(lines) do
        flat[#flat + 1], flat[#flat + 2] = line, count
      end
      files[#files + 1] = { path = path, hits = flat }
    end
  end
  return files
end

-- ---- adding up -----------------------------------------------------------------------

--- Add what a process counted.
-- @tparam table sum {} in the beginning
-- @tparam {table,...} files as `counted` gave them
function coverage.add(sum, files)
  for _, one in ipairs(files) do
    local lines = sum[one.path] or {}
    sum[one.path] = lines
    for i = 1, #one.hits, 2 do
      lines[one.hits[i]] = (lines[one.hits[i]] or 0) + one.hits[i + 1]
    end
  end
end

local function add_lines_of(proto, lines)
  local info = util.funcinfo(proto)
  for pc = 1, info.bytecodes - 1 do
    local line = util.funcinfo(proto, pc).currentline
    lines[line] = true
  end
  for i = -1, -info.gcconsts, -1 do
    local constant = util.funck(proto, i)
    if type(constant) == "proto" then
      add_lines_of(constant, lines)
    end
  end
end

-- A line that has nothing but an end on it is there for the compiler: it runs, or not, with others.
local function says_something(text)
  return text:gsub("%f[%w_]end%f[^%w_]", ""):gsub("%f[%w_]else%f[^%w_]", ""):find "[%w_\"']" ~= nil
end

-- The lines of a source that can run, by their numbers; nil when it does not compile.
local function lines_of(text)
  text = text:gsub("^#[^\n]*", "")
  local chunk = load(text, "=", "t")
  if not chunk then
    return nil
  end
  local can_run, number, lines = {}, 0, {}
  add_lines_of(chunk, can_run)
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    if can_run[number] and says_something(line) then
      lines[number] = true
    end
  end
  return lines
end

-- The app's files, also those that no spec has loaded.
local function add_unloaded(sum, dir)
  for name in lfs.dir(dir == "" and "." or dir) do
    local path = dir .. name
    local mode = name:sub(1, 1) ~= "." and lfs.symlinkattributes(path, "mode")
    if mode == "directory" and path_of("@" .. path .. "/x.lua") then
      add_unloaded(sum, path .. "/")
    elseif mode == "file" and path_of("@" .. path) then
      sum[path] = sum[path] or {}
    end
  end
end

--- Each file with its lines.
-- @tparam table sum of all processes
-- @tparam ?string app_dir whose files count even when none of their lines ran
-- @treturn {table,...} by path: `path`, `lines` (by number: how often it ran, of those that can), `count` of them, `ran`
-- @treturn table of all: `count`, `ran`
function coverage.files(sum, app_dir)
  if app_dir then
    add_unloaded(sum, app_dir == "." and "" or app_dir:gsub("^%./", ""):gsub("/*$", "/"))
  end
  local files, all = {}, { count = 0, ran = 0 }
  for path, counts in pairs(sum) do
    local text = contents.of(path)
    local lines = text and lines_of(text)
    local file = { path = path, lines = lines, count = 0, ran = 0 }
    for line in pairs(lines or {}) do
      lines[line] = counts[line] or 0
      file.count, file.ran = file.count + 1, file.ran + (counts[line] and 1 or 0)
    end
    if file.count > 0 then
      files[#files + 1] = file
      all.count, all.ran = all.count + file.count, all.ran + file.ran
    end
  end
  table.sort(files, function(a, b) return a.path < b.path end)
  return files, all
end

return coverage
