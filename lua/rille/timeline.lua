--- What the latest requests did and waited for: what the dashboard and the error page read.
--
--     local request = timeline.request(id)
--     for _, event in ipairs(request.events) do print(event.start_ms, event.what, event.text, event.ms) end
--
-- C keeps the record (core/base/journal.h): of all workers of the process, in development, and elsewhere with the
-- setting `timeline`. Everything here is a copy, empty where no record is kept. `start` is unix time in seconds, what
-- ends in `ms` are milliseconds. Texts are cut, and may hold whatever a stranger sent. Values of statements are not kept.
local core = require "rille.core"

local timeline = {}

--- So many statements of one line are a loop: a page that asks three times what it needs is none.
timeline.MOST_ALIKE = 10

--- What a statement of Rille's own begins with, for which no line of the app's has asked.
timeline.OWN = "/* rille */ "

local SLOW_MS = 100      -- a statement that is marked: at ten requests a second it is busy all the time
local MOST_SLOW = 50

--- Whether a record is kept.
-- @treturn boolean
timeline.is_on = core.journal_is_kept

local function ms(seconds)
  return seconds and math.floor(seconds * 1e6 + 0.5) / 1e3
end

local function request_of(head)
  head.ms, head.sql_ms = ms(head.took), ms(head.sql_took)
  head.took, head.sql_took = nil, nil
  head.is_live = head.is_live or false
  return head
end

--- The requests that run, 1,000 at most, and the last 200 that ended.
-- @treturn {table,...} the newest first: `id`, as in the log; `number`, which counts up; `method`; `path`, with the
-- query; `route`, or nil; `status`, or nil before the end; `is_live`; `start`; `ms`, until now for one that runs; `worker`;
-- `sql` and `sql_ms`: its statements, and their times together; `event_count`; `dropped`: events beyond 256
function timeline.requests()
  local list = core.journal_requests()
  for _, head in ipairs(list) do
    request_of(head)
  end
  table.sort(list, function(a, b) return a.number > b.number end)
  return list
end

-- ---- one request ------------------------------------------------------------------------

--- The text of a statement without what a program that puts its SQL together has put in.
-- @tparam string sql
-- @treturn string
function timeline.pattern_of(sql)
  return (sql:gsub("'[^']*'", "?"):gsub("%f[%w_]%d+", "?"):gsub("%s+", " "))
end

-- Statements that one line asks for again and again, in other values.
local function mark_repeated(events)
  local by_line = {}
  for _, event in ipairs(events) do
    if event.what == "sql" and event.at and event.text then
      local key = event.at .. "\0" .. timeline.pattern_of(event.text)
      local alike = by_line[key] or {}
      by_line[key] = alike
      alike[#alike + 1] = event
    end
  end
  for _, alike in pairs(by_line) do
    for _, event in ipairs(#alike >= timeline.MOST_ALIKE and alike or {}) do
      event.repeated = #alike
    end
  end
end

local function event_of(event, events)
  event.start_ms, event.ms, event.queued_ms = ms(event.start), ms(event.took), ms(event.queued)
  event.start, event.took, event.queued = nil, nil, nil
  event.depth = event.parent and events[event.parent].depth + 1 or 0 -- whose parent began before it
  event.is_slow = event.what == "sql" and (event.ms or 0) >= SLOW_MS or nil
  event.is_own = event.what == "sql" and (event.text or ""):sub(1, #timeline.OWN) == timeline.OWN or nil
end

-- What it waits for: the newest event without an end, but a task is no wait.
local function waiting_of(events)
  for i = #events, 1, -1 do
    if not events[i].ms and events[i].what ~= "task" then
      return events[i]
    end
  end
end

--- One request.
-- @tparam string id
-- @treturn ?table as timeline.requests has it, and `events`, in the order of their beginning: `what`, a word ("sql", "sleep",
-- "task", "channel", "lock", "await", "body", "file", "template", …); `text`: the statement, or a template's name, cut
-- where `is_cut` says so; `at`: the app's line, or nil;
-- `start_ms`, from the request's start on; `ms`, or nil before its end; `parent`: the place in this list of the event
-- that it is under, or nil; `depth`, from 0; and of statements `rows`; `lane` ("shared" or "exclusive"); `queued_ms`:
-- until it was the first on its connection, if it waited; `failed`: the SQLSTATE; `repeated`: how many of this line are
-- alike, when they are ten or more; `is_slow`: 100 ms or more; `is_own`: Rille's, not the app's. Of a live request
-- `waiting` is the event that it waits in. Nil when it is not known any more
function timeline.request(id)
  local request = core.journal_request(id)
  if not request then
    return nil
  end
  for _, event in ipairs(request.events) do
    event_of(event, request.events)
  end
  mark_repeated(request.events)
  request = request_of(request)
  request.waiting = request.is_live and waiting_of(request.events) or nil
  return request
end

--- The request that runs here.
-- @treturn ?table as timeline.request has it
function timeline.here()
  local slot, epoch = core.request_here()
  return slot and timeline.request(core.request_id(slot, epoch)) or nil
end

--- The app's statements of a request, in the order that they were sent in.
-- @tparam ?string id
-- @treturn {table,...} as the events of timeline.request
function timeline.statements(id)
  local request, list = id and timeline.request(id), {}
  for _, event in ipairs(request and request.events or {}) do
    if event.what == "sql" and not event.is_own then
      list[#list + 1] = event
    end
  end
  return list
end

-- ---- all of them -----------------------------------------------------------------------------

--- Statements of the requests above that took long, or are repeated.
-- @treturn {table,...} events, the slowest first, 50 at most; `request` is the id of each one's request, and `route` its route
function timeline.slow()
  local list = {}
  for _, head in ipairs(timeline.requests()) do
    local request = head.sql > 0 and timeline.request(head.id)
    for _, event in ipairs(request and request.events or {}) do
      if event.is_slow or event.repeated then
        event.request, event.route = head.id, head.route
        list[#list + 1] = event
      end
    end
  end
  table.sort(list, function(a, b) return (a.ms or 0) > (b.ms or 0) end)
  for i = #list, MOST_SLOW + 1, -1 do
    list[i] = nil
  end
  return list
end

--- How long requests took, of all that ended since the process began.
-- @treturn {table,...} by `method` and `route` ("-" where no route took them), those of the most requests first: `count`,
-- `errors` (answered 500 or above), `p50_ms`, `p95_ms`, `p99_ms` (each within 1/16), `max_ms`, `mean_ms`
function timeline.routes()
  local list = core.journal_routes()
  for _, one in ipairs(list) do
    one.route = one.route or "-"
    one.p50_ms, one.p95_ms, one.p99_ms, one.max_ms = ms(one.p50), ms(one.p95), ms(one.p99), ms(one.max)
    one.mean_ms = ms(one.sum / one.count)
    one.p50, one.p95, one.p99, one.max, one.sum = nil, nil, nil, nil, nil
  end
  table.sort(list, function(a, b) return a.count > b.count end)
  return list
end

-- ---- the process ------------------------------------------------------------------------------

--- The process's VMs, as each was at most a second ago: rille.gauge.
-- @treturn {table,...} by worker and generation: `worker`; `generation`; `since`, unix time; `memory` and `ceiling`, bytes
-- of Lua's; `allocation_rate`, bytes a second; `collections`: cycles of the collector since it began; `live`, requests;
-- `is_retired`: another one has taken over; `lag_ms` and `worst_lag_ms`: how late its loop was
-- within the last second, and the last minute; `task_count`: tasks that wait; `tasks`: those that have waited the longest,
-- 100 at most: `what`, `ms`, `stack`, and where there is one `at`, `route` and `request`, an id
function timeline.vms()
  local list = core.gauge_all()
  for i, text in ipairs(list) do
    list[i] = core.json_decode(text)
  end
  table.sort(list, function(a, b)
    return a.worker < b.worker or a.worker == b.worker and a.generation < b.generation
  end)
  return list
end

--- The last lines of the log.
-- @tparam[opt=200] integer most
-- @treturn {table,...} the oldest first: `time`, `level`, `msg`, and the line's own facts by their names
function timeline.log(most)
  local lines = {}
  for line in core.log_tail():gmatch "[^\n]+" do
    lines[#lines + 1] = line
  end
  local list = {}
  for i = math.max(1, #lines - (most or 200) + 1), #lines do
    list[#list + 1] = core.json_decode(lines[i])
  end
  return list
end

--- What the process says of itself.
-- @treturn ?table the document of `rille status --json`, but for `generation`, `reloads` and `failure`; nil where there is
-- no server
function timeline.process()
  local text = core.process_tell()
  return text and core.json_decode(text)
end

return timeline
