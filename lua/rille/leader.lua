--- Which node of a cluster does what only one shall do: the one that has PostgreSQL's advisory lock for it.
--
--     leads("nightly") --> the keeper: one session of this process, which keeps every lock that it got
--
-- A lock is kept as long as the session lives, so that of several nodes it is always the same one; when that ends, or
-- loses its connection, the next one to ask has it.
local channel = require "rille.channel"
local db = require "rille.db"
local errors = require "rille.error"
local tasks = require "rille.task"

local leader = {
  is_alone = false, -- in specs there is no other node
}

local ASK_SECONDS = 10
local TRY_LOCK = "select pg_try_advisory_lock(hashtextextended($1, 0)) as mine"

local keeper, questions -- its task; nil when there is none
local has_resigned = false

-- Asking for a lock that this session has succeeds again: nothing needs to be noted here.
local function keep(handle, asked)
  handle:hold(function()
    for question in asked:iter() do
      local ok, row = pcall(handle.one, handle, TRY_LOCK, "rille.schedule:" .. question.name)
      if not ok then
        question.answer:close()
        error(row, 0)
      end
      question.answer:send(row.mine)
    end
  end)
end

local function keeper_gone(asked, ok, err)
  if questions == asked then
    keeper, questions = nil, nil
  end
  local waiting = asked:try_recv()
  while waiting do
    waiting.answer:close()
    waiting = asked:try_recv()
  end
  errors.rethrow(ok, err)
end

local function ensure_keeper()
  if not keeper then
    local asked = channel.new(1024)
    questions = asked
    -- a handle of its own: this loan is meant to be long
    local handle = db.open { leak_after = 0, replicas = {} }
    keeper = tasks.background(function() keeper_gone(asked, pcall(keep, handle, asked)) end)
  end
  return questions
end

--- Whether this process is the one for something. **Yields.**
-- @tparam string name of it
-- @treturn boolean
-- @raise `overloaded` when the database does not say
function leader.leads(name)
  if leader.is_alone then
    return true
  end
  if has_resigned then
    return false -- a keeper that is made now would keep the server from stopping
  end
  local answer = channel.new(1)
  ensure_keeper():send({ name = name, answer = answer }, ASK_SECONDS)
  local mine = answer:recv(ASK_SECONDS)
  if mine == nil and has_resigned then
    return false
  elseif mine == nil then
    error(errors.new { code = "overloaded", status = 503, message = "the database did not say who leads" }, 0)
  end
  return mine
end

--- Lead nothing from now on: another node may.
function leader.resign()
  has_resigned = true
  if keeper then
    keeper:cancel()
  end
end

return leader
