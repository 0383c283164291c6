--- Times by the clock: what is read, and when it comes, beside a plain oracle that walks through a year minute by minute.
local cron = require "rille.cron"
local zone = require "rille.zone"

local YEAR_FROM, YEAR_TO = 1767225600, 1798761600 -- 2026 in UTC

-- What the system's own `date` says of the clocks there, at each half of an hour: these zones change at no other moments.
local function offsets_of(name)
  local pipe = io.popen(("seq -f @%%.0f %d 1800 %d | TZ=%s date -f - '+%%z'"):format(YEAR_FROM - 86400, YEAR_TO + 86400, name))
  local offsets = {}
  for line in pipe:lines() do
    local sign, h, m = line:match "^([+-])(%d%d)(%d%d)$"
    offsets[#offsets + 1] = (tonumber(h) * 60 + tonumber(m)) * (sign == "-" and -60 or 60)
  end
  pipe:close()
  return function(utc)
    return offsets[math.floor((utc - YEAR_FROM + 86400) / 1800) + 1]
  end
end

-- The values of a field, read anew and plainly.
local function values_of(word, least, most)
  local set = {}
  for item in word:gmatch "[^,]+" do
    local range, step = item:match "^([^/]+)/(%d+)$"
    range = range or item
    local a, b = range:match "^(%d+)%-(%d+)$"
    a, b = tonumber(a or range:match "^%d+$" or least), tonumber(b or range:match "^%d+$" or most)
    for value = a, b, step or 1 do set[value] = true end
  end
  return set
end

-- Whether clocks that show this time make it due; and whether its hour is *.
local function matcher(text)
  local words = {}
  for word in text:gmatch "%S+" do words[#words + 1] = word end
  local minutes, hours, days = values_of(words[1], 0, 59), values_of(words[2], 0, 23), values_of(words[3], 1, 31)
  local months, weekdays = values_of(words[4], 1, 12), values_of(words[5], 0, 6)
  local is_either = words[3] ~= "*" and words[5] ~= "*"
  local known = {}
  local function is_day(number)
    if known[number] == nil then
      local d = os.date("!*t", number * 86400)
      local by_month, by_week = days[d.day] or false, weekdays[d.wday - 1] or false
      local fits = is_either and (by_month or by_week) or not is_either and by_month and by_week
      known[number] = months[d.month] and fits or false
    end
    return known[number]
  end
  return function(shown)
    local of_day = shown % 86400
    return minutes[of_day % 3600 / 60] and hours[math.floor(of_day / 3600)] and is_day(math.floor(shown / 86400))
  end, words[2] == "*"
end

-- All its moments in the year.
local function oracle(text, offset)
  local matches, is_hourly = matcher(text)
  local moments, latest = {}, YEAR_FROM + offset(YEAR_FROM) - 60
  for utc = YEAR_FROM, YEAR_TO - 60, 60 do
    local shown = utc + offset(utc)
    local is_due
    if is_hourly then
      is_due = matches(shown)
    else
      for time = latest + 60, shown, 60 do -- more than one where the clocks were put forward, none where put back
        is_due = is_due or matches(time)
      end
    end
    latest = math.max(latest, shown)
    if is_due then moments[#moments + 1] = utc end
  end
  return moments
end

local function next_after(text, zone_name, after)
  return os.date("!%Y-%m-%d %H:%M", cron.new(text, zone_name):next(after))
end

describe("cron", function()
  for name, texts in pairs {
    ["Europe/Berlin"] = { "30 2 * * *", "*/20 1-3 25-31 3,10 *", "0 0 13 * 5" },
    ["Australia/Lord_Howe"] = { "*/10 1-2 1-7 4,10 0", "15,45 * * 10 6-7", "59 23 31 * *" },
  } do
    it("agrees with a walk through a year of " .. name, function()
      local offset = offsets_of(name)
      for _, text in ipairs(texts) do
        local one, found, at = cron.new(text, name), {}, YEAR_FROM - 1
        repeat
          at = one:next(at)
          found[#found + 1] = at < YEAR_TO and at or nil
        until at >= YEAR_TO
        assert.same(oracle((text:gsub("6%-7", "0,6")), offset), found, text)
      end
    end)
  end

  it("reads numbers, ranges, steps, lists, names and nicknames", function()
    local from = 1767225600 -- Thursday 2026-01-01 00:00
    for text, moment in pairs {
      ["* * * * *"] = "2026-01-01 00:01", ["5 4 * * *"] = "2026-01-01 04:05", ["*/7 * * * *"] = "2026-01-01 00:07",
      ["3/20 * * * *"] = "2026-01-01 00:03", ["0 8-18/5 * * *"] = "2026-01-01 08:00", ["0 0 * * Mon"] = "2026-01-05 00:00",
      ["0 0 * * 7"] = "2026-01-04 00:00", ["0 0 1 FEB-apr *"] = "2026-02-01 00:00", ["0 12 29 2 *"] = "2028-02-29 12:00",
      ["0 0 13 * fri"] = "2026-01-02 00:00", ["0 0 */10 * fri"] = "2026-05-01 00:00", ["@hourly"] = "2026-01-01 01:00",
      ["@daily"] = "2026-01-02 00:00", ["@weekly"] = "2026-01-04 00:00", ["@monthly"] = "2026-02-01 00:00",
      ["@yearly"] = "2027-01-01 00:00", ["10,20,30-40/5 23 * * *"] = "2026-01-01 23:10",
    } do
      assert.equal(moment, next_after(text, "UTC", from), text)
    end
  end)

  it("has a rule for the night in which the clocks are put forward", function()
    local night = 1774738800 -- 2026-03-29 00:00 in Berlin; at 01:00 UTC it turns from 02:00 to 03:00
    assert.equal("2026-03-29 01:00", next_after("30 2 * * *", "Europe/Berlin", night))
    assert.equal("2026-03-29 01:00", next_after("*/15 2 * * *", "Europe/Berlin", night))
    assert.equal("2026-03-30 00:00", next_after("*/15 2 * * *", "Europe/Berlin", 1774746000))
    assert.equal("2026-03-29 01:15", next_after("15 * * * *", "Europe/Berlin", night + 1800 + 3600))
  end)

  it("has a rule for the night in which they are put back", function()
    local night = 1792879200 -- 2026-10-25 00:00 in Berlin; at 01:00 UTC it turns from 03:00 to 02:00
    assert.equal("2026-10-25 00:30", next_after("30 2 * * *", "Europe/Berlin", night))
    assert.equal("2026-10-26 01:30", next_after("30 2 * * *", "Europe/Berlin", night + 2.5 * 3600))
    assert.equal("2026-10-25 01:30", next_after("30 * * * *", "Europe/Berlin", night + 2.5 * 3600))
  end)

  it("names the field that is wrong", function()
    for text, words in pairs {
      ["61 * * * *"] = "minute is 0 to 59: got '61'", ["* 24 * * *"] = "hour is 0 to 23: got '24'",
      ["* * 0 * *"] = "day of month is 1 to 31: got '0'", ["* * * foo *"] = "month is 1 to 12, or a name such as jan: got 'foo'",
      ["* * * * 8"] = "day of week is 0 to 7, or a name such as mon: got '8'", ["1- * * * *"] = "minute is 0 to 59: got ''",
      ["5-1 * * * *"] = "minute: the range 5-1 ends before it begins", ["*/0 * * * *"] = "minute: a step is a number from 1 on: got '0'",
      ["* 1,,2 * * *"] = "hour: '1,,2' has a comma too many", ["0 0 30 2 *"] = "there is no such day in any year",
      ["* * * *"] = "there are five fields, minute, hour, day of month, month, day of week: got 4",
      ["@dayly"] = "there are @yearly, @monthly, @weekly, @daily and @hourly",
    } do
      local ok, err = pcall(cron.new, text)
      assert.same({ false, ('cron "%s": %s'):format(text, words) }, { ok, err })
    end
    assert.has_error(function() cron.new("@daily", "Europe/Berln") end,
      "cron \"@daily\": there is no time zone 'Europe/Berln': they are called as in /usr/share/zoneinfo, \"Europe/Berlin\"")
    assert.is_nil(zone.load "../../../etc/passwd")
  end)
end)

describe("a time zone", function()
  it("agrees with the system's own reading, also beyond its table", function()
    local zones = { "Europe/Berlin", "America/New_York", "Europe/Dublin", "America/Nuuk", "Asia/Gaza", "Africa/Casablanca", "Pacific/Apia" }
    for _, name in ipairs(zones) do
      local one = zone.load(name)
      local pipe = io.popen(("{ seq -f @%%.0f 0 5000000 2500000000; seq -f @%%.0f 4000000000 180000 4060000000; } | TZ=%s date -f - '+%%s %%:::z'"):format(name))
      for line in pipe:lines() do
        local utc, sign, h, rest = line:match "^(%d+) ([+-])(%d%d)(.*)$"
        local m, s = rest:match "^:(%d%d):?(%d*)$"
        local offset = (tonumber(h) * 3600 + (tonumber(m) or 0) * 60 + (tonumber(s) or 0)) * (sign == "-" and -1 or 1)
        assert(one:offset(tonumber(utc)) == offset, name .. " at " .. utc)
      end
      pipe:close()
    end
  end)
end)
