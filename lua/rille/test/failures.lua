--- Which examples failed, from one run to the next, for `--only-failures`.
--
--     .rille/failed    a line each, in JSON: { "file", "name" }; without a name the file itself
--
-- An example is in there until it passes, or a run of its whole file no longer has it.
local contents = require "rille.contents"
local core = require "rille.core"
local random = require "rille.random"
local lfs = require "lfs"

local failures = {}

local PATH = ".rille/failed"

--- Those of the runs until now.
-- @treturn {table,...} file, name
function failures.read()
  local list = {}
  for line in (contents.of(PATH) or ""):gmatch "[^\n]+" do
    local ok, one = pcall(core.json_decode, line)
    list[#list + 1] = ok and one or nil
  end
  return list
end

-- Whole, or not at all: several runs may be in this folder.
local function write(list)
  lfs.mkdir ".rille"
  local fresh = PATH .. "." .. random.text(6)
  local file = io.open(fresh, "w")
  if not file then
    return -- a folder that cannot be written has no memory
  end
  for _, one in ipairs(list) do
    file:write(core.json_encode(one), "\n")
  end
  file:close()
  os.rename(fresh, PATH)
end

local function plain(path)
  return (path:gsub("^%./", ""))
end

-- The file that an element is in, and its name there.
local function place_of(busted, element, parent)
  local names = {}
  while element and element.descriptor ~= "file" do
    table.insert(names, 1, element.name or element.descriptor)
    element, parent = parent, parent and busted.context.parent(parent)
  end
  return element and plain(element.name), table.concat(names, " ")
end

--- Keep what fails in a run of this busted.
-- @tparam table busted
-- @tparam table given rille.test.options
function failures.keep(busted, given)
  local ran, failed, files = {}, {}, {}

  local function meet(element, parent, status)
    local file, name = place_of(busted, element, parent)
    if not file then
      return
    end
    files[file] = true
    ran[file .. "\0" .. name] = true
    if status == "failure" or status == "error" then
      failed[#failed + 1] = { file = file, name = name }
    end
  end

  busted.subscribe({ "test", "end" }, function(element, parent, status)
    meet(element, parent, status)
    return nil, true
  end)
  busted.subscribe({ "error" }, function(element, parent)
    local file = element.descriptor ~= "it" and place_of(busted, element, parent)
    if file then
      files[file] = true
      failed[#failed + 1] = { file = file }
    end
    return nil, true
  end)
  busted.subscribe({ "exit" }, function()
    local before = failures.read()
    for _, one in ipairs(before) do
      local has_run = ran[one.file .. "\0" .. (one.name or "")]
      if not files[one.file] or given.is_partial and not has_run then
        failed[#failed + 1] = one
      end
    end
    if #before > 0 or #failed > 0 then
      write(failed)
    end
    return nil, true
  end)
end

--- Of these files those with something that failed; the examples are noted with `given`.
-- @tparam table given rille.test.options
-- @tparam {string,...} files
-- @treturn {string,...}
function failures.choose(given, files)
  local names, is_whole = {}, {}
  for _, one in ipairs(failures.read()) do
    names[one.file] = names[one.file] or {}
    table.insert(names[one.file], one.name)
    is_whole[one.file] = is_whole[one.file] or one.name == nil
  end
  local chosen = {}
  for _, path in ipairs(files) do
    local here = names[plain(path)]
    if here then
      chosen[#chosen + 1] = path
      given:choose(path, is_whole[plain(path)] and {} or here)
    end
  end
  return chosen
end

return failures
