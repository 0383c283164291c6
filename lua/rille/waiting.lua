--- What a task waits for, and where: read off the stack of its coroutine.
--
--     line.stand        ours
--     Channel:recv      ours, and called by the app:  "channel:recv"
--     orders.lua:12     the app's                     "orders.lua:12"
local method = require "rille.method"
local place = require "rille.place"

local getinfo, getlocal = debug.getinfo, debug.getlocal

local waiting = {}

local function key_of(functions, fn)
  for key, value in next, functions do
    if rawequal(value, fn) then
      return key
    end
  end
end

-- "channel:recv", of a method whose object says what it is; "channel" when a tail call has hidden which method.
local function method_of(co, level, info)
  local name, self = getlocal(co, level, 1)
  local class = name == "self" and debug.getmetatable(self)
  local noun = type(class) == "table" and rawget(class, "__name")
  if not noun then
    return nil
  end
  local key = key_of(class, info.func) or method.of(info.func) or info.namewhat == "method" and info.name
  return noun:gsub("^rille%.", "") .. (key and ":" .. key or "")
end

-- What an app calls the function of ours that runs at this level; nil when it is none that apps call.
local function call_of(co, level)
  local info = getinfo(co, level, "fn")
  local rille = package.loaded.rille or {}
  local key = key_of(rille, info.func) or info.name and rawget(rille, info.name) and info.name
  return key and "rille." .. key or method_of(co, level, info)
end

--- What a coroutine waits for.
-- @tparam thread co one that is suspended in a wait
-- @treturn ?string where the app's code is that made the call: "routes/orders.lua:12"; nil when that is Rille's own
-- @treturn ?string which call it is: "channel:recv"
function waiting.of(co)
  local call, level = nil, 0
  while true do
    local at, _, is_there = place.frame(co, level)
    if at or not is_there then
      return at, call
    end
    call, level = call_of(co, level) or call, level + 1
  end
end

return waiting
