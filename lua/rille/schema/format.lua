--- Formats of texts: is this a date, an address, a number?
--
-- Everything here takes text that a stranger wrote, so it is one pass over the
-- bytes, without Lua patterns: those may need quadratic time and more.
local byte, floor, huge, sub, tonumber = string.byte, math.floor, math.huge, string.sub, tonumber

local format = {}

-- ---- characters --------------------------------------------------------------

--- The characters of a UTF-8 text: the bytes that begin one.
-- @tparam string text
-- @treturn integer
function format.count(text)
  local count = 0
  for i = 1, #text do
    local b = byte(text, i)
    if b < 0x80 or b > 0xBF then
      count = count + 1
    end
  end
  return count
end

-- By the first byte: bytes of the sequence, and the range of the second byte,
-- which excludes overlong forms, surrogates and what is beyond U+10FFFF (RFC 3629).
local function sequence(first)
  if first < 0xC2 or first > 0xF4 then
    return 0
  elseif first < 0xE0 then
    return 2, 0x80, 0xBF
  elseif first < 0xF0 then
    return 3, first == 0xE0 and 0xA0 or 0x80, first == 0xED and 0x9F or 0xBF
  end
  return 4, first == 0xF0 and 0x90 or 0x80, first == 0xF4 and 0x8F or 0xBF
end

local function is_continued(text, from, to)
  for i = from, to do
    local b = byte(text, i)
    if not b or b < 0x80 or b > 0xBF then
      return false
    end
  end
  return true
end

--- Whether `text` is valid UTF-8. Percent-decoded fields need not be.
-- @tparam string text
-- @treturn boolean
function format.is_utf8(text)
  local i, len = 1, #text
  while i <= len do
    local first = byte(text, i)
    if first < 0x80 then
      i = i + 1
    else
      local size, low, high = sequence(first)
      local second = size > 0 and byte(text, i + 1)
      if not second or second < low or second > high or not is_continued(text, i + 2, i + size - 1) then
        return false
      end
      i = i + size
    end
  end
  return true
end

-- ---- dates -------------------------------------------------------------------

local MONTHS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

-- The number that two digits make, or nil.
local function pair(tens, ones)
  if tens >= 48 and tens <= 57 and ones >= 48 and ones <= 57 then
    return (tens - 48) * 10 + ones - 48
  end
end

local function is_leap(year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

-- Days since 1970-01-01 in the proleptic Gregorian calendar. A year begins in
-- March here, so that the leap day is its last.
local function days_since_epoch(year, month, day)
  if month <= 2 then
    year, month = year - 1, month + 12
  end
  return 365 * year + floor(year / 4) - floor(year / 100) + floor(year / 400)
    + floor((153 * (month - 3) + 2) / 5) + day - 719469
end

-- The date in the first ten bytes of a text that has them.
local function days_of(text)
  local y1, y2, y3, y4, dash1, m1, m2, dash2, d1, d2 = byte(text, 1, 10)
  if dash1 ~= 45 or dash2 ~= 45 then
    return nil
  end
  local century, rest, month, day = pair(y1, y2), pair(y3, y4), pair(m1, m2), pair(d1, d2)
  if not (century and rest and month and day) then
    return nil
  end
  local year = century * 100 + rest
  -- Year 0 exists in RFC 3339's grammar, but neither in history nor in PostgreSQL.
  if year == 0 or month < 1 or month > 12 or day < 1 then
    return nil
  end
  if day > MONTHS[month] and not (day == 29 and month == 2 and is_leap(year)) then
    return nil
  end
  return days_since_epoch(year, month, day)
end

--- A calendar date, as "2024-02-29" (RFC 3339, full-date).
-- @tparam string text
-- @treturn ?integer days since 1970-01-01; nil when it is none
function format.date(text)
  return #text == 10 and days_of(text) or nil
end

-- "hh:mm" as minutes, or nil.
local function minutes_of(h1, h2, colon, m1, m2)
  local hour, minute = pair(h1, h2), pair(m1, m2)
  if colon == 58 and hour and minute and hour <= 23 and minute <= 59 then
    return hour * 60 + minute
  end
end

-- The minutes that the offset at `at`, which ends the text, is ahead of UTC; or nil.
local function offset_of(text, at)
  local sign, h1, h2, colon, m1, m2 = byte(text, at, at + 5)
  if sign == 90 or sign == 122 then -- Z, z
    return #text == at and 0 or nil
  end
  if (sign ~= 43 and sign ~= 45) or #text ~= at + 5 then
    return nil
  end
  local minutes = minutes_of(h1, h2, colon, m1, m2)
  return minutes and (sign == 43 and minutes or -minutes)
end

-- The fraction of a second that begins at `at` with a dot, and where it ends.
local function fraction_of(text, at)
  if byte(text, at) ~= 46 then
    return 0, at
  end
  local value, scale, i = 0, 0.1, at + 1
  local b = byte(text, i)
  while b and b >= 48 and b <= 57 do
    value, scale, i = value + (b - 48) * scale, scale / 10, i + 1
    b = byte(text, i)
  end
  if i == at + 1 then
    return nil
  end
  return value, i
end

local DATETIME_MOST = 40 -- bytes: room for 14 digits of a fraction

--- A date and time with its offset, as "2024-02-29T09:30:00.5+02:00" (RFC 3339,
-- date-time). A 60th second is a leap second, and they end a day of UTC.
-- @tparam string text
-- @treturn ?number seconds since 1970-01-01T00:00:00Z; nil when it is none
function format.datetime(text)
  if #text < 20 or #text > DATETIME_MOST then
    return nil
  end
  local days, t = days_of(text), byte(text, 11)
  if not days or (t ~= 84 and t ~= 116) then -- T, t
    return nil
  end
  local h1, h2, colon1, m1, m2, colon2, s1, s2 = byte(text, 12, 19)
  local minutes, second = minutes_of(h1, h2, colon1, m1, m2), pair(s1, s2)
  if not minutes or colon2 ~= 58 or not second or second > 60 then
    return nil
  end
  local fraction, at = fraction_of(text, 20)
  local offset = fraction and offset_of(text, at)
  if not offset or (second == 60 and (minutes - offset) % 1440 ~= 1439) then
    return nil
  end
  return days * 86400 + (minutes - offset) * 60 + second + fraction
end

-- ---- identifiers -------------------------------------------------------------

local function class(characters)
  local set = {}
  for i = 1, #characters do
    set[byte(characters, i)] = true
  end
  return set
end

local DIGITS = "0123456789"
local LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
local IS_HEX = class(DIGITS .. "abcdefABCDEF")
local IS_ATOM = class(DIGITS .. LETTERS .. "!#$%&'*+/=?^_`{|}~-")
local IS_LABEL = class(DIGITS .. LETTERS .. "-")

--- A UUID of any version, in either case (RFC 9562).
-- @tparam string text
-- @treturn boolean
function format.is_uuid(text)
  if #text ~= 36 then
    return false
  end
  for i = 1, 36 do
    local b = byte(text, i)
    if i == 9 or i == 14 or i == 19 or i == 24 then
      if b ~= 45 then
        return false
      end
    elseif not IS_HEX[b] then
      return false
    end
  end
  return true
end

-- RFC 5321, 4.5.3.1.
local EMAIL_MOST, LOCAL_MOST, LABEL_MOST = 254, 64, 63

-- Where the local part ends, a dot-atom of RFC 5322: the place of the "@", or nil.
local function at_sign(text)
  local last_dot = 0
  for i = 1, #text do
    local b = byte(text, i)
    if b == 64 then
      return i > 1 and i - 1 <= LOCAL_MOST and last_dot ~= i - 1 and i or nil
    elseif b == 46 then
      if last_dot == i - 1 then
        return nil
      end
      last_dot = i
    elseif not IS_ATOM[b] then
      return nil
    end
  end
end

local function is_label(text, from, to)
  return to >= from and to - from < LABEL_MOST and byte(text, from) ~= 45 and byte(text, to) ~= 45
end

--- An address that mail can be sent to: a dot-atom, "@", and a host name of at
-- least two labels. Quoted local parts and address literals are not taken.
-- @tparam string text
-- @treturn boolean
function format.is_email(text)
  local at = #text <= EMAIL_MOST and at_sign(text)
  if not at then
    return false
  end
  local from = at + 1
  for i = from, #text do
    local b = byte(text, i)
    if b == 46 then
      if not is_label(text, from, i - 1) then
        return false
      end
      from = i + 1
    elseif not IS_LABEL[b] then
      return false
    end
  end
  return from > at + 1 and is_label(text, from, #text)
end

-- ---- values written as text ------------------------------------------------------

local NUMBER_MOST = 100 -- bytes: more digits than any double needs
local EXACT_MOST = 2 ^ 53

-- Where the digits that begin at `i` end: the place behind them; `i` when there are none.
local function digits_end(text, i)
  local b = byte(text, i)
  while b and b >= 48 and b <= 57 do
    i = i + 1
    b = byte(text, i)
  end
  return i
end

--- The whole number that `text` writes in decimal digits.
-- @tparam string text
-- @treturn ?integer nil when it is none, or beyond 2^53 and so not exact
function format.to_integer(text)
  local from = byte(text, 1) == 45 and 2 or 1
  if #text > NUMBER_MOST or #text < from or digits_end(text, from) <= #text then
    return nil
  end
  while byte(text, from) == 48 and from < #text do
    from = from + 1
  end
  local digits = sub(text, from)
  local value = tonumber(digits)
  if value >= EXACT_MOST and (value > EXACT_MOST or ("%.0f"):format(value) ~= digits) then
    return nil
  end
  return byte(text, 1) == 45 and 0 - value or value
end

--- The number that `text` writes: digits, a fraction, an exponent. Neither
-- hexadecimal nor "inf", which `tonumber` takes.
-- @tparam string text
-- @treturn ?number nil when it is none, or too large for a double
function format.to_number(text)
  if #text > NUMBER_MOST then
    return nil
  end
  local from = byte(text, 1) == 45 and 2 or 1
  local at = digits_end(text, from)
  if at == from then
    return nil
  end
  if byte(text, at) == 46 then
    from, at = at + 1, digits_end(text, at + 1)
    if at == from then
      return nil
    end
  end
  local e = byte(text, at)
  if e == 101 or e == 69 then
    local sign = byte(text, at + 1)
    from = (sign == 43 or sign == 45) and at + 2 or at + 1
    at = digits_end(text, from)
    if at == from then
      return nil
    end
  end
  local value = at > #text and tonumber(text) or nil
  return value and value < huge and value > -huge and value + 0 or nil
end

local BOOLEANS = {
  ["true"] = true, ["1"] = true, on = true, yes = true, -- a browser sends "on" for a ticked box
  ["false"] = false, ["0"] = false, off = false, no = false,
}

--- The boolean that `text` names: true 1 on yes, false 0 off no.
-- @tparam string text
-- @treturn ?boolean nil when it names none
function format.to_boolean(text)
  return BOOLEANS[text]
end

return format
