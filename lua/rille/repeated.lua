--- In development: the statements that a request asks for one by one.
--
--     warn  one line asked the database 30 times for the same, in other values  at=app.lua:12
--
-- What models load by themselves never looks like this. SQL that an app runs in a loop
-- does, and a table that is small today hides it. The request goes on; the log says so
-- at its end, once for each line.
local behalf = require "rille.behalf"
local cleanup = require "rille.cleanup"
local core = require "rille.core"
local db = require "rille.db"
local place = require "rille.place"
local timeline = require "rille.timeline"

local repeated = {}

local MOST_PATTERNS = 1000 -- that a request is watched for: each is kept until its end

local METHODS = { "query", "one", "exec" }

local Db = getmetatable(db)
local of_slot = {} -- what each slot's request has asked; one of another epoch is stale
local told = {}    -- lines that the log has named

local function tell(slot, epoch, seen)
  for _, one in ipairs(seen.list) do
    if one.count >= timeline.MOST_ALIKE and not told[one.at] then
      told[one.at] = true
      core.log("warn", ("one line asked the database %d times for the same, in other values: one statement can fetch it "
        .. "(where id = any($1)), and a model's relation does so by itself"):format(one.count),
        "at", one.at, "statement", one.sql, "request_id", core.request_id(slot, epoch))
    end
  end
end

local function seen_by(slot, epoch)
  local seen = of_slot[slot]
  if not seen or seen.epoch ~= epoch then
    seen = { epoch = epoch, list = {}, by_line = {} }
    of_slot[slot] = seen
    cleanup.add(cleanup.of_request(slot, epoch), tell, slot, epoch, seen)
  end
  return seen
end

local function note(sql)
  local slot, epoch = behalf.here()
  local at = slot and type(sql) == "string" and place.nearest()
  if not at then
    return
  end
  local seen = seen_by(slot, epoch)
  local key = at .. "\0" .. timeline.pattern_of(sql)
  local one = seen.by_line[key]
  if one then
    one.count = one.count + 1
  elseif #seen.list < MOST_PATTERNS then
    one = { at = at, sql = sql, count = 1 }
    seen.by_line[key], seen.list[#seen.list + 1] = one, one
  end
end

local is_watching = false

--- Watch the statements of all requests from now on.
function repeated.watch()
  if is_watching then
    return
  end
  is_watching = true
  for _, name in ipairs(METHODS) do
    local plain = Db[name]
    Db[name] = function(self, sql, ...)
      note(sql)
      return plain(self, sql, ...)
    end
  end
end

return repeated
