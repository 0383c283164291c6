--- Requests that no route took: 404, 405, OPTIONS, what C refused. They are told to
-- the apps mounted there as errors, so that on_error and on_response see them like
-- any other.
local compose = require "rille.compose"
local Context = require "rille.context"
local core = require "rille.core"
local errors = require "rille.error"
local text = require "rille.text"

local miss = {}

local function unescaped(segment)
  return (segment:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

-- One segment of a mount's prefix: what stands around the parameter, if it has one.
local function read_segment(pattern)
  local before, after = pattern:match "^([^:]*):[%a_][%w_]*(.*)$"
  return { text = pattern, before = before, after = after }
end

local function fits(segment, raw)
  local value = unescaped(raw)
  if not segment.before then
    return value == segment.text
  end
  return #value > #segment.before + #segment.after and value:sub(1, #segment.before) == segment.before
    and value:sub(#value - #segment.after + 1) == segment.after
end

-- "/t/:tenant/" is { t, :tenant }: the slash at its end is the router's business.
local function segments_of(prefix)
  local segments = {}
  for i, pattern in ipairs(text.split(prefix, "/")) do
    if i > 1 then
      segments[i - 1] = read_segment(pattern)
    end
  end
  if #segments > 0 and segments[#segments].text == "" then
    segments[#segments] = nil
  end
  return segments
end

local function is_below(parts, segments)
  if #parts <= #segments then
    return false
  end
  for i, segment in ipairs(segments) do
    if not fits(segment, parts[i + 1]) then
      return false
    end
  end
  return true
end

-- The longest prefixes first; of two such, the one that says more itself.
local function by_length(mounts)
  local list = {}
  for i, mount in ipairs(mounts) do
    local segments = segments_of(mount.prefix)
    local said = 0
    for _, segment in ipairs(segments) do
      said = said + (segment.before and 0 or 1)
    end
    list[i] = { segments = segments, said = said, apps = mount.apps, place = i }
  end
  table.sort(list, function(a, b)
    if #a.segments ~= #b.segments then
      return #a.segments > #b.segments
    elseif a.said ~= b.said then
      return a.said > b.said
    end
    return a.place < b.place
  end)
  return list
end

--- What C calls with a request that no route took.
-- @tparam App app the outermost
-- @tparam {table,...} mounts as compose.routes has them
-- @treturn function(slot, epoch, status, code, message)
function miss.handler(app, mounts)
  local list, root = by_length(mounts), { app }
  local longest = list[1] and #list[1].segments or 0

  -- Those mounted around the path, from the outside in.
  local function apps_at(path)
    local parts = text.split(path, "/", longest + 2)
    for _, mount in ipairs(list) do
      if is_below(parts, mount.segments) then
        return mount.apps
      end
    end
    return root
  end

  return function(slot, epoch, status, code, message)
    local apps = apps_at(core.path(slot, epoch))
    local c = Context.new(slot, epoch, apps[#apps])
    if status == 204 then
      return compose.answer_options(c, apps)
    end
    return compose.answer_error(c, errors.new { status = status, code = code, message = message, is_public = true }, apps)
  end
end

--- Whether any app wants to know of requests that no route took: else C answers them.
-- @tparam {App,...} apps
function miss.is_heard(apps)
  for _, app in ipairs(apps) do
    if #app.error_handlers > 0 or #app.response_hooks > 0 then
      return true
    end
  end
  return false
end

return miss
