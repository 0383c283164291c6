--- Rows as a table, as psql prints them.
local core = require "rille.core"

local grid = {}

local MOST_ROWS = 200
local LEAST_CELL = 12 -- columns that a cell keeps, however many there are

local function text_of(value)
  if value == nil then
    return ""
  elseif type(value) == "table" then
    return core.json_encode(value)
  end
  return (tostring(value):gsub("[\r\n\t]", " "):gsub("%c", "?"))
end

local function length(text)
  return #text:gsub("[\128-\191]", "")
end

local function cut(text, most)
  if length(text) <= most then
    return text
  end
  local characters = {}
  for character in text:gmatch "[^\128-\191][\128-\191]*" do
    characters[#characters + 1] = character
    if #characters == most - 1 then
      break
    end
  end
  return table.concat(characters) .. "…"
end

local function padded(text, width, is_number)
  local blanks = (" "):rep(width - length(text))
  return is_number and blanks .. text or text .. blanks
end

-- The cells as texts, the widths, and which columns hold numbers.
local function measure(rows, names, most)
  local cells, widths, is_number = {}, {}, {}
  for i, name in ipairs(names) do
    widths[i], is_number[i] = length(name), true
  end
  for r = 1, math.min(#rows, MOST_ROWS) do
    cells[r] = {}
    for i, name in ipairs(names) do
      local value = rows[r][name]
      is_number[i] = is_number[i] and (value == nil or type(value) == "number")
      cells[r][i] = cut(text_of(value), most)
      widths[i] = math.max(widths[i], length(cells[r][i]))
    end
  end
  return cells, widths, is_number
end

--- Rows of a statement as text.
-- @tparam {row,...} rows
-- @tparam integer width columns of the terminal
-- @treturn string
function grid.of(rows, width)
  local count = ("(%d row%s)"):format(#rows, #rows == 1 and "" or "s")
  if #rows == 0 then
    return count
  end
  local meta, names = getmetatable(rows[1]), {}
  for i = 1, #meta / 2 do
    names[i] = meta[i]
  end
  local most = #names == 1 and math.huge or math.max(LEAST_CELL, math.floor(width / #names) - 3)
  local cells, widths, is_number = measure(rows, names, most)
  local lines, rules = {}, {}
  local function add(texts, are_names)
    local line = {}
    for i, text in ipairs(texts) do
      line[i] = " " .. padded(text, widths[i], is_number[i] and not are_names) .. " "
    end
    lines[#lines + 1] = (table.concat(line, "|"):gsub("%s+$", ""))
  end
  add(names, true)
  for i = 1, #names do
    rules[i] = ("-"):rep(widths[i] + 2)
  end
  lines[#lines + 1] = table.concat(rules, "+")
  for _, texts in ipairs(cells) do
    add(texts)
  end
  lines[#lines + 1] = #rows > MOST_ROWS and ("%s, the first %d of them above"):format(count, MOST_ROWS) or count
  return table.concat(lines, "\n")
end

return grid
