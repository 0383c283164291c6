--- Rows: plain tables that know their columns.
local core = require "rille.core"

local ROW = 1 -- RL_KIND_ROW of core/vm/kind.h

local function unknown_column(key, names)
  return ("no column %q in this row: it has %s"):format(tostring(key), table.concat(names, ", "))
end

-- As it stands before its value in a JSON object; false for a name that is no UTF-8.
local function json_key(i, name)
  local is_text, text = pcall(core.json_encode, name)
  return is_text and (i == 1 and "{" or ",") .. text .. ":"
end

-- The metatable of all rows with these columns; nil and a name that comes twice.
local function shape(names)
  local known, meta = {}, { [0] = ROW }
  for i, name in ipairs(names) do
    if known[name] then
      return nil, name
    end
    known[name], meta[i] = true, name
  end
  for i, name in ipairs(names) do
    meta[#names + i] = json_key(i, name)
  end
  function meta.__index(_, key)
    if not known[key] then
      error(unknown_column(key, names), 2)
    end
    return nil -- SQL NULL
  end
  function meta.__newindex(row, key, value)
    if not known[key] then
      error(("a row takes no field but its columns (%s): put '%s' beside it, in a table of your own that holds both")
        :format(table.concat(names, ", "), tostring(key)), 2)
    end
    rawset(row, key, value)
  end
  return meta
end

core.pg_shape(shape)
