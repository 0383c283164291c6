--- `rille spec [PATHS]`: busted, inside the runtime.
--
-- Each example runs as a task of its own, so it may wait: sleep, query, spawn.
-- What it leaves behind ends with it.
local tasks = require "rille.task"

local EXIT = {}

-- busted ends the process when it has finished; here only the command ends.
local function intercept_exit()
  local function exit(code)
    error({ [EXIT] = true, code = code == true and 0 or code == false and 1 or code or 0 }, 0)
  end
  os.exit = exit
  require("busted.compatibility").exit = exit
end

local function run_examples_as_tasks()
  local new_core = require "busted.core"
  package.loaded["busted.core"] = function(...)
    local busted = new_core(...)
    local safe = busted.safe
    function busted.safe(descriptor, run, element)
      if descriptor ~= "it" then
        return safe(descriptor, run, element)
      end
      return tasks.spawn(safe, descriptor, run, element):await()
    end
    return busted
  end
end

return function(...)
  local given = { ... }
  local has_path = false
  for _, argument in ipairs(given) do
    has_path = has_path or argument:sub(1, 1) ~= "-"
  end
  if not has_path then
    given[#given + 1] = "spec"
  end
  intercept_exit()
  run_examples_as_tasks()
  package.path = "./?.lua;./?/init.lua;" .. package.path
  _G.arg = given
  _G.arg[0] = "rille spec"
  _G.coroutine = require "rille.coroutine"
  local ok, err = xpcall(function()
    require "busted.runner" { standalone = false }
  end, function(err)
    return type(err) == "table" and err or debug.traceback(tostring(err), 2)
  end)
  if ok then
    return 0
  end
  if type(err) == "table" and err[EXIT] then
    return math.min(err.code, 255)
  end
  io.stderr:write("rille spec: ", tostring(err), "\n")
  return 1
end
