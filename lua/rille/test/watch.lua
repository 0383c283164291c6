--- `--watch`: the specs that a save concerns, run again.
--
--     all specs --run--> which files each has read <--compared-- what was saved --> the specs that have read it
--
-- A run is a `rille spec` of its own, so nothing is left when this one is interrupted. Whether files have changed is looked
-- at again and again, and not heard from the kernel: that works in containers and on shared folders too.
local contents = require "rille.contents"
local core = require "rille.core"
local loads = require "rille.test.loads"
local process = require "rille.test.process"
local suite = require "rille.test.suite"
local wait = require "rille.wait"

local watch = {}

local POLL = 0.1          -- seconds between looks
local SHARE = 20          -- and this many times as long as a look takes: a large folder shall not cost a processor
local MOST_FILES = 20000
local MOST_DEPTH = 32
local FOREIGN = { lua_modules = true, node_modules = true }
-- What an app is made of. Of other files, such as what a run writes, only those count that a spec has read.
local STUFF = { lua = true, sql = true, etlua = true, html = true, css = true, js = true, json = true }

-- ---- what has changed -------------------------------------------------------------------

local function add_stamps(stamps, folder, depth)
  for _, name in ipairs(core.file_names(folder == "" and "." or folder) or {}) do
    local path = folder .. name
    local is_other = name:sub(1, 1) == "." or name:sub(-1) == "~" or FOREIGN[name]
    local stamp, is_folder = core.file_stamp(path)
    if stamps.count == MOST_FILES then
      return
    elseif is_folder and not is_other and depth < MOST_DEPTH then
      add_stamps(stamps, path .. "/", depth + 1)
    elseif stamp and not is_folder and not is_other then
      stamps.of[path], stamps.count = stamp, stamps.count + 1
    end
  end
end

-- The files below this folder, each with what changes when it does.
local function look()
  local stamps = { of = {}, count = 0 }
  add_stamps(stamps, "", 0)
  return stamps.of
end

local function changes(before, now)
  local list = {}
  for path, stamp in pairs(now) do
    if before[path] ~= stamp then
      list[#list + 1] = path
    end
  end
  for path in pairs(before) do
    if not now[path] then
      list[#list + 1] = path
    end
  end
  table.sort(list)
  return list
end

-- Until something has changed since `before`, and then no more from one look to the next. **Yields.**
local function await_changes(before)
  local last = before
  while true do
    local began = core.uptime()
    local now = look()
    local list = changes(before, now)
    if #list > 0 and #changes(last, now) == 0 then
      return list, now
    end
    last = now
    wait.won(core.sleep(1000 * math.max(POLL, SHARE * (core.uptime() - began))))
  end
end

-- ---- whom it concerns -------------------------------------------------------------------

local function has_any(set, paths)
  for _, path in ipairs(paths) do
    if set[path] then
      return true
    end
  end
  return false
end

--- Which specs files concern.
-- @tparam {string,...} changed paths
-- @tparam {string,...} specs
-- @tparam table read by spec: the set of files that it read when it ran last; nil for one that has not
-- @treturn {string,...} of the specs those that have read one of them, or have never run; all, when nobody has read it and
-- an app is made of such files
-- @treturn {string,...} the files because of which
function watch.concerned(changed, specs, read)
  local is_spec, readers, causes, is_for_all = {}, {}, {}, false
  for _, spec in ipairs(specs) do
    is_spec[loads.plain(spec) or spec] = true
    for path in pairs(read[spec] or {}) do
      readers[path] = true
    end
  end
  for _, path in ipairs(changed) do
    local is_known = readers[path] or is_spec[path]
    if is_known or STUFF[path:match "%.(%w+)$"] then
      causes[#causes + 1] = path
      is_for_all = is_for_all or not is_known
    end
  end
  local chosen = {}
  for _, spec in ipairs(specs) do
    local own = { [loads.plain(spec) or spec] = true }
    if is_for_all or not read[spec] or has_any(read[spec], causes) or has_any(own, causes) then
      chosen[#chosen + 1] = spec
    end
  end
  return chosen, causes
end

-- Of what changed while specs ran, what they may not have written themselves.
local function known(changed, specs, read)
  local list = {}
  for _, path in ipairs(changed) do
    for _, spec in ipairs(specs) do
      if loads.plain(spec) == path or read[spec] and read[spec][path] then
        list[#list + 1] = path
        break
      end
    end
  end
  return list
end

-- ---- running -----------------------------------------------------------------------------

local function note_loads(read, path)
  for line in (contents.of(path) or ""):gmatch "([^\n]+)\n" do
    local one = core.json_decode(line)
    read[one.spec] = {}
    for _, name in ipairs(one.files) do
      read[one.spec][name] = true
    end
  end
end

-- Whether it ended by itself.
local function run(given, specs, read)
  local path = os.tmpname()
  io.stdout:flush()
  local status = os.execute(process.command(given, given:words_for_run(specs, path)))
  note_loads(read, path)
  os.remove(path)
  return status % 128 ~= 2 and status / 256 ~= 130
end

local function say(...)
  io.stdout:flush()
  io.stderr:write("# ", string.format(...), "\n")
end

--- Run the specs, and those that a save concerns, until it is interrupted. **Blocks and yields.**
-- @tparam table given rille.test.options
-- @treturn integer the exit status
function watch.run(given)
  local read, specs = {}, suite.files(given)
  while true do
    local before = look()
    if #specs > 0 and not run(given, specs, read) then
      return 130
    end
    local now, all = look(), suite.files(given)
    local changed, causes = known(changes(before, now), all, read), {}
    if #changed == 0 then
      say "waiting for a save (Ctrl-C ends)"
    else
      specs, causes = watch.concerned(changed, all, read)
    end
    while #causes == 0 do
      changed, now = await_changes(now)
      all = suite.files(given)
      specs, causes = watch.concerned(changed, all, read)
    end
    local more = #causes > 1 and (" and %d more"):format(#causes - 1) or ""
    say("%s%s changed: %d of %d spec files", causes[1], more, #specs, #all)
  end
end

return watch
