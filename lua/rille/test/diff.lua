--- What differs between the value a spec wanted and the one that came.
local diff = {}

local MOST_LINES = 20   -- of differences: behind them only their number is told
local MOST_COMPARED = 400 -- lines of a text; longer ones are shown as luassert does
local LONGEST = 200     -- bytes of one value

local function shown(value)
  if type(value) == "string" then
    local text = #value > LONGEST and value:sub(1, LONGEST) .. "…" or value
    return '"' .. text:gsub("[%c\"\\]", function(c)
      return ({ ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\" })[c]
        or ("\\%d"):format(c:byte())
    end) .. '"'
  elseif type(value) == "table" then
    return next(value) == nil and "{}" or "a table"
  end
  return tostring(value)
end

-- ---- tables --------------------------------------------------------------------

local function step(path, key)
  if type(key) == "string" and key:find "^[%a_][%w_]*$" then
    return path == "" and key or path .. "." .. key
  end
  return ("%s[%s]"):format(path, type(key) == "string" and ("%q"):format(key) or tostring(key))
end

local function keys_of(a, b)
  local keys, seen = {}, {}
  for _, from in ipairs { a, b } do
    for key in next, from do
      if not seen[key] then
        seen[key] = true
        keys[#keys + 1] = key
      end
    end
  end
  table.sort(keys, function(x, y)
    if type(x) == "number" and type(y) == "number" then
      return x < y
    end
    return tostring(x) < tostring(y)
  end)
  return keys
end

local function compare(path, wanted, got, lines, seen)
  if rawequal(wanted, got) or wanted ~= wanted and got ~= got then
    return
  end
  if type(wanted) ~= "table" or type(got) ~= "table" then
    if wanted == nil then
      lines[#lines + 1] = ("  %s: not wanted, but %s"):format(path, shown(got))
    elseif got == nil then
      lines[#lines + 1] = ("  %s: missing, wanted %s"):format(path, shown(wanted))
    else
      lines[#lines + 1] = ("  %s: wanted %s, got %s"):format(path, shown(wanted), shown(got))
    end
    return
  end
  if seen[wanted] then
    return
  end
  seen[wanted] = true
  for _, key in ipairs(keys_of(wanted, got)) do
    compare(step(path, key), rawget(wanted, key), rawget(got, key), lines, seen)
  end
  seen[wanted] = nil
end

-- ---- texts ---------------------------------------------------------------------

local function lines_of(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\n" do
    lines[#lines + 1] = line
  end
  return lines
end

-- The longest common subsequence, backwards, by the textbook's table.
local function common(a, b)
  local longest = { [#a + 1] = setmetatable({}, { __index = function() return 0 end }) }
  for i = #a, 1, -1 do
    local row, below = { [#b + 1] = 0 }, longest[i + 1]
    for j = #b, 1, -1 do
      row[j] = a[i] == b[j] and below[j + 1] + 1 or math.max(below[j], row[j + 1])
    end
    longest[i] = row
  end
  return longest
end

local function compare_texts(wanted, got)
  local a, b = lines_of(wanted), lines_of(got)
  if #a > MOST_COMPARED or #b > MOST_COMPARED then
    return nil
  end
  local longest, out, i, j = common(a, b), {}, 1, 1
  while i <= #a or j <= #b do
    if i <= #a and j <= #b and a[i] == b[j] then
      out[#out + 1] = "    " .. a[i]
      i, j = i + 1, j + 1
    elseif j > #b or (i <= #a and longest[i + 1][j] >= longest[i][j + 1]) then
      out[#out + 1] = "  - " .. a[i]
      i = i + 1
    else
      out[#out + 1] = "  + " .. b[j]
      j = j + 1
    end
  end
  return out
end

-- ---- both ------------------------------------------------------------------------

local function cut(lines)
  if #lines > MOST_LINES then
    local more = #lines - MOST_LINES
    lines[MOST_LINES + 1] = ("  … and %d more"):format(more)
    return table.concat(lines, "\n", 1, MOST_LINES + 1)
  end
  return table.concat(lines, "\n")
end

--- The difference in words.
-- @param wanted
-- @param got
-- @treturn string|nil nil where the two values themselves say it best
function diff.of(wanted, got)
  if type(wanted) == "table" and type(got) == "table" then
    local lines = {}
    compare("", wanted, got, lines, {})
    return #lines > 0 and "They differ:\n" .. cut(lines) or nil
  end
  if type(wanted) == "string" and type(got) == "string" and (wanted .. got):find("\n", 1, true) then
    local lines = compare_texts(wanted, got)
    return lines and "They differ (- wanted, + got):\n" .. cut(lines) or nil
  end
  return nil
end

-- ---- in colours ---------------------------------------------------------------------

local WORDS = { -- of a line of `compare`: what is before the value, the value's colour, and the value
  { "^(  .-: missing, wanted )(.*)$", "green" }, { "^(  .-: not wanted, but )(.*)$", "red" },
}

local function coloured_line(line, colours)
  local before, wanted, got = line:match "^(  .-: wanted )(.-), got (.*)$"
  if before then
    return before .. colours.green(wanted) .. ", got " .. colours.red(got)
  elseif line:sub(1, 4) == "  - " then
    return colours.green(line)
  elseif line:sub(1, 4) == "  + " then
    return colours.red(line)
  end
  for _, form in ipairs(WORDS) do
    local start, value = line:match(form[1])
    if start then
      return start .. colours[form[2]](value)
    end
  end
  return line
end

--- A failure's message with its difference in colours: green what was wanted, red what came.
-- @tparam string message
-- @tparam table colours functions `green` and `red`, from a text to one
-- @treturn string
function diff.coloured(message, colours)
  local lines, is_inside = {}, false
  for i, line in ipairs(lines_of(message)) do
    if is_inside and line:sub(1, 2) == "  " then
      lines[i] = coloured_line(line, colours)
    else
      lines[i], is_inside = line, line:find "They differ[^:]*:$" ~= nil
    end
  end
  return table.concat(lines, "\n")
end

return diff
