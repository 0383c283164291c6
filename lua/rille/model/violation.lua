--- Constraints that what was written violates, as problems with its fields.
local catalogue = require "rille.model.catalogue"
local core = require "rille.core"
local errors = require "rille.error"

local violation = {}

local function problem(path, code, message)
  return { ["in"] = "body", path = path, code = code, message = message }
end

-- The code and message of the problems, by what was violated.
local KINDS = {
  ["db.23505"] = { "taken", "is taken already" },
  ["db.23503"] = { "unknown", "does not exist" },
  ["db.23514"] = { "check", "is not valid" },
}

-- What several columns violate only together is a problem of each: whichever of them is looked at has it.
local function problems_of(columns, code, message)
  local list = {}
  for i, name in ipairs(columns) do
    local others = {}
    for _, other in ipairs(columns) do
      others[#others + 1] = other ~= name and other or nil
    end
    local together = #others > 0 and " together with " .. table.concat(others, ", ") or ""
    list[i] = problem(name, code, message .. together)
  end
  return core.array(#list > 0 and list or { problem("", code, message) })
end

--- The problems that a failure speaks of.
-- @tparam model model
-- @param err what was raised
-- @treturn ?table a list of `{ in, path, code, message }`, one for each column of the constraint; nil for any other
-- failure
function violation.problems(model, err)
  if not errors.is(err) or err.table ~= model.bare_table then
    return nil
  elseif err.code == "db.23502" and err.column then
    return core.array { problem(err.column, "required", "is required") }
  end
  local kind = KINDS[err.code]
  local constraint = kind and model.facts and model.facts.constraints[err.constraint]
  if not constraint then
    if kind then
      catalogue.forget(model) -- it was made since
    end
    return nil
  end
  return problems_of(constraint.columns, kind[1], kind[2])
end

--- Say in a failure which fields it is about.
-- @return the same
function violation.explained(model, err)
  if errors.is(err) and err.code == "db.23505" and err.details == nil then
    err.details = violation.problems(model, err)
  end
  return err
end

return violation
