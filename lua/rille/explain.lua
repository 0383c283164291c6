--- How PostgreSQL would run a statement, for who looks at what requests have asked.
--
-- EXPLAIN alone, never ANALYZE, in a transaction that only reads: nothing is run. The values are not known (the record
-- of requests keeps none), so the statement is prepared, and the plan is the one for any values.
local db = require "rille.db"

local TIMEOUT = "5s" -- whoever waits looks at a page

local function plan_of(held, sql)
  held:exec "set local plan_cache_mode = force_generic_plan"
  held:exec("prepare rille_explained as " .. sql)
  local count = held:one([[select cardinality(parameter_types)::int as n from pg_prepared_statements
    where name = 'rille_explained']]).n
  local values = count > 0 and "(" .. ("null, "):rep(count - 1) .. "null)" or ""
  local lines = {}
  for i, row in ipairs(held:query("explain execute rille_explained" .. values)) do
    lines[i] = row["QUERY PLAN"]
  end
  return table.concat(lines, "\n")
end

--- The plan of a statement. **Yields.**
-- @tparam string sql select, insert, update, delete, values or with: what PREPARE takes
-- @treturn ?string the plan, a line a node; nil where it cannot be had
-- @treturn ?string why not
return function(sql)
  local handle = db:with { prepared = false, timeout = TIMEOUT }
  local ok, plan = pcall(handle.hold, handle, function(held)
    local is_made, text = pcall(held.transaction, held, function() return plan_of(held, sql) end, { read_only = true })
    pcall(held.exec, held, "deallocate rille_explained") -- which a rollback leaves
    return is_made and text or error(text, 0)
  end)
  if ok then
    return plan
  end
  return nil, type(plan) == "table" and plan.message or tostring(plan)
end
