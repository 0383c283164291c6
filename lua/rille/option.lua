--- A call's table of options: each looked at, those left out filled in, slips of the fingers told.
--
--     local KINDS = { max = option.count(1, 16), idle = option.duration(60), create = option.fn() }
--     local given = option.read("rille.pool", options, KINDS, 3)
local keys = require "rille.keys"
local nearest = require "rille.nearest"
local unit = require "rille.unit"

local option = {}

local function shown(value)
  return type(value) == "string" and ("'%s'"):format(value) or tostring(value)
end

-- A kind: `read(value, level)` gives the value as it is used, or nil and what the option is.
local function kind(otherwise, read)
  return { otherwise = otherwise, read = read }
end

--- An integer.
-- @tparam integer least
-- @tparam[opt] integer otherwise what it is when it is not given
-- @tparam[opt] integer most
function option.count(least, otherwise, most)
  return kind(otherwise, function(value)
    if type(value) == "number" and value >= least and value % 1 == 0 and value <= (most or 2 ^ 53) then
      return value
    end
    return nil, most and ("an integer from %d to %d"):format(least, most) or ("an integer from %d on"):format(least)
  end)
end

--- A duration, in seconds when it has been read.
-- @tparam ?number otherwise seconds
function option.duration(otherwise)
  return kind(otherwise, function(value, level) return unit.seconds(value, level) end)
end

--- A size, in bytes when it has been read.
-- @tparam ?number otherwise bytes
function option.size(otherwise)
  return kind(otherwise, function(value, level) return unit.bytes(value, level) end)
end

--- One of some texts.
-- @tparam {string,...} names at least two
-- @tparam ?string otherwise
function option.one_of(names, otherwise)
  return kind(otherwise, function(value)
    for _, name in ipairs(names) do
      if value == name then
        return value
      end
    end
    return nil, ("'%s' or '%s'"):format(table.concat(names, "', '", 1, #names - 1), names[#names])
  end)
end

local function of_type(name, words)
  return function()
    return kind(nil, function(value)
      if type(value) == name then
        return value
      end
      return nil, words
    end)
  end
end

--- A function.
option.fn = of_type("function", "a function")
--- A text.
option.text = of_type("string", "a text")
--- A switch.
option.switch = of_type("boolean", "true or false")

--- That a text may name a thing that all workers share.
-- @tparam string what it is: "a topic"
-- @param value
-- @tparam integer level whom to blame, as `error` takes it
-- @raise when it is no text, or too long
function option.name(what, value, level)
  if type(value) ~= "string" or value == "" or #value > 255 then
    error(("%s's name is a text of 1 to 255 bytes: got %s"):format(what, type(value) == "string" and #value .. " bytes"
      or tostring(value)), level + 1)
  end
end

--- The options of a call.
-- @tparam string call what is called, as errors name it
-- @tparam ?table given nil: none
-- @tparam table kinds by name
-- @tparam integer level whom to blame, as `error` takes it
-- @treturn table a new one: what was given, as it was read, and the rest by itself
function option.read(call, given, kinds, level)
  level = level + 1
  if given ~= nil and type(given) ~= "table" then
    error(("%s takes a table of options: got a %s"):format(call, type(given)), level)
  end
  local options = {}
  for name, value in pairs(given or {}) do
    local one = kinds[name]
    if not one then
      local names = keys.sorted(kinds)
      local meant = nearest.of(tostring(name), names)
      error(("%s: there is no option '%s': %s"):format(call, tostring(name), meant and ("did you mean '%s'?"):format(meant)
        or "there are " .. table.concat(names, ", ")), level)
    end
    local read, what = one.read(value, level)
    if read == nil then
      error(("%s: %s is %s: got %s"):format(call, name, what, shown(value)), level)
    end
    options[name] = read
  end
  for name, one in pairs(kinds) do
    if options[name] == nil then
      options[name] = one.otherwise
    end
  end
  return options
end

return option
