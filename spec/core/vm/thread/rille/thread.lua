--- What spec/core/vm/thread_test.c runs in its threads, in the place of lua/rille/thread.lua: input is Lua text.
local core = require "rille.core"

local function run(input)
  return assert(loadstring(input))(core)
end

local function finish(how, value)
  return how .. " " .. tostring(value)
end

return function(setup)
  if setup == "broken" then
    error "broken"
  end
  SETUP = setup -- luacheck: ignore
  return run, finish
end
