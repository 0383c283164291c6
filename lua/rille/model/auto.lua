--- Loading by itself: the first touch of a relation loads it for all rows of the set.
--
--     for _, post in ipairs(posts) do
--       print(post.author.name)      the first one asks, for all posts; the others find it
--     end
--
-- Tasks that touch the same relation meanwhile wait for the one statement under way. It
-- belongs to none of them: it runs for the app, and is cancelled when the last of those
-- who wait for it has gone. Inside a transaction it runs where it was touched, on the
-- transaction's connection.
local behalf = require "rille.behalf"
local line = require "rille.line"
local loading = require "rille.model.loading"
local once = require "rille.once"
local place = require "rille.place"
local relation = require "rille.model.relation"
local transactions = require "rille.db.transaction"

local auto = {}

-- Rows of a set that one touch loads for. More go in chunks, around the touched row: a loop that is left early
-- has not loaded a table, and what one statement brings into memory has a bound.
local CHUNK = 10000

local is_strict_everywhere = false

--- Whether all models are strict: for specs.
function auto.set_strict(flag)
  is_strict_everywhere = flag
end

local function is_strict(set)
  if set.strict ~= nil then
    return set.strict
  end
  return set.model.is_strict or is_strict_everywhere
end

-- ---- which rows --------------------------------------------------------------------------

-- Which chunk of its set a row is in.
local function chunk_of(set, row)
  if #set.rows <= CHUNK then
    return 1
  end
  local places = set.places
  if not places then
    places = {}
    for i = 1, #set.rows do
      places[set.rows[i]] = i
    end
    set.places = places
  end
  return math.ceil((places[row] or 1) / CHUNK)
end

-- The list is the app's: it may have put something else in, or taken a row out.
local function rows_of(set, chunk)
  local part, rows, first = {}, set.rows, (chunk - 1) * CHUNK + 1
  for i = first, math.min(first + CHUNK - 1, #rows) do
    if type(rows[i]) == "table" and rawget(rows[i], 0) == set then
      part[#part + 1] = rows[i]
    end
  end
  return part
end

-- ---- one statement for all who want it -----------------------------------------------------

local function load(set, state, row, chunk)
  local db = set.db or set.model.db
  loading.run(db, loading.pendings(state, rows_of(set, chunk)))
  if loading.value(state, row) == nil then -- it is not in that list any more
    loading.run(db, loading.pendings(state, { row }))
  end
end

-- Where the statements of others do not go: one task asks, in its own name; when it is
-- cancelled, another of those who wait asks again.
local function load_here(flight, ...)
  if flight.waiting then
    line.stand(flight.waiting)
    return
  end
  flight.waiting = line.new()
  local ok, err = pcall(load, ...)
  local waiting = flight.waiting
  flight.waiting = nil
  line.wake_all(waiting)
  if not ok then
    error(err, 0)
  end
end

-- What those who want the same chunk wait for.
local function flight_of(state, chunk)
  state.flights = state.flights or {}
  state.flights[chunk] = state.flights[chunk] or {}
  return state.flights[chunk]
end

local function load_shared(set, state, row)
  local chunk, db = chunk_of(set, row), set.db or set.model.db
  local flight = flight_of(state, chunk)
  if transactions.is_apart(db) or db.is_read then
    return load_here(flight, set, state, row, chunk)
  end
  local whom = behalf.whom()
  once.once_for(flight, function()
    return behalf.run(whom, load, set, state, row, chunk)
  end)
end

-- ---- the touch --------------------------------------------------------------------------------

local function refuse(self)
  place.blame(("%s.%s is not loaded, and this is strict: preload(%q) in the query that gave the row"):format(self.model.table,
    self.name, self.name))
end

-- Where nothing can wait, the app touched a relation, and has called nothing.
local function load_named(self, ...)
  local ok, err = pcall(load_shared, ...)
  if not ok then
    error(type(err) == "string" and err:gsub("'__index' waits", ("%s.%s is loaded, which waits"):format(self.model.table,
      self.name)) or err, 0)
  end
end

--- What a row has of a relation; loaded for its whole set when it is not yet. **May yield.**
-- @tparam table self the relation
-- @tparam row row
-- @tparam table set its own
-- @return a row or nil, a list, or a number
-- @raise in a strict set, when it has not been loaded; where nothing can wait
function auto.touch(self, row, set)
  local state = set.loaded[self.name] or loading.state(set, self)
  while true do
    local value = loading.value(state, row)
    if value ~= nil then
      return value or nil
    elseif is_strict(set) then
      refuse(self)
    end
    load_named(self, set, state, row)
  end
end

--- Whether a relation goes by a column of its rows that is among `fields`.
-- @local
function relation.methods:goes_by(fields)
  if self.type_column and fields[self.type_column] ~= nil then
    return true
  end
  for _, own in ipairs(self.own) do
    if fields[own] ~= nil then
      return true
    end
  end
  return false
end

relation.methods.touch = auto.touch

return auto
