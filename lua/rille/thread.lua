--- In a thread of rille.threads: what runs its jobs.
--
-- C calls this module's function once, with what rille.threads has packed for its threads, and then for each job the two
-- functions that it returns: run(input), which may be interrupted at any point, and finish, which makes bytes of what
-- came of it.
require "rille.waitless"

local core = require "rille.core"
local errors = require "rille.error"
local guard = require "rille.guard"
local method = require "rille.method"
local module = require "rille.module"
local slip = require "rille.slip"

-- ---- what a job is given, beside its arguments --------------------------------------------

local Job = { __name = "rille.job" }
Job.__index = Job

--- Tell `on_progress`, where the job was submitted. When that is slow, the newest 64 values are kept.
-- @param value anything that can be copied
-- @raise when it cannot
function Job:progress(value) -- luacheck: no self
  local bytes, wrong = core.pack(value)
  if not bytes then
    error("progress: " .. wrong, 2)
  end
  core.job_tell(bytes)
end

--- Whether the task was cancelled, or its time is over. A job that looks can tidy up; soon after, it is interrupted.
-- @treturn boolean
function Job:cancelled() -- luacheck: no self
  return core.job_must_end()
end

local NAMES = { "progress", "cancelled" }
slip.guard(Job, "a job", table.concat(NAMES, " "), "")
method.guard(Job, "job", NAMES)

local job = setmetatable({}, Job)

-- ---- running one -----------------------------------------------------------------------------

local loader

local function run(input)
  local call = core.unpack(input)
  local found = loader.require(call.module)
  local fn = type(found) == "table" and rawget(found, call.fn)
  if type(fn) ~= "function" then
    error(("threads:submit(\"%s\", \"%s\", …): the module has no such function"):format(call.module, call.fn), 0)
  end
  return (fn(call.args, job))
end

-- Of an error of ours what its reader needs; of anything else its words.
local function told(err)
  if errors.is(err) then
    local details = rawget(err, "details")
    return {
      code = err.code, status = err.status, message = tostring(rawget(err, "message")), is_public = rawget(err, "is_public"),
      details = core.pack(details) and details or nil,
    }
  elseif type(err) == "string" or type(err) == "number" then
    return { message = tostring(err) }
  end
  return { message = ("a %s was raised"):format(type(err)) }
end

-- how: "returned", "raised", "memory", "interrupted". value: what came of it.
local function finish(how, value, trace)
  local bytes, wrong
  if how == "returned" then
    bytes, wrong = core.pack { how = how, value = value }
    if bytes then
      return bytes
    end
    how, value, trace = "raised", wrong:gsub("^value", "the job's result"), nil
  end
  return (core.pack { how = how, err = how == "raised" and told(value) or nil, trace = trace })
end

-- As in a server, but for what blocks: here nobody else waits.
local function install_guard()
  local execute, popen = os.execute, io.popen
  guard.install()
  os.execute, io.popen = execute, popen
end

return function(setup)
  local given = core.unpack(setup)
  for name, value in pairs(given.settings) do
    core.settings[name] = value
  end
  loader = module.loader(given.root)
  install_guard()
  return run, finish
end
