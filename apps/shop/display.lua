--- How values are written on pages: helpers that every template sees.

local display = {}

-- 1234567 as "1,234,567".
local function grouped(number)
  local digits = ("%d"):format(number)
  return (digits:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", ""))
end

--- Money: "EUR 1,234.50", which does not break at its space.
-- @tparam integer cents hundredths of the currency
function display.money(cents, currency_code)
  return ("%s\194\160%s.%02d"):format(currency_code, grouped(math.floor(cents / 100)), cents % 100)
end

local FEW = 5 -- pieces that may be gone tomorrow

--- What there is of a product, for people.
function display.stock(count)
  if count == 0 then return "Sold out" end
  return count <= FEW and ("Only %d left"):format(count) or ("%d in stock"):format(count)
end

--- The day of a time.
-- @tparam string time ISO 8601
function display.day(time)
  return time:sub(1, 10)
end

return display
