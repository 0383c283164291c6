--- What one parse found wrong.
--
--     s = { "items", 2,  n = 1, quiet = 0, problems = { { path, code, message } }, … }
--           the way to the value being checked: its first `d` places count
--
-- Problems are counted in `n`, whatever becomes of them: a check that wants to
-- know whether another one passed compares `n` before and after. While `quiet`
-- is above 0 an attempt is made whose problems nobody will read.
local copy = require "rille.schema.copy"
local core = require "rille.core"
local path = require "rille.schema.path"

local getmetatable, setmetatable, type, rawget = getmetatable, setmetatable, type, rawget
local nkeys = require "table.nkeys"

local array_meta = getmetatable(core.array {})
local null = core.null

local report = {}

local PROBLEM_MOST = 100    -- listed: a stranger's list of 100,000 mistakes is not worth its answer

--- A new, empty report.
-- @tparam ?string place goes into each problem as `in`: "body", "query", …
function report.new(place)
  -- Four places of the path are made with the table: deeper values are rare.
  return { false, false, false, false, n = 0, quiet = 0, problems = false, memo = false, place = place or false }
end

--- Note a problem with the value on the way s[1..d], key.
-- @tparam table s
-- @tparam integer d
-- @tparam ?string|integer key
-- @tparam string code a short stable word for programs
-- @tparam string message for people; reads well behind the path
function report.fail(s, d, key, code, message)
  local n = s.n + 1
  s.n = n
  if s.quiet > 0 or n > PROBLEM_MOST then
    return
  end
  local problems = s.problems or {}
  s.problems = problems
  problems[n] = { ["in"] = s.place or nil, path = path.text(s, d, key), code = code, message = message }
end

--- Note that a value is of another type than `noun` says.
function report.mistype(s, d, key, value, noun)
  report.fail(s, d, key, "type", "must be " .. noun .. (value == null and ", not null" or ""))
end

--- The same for text fields, where a list is a field that was given repeatedly.
function report.mistype_text(s, d, key, value, noun)
  if type(value) == "table" and rawget(value, 1) ~= nil then
    return report.fail(s, d, key, "repeated", "must be given only once")
  end
  report.mistype(s, d, key, value, noun)
end

--- Note every key of `value` that is not in `known`: a misspelt field must not
-- be ignored in silence.
function report.unknown(s, d, value, known)
  local room = PROBLEM_MOST - s.n
  if s.quiet > 0 or room <= 0 then
    s.n = s.n + 1
    return
  end
  local names = {}
  for key in next, value do
    if not known[key] then
      names[#names + 1] = key
      if #names > room then
        break
      end
    end
  end
  table.sort(names, function(a, b)
    local type_a, type_b = type(a), type(b)
    if type_a ~= type_b then
      return type_a < type_b
    end
    return (type_a == "string" or type_a == "number") and a < b
  end)
  for i = 1, #names do
    local name = names[i]
    report.fail(s, d, type(name) == "number" and name - 1 or name, "unknown", "is not a known field")
  end
end

--- Run an author's refinements on a value that passed everything else.
-- @tparam table list of { fn, message, path }
-- @tparam boolean is_secret then only messages written in the schema are shown
function report.refine(s, d, key, value, list, is_secret)
  for i = 1, #list do
    local one = list[i]
    local ok, message = one.fn(value)
    if not ok then
      if is_secret or type(message) ~= "string" then
        message = one.message
      end
      if not one.path then
        report.fail(s, d, key, "custom", message)
      elseif key == nil then
        report.fail(s, d, one.path, "custom", message)
      else
        s[d + 1] = key
        report.fail(s, d + 1, one.path, "custom", message)
      end
    end
  end
end

--- What an absent value is: its default, nothing, or a problem.
-- @tparam schema node says which
function report.absent(s, node)
  local value = node.default_value
  if node.has_default then
    return type(value) == "function" and value() or copy(value)
  elseif not node.is_optional then
    report.fail(s, 0, nil, "required", "is required")
  end
end

--- Whether `run` takes `value`; what was wrong is not said.
function report.accepts(s, d, value, run)
  local before = s.n
  s.quiet = s.quiet + 1
  run(value, s, d)
  s.quiet = s.quiet - 1
  local ok = s.n == before
  s.n = before
  return ok
end

--- Whether a table is a list: an array, or the keys 1 to n. `{}` may be either:
-- from JSON it is an object, as an array is marked; from Lua it is what is wanted.
function report.is_list(value, empty_is_list)
  if type(value) ~= "table" then
    return false
  end
  if getmetatable(value) == array_meta then
    return true
  end
  local count = #value
  return count == nkeys(value) and (count > 0 or empty_is_list)
end

-- "array", "object", or Lua's name of the type.
local function shape(value)
  if type(value) ~= "table" then
    return type(value)
  end
  return report.is_list(value, false) and "array" or "object"
end

--- Say why no member of a union takes `value`: what the one member says that is
-- made for this type of value, or that it must be one of them all.
-- @tparam table union `takes`: for each member a set of shapes; `runs`; `noun`
function report.explain(s, d, value, union)
  local only
  for i, takes in ipairs(union.takes) do
    if takes[shape(value)] then
      if only or s.quiet > 0 then
        only = nil
        break
      end
      only = union.runs[i]
    end
  end
  local before = s.n
  if only then
    only(value, s, d)
  end
  if s.n == before then
    report.fail(s, d, nil, "union", "must be " .. union.noun .. (value == null and ", not null" or ""))
  end
end

local REFUSED = {} -- remembered for a table that a union does not take

--- What the union said of this very table before, in another attempt.
-- A recursive union inside a union would be tried again by each attempt of each
-- one around it: twice as often with every level, for a value that a stranger chose.
-- @treturn boolean whether anything is remembered, then the value; nil when it was refused
function report.recall(s, union, value)
  local seen = s.memo and s.memo[union]
  if not seen or seen[value] == nil then
    return false, nil
  end
  local result = seen[value]
  if result == REFUSED then
    return true, nil
  end
  return true, result
end

--- Remember it; nil for refused.
function report.remember(s, union, value, result)
  local memo = s.memo or {}
  s.memo = memo
  local seen = memo[union]
  if not seen then
    seen = {}
    memo[union] = seen
  end
  if result == nil then
    result = REFUSED
  end
  seen[value] = result
end

--- Copy the fields of `value` that are not in `known` to `result`.
function report.keep(s, d, value, known, result)
  for key, inner in next, value do
    if not known[key] then
      result[key] = report.copied(s, d, key, inner)
    end
  end
end

--- A deep copy of a value that has no schema of its own.
function report.copied(s, d, key, value)
  local result = copy(value, d)
  if result == nil then
    report.too_deep(s, d, key)
  end
  return result
end

--- Note that a value is nested deeper than any JSON may be.
function report.too_deep(s, d, key)
  report.fail(s, d, key, "depth", "must not be nested so deeply")
end

--- The value of a field that was given once, of whatever was given repeatedly.
function report.only(list)
  if rawget(list, 2) == nil then
    local first = rawget(list, 1)
    if first ~= nil then
      return first
    end
  end
  return list
end

--- The list of problems for the caller.
function report.finish(s)
  local problems = setmetatable(s.problems or {}, array_meta)
  if s.n > PROBLEM_MOST then
    problems[PROBLEM_MOST + 1] = {
      ["in"] = s.place or nil, path = "", code = "more",
      message = ("has more problems: these are the first %d"):format(PROBLEM_MOST),
    }
  end
  return problems
end

return report
