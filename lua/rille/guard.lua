--- What plain Lua must not do in a server: end the process (LuaJIT crashes when a
-- finalizer raises, or when machine code asks for more than a string can hold),
-- change its locale, run bytecode, or make every request of a worker wait.
local core = require "rille.core"
local place = require "rille.place"
local ffi = require "ffi"

local guard = {}

local execute, popen = os.execute, io.popen
local load_any, loadstring_any, loadfile_any = load, loadstring, loadfile
local rep, ffi_gc, metatype = string.rep, ffi.gc, ffi.metatype

local MOST_STRING = 2 ^ 30 -- LuaJIT's own bound is a little below 2^31

-- Once for each line that calls: a busy route must not fill the log.
local warned = {}

local function blocking(name, fn)
  return function(...)
    local where = place.at(2)
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

-- ---- finalizers ---------------------------------------------------------------

local function report(err)
  core.log("error", "a finalizer failed", "error", select(2, pcall(tostring, err)))
end

-- Weak both ways: a value holds its key, and whatever is to be finalized holds the value.
local quiet = setmetatable({}, { __mode = "kv" })

-- `finalizer` so that it never raises. C functions, cdata too, are left as they are.
local function quieted(finalizer)
  if type(finalizer) ~= "function" then
    return finalizer
  end
  local known = quiet[finalizer]
  if not known then
    known = function(object)
      local ok, err = pcall(finalizer, object)
      if not ok then
        pcall(report, err)
      end
    end
    quiet[finalizer] = known
  end
  return known
end

local function guard_finalizers()
  newproxy = nil -- it has no other use than a finalizer
  function ffi.gc(object, finalizer)
    return ffi_gc(object, quieted(finalizer))
  end
  function ffi.metatype(ctype, metatable)
    if type(metatable) == "table" then
      metatable.__gc = quieted(metatable.__gc)
    end
    return metatype(ctype, metatable)
  end
end

-- ---- strings --------------------------------------------------------------------

local function guard_strings()
  function string.rep(text, count, between)
    if type(count) == "number" and type(text) == "string" then
      local bytes = (#text + (type(between) == "string" and #between or 0)) * count
      if bytes > MOST_STRING then
        error(("string.rep: %.0f bytes are more than one string can hold"):format(bytes), 2)
      end
    end
    if between == nil then
      return rep(text, count) -- a nil of its own would not be compiled
    end
    return rep(text, count, between)
  end
end

--- Put the guards into the VM's globals; once.
function guard.install()
  os.exit = forbidden("os.exit", "an app does not end the process: raise an error, or return a status from a script")
  os.setlocale = forbidden("os.setlocale", "the locale belongs to the whole process, and numbers would be misread")
  guard_finalizers()
  guard_strings()
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
