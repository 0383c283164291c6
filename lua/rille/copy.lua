--- Values as bytes, for another VM: what rille.threads gives its threads, and gets from them.
--
-- Plain data alone can be copied: texts, numbers, booleans, rille.null, tables of them, rille.array, rows. It is a tree
-- when it arrives: what stood in two places is there twice.
local core = require "rille.core"
local buffer = require "string.buffer"

local copy = {}

local MOST_DEPTH = 100
local MOST_BYTES = 2 ^ 28 -- of one value
local KIND_ROW = 1        -- core/vm/kind.h: its columns are its fields

local ARRAY = getmetatable(core.array {})
local PLAIN = { string = true, number = true, boolean = true, ["nil"] = true }

-- It keeps the memory of the largest value so far, and is for one value at a time: nothing here waits.
local function new_buffer()
  return buffer.new { metatable = { ARRAY } }
end

local function path_of(path, key)
  if type(key) == "number" then
    return ("%s[%s]"):format(path, key)
  end
  return type(key) == "string" and ("%s.%s"):format(path, key) or path
end

local function is_plain_table(value)
  local meta = getmetatable(value)
  return meta == nil or meta == ARRAY or type(meta) == "table" and rawget(meta, 0) == KIND_ROW
end

-- nil, or what is wrong with it.
local function problem(value, path, depth)
  if PLAIN[type(value)] or value == core.null then
    return nil
  elseif type(value) ~= "table" then
    return ("%s is a %s"):format(path, type(value))
  elseif not is_plain_table(value) then
    return ("%s is an object, with a metatable of its own"):format(path)
  elseif depth == MOST_DEPTH then
    return ("%s lies deeper than %d tables, or in itself"):format(path, MOST_DEPTH)
  end
  for key, item in next, value do
    local wrong = problem(key, "a key of " .. path, depth + 1) or problem(item, path_of(path, key), depth + 1)
    if wrong then
      return wrong
    end
  end
end

--- A value as bytes.
-- @param value
-- @tparam string what it is, for the error: "args"
-- @treturn string|nil nil when it cannot be copied
-- @treturn ?string then what is wrong with it
function copy.pack(value, what)
  local wrong = problem(value, what, 0)
  if wrong then
    return nil, wrong .. ": what is copied between threads is texts, numbers, booleans, rille.null and tables of them"
  end
  local bytes = new_buffer():encode(value):get()
  if #bytes > MOST_BYTES then
    return nil, ("%s is too large: %d bytes, of %d at most"):format(what, #bytes, MOST_BYTES)
  end
  return bytes
end

--- The value in bytes of copy.pack, and of nothing else.
-- @tparam string bytes
-- @return the value
function copy.unpack(bytes)
  return new_buffer():set(bytes):decode()
end

return copy
