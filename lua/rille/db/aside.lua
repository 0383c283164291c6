--- A connection that a task of its own keeps, for what lasts longer than a call.
--
--    the reader --ask(fn)--> [ task: begin … fn … fn … end ]
--               <--result---
--
-- The statements of whoever reads a stream run beside it and must not get onto
-- its connection, which belongs to the scope that borrowed it: so the borrower is
-- a task that does nothing else. It gives the connection back when it is told to,
-- when a call fails, when nobody has asked for a while (the setting
-- write_timeout), when what was tied to it has been collected, or when the reader ends.
local core = require "rille.core"
local errors = require "rille.error"
local line = require "rille.line"
local place = require "rille.place"
local tasks = require "rille.task"

local newproxy = newproxy -- apps do not have it

local aside = {}

local Aside = {}
Aside.__index = Aside

local CLOSED = {}            -- raised to leave what keeps the connection
local DEFAULT_IDLE = 30      -- write_timeout's own default, where there are no settings

--- How long somebody may take who is waited for in the midst of a stream: the setting write_timeout, in
-- milliseconds.
function aside.patience_ms()
  return ((core.settings or {}).write_timeout or DEFAULT_IDLE) * 1000
end

local function idle_error()
  return errors.new { code = "timeout", status = 504, message = "the stream was not read for too long: it was ended" }
end

-- In the task: run what is asked for until it is enough.
local function serve(self)
  while not self.is_closing do
    local job = self.job
    if job then
      self.job = nil
      job.ok, job.result = pcall(job.fn)
      job.is_done = true
      line.wake_all(self.answered)
      if not job.ok then
        error(job.result, 0)
      end
    elseif not line.stand(self.asked, nil, aside.patience_ms()) and not self.job and not self.is_closing then
      error(idle_error(), 0)
    end
  end
  if self.is_closing == "broken off" then
    error(CLOSED, 0)
  end
end

local function keep(self, enter)
  local ok, err = pcall(enter, function() serve(self) end)
  self.is_over = true
  self.failure = not ok and err ~= CLOSED and err or nil
  line.wake_all(self.answered)
end

--- Have a task keep what `enter(serve)` opens, and closes when `serve` returns or
-- raises.
function aside.open(enter)
  local self = setmetatable({ asked = line.new(), answered = line.new() }, Aside)
  self.task = tasks.spawn(keep, self, enter)
  return self
end

-- What went wrong over there, blamed on the line of the app's that is here.
local function hand_on(err)
  place.note(err)
  error(err, 0)
end

--- Run `fn()` there and hand on what it returns or raises. **Yields.**
function Aside:ask(fn)
  local job = { fn = fn }
  self.job = job
  line.wake_all(self.asked)
  while not job.is_done do
    if self.is_over then
      hand_on(self.failure or "the stream has been closed")
    end
    line.stand(self.answered)
  end
  if not job.ok then
    hand_on(job.result)
  end
  return job.result
end

--- All has been read: the connection goes back, a transaction is committed.
function Aside:close()
  self.is_closing = self.is_closing or true
  line.wake_all(self.asked)
end

--- The rest is not wanted: the connection goes back, a transaction is rolled back.
function Aside:break_off()
  self.is_closing = self.is_closing or "broken off"
  line.wake_all(self.asked)
end

--- Wait until the connection has gone back. **Yields.**
-- @raise what went wrong there
function Aside:await_end()
  while not self.is_over do
    line.stand(self.answered)
  end
  if self.failure then
    hand_on(self.failure)
  end
end

--- A value whose collection breaks it off: for what the reader drops, as a loop
-- does that is left by `break`.
function Aside:tie()
  local tie = newproxy(true)
  getmetatable(tie).__gc = function() self:break_off() end
  return tie
end

return aside
