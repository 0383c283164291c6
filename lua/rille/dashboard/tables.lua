--- The dashboard's pages that are tables of numbers: each function returns the name of their view and its data.
--
-- A column's class says what stands in it; a cell is a text, perhaps with a pill, or a bar.
local core = require "rille.core"
local show = require "rille.dashboard.show"
local timeline = require "rille.timeline"

local tables = {}

local function columns(...)
  local list = {}
  for i, label in ipairs { ... } do
    local class, rest = label:match "^(%a+):(.*)$"
    list[i] = { class = class or "", label = rest or label }
  end
  return list
end

local function text(value, before)
  return { text = value, before = before, class = "" }
end

local function count(value, is_bad)
  return { text = show.count(value), is_bad = is_bad and (value or 0) > 0 }
end

local function ms(value, is_bad)
  return { text = show.ms(value), is_bad = is_bad }
end

local function bytes(value)
  return { text = show.bytes(value) }
end

local function bar(class, part, whole)
  return { has_track = true, class = class, share = show.share(part, whole) }
end

-- Those without rows are left out, and `none` is said when all are.
local function page(heading, none, all)
  local sections = {}
  for _, section in ipairs(all) do
    if #section.rows > 0 then
      sections[#sections + 1] = section
    end
  end
  return "tables", { heading = heading, none = none, sections = sections }
end

local function rows_of(list, make)
  local rows = {}
  for i, one in ipairs(list or {}) do
    rows[i] = make(one)
  end
  return rows
end

function tables.routes()
  local list, longest = timeline.routes(), 0
  for _, one in ipairs(list) do
    longest = math.max(longest, one.p95_ms)
  end
  return page("Routes", "Nothing was answered yet.", { {
    columns = columns("path:Route", "number:Answers", "number:Failed", "number:Half within", "number:95 %", "number:99 %",
      "number:Longest", "wide:Half and 95 %"),
    rows = rows_of(list, function(one)
      return {
        text(one.route, one.method), count(one.count), count(one.errors, true), ms(one.p50_ms), ms(one.p95_ms), ms(one.p99_ms),
        ms(one.max_ms), {
          class = "whole", share = show.share(one.p95_ms, longest), inner_class = "half", inner = show.share(one.p50_ms, longest),
        },
      }
    end),
  } })
end

local LANES = columns("Lane", "number:In use", "number:Idle", "number:Waiting", "number:Waited", "number:Statements",
  "number:Timeouts", "number:Reconnects", "number:Leaked", "wide:In use")

local function lane_row(name, lane, most)
  return {
    text(name), count(lane.in_use), count(lane.idle), count(lane.waiting, true), ms((lane.waited or 0) * 1000),
    count(lane.queries), count(lane.timeouts, true), count(lane.reconnects), count(lane.leaked, true),
    bar("sql", lane.in_use, most or (lane.in_use or 0) + (lane.idle or 0)),
  }
end

local function add_database(sections, one, title)
  sections[#sections + 1] = {
    title = title, columns = LANES,
    rows = { lane_row("exclusive", one.exclusive, one.most), lane_row("shared", one.shared) },
  }
end

function tables.database()
  local process, sections = timeline.process() or {}, {}
  for _, one in ipairs(process.databases or {}) do
    add_database(sections, one, ("%s, lent %s at most"):format(one.name, show.count(one.most)))
    for _, replica in ipairs(one.replicas or {}) do
      add_database(sections, replica,
        ("Replica %s, read by %d of %d workers"):format(replica.name, replica.readers, replica.workers))
    end
  end
  sections[#sections + 1] = {
    title = "Notifications",
    columns = columns("Database", "number:Channels", "number:Subscriptions", "number:Notes", "number:Dropped", "number:Lost"),
    rows = rows_of(process.listeners, function(one)
      local name = text(one.name)
      name.pill, name.class = one.connected and "connected" or "not connected", one.connected and "good" or "bad"
      return {
        name, count(one.channels), count(one.subscriptions), count(one.notes), count(one.dropped, true), count(one.lost, true),
      }
    end),
  }
  return page("Database", "No connection was made yet.", sections)
end

local function channel_row(one)
  local name = text(one.name)
  name.pill = one.closed and "closed" or nil
  return {
    name, count(one.depth), bar("channel", one.depth, one.capacity), count(one.capacity), bytes(one.bytes),
    count(one.senders, true), count(one.receivers), count(one.sent),
  }
end

local function topic_row(one)
  return {
    text(one.name), count(one.subscribers), count(one.published), count(one.depth), bytes(one.bytes), count(one.dropped, true),
  }
end

local function store_row(one)
  return {
    text(one.name), count(one.count), bytes(one.bytes), bar("half", one.bytes, one.ceiling), bytes(one.ceiling),
    count(one.hits), count(one.misses), count(one.evicted), count(one.expired),
  }
end

local function schedule_row(one)
  local name = text(one.name)
  name.pill, name.class = one.is_running and "running" or nil, "good"
  return {
    name, text(("%s, worker %s"):format(one.scope, one.worker)), text(show.time(one.due)), count(one.runs),
    count(one.failed, true), count(one.left_out),
  }
end

function tables.channels()
  local process = timeline.process() or {}
  return page("Channels", "The app has no shared channel, topic or store, and no schedule.", {
    {
      title = "Shared channels", rows = rows_of(process.channels, channel_row),
      columns = columns("Name", "number:Depth", "Filled", "number:Room", "number:Bytes", "number:Senders wait",
        "number:Receivers wait", "number:Sent"),
    },
    {
      title = "Topics", rows = rows_of(process.topics, topic_row),
      columns = columns("Name", "number:Subscribers", "number:Published", "number:Waiting", "number:Bytes", "number:Dropped"),
    },
    {
      title = "Stores", rows = rows_of(process.stores, store_row),
      columns = columns("Name", "number:Keys", "number:Memory", "Filled", "number:Room", "number:Hits", "number:Misses",
        "number:Evicted", "number:Expired"),
    },
    {
      title = "Schedules", rows = rows_of(process.schedules, schedule_row),
      columns = columns("Name", "Runs in", "number:Next (UTC)", "number:Runs", "number:Failed", "number:Left out"),
    },
  })
end

function tables.workers()
  return page("Workers", "Nothing is known of them yet.", { {
    columns = columns("Worker", "number:Generation", "number:For", "number:Lua memory", "wide:Of at most",
      "number:Allocates", "number:Collections", "number:Loop lag",
      "number:Worst in a minute", "number:Requests", "number:Tasks wait"),
    rows = rows_of(timeline.vms(), function(one)
      local name = text(one.worker)
      name.pill = one.is_retired and "ends" or nil
      return {
        name, count(one.generation), text(show.span(core.wall() - one.since)), bytes(one.memory),
        bar("half", one.memory, one.ceiling), text(show.bytes(one.allocation_rate) .. "/s"), count(one.collections),
        ms(one.lag_ms), ms(one.worst_lag_ms, (one.worst_lag_ms or 0) >= show.LATE_MS),
        count(one.live), count(one.task_count),
      }
    end),
  } })
end

return tables
