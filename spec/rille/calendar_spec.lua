--- Days and dates, beside those of the C library.
local calendar = require "rille.calendar"

describe("the calendar", function()
  it("agrees with the C library", function()
    for number = -20000, 200000, 7 do
      local d = os.date("!*t", number * 86400)
      local year, month, day = calendar.date(number)
      assert(year == d.year and month == d.month and day == d.day, "the date of day " .. number)
      assert(calendar.day(year, month, day) == number and calendar.weekday(number) == d.wday - 1, "the day " .. number)
    end
  end)
end)
