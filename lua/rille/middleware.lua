--- A handler and the middleware around it as one function.
--
--   middleware 1(c, next)
--     next(c) --> middleware 2(c, next)
--                   next(c) --> handler(c)
--
-- LuaJIT compiles such a nest into one straight trace, unless the same code occurs in
-- it several times: that it takes for a recursion, and gives up. So each depth has
-- its own copy of the two functions that make a step, compiled once for all routes;
-- and what an app makes in a loop, or with one function, may occur more often than
-- LuaJIT's three times.
local answers = require "rille.answer"
local Context = require "rille.context"

local APP, LAST = Context.APP, Context.LAST

require("jit.opt").start "callunroll=16"

local middleware = {}

-- Where a function stands: its caller's line is lost when it was a tail call.
local function place_of(fn)
  local info = debug.getinfo(fn, "S")
  return ("%s:%d"):format(info.short_src, info.linedefined)
end

-- An answer as it will be sent: a file is looked at now, so that whoever sees
-- the answer sees its status, and an error travels the usual way.
local function settled(c, res)
  return res.is_late and res.run(res, c) or res
end

-- What a middleware returned that is not what its next(c) gave it.
local function other_answer(c, fn, ...)
  if c[LAST] and select("#", ...) == 0 then
    error(("the middleware at %s called next(c) and returned nothing: write `return next(c)`"):format(place_of(fn)), 0)
  end
  return settled(c, answers.of(...))
end

local function no_context(fn)
  error(("the middleware at %s called next without its context: write `return next(c)`"):format(place_of(fn)), 0)
end

local STEP = [[
local Context, other_answer, no_context = ...
local APP, LAST = Context.APP, Context.LAST
local getmetatable, select = getmetatable, select

local function passed_on(c, middleware, ...)
  local last = c[LAST]
  if last and (...) == last and select("#", ...) == 1 then
    return last
  end
  local res = other_answer(c, middleware, ...)
  return res
end

return function(inner, middleware, owner)
  local function follow(c)
    if getmetatable(c) ~= Context then
      no_context(middleware)
    end
    local res = inner(c)
    c[APP], c[LAST] = owner, res
    return res
  end
  return function(c)
    c[APP], c[LAST] = owner, false
    local res = passed_on(c, middleware, middleware(c, follow))
    return res -- no tail call: of those a trace takes 15, and the app's own `return next(c)` are some
  end
end]]

local steps = {} -- by their depth, the innermost's first

local function step_at(depth)
  if not steps[depth] then
    local make = assert(loadstring(STEP, "=rille.middleware, step " .. depth))
    steps[depth] = make(Context, other_answer, no_context)
  end
  return steps[depth]
end

--- From the inside out; each step returns an answer value.
-- @tparam function handler
-- @tparam table route chain, owners, apps
-- @tparam[opt] function shape(c, res) the route's response schema
-- @treturn function(c)
function middleware.fold(handler, route, shape)
  local of, app = answers.of, route.apps[#route.apps]
  local inner = function(c)
    c[APP] = app
    local res = settled(c, of(handler(c)))
    if shape then
      shape(c, res)
    end
    return res
  end
  local count = #route.chain
  for i = count, 1, -1 do
    inner = step_at(count - i + 1)(inner, route.chain[i], route.owners[i])
  end
  return inner
end

return middleware
