--- Time zones, from the system's own tables: /usr/share/zoneinfo (RFC 8536).
--
--     UTC  --offset-->  what the clocks there show ("local": seconds as if they were UTC)
--
--     local |----------|          |--------------|       a gap: shown by no clock
--     UTC   |----------|--------------------------|
--     local |---------------|                            a doubled hour: shown twice
--                     |--------------------------|
--
-- Up to the table's last change its own times hold, beyond that its rule ("CET-1CEST,M3.5.0,M10.5.0/3").
local calendar = require "rille.calendar"

local zone = {}

local ROOT = "/usr/share/zoneinfo/"
local DAY, HEADER = 86400, 44
local MOST_BYTES = 256 * 1024 -- the longest table is a few thousand

local Zone = { __name = "rille.zone" }
Zone.__index = Zone

-- ---- the rule behind the table -----------------------------------------------------------

-- "-1:30", hours and minutes, as seconds.
local function seconds_of(text)
  local sign, h, m, s = text:match "^([+-]?)(%d+):?(%d*):?(%d*)$"
  local seconds = tonumber(h) * 3600 + (tonumber(m) or 0) * 60 + (tonumber(s) or 0)
  return sign == "-" and -seconds or seconds
end

local function read_change(text)
  local date, time = text:match "^([^/]+)/?(.*)$"
  local change = { time = time == "" and 7200 or seconds_of(time) }
  local month, week, weekday = date:match "^M(%d+)%.(%d+)%.(%d+)$"
  if month then
    change.month, change.week, change.weekday = tonumber(month), tonumber(week), tonumber(weekday)
  else
    local is_julian, number = date:match "^(J?)(%d+)$"
    change.day, change.is_julian = tonumber(number), is_julian == "J"
  end
  return change
end

-- West is positive there, and a name may stand in < >.
local function read_rule(text)
  local rest = text:gsub("<[^>]*>", "X")
  local standard, behind = rest:match "^%a+([-+%d:]+)(.*)$"
  if not standard then
    return nil
  end
  local rule = { standard = -seconds_of(standard) }
  local summer, from, to = behind:match "^%a+([-+%d:]*),([^,]+),([^,]+)$"
  if summer then
    rule.summer = summer == "" and rule.standard + 3600 or -seconds_of(summer)
    rule.from, rule.to = read_change(from), read_change(to)
  end
  return rule
end

-- The day of a year on which a change falls.
local function day_of(change, year)
  if change.month then
    local first = calendar.day(year, change.month, 1)
    local day = first + (change.weekday - calendar.weekday(first)) % 7 + (change.week - 1) * 7
    local next_month = calendar.day(year + math.floor(change.month / 12), change.month % 12 + 1, 1)
    return day >= next_month and day - 7 or day -- the fifth is the last
  end
  local first = calendar.day(year, 1, 1)
  if not change.is_julian then
    return first + change.day
  end
  local is_leap = calendar.day(year, 3, 1) - first == 60
  return first + change.day - 1 + (is_leap and change.day >= 60 and 1 or 0)
end

local function by_rule(rule, utc)
  if not rule.summer then
    return rule.standard
  end
  local year = calendar.date(math.floor((utc + rule.standard) / DAY))
  local from = day_of(rule.from, year) * DAY + rule.from.time - rule.standard
  local to = day_of(rule.to, year) * DAY + rule.to.time - rule.summer
  local is_summer
  if from < to then
    is_summer = utc >= from and utc < to
  else
    is_summer = utc >= from or utc < to
  end
  return is_summer and rule.summer or rule.standard
end

-- ---- the table ------------------------------------------------------------------------------

local function unsigned(text, at)
  local a, b, c, d = text:byte(at, at + 3)
  return ((a * 256 + b) * 256 + c) * 256 + d
end

local function signed(text, at)
  local value = unsigned(text, at)
  return value >= 2 ^ 31 and value - 2 ^ 32 or value
end

-- How many there are of each kind, of the block whose header is at `at`.
local function counts(text, at)
  local names, found = { "utc", "std", "leap", "time", "type", "char" }, {}
  for i, name in ipairs(names) do
    found[name] = unsigned(text, at + 20 + (i - 1) * 4)
  end
  return found
end

local function parse(text)
  if text:sub(1, 4) ~= "TZif" or text:byte(5) < 50 then -- "2": times of eight bytes, and a rule
    return nil
  end
  local one = counts(text, 1)
  local second = 1 + HEADER + one.time * 5 + one.type * 6 + one.char + one.leap * 8 + one.std + one.utc
  local two = counts(text, second)
  local at = second + HEADER
  local changes, offsets, types = {}, {}, at + two.time * 9
  for i = 1, two.time do
    changes[i] = signed(text, at + (i - 1) * 8) * 2 ^ 32 + unsigned(text, at + (i - 1) * 8 + 4)
    offsets[i] = signed(text, types + text:byte(at + two.time * 8 + i - 1) * 6)
  end
  local footer = types + two.type * 6 + two.char + two.leap * 12 + two.std + two.utc
  return setmetatable({
    changes = changes, offsets = offsets, first = signed(text, types),
    rule = read_rule(text:match("^\n([^\n]*)\n", footer) or ""),
  }, Zone)
end

local known = {}

--- A zone.
-- @tparam string name "Europe/Berlin", "UTC"
-- @treturn Zone|nil nil when there is none of that name
function zone.load(name)
  if known[name] then
    return known[name]
  elseif not name:match "^%a[%w_+/-]*$" or #name > 64 then
    return nil
  end
  local file = io.open(ROOT .. name, "rb")
  local text = file and file:read(MOST_BYTES) -- nil for a folder
  if file then
    file:close()
  end
  local ok, found = pcall(parse, text or "")
  known[name] = ok and found or nil
  return known[name]
end

-- ---- looking ----------------------------------------------------------------------------------

--- How far the clocks there are ahead of UTC.
-- @tparam number utc seconds since 1970
-- @treturn integer seconds
function Zone:offset(utc)
  local changes = self.changes
  local low, high = 0, #changes
  if self.rule and utc >= (changes[high] or -math.huge) then
    return by_rule(self.rule, utc)
  end
  while low < high do -- the last change that has been
    local middle = math.ceil((low + high) / 2)
    if changes[middle] <= utc then
      low = middle
    else
      high = middle - 1
    end
  end
  return low == 0 and self.first or self.offsets[low]
end

-- The first moment of the new offset, between two moments around it.
local function change_between(self, before, after, offset)
  while after - before > 1 do
    local middle = math.floor((before + after) / 2)
    if self:offset(middle) == offset then
      after = middle
    else
      before = middle
    end
  end
  return after
end

--- When the clocks there show a time.
-- @tparam integer shown seconds, as if they were UTC's
-- @treturn integer the first moment, in UTC; in a gap, the moment at which the clocks are put forward past it
-- @treturn integer|nil the second one, when they show it twice
-- @treturn boolean whether it lies in a gap
function Zone:moments(shown)
  local before, after = self:offset(shown - DAY), self:offset(shown + DAY)
  local first, second = shown - before, shown - after
  local is_first, is_second = self:offset(first) == before, self:offset(second) == after
  if is_first then
    return first, is_second and second ~= first and second or nil, false
  elseif is_second then
    return second, nil, false
  end
  return change_between(self, second, first, after), nil, true
end

return zone
