--- What plain Lua must not do in a server: end the process, change its locale,
-- run bytecode, or make every request of a worker wait.
local core = require "rille.core"

local guard = {}

local execute, popen = os.execute, io.popen
local load_any, loadstring_any, loadfile_any = load, loadstring, loadfile

local function caller(level)
  local info = debug.getinfo(level + 1, "Sl")
  return info and ("%s:%d"):format(info.short_src, info.currentline) or "?"
end

-- Once for each line that calls: a busy route must not fill the log.
local warned = {}

local function blocking(name, fn)
  return function(...)
    local where = caller(2)
    if not warned[where] then
      warned[where] = true
      core.log("warn", name .. " blocks: every request of this worker waits for it", "where", where)
    end
    return fn(...)
  end
end

local function forbidden(name, why)
  return function()
    error(("%s: %s"):format(name, why), 2)
  end
end

--- Put the guards into the VM's globals; once.
function guard.install()
  os.exit = forbidden("os.exit", "an app does not end the process: raise an error, or return a status from a script")
  os.setlocale = forbidden("os.setlocale", "the locale belongs to the whole process, and numbers would be misread")
  newproxy = nil -- a finalizer of its own that raises would end the process (LuaJIT)
  os.execute, io.popen = blocking("os.execute", execute), blocking("io.popen", popen)
  -- bytecode can do anything to the process: text alone is loaded
  function load(chunk, name, _, env)
    if env == nil then
      return load_any(chunk, name, "t")
    end
    return load_any(chunk, name, "t", env)
  end
  function loadstring(text, name)
    return loadstring_any(text, name, "t")
  end
  function loadfile(path, _, env)
    if env == nil then
      return loadfile_any(path, "t")
    end
    return loadfile_any(path, "t", env)
  end
  function dofile(path)
    local chunk, err = loadfile_any(path, "t")
    if not chunk then
      error(err, 2)
    end
    return chunk()
  end
end

return guard
