--- What may stand behind the words at the cursor: `Post:wh` is where, where_in, where_null.
--
-- The values are looked at, and none of the app's code is run for it, but that a model is loaded.
local config = require "rille.config"
local Query = require "rille.model.query"
local row = require "rille.model.row"

local complete = {}

local MOST_NAMES = 200 -- that are listed
local MOST_PARENTS = 20 -- metatables behind a table

-- Whether only functions are of interest: the rest is what it is made of.
local function is_object(value)
  local meta = getmetatable(value)
  return Query.is(value) or type(meta) == "table" and type(rawget(meta, "__name")) == "string"
end

local function add_row_names(names, value)
  local model = row.model(value)
  for _, name in ipairs(row.names(value)) do
    names[name] = "column"
  end
  for _, from in ipairs { row.methods, model.row } do
    for name in next, from do
      names[name] = "function"
    end
  end
  for _, from in ipairs { model.relations, model.computed } do
    for name in next, from do
      names[name] = "field"
    end
  end
end

-- The names in a value, and of what type each is.
local function names_in(value)
  local names = {}
  if type(value) == "string" then
    value = string
  elseif value == config.current.values then
    for _, name in ipairs(config.current:names()) do
      names[name] = "setting"
    end
    return names
  elseif row.is(value) then
    add_row_names(names, value)
    return names
  end
  local only_functions = type(value) == "table" and is_object(value)
  for _ = 1, MOST_PARENTS do
    if type(value) ~= "table" then
      break
    end
    for name, field in next, value do
      if type(name) == "string" and not names[name] and not (only_functions and type(field) ~= "function") then
        names[name] = type(field)
      end
    end
    local meta = getmetatable(value)
    value = type(meta) == "table" and rawget(meta, "__index") or nil
  end
  return names
end

-- A field's value, without any code that would be run for it.
local function field_of(value, name)
  if type(value) == "string" then
    return string[name]
  elseif row.is(value) then
    return row.value(value, name)
  end
  for _ = 1, MOST_PARENTS do
    if type(value) ~= "table" then
      return nil
    end
    local field = rawget(value, name)
    if field ~= nil then
      return field
    end
    local meta = getmetatable(value)
    value = type(meta) == "table" and rawget(meta, "__index") or nil
  end
end

-- The names that could be meant, and how much of one is there already.
local function candidates(env, names, before)
  local path, mark, word = before:match "([%a_][%w_%.]*)([%.:])([%w_]*)$"
  if not path then
    word = before:match "[%w_]*$"
    return before:find "[%.:]%s*[%w_]*$" and {} or names, word, nil
  end
  local value
  for name in path:gmatch "[^%.]+" do
    if value == nil then
      value = env[name]
    else
      value = field_of(value, name)
    end
    if value == nil then
      return {}, word, mark
    end
  end
  return names_in(value), word, mark
end

local function matching(names, word, mark)
  local list = {}
  for name, kind in pairs(names) do
    local is_wanted = name:sub(1, #word) == word and name:find "^[%a_][%w_]*$" and (word ~= "" or name:sub(1, 1) ~= "_")
    if is_wanted and (mark ~= ":" or kind == "function") then
      list[#list + 1] = name
    end
  end
  table.sort(list)
  return list
end

local function common_prefix(list)
  local prefix = list[1] or ""
  for _, name in ipairs(list) do
    while name:sub(1, #prefix) ~= prefix do
      prefix = prefix:sub(1, -2)
    end
  end
  return prefix
end

-- In columns, downwards, as a folder's files are listed.
local function columns(list, width)
  local widest, count = 0, math.min(#list, MOST_NAMES)
  for i = 1, count do
    widest = math.max(widest, #list[i])
  end
  local across = math.max(1, math.floor(width / (widest + 2)))
  local down = math.ceil(count / across)
  local lines = {}
  for line = 1, down do
    local cells = {}
    for i = line, count, down do
      cells[#cells + 1] = ("%-" .. widest .. "s"):format(list[i])
    end
    lines[line] = table.concat(cells, "  "):gsub("%s+$", "")
  end
  if #list > count then
    lines[#lines + 1] = ("… and %d more"):format(#list - count)
  end
  return table.concat(lines, "\n")
end

--- What Tab does. **Yields**, where a model is to be loaded.
-- @tparam table env the console's environment
-- @tparam table names what is in it, as keys
-- @tparam string before the line up to the cursor
-- @tparam integer width of the terminal, in columns
-- @treturn string what is sure, to be put in
-- @treturn string what there is to choose from, when nothing is sure
function complete.of(env, names, before, width)
  local found, word, mark = candidates(env, names, before)
  local list = matching(found, word, mark)
  local insert = common_prefix(list):sub(#word + 1)
  return insert, insert == "" and #list > 1 and columns(list, width) or ""
end

return complete
