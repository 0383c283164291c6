--- A Lua function being written: its source, and the values it refers to.
--
-- Only names of our own and `%q` of an author's texts get into the source. Every
-- other value is one of the constants, which the function finds as upvalues: the
-- JIT compiler takes those for constants too.
local Source = {}
Source.__index = Source

-- A function has at most 60 upvalues; what is beyond these lies in a table.
local UPVALUE_MOST = 36

--- An empty source.
-- @tparam table runtime functions that the source may call by their name
function Source.new(runtime)
  return setmetatable({ runtime = runtime, lines = {}, constants = {}, places = {}, names = {} }, Source)
end

--- Append a line; `format` as string.format.
function Source:add(format, ...)
  self.lines[#self.lines + 1] = select("#", ...) > 0 and format:format(...) or format
end

--- The expression of a value that is no text: a function, a table, null.
function Source:constant(value)
  local place = self.places[value]
  if not place then
    place = #self.constants + 1
    self.constants[place], self.places[value] = value, place
  end
  return place <= UPVALUE_MOST and "k" .. place or ("K[%d]"):format(place)
end

--- The expression of a scalar, else of a constant.
function Source:literal(value)
  local kind = type(value)
  if kind == "string" then
    return ("%q"):format(value)
  elseif kind == "boolean" then
    return tostring(value)
  elseif kind == "number" and value - value == 0 then
    return ("(%.17g)"):format(value)
  end
  return self:constant(value)
end

local function names_of(prefix, count)
  local names = {}
  for i = 1, count do
    names[i] = prefix .. i
  end
  return table.concat(names, ", ")
end

--- The function that the source, a chunk, returns.
function Source:load()
  local head = { "local K, R = ..." }
  for name in pairs(self.runtime) do
    head[#head + 1] = ("local %s = R.%s"):format(name, name)
  end
  local count = math.min(#self.constants, UPVALUE_MOST)
  if count > 0 then
    head[#head + 1] = ("local %s = %s"):format(names_of("k", count), "unpack(K, 1, " .. count .. ")")
  end
  local text = table.concat(head, "\n") .. "\n" .. table.concat(self.lines, "\n") .. "\n"
  return assert(load(text, "=schema", "t"))(self.constants, self.runtime)
end

return Source
