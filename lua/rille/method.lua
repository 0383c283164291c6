--- Methods that say so when they are called with a dot: what they would raise instead
-- speaks of a nil somewhere inside of Rille.
local debug, getmetatable = debug, getmetatable

local method = {}

local names_of = setmetatable({}, { __mode = "k" })

local MOST_NAMED = 4 -- parameters of a method, with `self`

-- `fn` is called by a tail call: its caller is one level up, as without a guard. What it takes is handed on by name where it
-- can be: LuaJIT compiles no return through a frame of varargs, so that behind every wait in `fn` its caller was interpreted.
local function guarded(fn, metatable, refuse)
  local takes = debug.getinfo(fn, "u")
  if takes.isvararg or takes.nparams > MOST_NAMED then
    return function(self, ...)
      if getmetatable(self) ~= metatable then
        refuse()
      end
      return fn(self, ...)
    end
  end
  return function(self, a, b, c)
    if getmetatable(self) ~= metatable then
      refuse()
    end
    return fn(self, a, b, c)
  end
end

--- Have methods of a class look at what they are called on.
-- @tparam table class its functions, changed in place
-- @tparam string name what an object of it is called in examples: "c"
-- @tparam {string,...} names of the methods
-- @tparam[opt] table metatable of its objects; without it, the class itself
function method.guard(class, name, names, metatable)
  for _, key in ipairs(names) do
    local fn = class[key]
    names_of[fn] = key
    class[key] = guarded(fn, metatable or class, function()
      error(("%s.%s is called with a colon: %s:%s(…)"):format(name, key, name, key), 3)
    end)
  end
end

--- What a function is called that has a guard before it.
-- @tparam function fn
-- @treturn ?string
-- @local
function method.of(fn)
  return names_of[fn]
end

return method
