--- Assertions of our own, and failures that show what differs.
local diff = require "rille.test.diff"
local statements = require "rille.test.statements"

local asserts = {}

-- assert.queries(5, function() … end)
local function queries(state, arguments)
  local wanted, fn = arguments[1], arguments[2]
  if type(wanted) ~= "number" or type(fn) ~= "function" then
    error("assert.queries takes a number and a function", 3)
  end
  local seen = statements.traced(fn)
  arguments[1], arguments[2], arguments.n = #seen, wanted, 2
  arguments.nofmt = { true, true }
  local lines = {}
  for i, one in ipairs(seen) do
    lines[i] = ("  %d. %s%s"):format(i, one.sql:gsub("%s+", " "), one.at and "\n     at " .. one.at or "")
  end
  rawset(state, "failure_message", #seen > 0 and "The statements were:\n" .. table.concat(lines, "\n") or nil)
  return #seen == wanted
end

-- luassert's own assertion, with the difference in front of the two values.
local function with_difference(callback)
  return function(state, arguments, level)
    local passed, results = callback(state, arguments, level)
    -- Raw: an index of a state that is not there is the next word of an assertion.
    if not passed and state.mod and rawget(state, "failure_message") == nil then
      -- it has swapped them: what came first, then what was wanted
      rawset(state, "failure_message", diff.of(arguments[2], arguments[1]))
    end
    return passed, results
  end
end

local is_installed = false

--- Add them to luassert, once. Outside of `rille spec` there is no luassert, and nothing to add to.
function asserts.install()
  local ok, luassert = pcall(require, "luassert")
  if is_installed or not ok then
    return
  end
  is_installed = true
  local say = require "say"
  say:set("assertion.queries.positive", "The code ran %s statements, not %s.")
  say:set("assertion.queries.negative", "The code ran %s statements, which it should not.")
  luassert:register("assertion", "queries", queries, "assertion.queries.positive", "assertion.queries.negative")
  local namespaces = require "luassert.namespaces"
  for _, name in ipairs { "same", "equals", "equal", "are_same", "are_equal" } do
    local assertion = namespaces.assertion[name]
    if assertion then
      assertion.callback = with_difference(assertion.callback)
    end
  end
end

return asserts
