--- Rows that are too many to hold at once.
local catalogue = require "rille.model.catalogue"
local fragment = require "rille.model.fragment"
local place = require "rille.place"
local Query = require "rille.model.query"
local quote = require("rille.db").quote_ident
local row = require "rille.model.row"
local run = require "rille.model.run"
local shape = require "rille.model.shape"
local sql = require "rille.model.sql"

local BATCH = 1000 -- rows

local Lots = {}
Lots.__index = Lots

-- Each lot of rows that comes is a set: what the query wants beside them is done once for each.
function Lots:__call()
  local one = self.stream()
  if one and one[0] ~= self.set then
    self.query.manner.after(self.query, one[0].rows)
    self.set = one[0]
  end
  return one
end

function Lots:close()
  self.stream:close()
end

--- Go through all rows one by one, in the query's order, some hundreds at a time in memory: `for post in q:each() do`.
-- **Yields.** A relation that a row is asked for is loaded for those that came with it. As db:each, a connection is kept
-- for as long as the loop runs, and a transaction.
-- @treturn function the iterator, with a method `close`
function Query:each()
  run.prepared(self)
  local handle = run.handle_of(self)
  local stream = run.checked(self.model, pcall(handle.each, handle, sql.text(self.shape, self.model, "select"),
    unpack(self.values, 1, self.shape.count)))
  return self.manner.after and setmetatable({ query = self, stream = stream, set = false }, Lots) or stream
end

local function check_unordered(self)
  for _, one in ipairs(shape.steps(self.shape)) do
    if one.kind == "order" or one.kind == "order_raw" or one.kind == "limit" or one.kind == "offset" then
      place.blame(("in_batches goes by the key, so that each batch begins where the last one ended: leave %s out, or take each()")
        :format((one.kind:gsub("_raw", ""))))
    end
  end
end

-- Rows behind the one with these values of the key.
local function behind(model, key, last)
  local names, marks, values = {}, {}, {}
  for i, name in ipairs(key) do
    names[i], marks[i], values[i] = model.prefix .. quote(name), "?", row.value(last, name)
  end
  local text = ("(%s) > (%s)"):format(table.concat(names, ", "), table.concat(marks, ", "))
  return fragment.new(text, unpack(values))
end

--- Go through all rows in lists, by their key: `for posts in q:in_batches(500) do`. **Yields.** Each list is a statement of
-- its own, so nothing is held between two of them, and rows may be changed in the loop.
-- @tparam[opt=1000] integer size rows of a list
-- @treturn function the iterator
function Query:in_batches(size)
  run.prepared(self)
  size = size or BATCH
  if type(size) ~= "number" or size < 1 or size % 1 ~= 0 then
    place.blame("in_batches takes a number of rows, from 1: got " .. tostring(size))
  end
  check_unordered(self)
  local model = self.model
  local key = catalogue.key(model)
  local ordered, last = self:order(unpack(key)):limit(size), nil
  return function()
    if last == false then
      return nil
    end
    local rows = (last and ordered:where(behind(model, key, last)) or ordered):all()
    last = #rows == size and rows[size] or false
    return #rows > 0 and rows or nil
  end
end
