--- Several functions at once, each in a task of its own, and one wait for them.
local line = require "rille.line"
local tasks = require "rille.task"

local several = {}

local function cancel_all(running)
  for _, task in pairs(running) do
    task:cancel()
  end
end

-- `all{ users = db:query(…) }` has waited already.
local function check_functions(functions, call, level)
  for key, fn in pairs(functions) do
    if type(fn) ~= "function" then
      error(("%s takes functions, and calls them: '%s' is a %s. Write %s = function() return … end"):format(call,
        tostring(key), type(fn), type(key) == "string" and key or "[" .. tostring(key) .. "]"), level + 1)
    end
  end
end

--- Run all functions of the table at once; one wait for all. **Yields.**
-- The first error cancels the rest and is raised.
-- @tparam table functions by any keys
-- @treturn table their first results, by the same keys
function several.all(functions)
  if type(functions) ~= "table" then
    error("all takes a table of functions: got a " .. type(functions), 2)
  end
  check_functions(functions, "all", 2)
  local group, running, results = line.new(), {}, {}
  for key, fn in pairs(functions) do
    running[key] = tasks.spawn_in(group, fn)
  end
  while next(running) do
    for key, task in pairs(running) do
      local has_failed, err = tasks.has_failed(task)
      if has_failed then
        running[key] = nil
        cancel_all(running)
        error(err, 0)
      elseif task:done() then
        results[key] = (task:await())
        running[key] = nil
      end
    end
    if next(running) then
      line.stand(group, false)
    end
  end
  return results
end

--- Run all functions at once; the first that succeeds gives the result, the
-- others are cancelled. **Yields.** When all fail, the last error is raised.
-- @tparam table functions by any keys
-- @return the first result of the winner
function several.any(functions)
  if type(functions) ~= "table" or next(functions) == nil then
    error("any takes a table of functions, at least one", 2)
  end
  check_functions(functions, "any", 2)
  local group, running, last = line.new(), {}, nil
  for key, fn in pairs(functions) do
    running[key] = tasks.spawn_in(group, fn)
  end
  while true do
    for key, task in pairs(running) do
      local has_failed, err = tasks.has_failed(task)
      if has_failed then
        running[key], last = nil, err
      elseif task:done() then
        running[key] = nil
        cancel_all(running)
        return (task:await())
      end
    end
    if not next(running) then
      error(last, 0)
    end
    line.stand(group, false)
  end
end

return several
