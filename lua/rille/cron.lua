--- Times by the clock, as crontab(5) writes them: "0 3 * * mon-fri", in a time zone.
--
--     minute  hour  day of month  month  day of week
--      0-59   0-23      1-31      1-12   0-7, 0 and 7 are Sunday
--
-- Each is *, a number, a range a-b, these with a step (*/5, 8-18/2), or a list of them; months and weekdays have names.
-- When both days are said (neither begins with *), either will do.
--
-- Where the clocks are put forward or back, one that is due each hour (hour is *) goes by the time that passes. Any other
-- is due once for each time that it names: at the moment of the change for what is left out, however much of it that
-- is, and the first time for what comes twice.
local calendar = require "rille.calendar"
local zone = require "rille.zone"

local cron = {}

local DAY = 86400
local MOST_DAYS = 366 * 13 -- until a 29 February comes, at the latest

local MONTHS = { jan = 1, feb = 2, mar = 3, apr = 4, may = 5, jun = 6, jul = 7, aug = 8, sep = 9, oct = 10, nov = 11, dec = 12 }
local WEEKDAYS = { sun = 0, mon = 1, tue = 2, wed = 3, thu = 4, fri = 5, sat = 6 }
local FIELDS = {
  { name = "minute", least = 0, most = 59 }, { name = "hour", least = 0, most = 23 },
  { name = "day of month", least = 1, most = 31 }, { name = "month", least = 1, most = 12, names = MONTHS },
  { name = "day of week", least = 0, most = 7, names = WEEKDAYS },
}
local NAMED = {
  ["@yearly"] = "0 0 1 1 *", ["@annually"] = "0 0 1 1 *", ["@monthly"] = "0 0 1 * *", ["@weekly"] = "0 0 * * 0",
  ["@daily"] = "0 0 * * *", ["@midnight"] = "0 0 * * *", ["@hourly"] = "0 * * * *",
}

local Cron = { __name = "rille.cron" }
Cron.__index = Cron

-- ---- reading ------------------------------------------------------------------------

local function refuse(text, message, ...)
  error(("cron \"%s\": %s"):format(text, message:format(...)), 0)
end

local function read_number(text, field, word)
  local value = tonumber(word:match "^%d%d?$") or field.names and field.names[word:lower()]
  if not value or value < field.least or value > field.most then
    refuse(text, "%s is %d to %d%s: got '%s'", field.name, field.least, field.most,
      field.names and ", or a name such as " .. (field.names == MONTHS and "jan" or "mon") or "", word)
  end
  return value
end

local function read_item(text, field, item, set)
  local range, step = item:match "^([^/]+)/(.*)$"
  range = range or item
  local from, to = field.least, field.most
  if range ~= "*" then
    local a, b = range:match "^([^-]+)%-(.*)$"
    from = read_number(text, field, a or range)
    to = b and read_number(text, field, b) or step and field.most or from
    if to < from then
      refuse(text, "%s: the range %s ends before it begins", field.name, range)
    end
  end
  local every = step and tonumber(step:match "^%d%d?$") or not step and 1 or 0
  if every < 1 then
    refuse(text, "%s: a step is a number from 1 on: got '%s'", field.name, step)
  end
  for value = from, to, every do
    set[value] = true
  end
end

local function read_field(text, field, word)
  local set = {}
  for item in (word .. ","):gmatch "([^,]*)," do
    if item == "" then
      refuse(text, "%s: '%s' has a comma too many", field.name, word)
    end
    read_item(text, field, item, set)
  end
  return set
end

local function words_of(text)
  local words = {}
  for word in text:gmatch "%S+" do
    words[#words + 1] = word
  end
  return words
end

local function list_of(set, most)
  local list = {}
  for value = 0, most do
    if set[value] then
      list[#list + 1] = value
    end
  end
  return list
end

--- Read what crontab(5) would take, but for its command.
-- @tparam string text "*/5 8-18 * * mon-fri", or "@daily", "@hourly", "@weekly", "@monthly", "@yearly"
-- @tparam[opt] string zone_name "Europe/Berlin" (default "UTC")
-- @treturn Cron
-- @raise what is wrong with it, and with which field
function cron.new(text, zone_name)
  local words = words_of(NAMED[text] or text)
  if text:sub(1, 1) == "@" and not NAMED[text] then
    refuse(text, "there are @yearly, @monthly, @weekly, @daily and @hourly")
  elseif #words ~= 5 then
    refuse(text, "there are five fields, minute, hour, day of month, month, day of week: got %d", #words)
  end
  local sets = {}
  for i, field in ipairs(FIELDS) do
    sets[i] = read_field(text, field, words[i])
  end
  sets[5][0] = sets[5][0] or sets[5][7]
  local self = setmetatable({
    text = text, minutes = list_of(sets[1], 59), hours = list_of(sets[2], 23), is_hourly = words[2] == "*",
    days = sets[3], months = sets[4], weekdays = sets[5],
    is_either = words[3]:sub(1, 1) ~= "*" and words[5]:sub(1, 1) ~= "*",
    zone = zone.load(zone_name or "UTC"), day = false, list = false,
  }, Cron)
  if not self.zone then
    refuse(text, "there is no time zone '%s': they are called as in /usr/share/zoneinfo, \"Europe/Berlin\"", zone_name)
  elseif not self:next(0) then
    refuse(text, "there is no such day in any year")
  end
  return self
end

-- ---- when it comes ---------------------------------------------------------------------

local function is_day(self, day)
  local _, month, of_month = calendar.date(day)
  if not self.months[month] then
    return false
  end
  local by_month, by_week = self.days[of_month] or false, self.weekdays[calendar.weekday(day)] or false
  if self.is_either then
    return by_month or by_week
  end
  return by_month and by_week
end

-- All moments of a day, in order.
local function moments_of(self, day)
  if self.day == day then
    return self.list
  end
  local list = {}
  for _, hour in ipairs(self.hours) do
    for _, minute in ipairs(self.minutes) do
      local first, second, is_gap = self.zone:moments(day * DAY + hour * 3600 + minute * 60)
      if not (is_gap and self.is_hourly) then
        list[#list + 1] = first
      end
      if second and self.is_hourly then
        list[#list + 1] = second
      end
    end
  end
  table.sort(list)
  self.day, self.list = day, list
  return list
end

--- The first moment after another.
-- @tparam number after seconds since 1970
-- @treturn ?integer seconds since 1970
function Cron:next(after)
  local today = math.floor((after + self.zone:offset(after)) / DAY)
  for day = today - 1, today + MOST_DAYS do -- put forward at midnight, yesterday's last moments are today's first
    if is_day(self, day) then
      for _, moment in ipairs(moments_of(self, day)) do
        if moment > after then
          return moment
        end
      end
    end
  end
  return nil
end

return cron
