--- Days and dates of the Gregorian calendar: a day is its number, 0 for 1970-01-01.
local calendar = {}

local floor = math.floor

--- The number of a date's day.
-- @tparam integer year
-- @tparam integer month 1 to 12
-- @tparam integer day 1 to 31
-- @treturn integer
function calendar.day(year, month, day)
  local shifted = month <= 2 and year - 1 or year -- years that begin in March end with their leap day
  local era = floor(shifted / 400)
  local of_era = shifted - era * 400
  local of_year = floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  return era * 146097 + of_era * 365 + floor(of_era / 4) - floor(of_era / 100) + of_year - 719468
end

--- The date of a day.
-- @tparam integer number
-- @treturn integer year
-- @treturn integer month
-- @treturn integer day
function calendar.date(number)
  local shifted = number + 719468
  local era = floor(shifted / 146097)
  local of_era = shifted - era * 146097
  local year = floor((of_era - floor(of_era / 1460) + floor(of_era / 36524) - floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year + floor(year / 4) - floor(year / 100))
  local from_march = floor((5 * of_year + 2) / 153)
  local month = (from_march + 2) % 12 + 1
  return year + era * 400 + (month <= 2 and 1 or 0), month, of_year - floor((153 * from_march + 2) / 5) + 1
end

--- The weekday of a day: 0 is Sunday.
-- @tparam integer number
-- @treturn integer
function calendar.weekday(number)
  return (number + 4) % 7
end

return calendar
