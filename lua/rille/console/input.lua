--- What was typed at the console: a chunk of Lua, perhaps over several lines.
local input = {}

local NAME = "=console"

-- The first argument is a function that returns what it is given: `return f()` would be a tail call, which leaves no
-- frame of the chunk's for the error's place.
local VALUES = "return (...)(%s)"

-- A quoted string ends on its line, or never.
local function is_open(err)
  return err:find "near '<eof>'$" ~= nil and not err:find "unfinished string near"
end

-- An expression, perhaps with a comment behind it, which a line feed ends. But Lua blames an error on the line on which
-- the call around the expression ends, so that is to be the expression's own: without the line feed, and the comment.
local function expression(text)
  local whole = load(VALUES:format(text .. "\n"), NAME)
  local rest, chunk = whole and text, nil
  while rest and not chunk do
    chunk, rest = load(VALUES:format(rest), NAME), rest:match "^(.*)%-%-[^\n]*$"
  end
  return chunk or whole
end

-- A local would be gone with its line.
local function kept(text)
  local bare, count = text:gsub("^%s*local%s+", "", 1)
  return count == 1 and load(bare, NAME) and bare or text
end

-- `sql SELECT …`, but no use of the function by that name.
local function statement(text)
  return text:match "^%s*sql%s+(%a.*)$"
end

--- Make a function of what was typed so far.
-- @tparam string text
-- @treturn ?function what is to be run, with a function as its argument that returns what it is given; nil when it is not Lua
-- @treturn ?string why not; nil when more lines are needed
function input.read(text)
  local sql = statement(text)
  if sql then
    return assert(load(("sql(%q)"):format(sql), NAME))
  end
  text = text:gsub("^%s*=", "")
  local chunk = expression(text)
  if chunk then
    return chunk
  end
  local err
  chunk, err = load(kept(text), NAME)
  if not chunk and is_open(err) then
    return nil
  end
  return chunk, err
end

return input
