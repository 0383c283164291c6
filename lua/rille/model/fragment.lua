--- Pieces of SQL that somebody wrote, with `?` where the values go.
--
--     rille.sql("price > ? and name <> ?", 5, "Bowl")
--
-- A `?` inside of quotes, of a comment or of $$…$$ is text; `??` is the operator `?` of jsonb.
local core = require "rille.core"
local place = require "rille.place"

local fragment = {}

local Fragment = { __name = "rille.sql" }
Fragment.__index = Fragment

local KNOWN_MOST = 2000 -- texts that are kept taken apart: an app writes fewer

local null = core.null

local function refuse(text, what)
  place.blame(("the SQL %q %s"):format(text, what))
end

-- The place behind what is closed by `closing`, from `at` on.
local function behind(text, closing, at)
  local _, stop = text:find(closing, at, true)
  return stop and stop + 1 or refuse(text, ("lacks its closing %s"):format(closing))
end

-- Where a quoted text, a quoted name, a comment, a dollar-quoted text that begins at `at` ends; nil for anything else.
local function skip(text, at)
  local two = text:sub(at, at + 1)
  if two == "--" then
    return behind(text, "\n", at)
  elseif two == "/*" then
    return behind(text, "*/", at + 2)
  end
  local one = two:sub(1, 1)
  if one == "'" or one == '"' then
    return behind(text, one, at + 1)
  elseif one == "$" then
    local tag = text:match("^%$[%a_]*%$", at)
    return tag and behind(text, tag, at + #tag)
  end
end

-- What stands alone must not reach into what is around it.
local function check_alone(text, depth, char)
  depth = depth + (char == "(" and 1 or char == ")" and -1 or 0)
  if depth < 0 then
    refuse(text, "closes a parenthesis that it has not opened")
  elseif char == ";" then
    refuse(text, "holds a semicolon: it is a piece of one statement")
  end
  return depth
end

local function take_apart(text)
  if text:find("%z") then
    refuse(text, "holds a NUL byte")
  end
  local pieces, piece, at, depth = {}, {}, 1, 0
  while true do
    local stop = text:find("[?'\"$/();-]", at)
    if not stop then
      break
    end
    piece[#piece + 1] = text:sub(at, stop - 1)
    local char, next_at = text:sub(stop, stop), skip(text, stop)
    if next_at then
      piece[#piece + 1] = text:sub(stop, next_at - 1)
    elseif text:sub(stop, stop + 1) == "??" then
      piece[#piece + 1], next_at = "?", stop + 2
    elseif char == "?" then
      pieces[#pieces + 1], piece = table.concat(piece), {}
    else
      depth = check_alone(text, depth, char)
      piece[#piece + 1] = char
    end
    at = next_at or stop + 1
  end
  if depth > 0 then
    refuse(text, "lacks its closing )")
  end
  piece[#piece + 1] = text:sub(at)
  pieces[#pieces + 1] = table.concat(piece)
  return pieces
end

local known, known_count = {}, 0

--- Take a text apart at its placeholders.
-- @tparam string text
-- @treturn {string,...} one piece more than there are placeholders; not to be changed
-- @raise a misuse, for a text that would reach into what is around it
function fragment.pieces(text)
  local pieces = known[text]
  if not pieces then
    pieces = take_apart(text)
    if known_count == KNOWN_MOST then
      known, known_count = {}, 0
    end
    known[text], known_count = pieces, known_count + 1
  end
  return pieces
end

--- Refuse a value that means nothing where it stands.
-- @param value
-- @tparam string what "where{ title }": for the message
-- @raise a misuse
function fragment.check(value, what)
  if value == nil then
    place.blame(what .. " is nil: a condition that was meant to be there would be lost in silence")
  elseif value == null then
    place.blame(what .. " is rille.null, which equals nothing in SQL: say where_null(column)")
  elseif type(value) == "table" and getmetatable(value) == nil then
    place.blame(what .. " is a table: where_in(column, list) takes a list, and rille.array(list) is a value")
  end
end

--- A piece of SQL with its values, for where a model's methods take a column or a value.
-- @tparam string text with ? for each value
-- @param ... the values
-- @treturn fragment
function fragment.new(text, ...)
  if type(text) ~= "string" or text == "" then
    error("rille.sql takes a text first, with ? for each value behind it: got " .. (text == "" and "an empty one" or "a "
      .. type(text)), 2)
  end
  local values, wanted = { ... }, #fragment.pieces(text) - 1
  local given = select("#", ...)
  if given ~= wanted then
    error(("the text of rille.sql has %d of ?, and was given %d value%s"):format(wanted, given, given == 1 and "" or "s"), 2)
  end
  for i = 1, given do
    if values[i] == nil then
      error(("value %d of rille.sql is nil: SQL's NULL is rille.null"):format(i), 2)
    end
  end
  return setmetatable({ text = text, values = values }, Fragment)
end

--- Whether a value is one.
function fragment.is(value)
  return getmetatable(value) == Fragment
end

return fragment
