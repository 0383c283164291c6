--- The app's frames where something failed, for who develops: where they are, and what their locals held.
--
-- What is shown leaves the process on a page, so it is bounded, no code of the app's runs for it (no metamethod is
-- called), and what is named like a secret is not shown.
local place = require "rille.place"

local frames = {}

local MOST_FRAMES, MOST_LOCALS, MOST_FIELDS, MOST_BYTES = 12, 30, 8, 200
local SECRETS = { "password", "passwd", "token", "secret", "code", "auth", "cookie", "key", "session" }
local HIDDEN = "(not shown: it is named like a secret)"

--- Whether a value of that name is nobody's to see.
-- @tparam string name
-- @treturn boolean
function frames.is_secret(name)
  name = tostring(name):lower()
  for _, word in ipairs(SECRETS) do
    if name:find(word, 1, true) then
      return true
    end
  end
  return false
end

local function shown_plain(value)
  if type(value) == "string" then
    local text = #value > MOST_BYTES and value:sub(1, MOST_BYTES) .. "…" or value
    return (("%q"):format(text):gsub("\\\n", "\\n"):gsub("%z", "\\0"))
  elseif type(value) == "number" or type(value) == "boolean" or value == nil then
    return tostring(value)
  end
  return type(value)
end

local function shown_table(value)
  local fields = {}
  for key, field in next, value do -- and no metamethod
    if #fields == MOST_FIELDS then
      fields[#fields + 1] = "…"
      break
    elseif type(key) == "number" then
      fields[#fields + 1] = shown_plain(field)
    else
      local name = type(key) == "string" and key or shown_plain(key)
      fields[#fields + 1] = name .. " = " .. (frames.is_secret(name) and HIDDEN or shown_plain(field))
    end
  end
  return #fields == 0 and "{}" or "{ " .. table.concat(fields, ", ") .. " }"
end

--- A value in a few words.
-- @treturn string
function frames.shown(value)
  return type(value) == "table" and shown_table(value) or shown_plain(value)
end

local function locals_of(co, level)
  local list = {}
  for i = 1, MOST_LOCALS do
    local name, value
    if co then
      name, value = debug.getlocal(co, level, i)
    else
      name, value = debug.getlocal(level + 1, i)
    end
    if not name then
      break
    elseif name:sub(1, 1) ~= "(" then -- the compiler's own are in parentheses
      list[#list + 1] = { name = name, shown = frames.is_secret(name) and HIDDEN or frames.shown(value) }
    end
  end
  return list
end

--- The frames that are the app's, the innermost first.
--
-- Of a coroutine that has ended by a failing operation of Lua's own (an index of nil, say) LuaJIT keeps the values of the
-- frame that it failed in, but neither names nor the line: a handler of xpcall, which runs on top of it, sees them all.
-- @tparam ?thread co one that has failed; nil: the one that runs, in a handler of xpcall
-- @param[opt] err what it failed with
-- @treturn {table,...} at: "routes/posts.lua:12"; name: of the function, or nil; source: the lines around; locals: a list of
-- name and shown
function frames.of(co, err)
  local list, level = {}, co and 0 or 2
  while #list < MOST_FRAMES do
    local at, name, is_there = place.frame(co, level, type(err) == "string" and err or nil)
    if not is_there then
      break
    elseif at then
      list[#list + 1] = { at = at, name = name, source = place.excerpt(at), locals = locals_of(co, level) }
    end
    level = level + 1
  end
  return list
end

return frames
