--- Constraints that what was written violates, as problems with its fields.
local catalogue = require "rille.model.catalogue"
local core = require "rille.core"
local errors = require "rille.error"

local violation = {}

local function problem(path, code, message)
  return { ["in"] = "body", path = path, code = code, message = message }
end

-- The code and message of a problem, by what was violated.
local KINDS = {
  ["db.23505"] = { "taken", "is taken already" },
  ["db.23503"] = { "unknown", "does not exist" },
  ["db.23514"] = { "check", "is not valid" },
}

--- The problems that a failure speaks of.
-- @tparam model model
-- @param err what was raised
-- @treturn ?table a list of `{ in, path, code, message }`; nil for any other failure
function violation.problems(model, err)
  if not errors.is(err) then
    return nil
  elseif err.code == "db.23502" and err.column and err.table == model.bare_table then
    return core.array { problem(err.column, "required", "is required") }
  end
  local kind = KINDS[err.code]
  local constraint = kind and catalogue.of(model).constraints[err.constraint]
  if not constraint or err.table ~= model.bare_table then
    return nil
  end
  return core.array { problem(constraint.columns[1] or "", kind[1], kind[2]) }
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
