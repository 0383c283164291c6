--- For a VM whose loop never runs, as a thread of rille.threads has it: all of `rille.core` that waits, or belongs to
-- a loop, says so. It comes before every other module: they keep what they find.
local core = require "rille.core"
local place = require "rille.place"

local PURE = {}
for _, name in ipairs {
  "array", "bytea", "caller", "here", "job_must_end", "job_tell", "json_decode", "json_encode", "json_try_decode", "jsonb",
  "line", "line_first", "line_give", "line_wake", "line_wake_all", "log", "pack", "pg_shape", "register_errors",
  "register_tasks", "remaining", "request_here", "source", "unpack", "uptime", "wall", "why",
} do
  PURE[name] = true
end

local function refuse()
  place.blame("this waits, or belongs to a worker: a function that rille.threads runs can do neither. "
    .. "Do it where the task is awaited, and give the function what came of it")
end

for name, value in pairs(core) do
  if type(value) == "function" and not PURE[name] then
    core[name] = refuse
  end
end

core.settings = core.settings or {} -- filled in later, and kept by others from now on

return true
