--- The checks of values that are not made of others, as source.
--
-- Each kind gives an ordered list of { condition, code, message }: conditions on
-- the local `a` under which it is refused. The first that holds is the problem.
local describe = require "rille.schema.describe"
local format = require "rille.schema.format"

local scalar = {}

local checks = {} -- by kind: appends to a list of refusals
local coerced = {} -- by kind: what turns the text `a` into a value

local BYTES_OF_CHARACTER = 4 -- at most, in UTF-8
local OTHER_FORM = "does not have the expected form"

local function refuse(list, condition, code, message)
  list[#list + 1] = { condition, code, message }
end

-- ---- texts -----------------------------------------------------------------------

local function characters(count)
  return ("%d character%s"):format(count, count == 1 and "" or "s")
end

-- Bytes are known, characters must be counted: only when the bytes leave it open.
local function check_length(list, node)
  if node.min == 1 then
    refuse(list, [[a == ""]], "min", "must be at least 1 character")
  elseif node.min and node.min > 0 then
    refuse(list, ("#a < %d and count(a) < %d"):format(node.min * BYTES_OF_CHARACTER, node.min), "min",
      "must be at least " .. characters(node.min))
  end
  if node.max then
    refuse(list, ("#a > %d and (#a > %d or count(a) > %d)"):format(node.max, node.max * BYTES_OF_CHARACTER, node.max),
      "max", "must be at most " .. characters(node.max))
  end
end

-- PostgreSQL's text cannot hold U+0000, and C reads a text only up to there.
local function check_bytes(list, node, mode)
  if mode.is_text then
    refuse(list, "not is_utf8(a)", "format", "must be valid UTF-8")
  end
  if not node.nul then
    refuse(list, [[find(a, "\0", 1, true)]], "format", "must not hold the character U+0000")
  end
end

function checks.string(list, node, mode, source)
  refuse(list, [[type(a) ~= "string"]], "type")
  check_length(list, node)
  check_bytes(list, node, mode)
  local pattern = node.pattern
  if type(pattern) == "function" then
    refuse(list, ("not %s(a)"):format(source:constant(pattern)), "pattern", node.message or OTHER_FORM)
  elseif pattern then
    refuse(list, ("not find(a, %q)"):format(pattern), "pattern", node.message or OTHER_FORM)
  end
end

checks.secret = checks.string

local function check_format(condition)
  return function(list, node)
    refuse(list, [[type(a) ~= "string"]], "type")
    refuse(list, condition, "format", "must be " .. describe.noun(node))
  end
end

checks.email = check_format "not is_email(a)"
checks.uuid = check_format "not is_uuid(a)"

-- Bounds of dates are texts; compared is what they are since the epoch.
local function check_time(reader)
  local check = check_format(("not %s(a)"):format(reader))
  return function(list, node)
    check(list, node)
    if node.min then
      refuse(list, ("%s(a) < %.17g"):format(reader, format[reader](node.min)), "min", "must not be before " .. node.min)
    end
    if node.max then
      refuse(list, ("%s(a) > %.17g"):format(reader, format[reader](node.max)), "max", "must not be after " .. node.max)
    end
  end
end

checks.date = check_time "date"
checks.datetime = check_time "datetime"

-- ---- numbers and booleans ----------------------------------------------------------

local function shown(number)
  return (number % 1 == 0 and math.abs(number) < 1e15 and "%d" or "%.14g"):format(number)
end

local function check_bounds(list, min, max)
  if min then
    refuse(list, ("a < %.17g"):format(min), "min", "must be at least " .. shown(min))
  end
  if max then
    refuse(list, ("a > %.17g"):format(max), "max", "must be at most " .. shown(max))
  end
end

local EXACT_MOST = 2 ^ 53 -- a larger double stands for more than one integer

function checks.integer(list, node)
  refuse(list, [[type(a) ~= "number" or a % 1 ~= 0]], "type")
  check_bounds(list, node.min, node.max)
  if not node.min then
    refuse(list, ("a < -%.17g"):format(EXACT_MOST), "min", "must be at least -2^53")
  end
  if not node.max then
    refuse(list, ("a > %.17g"):format(EXACT_MOST), "max", "must be at most 2^53")
  end
end

function checks.number(list, node)
  refuse(list, [[type(a) ~= "number" or a - a ~= 0]], "type") -- NaN and the infinities
  check_bounds(list, node.min, node.max)
end

function checks.boolean(list)
  refuse(list, [[type(a) ~= "boolean"]], "type")
end

coerced.integer = "to_integer(a)"
coerced.number = "to_number(a)"
coerced.boolean = "to_boolean(a)"

-- ---- choices -----------------------------------------------------------------------

function checks.enum(list, node, _, source)
  refuse(list, ("%s[a] == nil"):format(source:constant(node.set)), node.kind == "enum" and "enum" or "literal",
    "must be " .. describe.noun(node))
end

checks.literal = checks.enum

-- "1" for 1, and "true" for true.
local function write_choice(source, node)
  local by_text = {}
  for _, value in ipairs(node.values) do
    by_text[tostring(value)] = value
  end
  source:add("local chosen = %s[a] if chosen ~= nil then a = chosen end", source:constant(by_text))
end

function checks.any() end

-- ---- writing -----------------------------------------------------------------------

--- Whether `node` is checked in the function around it.
function scalar.is(node)
  return checks[node.kind] ~= nil
end

local function write_coercion(source, node)
  if node.values then
    write_choice(source, node)
  elseif coerced[node.kind] then
    source:add([[if type(a) == "string" then a = %s end]], coerced[node.kind])
  end
end

--- Write the check of the local `a`, which is not nil.
-- @tparam table source
-- @tparam schema node a scalar
-- @tparam string key the expression of the last step of its path
-- @tparam table mode
function scalar.write(source, node, key, mode)
  if node.kind == "any" then
    source:add("a = copied(s, d, %s, a)", key)
    return
  end
  if mode.is_text then
    write_coercion(source, node)
  end
  local list, noun = {}, describe.noun(node)
  checks[node.kind](list, node, mode, source)
  for i, one in ipairs(list) do
    source:add("%s %s then", i == 1 and "if" or "elseif", one[1])
    if one[2] == "type" then
      source:add("%s(s, d, %s, a, %q)", mode.is_text and "mistype_text" or "mistype", key, noun)
    else
      source:add("fail(s, d, %s, %q, %q)", key, one[2], one[3])
    end
  end
  source:add "end"
end

return scalar
