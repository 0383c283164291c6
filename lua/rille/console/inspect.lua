--- A value as a person at a console wants to see it.
--
-- Bounded in every direction: a console is often opened where the tables are large. What a row holds is told
-- by column, what a model is by its columns and relations, which the database is asked for. Secrets stay hidden.
local catalogue = require "rille.model.catalogue"
local core = require "rille.core"
local errors = require "rille.error"
local place = require "rille.place"
local Query = require "rille.model.query"
local row = require "rille.model.row"

local inspect = {}

local MOST_DEPTH = 5     -- tables in tables
local MOST_ITEMS = 50    -- of one table
local MOST_VALUES = 1000 -- of all
local MOST_BYTES = 1000  -- of a string
local ROW = 1 -- RL_KIND_ROW of core/vm/kind.h

local COLOURS = { string = "32", number = "33", boolean = "33", dim = "2" }
local ESCAPES = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\" }

local function painted(state, kind, text)
  return state.has_colours and COLOURS[kind] and ("\27[%sm%s\27[m"):format(COLOURS[kind], text) or text
end

-- How many columns of a terminal it takes: no colours, and of a character's bytes the first.
local function width_of(text)
  return #text:gsub("\27%[[%d;]*m", ""):gsub("[\128-\191]", "")
end

local function quoted(text)
  return '"' .. text:gsub('[%c"\\]', function(byte) return ESCAPES[byte] or ("\\%d"):format(byte:byte()) end) .. '"'
end

local function shown_string(state, text)
  if #text <= MOST_BYTES then
    return painted(state, "string", quoted(text))
  end
  local cut = text:sub(1, MOST_BYTES):gsub("[\192-\255][\128-\191]*$", "") -- no half of a character
  return painted(state, "string", quoted(cut)) .. painted(state, "dim", ("… (%d bytes)"):format(#text))
end

local function shown_plain(state, value)
  local kind = type(value)
  if kind == "string" then
    return shown_string(state, value)
  elseif value == nil or value == core.null then
    return painted(state, "dim", value == nil and "nil" or "null")
  elseif kind == "function" then
    return painted(state, "dim", ("function (%s)"):format(place.of(value) or "Rille's, or Lua's own"))
  elseif kind == "number" and value % 1 == 0 and math.abs(value) < 1e15 then
    return painted(state, kind, ("%d"):format(value))
  end
  return painted(state, kind, tostring(value))
end

-- ---- tables -------------------------------------------------------------------------

-- On one line where that is short enough, else a line each.
local function joined(state, head, parts, indent)
  if #parts == 0 then
    return head .. "{}"
  end
  local line = head .. "{ " .. table.concat(parts, ", ") .. " }"
  if not line:find("\n", 1, true) and width_of(line) + #indent <= state.width then
    return line
  end
  return ("%s{\n%s  %s\n%s}"):format(head, indent, table.concat(parts, ",\n" .. indent .. "  "), indent)
end

local shown

-- Collects a table's parts as far as the bounds allow: `add(make)` is false when there is no room for more.
local function collector(state)
  local parts, left_out = {}, 0
  local function add(key, value, indent, depth)
    if #parts >= MOST_ITEMS or state.left <= 0 then
      left_out = left_out + 1
      return
    end
    parts[#parts + 1] = (key and key .. " = " or "") .. shown(state, value, indent .. "  ", depth + 1)
  end
  return add, function()
    if left_out > 0 then
      parts[#parts + 1] = painted(state, "dim", ("… and %d more"):format(left_out))
    end
    return parts
  end
end

local function shown_key(key)
  return type(key) == "string" and key:find "^[%a_][%w_]*$" and key or ("[%s]"):format(type(key) == "string" and quoted(key)
    or tostring(key))
end

-- The keys behind the list's part, names first.
local function keys_of(value, length)
  local keys = {}
  for key in next, value do
    if not (type(key) == "number" and key >= 1 and key <= length and key % 1 == 0) then
      keys[#keys + 1] = key
    end
  end
  table.sort(keys, function(a, b)
    if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then
      return a < b
    end
    return type(a) == "string" and type(b) ~= "string" or type(a) == type(b) and tostring(a) < tostring(b)
  end)
  return keys
end

local function shown_table(state, value, indent, depth)
  local add, finish = collector(state)
  local length = 0
  while rawget(value, length + 1) ~= nil do
    length = length + 1
    add(nil, rawget(value, length), indent, depth)
  end
  for _, key in ipairs(keys_of(value, length)) do
    add(shown_key(key), rawget(value, key), indent, depth)
  end
  return joined(state, "", finish(), indent)
end

-- A row's columns, in their order. NULL is no key of the table, but the column is there.
local function shown_row(state, value, names, indent, depth)
  local is_models = row.is(value)
  local add, finish = collector(state)
  for _, name in ipairs(names) do
    local column
    if is_models then
      column = row.value(value, name)
    else
      column = rawget(value, name)
    end
    if is_models and row.is_hidden(row.model(value), name) and column ~= nil then
      column = inspect.HIDDEN
    elseif column == nil then
      column = core.null
    end
    add(shown_key(name), column, indent, depth)
  end
  return joined(state, is_models and row.describe(value) .. " " or "", finish(), indent)
end

--- What stands for a column that JSON leaves out.
inspect.HIDDEN = setmetatable({}, { __tostring = function() return "(hidden: ask for the column by its name)" end })

local function column_names(value)
  local meta = getmetatable(value)
  if row.is(value) then
    return row.names(value)
  elseif type(meta) == "table" and rawget(meta, 0) == ROW then
    local names = {}
    for i = 1, #meta / 2 do
      names[i] = meta[i]
    end
    return names
  end
end

-- ---- models ----------------------------------------------------------------------------

local function add_columns(lines, model)
  local ok, facts = pcall(catalogue.of, model)
  if not ok then
    if facts == errors.CANCELLED then
      error(facts, 0)
    end
    lines[#lines + 1] = "  its columns are not known: " .. tostring(errors.is(facts) and facts.message or facts)
    return
  end
  local width = 0
  for _, name in ipairs(facts.names) do
    width = math.max(width, #name)
  end
  for _, name in ipairs(facts.names) do
    local column = facts.columns[name]
    lines[#lines + 1] = ("  %-" .. width .. "s  %s%s"):format(name, column.type, column.is_null and "" or " not null")
  end
end

local function shown_model(model)
  local lines = { ("model of %s, at %s"):format(model.table, model.at) }
  add_columns(lines, model)
  local relations = {}
  for name, relation in pairs(model.relations) do
    relations[#relations + 1] = ("  %s: %s"):format(name, relation.kind)
  end
  table.sort(relations)
  return table.concat(lines, "\n") .. (#relations > 0 and "\n" or "") .. table.concat(relations, "\n")
end

-- ---- any value ------------------------------------------------------------------------------

-- What says of itself what it is.
local function told(value)
  local meta = getmetatable(value)
  if type(meta) == "table" and rawget(meta, "__tostring") then
    local ok, text = pcall(tostring, value)
    return ok and type(text) == "string" and text or nil
  end
end

-- What is made by Rille is not shown from inside: a database knows its URL, and that a password.
local function named(state, value)
  local meta = getmetatable(value)
  local name = type(meta) == "table" and rawget(meta, "__name")
  return type(name) == "string" and name:find "^rille%." and painted(state, "dim", "(" .. name .. ")") or nil
end

local function shown_object(state, value, indent, depth)
  local names = column_names(value)
  if depth > MOST_DEPTH then
    return painted(state, "dim", "{…}")
  elseif names then
    return shown_row(state, value, names, indent, depth)
  elseif Query.is(value) and rawget(value, "model") == value then
    return depth == 1 and shown_model(value) or tostring(value)
  end
  return told(value) or named(state, value) or shown_table(state, value, indent, depth)
end

function shown(state, value, indent, depth)
  state.left = state.left - 1
  if type(value) ~= "table" or value == core.null then
    return shown_plain(state, value)
  elseif state.around[value] then
    return painted(state, "dim", "(itself)")
  end
  state.around[value] = true
  local text = shown_object(state, value, indent, depth)
  state.around[value] = nil
  return text
end

--- A value in text. **Yields**, where the database is to be asked for a model's columns.
-- @param value any
-- @tparam table options `width`: columns of the terminal; `has_colours`
-- @treturn string
function inspect.of(value, options)
  local state = { width = options.width, has_colours = options.has_colours, left = MOST_VALUES, around = {} }
  return shown(state, value, "", 1)
end

return inspect
