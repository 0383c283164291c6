--- The options of schemas, and what is wrong with them.
local format = require "rille.schema.format"
local keys = require "rille.keys"
local pattern = require "rille.schema.pattern"

local option = {}

-- A backtracking pattern may take the square of the length, or more; a function
-- that matches need not.
local PATTERN_MOST = 1000

-- ---- rules: whether a value is right, and what it must be ----------------------------

local function is_number(x)
  return type(x) == "number" and x - x == 0
end

local function is_count(x)
  return is_number(x) and x >= 0 and x % 1 == 0
end

local function is_pattern(x)
  return type(x) == "function" or (type(x) == "string" and pattern.is_valid(x))
end

local function is_text(x)
  return type(x) == "string"
end

local function is_boolean(x)
  return type(x) == "boolean"
end

local function is_date(x)
  return is_text(x) and format.date(x) ~= nil
end

local function is_datetime(x)
  return is_text(x) and format.datetime(x) ~= nil
end

local UNKNOWN = { refuse = true, keep = true, drop = true }
local function is_unknown(x)
  return UNKNOWN[x]
end

local COUNT = { is_count, "a count, 0 or more" }
local NUMBER = { is_number, "a number" }
local DATE = { is_date, "a date such as 2024-01-31" }
local DATETIME = { is_datetime, "a date and time such as 2024-01-31T09:30:00Z" }
local SIZES = { min = COUNT, max = COUNT }
local BOUNDS = { min = NUMBER, max = NUMBER }
local TEXT = {
  min = COUNT, max = COUNT, nul = { is_boolean, "true or false" },
  pattern = { is_pattern, "a Lua pattern, or a function of the text" }, message = { is_text, "a text" },
}

local RULES = {
  string = TEXT, secret = TEXT, integer = BOUNDS, number = BOUNDS, array = SIZES, map = SIZES,
  date = { min = DATE, max = DATE }, datetime = { min = DATETIME, max = DATETIME },
  object = { unknown = { is_unknown, '"refuse", "keep" or "drop"' } },
}

-- ---- checking ------------------------------------------------------------------------

local function fail(level, message, ...)
  error(message:format(...), level + 1)
end

local function check_order(kind, options, level)
  local min, max = options.min, options.max
  local read = format[kind] -- bounds of dates are texts
  if min and max and (read and read(min) > read(max) or not read and min > max) then
    fail(level + 1, "v.%s: min is %s and max is %s: no value is both", kind, tostring(min), tostring(max))
  end
end

local function bound_pattern(kind, options, level)
  if type(options.pattern) ~= "string" then
    return
  end
  options.max = options.max or math.max(PATTERN_MOST, options.min or 0)
  if options.max > PATTERN_MOST then
    fail(level + 1, "v.%s: a pattern may take very long on a long text: max must be at most %d, or pattern a function",
      kind, PATTERN_MOST)
  end
end

--- A copy of the options of a v.<kind>.
-- @tparam string kind
-- @tparam ?table options as the author gave them
-- @tparam integer level whose mistake it is, as in `error`
-- @raise when there is no such option, or its value is wrong
function option.check(kind, options, level)
  local rules, copied = RULES[kind], {}
  if not rules then
    if options ~= nil then
      fail(level + 1, "v.%s takes no options", kind)
    end
    return copied
  end
  if options ~= nil and (type(options) ~= "table" or getmetatable(options) ~= nil) then
    fail(level + 1, "v.%s: its options are a table, as in { %s = … }, got a %s", kind, keys.sorted(rules)[1],
      type(options) == "table" and "schema" or type(options))
  end
  for name, value in pairs(options or {}) do
    local rule = rules[name]
    if not rule then
      fail(level + 1, "v.%s has no option '%s': there are %s", kind, tostring(name),
        table.concat(keys.sorted(rules), ", "))
    elseif not rule[1](value) then
      fail(level + 1, "v.%s: %s must be %s, got %s", kind, name, rule[2], tostring(value))
    end
    copied[name] = value
  end
  check_order(kind, copied, level + 1)
  bound_pattern(kind, copied, level + 1)
  return copied
end

return option
