--- Code of its own for a function that is made again and again.
--
-- LuaJIT counts, compiles and gives up by prototype, not by closure: routes that share
-- one would share its traces, each behind the guards of those before it, and one
-- that cannot be compiled would keep all others from it. What a lone closure refers
-- to is a constant to the compiler as well, so that its calls need no guards.
local dump, load_any = string.dump, load -- before rille.guard keeps bytecode from apps

local own = {}

--- A copy of `make` whose prototypes are shared with nobody.
-- @tparam function make without upvalues: what it returns refers to its parameters alone
-- @treturn function
function own.copy(make)
  return assert(load_any(dump(make), nil, "b"))
end

return own
