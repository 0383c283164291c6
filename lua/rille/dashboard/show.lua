--- Numbers as the dashboard shows them.
local show = {
  LATE_MS = 50, -- a loop that lags so far behind keeps everybody waiting
}

--- A time in milliseconds: "0.42 ms", "12.5 ms", "1.25 s", "3 m 20 s".
-- @tparam ?number value
-- @treturn string
function show.ms(value)
  if not value then
    return "–"
  elseif value < 10 then
    return ("%.2f ms"):format(value)
  elseif value < 1000 then
    return (value < 100 and "%.1f ms" or "%.0f ms"):format(value)
  elseif value < 60000 then
    return ("%.2f s"):format(value / 1000)
  end
  return show.span(value / 1000)
end

local UNITS = { { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 } }

--- Seconds by their two greatest units: "3 h 12 m".
-- @tparam number seconds
-- @treturn string
function show.span(seconds)
  seconds = math.max(0, math.floor(seconds))
  local i = 1
  while i < #UNITS and seconds < UNITS[i][2] do
    i = i + 1
  end
  local words = ("%d %s"):format(math.floor(seconds / UNITS[i][2]), UNITS[i][1])
  local rest = UNITS[i + 1] and math.floor(seconds % UNITS[i][2] / UNITS[i + 1][2]) or 0
  return rest > 0 and ("%s %d %s"):format(words, rest, UNITS[i + 1][1]) or words
end

--- "812 B", "3.2 KB", "17.4 MB", "1.2 GB": of 1,024.
-- @tparam ?number value
-- @treturn string
function show.bytes(value)
  if not value then
    return "–"
  end
  for _, unit in ipairs { "B", "KB", "MB", "GB" } do
    if value < 1000 or unit == "GB" then
      return (unit == "B" and "%d %s" or "%.1f %s"):format(value, unit)
    end
    value = value / 1024
  end
end

--- A whole number with its thousands apart: "12,345".
-- @tparam ?number value
-- @treturn string
function show.count(value)
  if not value then
    return "–"
  end
  local text = ("%.0f"):format(value):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

--- The time of day of a unix time, UTC: "14:03:27.250".
-- @tparam number seconds
-- @treturn string
function show.time(seconds)
  return os.date("!%H:%M:%S", math.floor(seconds)) .. ("%.3f"):format(seconds % 1):sub(2)
end

--- How much of `whole` that is, in thousandths, for the width of a bar: 0 to 1000.
-- @tparam ?number part
-- @tparam ?number whole
-- @treturn integer
function show.share(part, whole)
  if not part or not whole or whole <= 0 then
    return 0
  end
  return math.floor(math.min(1, math.max(0, part / whole)) * 1000 + 0.5)
end

return show
