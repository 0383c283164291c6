--- What the dashboard's pages say: each function returns the name of a view and its data.
--
-- Whatever is shown may have come from a stranger (a path, a statement's text): views escape all of it.
local explain = require "rille.explain"
local show = require "rille.dashboard.show"
local timeline = require "rille.timeline"

local pages = {}

local MOST_SHOWN = 100 -- requests
local MOST_WORTH = 5
local LOG_LINES = 300
local MOST_LEVEL = 3 -- deeper events are shown no further in

-- ---- requests --------------------------------------------------------------------------

local KINDS = {
  sql = "sql", task = "task", await = "task", thread = "task", channel = "channel", notes = "channel", lock = "lock",
  template = "template",
}

local function class_of_status(status)
  return not status and "" or status >= 500 and "bad" or status >= 400 and "warn" or "good"
end

local function add_status(to, request)
  to.class, to.shown_status = class_of_status(request.status), request.status or "live"
  return to
end

-- The dashboard's own requests are not what it is looked at for.
local function is_own(request)
  return (request.route or request.path or ""):find "^/_rille" ~= nil
end

local function requests_of_app()
  local list = {}
  for _, one in ipairs(timeline.requests()) do
    if not is_own(one) then
      list[#list + 1] = one
    end
  end
  return list
end

local function request_rows(list)
  local longest = 0
  for i = 1, math.min(#list, MOST_SHOWN) do
    longest = math.max(longest, list[i].is_live and 0 or list[i].ms)
  end
  local rows = {}
  for i = 1, math.min(#list, MOST_SHOWN) do
    local one = add_status(list[i], list[i])
    one.bar = {
      class = "whole", share = show.share(one.ms, longest), inner_class = "sql", inner = show.share(one.sql_ms, longest),
    }
    rows[i] = one
  end
  return rows
end

local function tile(label, value, is_bad)
  return { label = label, value = value, is_bad = is_bad }
end

-- How the process does, in a few numbers.
local function tiles(process, requests)
  local answered, failed, live, memory, lag, generation = 0, 0, 0, 0, 0, 0
  for _, route in ipairs(timeline.routes()) do
    answered, failed = answered + route.count, failed + route.errors
  end
  for _, request in ipairs(requests) do
    live = live + (request.is_live and 1 or 0)
  end
  for _, vm in ipairs(timeline.vms()) do
    memory, lag = memory + vm.memory, math.max(lag, vm.worst_lag_ms or 0)
    generation = math.max(generation, vm.generation)
  end
  return {
    tile("Live requests", show.count(live)), tile("Answered", show.count(answered)),
    tile("Failed", show.count(failed), failed > 0), tile("Connections", show.count(process.connections)),
    tile("Worst loop lag", show.ms(lag), lag >= show.LATE_MS), tile("Lua memory", show.bytes(memory)),
    tile("Generation", show.count(generation)), tile("Up for", show.span(process.uptime or 0)),
  }
end

-- The place of an event that timeline.slow() told of, in the request's own list; nil when it is not kept any more.
local function number_of(event)
  local request = timeline.request(event.request)
  for i, one in ipairs(request and request.events or {}) do
    if one.start_ms == event.start_ms and one.text == event.text then
      return i
    end
  end
end

-- Of statements that one line repeats, the slowest stands for all.
local function worth_a_look(most)
  local list, seen = {}, {}
  for _, event in ipairs(timeline.slow()) do
    local key = table.concat({ event.request, event.at or "", timeline.pattern_of(event.text or "") }, "\0")
    if not is_own(event) and not (event.repeated and seen[key]) and #list < most then
      local number = number_of(event)
      seen[key] = true
      event.id, event.href = #list + 1, "/_rille/requests/" .. event.request .. (number and "#e" .. number or "")
      list[#list + 1] = event
    end
  end
  return list
end

function pages.overview()
  local requests = requests_of_app()
  return "overview", {
    tiles = tiles(timeline.process() or {}, requests), worth = worth_a_look(MOST_WORTH),
    requests = request_rows(requests), is_on = timeline.is_on(),
  }
end

function pages.statements()
  return "statements", { statements = worth_a_look(math.huge) }
end

local function facts_of(event)
  local list = {}
  if event.rows then
    list[1] = ("%s %s"):format(show.count(event.rows), event.rows == 1 and "row" or "rows")
  end
  list[#list + 1] = event.lane and event.lane .. " lane"
  if event.queued_ms then
    list[#list + 1] = "queued " .. show.ms(event.queued_ms)
  end
  return table.concat(list, " · ")
end

-- What PREPARE takes, by its first word.
local EXPLAINED = { select = true, insert = true, update = true, delete = true, with = true, values = true }

local function can_explain(event)
  local first = (event.text or ""):match "^%s*(%a+)"
  return event.what == "sql" and not event.is_cut and first ~= nil and EXPLAINED[first:lower()] ~= nil
end

local function shown_event(event, number, whole_ms)
  local ms = event.ms or math.max(0, whole_ms - event.start_ms)
  event.number, event.level, event.class = number, math.min(event.depth or 0, MOST_LEVEL), KINDS[event.what] or "other"
  event.bar = {
    has_track = true, class = event.class, from = show.share(event.start_ms, whole_ms),
    share = math.max(3, show.share(ms, whole_ms)), -- what was quick is seen, too
  }
  event.facts, event.can_explain = facts_of(event), can_explain(event)
  return event
end

function pages.request(c)
  local request = timeline.request(c.params.id)
  if not request then
    return "gone", {}
  end
  local events = {}
  for i, event in ipairs(request.events) do
    events[i] = shown_event(event, i, request.ms)
  end
  return "request", add_status({ request = request, events = events }, request)
end

function pages.plan(c)
  local request = timeline.request(c.params.id)
  local event = request and request.events[tonumber(c.params.number)]
  if not event or not can_explain(event) then
    return "gone", {}
  end
  local plan, why = explain(event.text)
  return "plan", { request = request, event = event, plan = plan, why = why }
end

-- ---- tasks, the log ---------------------------------------------------------------------

function pages.tasks()
  local list, waiting = {}, 0
  for _, vm in ipairs(timeline.vms()) do
    waiting = waiting + (vm.task_count or #vm.tasks)
    for _, task in ipairs(vm.tasks) do
      if not (task.route or ""):find("^/_rille") then
        task.worker, task.class = vm.worker, KINDS[task.what] or "other"
        list[#list + 1] = task
      end
    end
  end
  table.sort(list, function(a, b) return a.ms > b.ms end)
  return "tasks", { tasks = list, count = waiting }
end

local HEAD = { time = true, level = true, msg = true }
local FIRST = { "method", "path", "status", "ms", "error", "at" } -- of what a line tells beside: the rest by name
local LEVELS = { error = "bad", warn = "warn" }

local function shown_line(line)
  local fields, places = {}, {}
  for i, name in ipairs(FIRST) do
    places[name] = ("%02d"):format(i)
  end
  for name, value in pairs(line) do
    if not HEAD[name] and value ~= "" then
      fields[#fields + 1] = { name = name, value = tostring(value), place = places[name] or name }
    end
  end
  table.sort(fields, function(a, b) return a.place < b.place end)
  return { time = line.time:sub(12, 23), level = line.level, msg = line.msg, class = LEVELS[line.level] or "", fields = fields }
end

function pages.log()
  local lines, tail = {}, timeline.log(LOG_LINES)
  for i = #tail, 1, -1 do -- the newest first: it is what is looked for
    lines[#lines + 1] = shown_line(tail[i])
  end
  return "log", { lines = lines }
end

return pages
