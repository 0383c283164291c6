--- Where in the app's code something is, as "routes/users.lua:12".
--
-- A stack is read only when there is something to tell. What it cannot tell, a
-- function can: `return db:one(…)` leaves no frame of the function that said it,
-- so whoever called that function names its own place.
local getinfo = debug.getinfo

local place = {}

local HOUSE = getinfo(1, "S").source:match "^(.*/)place%.lua$" -- where all of the framework's files are
local AROUND = 2 -- lines before and behind the one that an excerpt is about

-- Whether a function is of a file that is not ours: the app's, or one that it requires.
local function is_foreign(info)
  local source = info.source
  return source:byte() == 64 and source:sub(1, #HOUSE) ~= HOUSE -- 64: @, as files have it
end

local function text(info, line)
  return ("%s:%d"):format(info.source:sub(2), line)
end

--- The line at a level of the stack, whoever's it is.
-- @tparam integer level as `error` takes it
-- @treturn string "?" where there is none
function place.at(level)
  local info = getinfo(level + 1, "Sl")
  return info and info.currentline > 0 and text(info, info.currentline) or "?"
end

--- The line at a level of the stack, if it is the app's.
-- @tparam integer level as `error` takes it
-- @treturn ?string nil for another's, and for what a tail call has put in the app's place
function place.own(level)
  local info = getinfo(level + 1, "Sl")
  return info and info.currentline > 0 and is_foreign(info) and text(info, info.currentline) or nil
end

--- Where a function begins, or a line of it.
-- @tparam function fn
-- @tparam[opt] integer line the one where it was
-- @treturn ?string nil for one that is not the app's
function place.of(fn, line)
  local info = getinfo(fn, "S")
  return is_foreign(info) and text(info, line or info.linedefined) or nil
end

--- The nearest line of the app's on a stack.
-- @tparam[opt] thread co another coroutine's than the one that runs
-- @treturn ?string nil when nothing there is the app's
function place.nearest(co)
  local level = co and 0 or 2
  while true do
    local info
    if co then
      info = getinfo(co, level, "Sl")
    else
      info = getinfo(level, "Sl")
    end
    if not info then
      return nil
    elseif info.currentline > 0 and is_foreign(info) then
      return text(info, info.currentline)
    end
    level = level + 1
  end
end

--- One frame of a stack.
-- @tparam ?thread co another coroutine's than the one that runs
-- @tparam integer level from 0; without `co` as `error` takes it
-- @tparam[opt] string said what it failed with: of the frame that failed LuaJIT does not know the line any more, but Lua's own
-- words begin with it
-- @treturn ?string the line, if it is the app's
-- @treturn ?string what the function is called there
-- @treturn boolean whether there is such a frame
function place.frame(co, level, said)
  local info
  if co then
    info = getinfo(co, level, "Snl")
  else
    info = getinfo(level + 1, "Snl")
  end
  if not info then
    return nil, nil, false
  elseif not is_foreign(info) then
    return nil, nil, true
  end
  local path, line = info.source:sub(2), info.currentline
  if line < 0 and said and said:sub(1, #path) == path then
    line = tonumber(said:match("^:(%d+):", #path + 1)) or line
  end
  return line > 0 and text(info, line) or nil, info.name, true
end

--- Note on an error where it was raised, when nobody has. `at` is false as long as
-- nobody knows; an error without that field is none of the database's.
-- @param err what was raised, of any type
-- @tparam[opt] function fn what was running, if the stack does not tell
function place.note(err, fn)
  if type(err) == "table" and rawget(err, "at") == false then
    err.at = place.nearest() or fn and place.of(fn) or false
  end
end

--- Raise a misuse, blamed on the app's line that led to it.
-- @tparam string message
-- @raise always
function place.blame(message)
  local at = place.nearest()
  error(at and at .. ": " .. message or message, 0)
end

--- The line of a file that a place names, with those around it.
-- @tparam string at "routes/users.lua:12"
-- @treturn ?string nil when the file cannot be read, or is shorter
function place.excerpt(at)
  local path, number = at:match "^(.*):(%d+)$"
  number = tonumber(number)
  local file = path and io.open(path, "r")
  if not file then
    return nil
  end
  local lines, line = {}, 0
  for source in file:lines() do
    line = line + 1
    if line >= number - AROUND then
      lines[#lines + 1] = ("%s %4d  %s"):format(line == number and ">" or " ", line, source)
    end
    if line >= number + AROUND then
      break
    end
  end
  file:close()
  return line >= number and table.concat(lines, "\n") or nil
end

return place
