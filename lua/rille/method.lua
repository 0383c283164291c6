--- Methods that say so when they are called with a dot: what they would raise instead
-- speaks of a nil somewhere inside of Rille.
local method = {}

local names_of = setmetatable({}, { __mode = "k" })

--- Have methods of a class look at what they are called on.
-- @tparam table class its functions, changed in place
-- @tparam function is(value) whether it is one of the class
-- @tparam string name what an object of it is called in examples: "c"
-- @tparam {string,...} names of the methods
function method.guard(class, is, name, names)
  for _, key in ipairs(names) do
    local fn = class[key]
    names_of[fn] = key
    class[key] = function(self, ...)
      if not is(self) then
        error(("%s.%s is called with a colon: %s:%s(…)"):format(name, key, name, key), 2)
      end
      return fn(self, ...) -- a tail call: the caller is one level up, as for `fn` alone
    end
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
