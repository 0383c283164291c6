--- Several statements at once, on one connection.
local core = require "rille.core"
local place = require "rille.place"
local statement = require "rille.db.statement"
local transactions = require "rille.db.transaction"

local function check_list(self, list)
  if type(list) ~= "table" then
    place.blame("db:batch takes a list of statements, { {sql, …}, … }: got a " .. type(list))
  end
  local widths, has_molds = {}, false
  for i, item in ipairs(list) do
    if type(item) ~= "table" or type(item[1]) ~= "string" then
      place.blame(("statement %d of the batch is { sql, … }: got a %s"):format(i,
        type(item) == "table" and "table that begins with a " .. type(item[1]) or type(item)))
    end
    if self.is_read and not core.pg_reads(item[1]) then
      place.blame(("statement %d: db:read() takes statements that only read"):format(i))
    end
    widths[i] = item.n or table.maxn(item)
    has_molds = has_molds or item.mold ~= nil
  end
  for key in pairs(list) do
    if key ~= "atomic" and (type(key) ~= "number" or not list[key] or key > #widths) then
      place.blame("a batch is a list of statements, with `atomic` beside them: it has " .. tostring(key))
    end
  end
  return widths, has_molds
end

-- The results of what pg_batch began, and the place of the first failure.
local function await(self, molds, case, why)
  statement.await(case, why)
  local results, failed = core.pg_batch_results(self.bigint_is_string, molds)
  if not results then
    error(statement.explain(failed), 0)
  end
  return results, failed
end

local function send(self, list, is_atomic, widths, has_molds)
  local case, why = core.pg_batch(self:lanes(), self.how, list, is_atomic, widths)
  if is_atomic and why then -- the frame's first statement is not the caller's
    why = why:gsub("^statement (%d+)", function(number) return "statement " .. number - 1 end)
  end
  return await(self, has_molds and list, case, why)
end

local function checked(results, failed)
  if not failed then
    return results
  end
  for i, result in ipairs(results) do
    if type(result) == "table" and type(result.code) == "string" and getmetatable(result) == nil then
      results[i] = statement.explain(result)
    end
  end
  local err = results[failed]
  err.index, err.results = failed, results
  error(err, 0)
end

-- With one statement more on either side.
local function between(first, list, widths, last)
  local whole, wider = { { first } }, { 1 }
  for i, item in ipairs(list) do
    whole[i + 1], wider[i + 1] = item, widths[i]
  end
  whole[#whole + 1], wider[#wider + 1] = { last }, 1
  return whole, wider
end

-- What stands between the two: results without the frame's own. A COMMIT may
-- fail where each statement was well: then that is the failure, after the last.
local function inner(results, failed, count)
  local own = {}
  for i = 1, count do
    own[i] = results[i + 1]
  end
  if failed == count + 2 then
    own[count + 1] = results[failed]
  end
  return own, failed and math.max(failed - 1, 1)
end

local function run_atomic(self, list, widths, has_molds)
  local _, is_held, is_open = transactions.here(self)
  local savepoint = is_held and is_open and "rl_batch"
  local first = savepoint and "savepoint rl_batch" or self.is_read and "begin read only" or "begin"
  local last = savepoint and "release savepoint rl_batch" or "commit"
  local whole, wider = between(first, list, widths, last)
  local results, failed = send(self, whole, true, wider, has_molds)
  if failed and savepoint then
    pcall(transactions.run_held, self, "rollback to savepoint rl_batch")
  end
  return inner(results, failed, #list)
end

-- An ALTER TABLE makes the plans of its table useless, on each connection and for each statement there is:
-- a failure takes one of them away, and the next run may meet another.
local MOST_RUNS = 100

local function run_atomic_on_new_plans(self, list, widths, has_molds)
  local is_inside = core.pg_transaction(self:lanes()) -- whose earlier statements saw the old table
  local results, failed
  for _ = 1, is_inside and 1 or MOST_RUNS do
    results, failed = run_atomic(self, list, widths, has_molds)
    if not (failed and results[failed].of_plan) then
      break
    end
  end
  return results, failed
end

-- Whether core.pg_batch may be tried without a look at each item: it sees by itself that there are
-- nothing but statements and their values. What it would find odd at once need not go there.
local function is_plain_so_far(self, list)
  local first = type(list) == "table" and not list.atomic and list[1]
  return type(first) == "table" and not (first.n or first.mold) and not self.is_read
end

local Db = {}

--- Send several statements at once over one connection, and read all answers:
-- one round trip. They run in their order. **Yields.**
-- @tparam table list `{ {sql, …}, … }`, 1,000 at most; a NULL at the end of the
-- values is `rille.null`. With `atomic = true` all of them take effect or none;
-- otherwise, and outside of a transaction, each stands or falls alone. An item's `mold` makes its rows a model's
-- @treturn {any,...} for each in its place: its rows, or the count when it gives none
-- @raise the first failure, whose `index` says which statement it was; `results`
-- has those of all, the errors in their places
function Db:batch(list)
  local lanes = statement.lanes(self)
  if is_plain_so_far(self, list) then
    local case, why = core.pg_batch(lanes, self.how, list)
    if case then
      return checked(await(self, nil, case, why))
    end
  end
  local widths, has_molds = check_list(self, list)
  if #list == 0 then
    return {}
  end
  if list.atomic then
    return checked(run_atomic_on_new_plans(self, list, widths, has_molds))
  end
  return checked(send(self, list, false, widths, has_molds))
end

return Db
