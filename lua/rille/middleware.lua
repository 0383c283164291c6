--- A handler and the middleware around it as one function.
--
--   middleware 1(c, next)
--     next(c) --> middleware 2(c, next)
--                   next(c) --> handler(c)
--
-- LuaJIT compiles such a nest into one straight trace, unless the same code occurs in
-- it several times: that it takes for a recursion, and gives up. So each step has
-- code of its own (lua/rille/own.lua), made once for all routes with the same
-- middleware inside of it; what differs between those, a context carries with it. An
-- app's own code may occur more often than LuaJIT's two or three times.
local answers = require "rille.answer"
local Context = require "rille.context"
local own = require "rille.own"
local place = require "rille.place"

local APP, LAST, DONE, REST = Context.APP, Context.LAST, Context.DONE, Context.REST

require("jit.opt").start("callunroll=16", "recunroll=16")

local middleware = {}

-- Where a function stands: its caller's line is lost when it was a tail call.
local function place_of(fn)
  return place.of(fn) or "?"
end

-- An answer as it will be sent: a file is looked at now, so that whoever sees
-- the answer sees its status, and an error travels the usual way.
local function settled(c, res)
  return res.is_late and res.run(res, c) or res
end

-- What a middleware returned that is not what its next(c) gave it.
local function other_answer(c, fn, was_followed, ...)
  if select("#", ...) == 0 then
    error(("the middleware at %s %s: write `return next(c)`%s"):format(place_of(fn),
      was_followed and "called next(c) and returned nothing" or "neither called next(c) nor returned an answer",
      was_followed and "" or ", or return what is to be answered instead"), 0)
  end
  return settled(c, answers.of(...))
end

-- What the middleware `fn`, the one at `depth`, has for an answer.
local function passed_on(c, fn, depth, ...)
  local was_followed = c[DONE] == depth
  if was_followed then
    local last = c[LAST]
    if (...) == last and select("#", ...) == 1 then
      return last
    end
  end
  local res = other_answer(c, fn, was_followed, ...)
  return res
end

local function misused(c, fn)
  if getmetatable(c) ~= Context then
    error(("the middleware at %s called next without its context: write `return next(c)`"):format(place_of(fn)), 0)
  end
  error(("the middleware at %s called next(c) a second time, which would run the handler twice: "
    .. "keep what it gave, as in `local res = next(c)`"):format(place_of(fn)), 0)
end

-- One step: depth, counted from the inside; what is inside of it; whose middleware it is.
local function make_step(depth, inner, fn, owner, APP, LAST, DONE, Context, getmetatable, passed_on, misused) -- luacheck: ignore
  -- One that failed may be tried again.
  local function follow(c)
    if getmetatable(c) ~= Context or c[DONE] == depth then
      misused(c, fn)
    end
    c[DONE] = false
    local res = inner(c)
    c[APP], c[DONE], c[LAST] = owner, depth, res
    return res
  end
  return function(c)
    c[APP] = owner
    local res = passed_on(c, fn, depth, fn(c, follow))
    return res -- no tail call: of those a trace takes 15, and the app's own `return next(c)` are some
  end
end

--- The steps of one app's routes, for middleware.fold.
function middleware.steps()
  return { depth = 0, run = function(c) return c[REST](c) end }
end

-- The step around another one.
local function around(inside, fn, owner)
  local steps = inside[fn] or {}
  inside[fn] = steps
  if not steps[owner] then
    local depth = inside.depth + 1
    steps[owner] = {
      depth = depth,
      run = own.copy(make_step)(depth, inside.run, fn, owner, APP, LAST, DONE, Context, getmetatable, passed_on, misused),
    }
  end
  return steps[owner]
end

--- The middleware of a route, from the inside out; inside of it runs what the context has in
-- its place REST, made by middleware.innermost.
-- @tparam table route chain, owners
-- @tparam table steps
-- @treturn function(c) returns an answer value
function middleware.fold(route, steps)
  local step = steps
  for i = #route.chain, 1, -1 do
    step = around(step, route.chain[i], route.owners[i])
  end
  return step.run
end

local function make_innermost(handler, app, shape, APP, of, settled) -- luacheck: ignore
  return function(c)
    c[APP] = app
    local res = settled(c, of(handler(c)))
    if shape then
      shape(c, res)
    end
    return res
  end
end

--- A handler as a function that returns an answer value.
-- @tparam function handler
-- @tparam App app
-- @tparam[opt] function shape(c, res) the route's response schema
-- @treturn function(c)
function middleware.innermost(handler, app, shape)
  return own.copy(make_innermost)(handler, app, shape, APP, answers.of, settled)
end

return middleware
