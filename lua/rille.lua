--- Rille: what an app requires.
local answers = require "rille.answer"
local App = require "rille.app"
local channel = require "rille.channel"
local config = require "rille.config"
local core = require "rille.core"
local db = require "rille.db"
local errors = require "rille.error"
local file = require "rille.file"
local Group = require "rille.group"
local fragment = require "rille.model.fragment"
local log = require "rille.log"
local model = require "rille.model"
local mw = require "rille.mw"
local nearest = require "rille.nearest"
local once = require "rille.once"
local pool = require "rille.pool"
local random = require "rille.random"
local resources = require "rille.resources"
local schema = require "rille.schema"
local shared = require "rille.shared"
local shared_channel = require "rille.shared_channel"
local several = require "rille.several"
local sync = require "rille.sync"
local tasks = require "rille.task"
local text = require "rille.text"
local threads = require "rille.threads"
local topic = require "rille.topic"

require "rille.select" -- of channels that others share, too

local json = {}

--- A text of JSON, decoded.
-- @tparam string text
-- @return the value, with rille.null for null
-- @raise what is wrong with a text that is no JSON, and where
json.decode = core.json_decode

--- A value as JSON.
-- @param value of strings, numbers, booleans, tables, rille.null
-- @treturn string
-- @raise for what JSON cannot hold: functions, NaN, cycles
json.encode = core.json_encode

local rille = {
  app = App.new,
  fail = errors.fail,

  --- JSON's null, and SQL's NULL when it is written. It is not nil, and not false.
  null = core.null,
  --- Make a table a list: `[]` in JSON also when it is empty, an array for the database.
  -- @tparam table t becomes one; it is not copied
  -- @treturn table the same
  array = core.array,
  --- A value for a column of type jsonb.
  -- @param value anything JSON can hold
  -- @treturn table to be bound as $1
  jsonb = core.jsonb,
  --- Bytes for a column of type bytea.
  -- @tparam string bytes
  -- @treturn table to be bound as $1
  bytea = core.bytea,
  --- JSON without a request: `encode` and `decode`.
  json = json,

  html = answers.html,
  redirect = answers.redirect,
  file = file.answer,
  stream = answers.stream,
  --- Middleware that most apps want.
  mw = mw,
  --- Schemas: what a value from outside must look like.
  schema = schema,
  routes = Group.new,

  spawn = tasks.spawn,
  background = tasks.background,
  all = several.all,
  any = several.any,
  timeout = tasks.timeout,
  shield = tasks.shield,
  defer = tasks.defer,
  sleep = tasks.sleep,
  channel = channel.new,
  select = channel.select,
  shared_channel = shared_channel.new,
  topic = topic.new,
  shared = shared.new,
  mutex = sync.mutex,
  rwlock = sync.rwlock,
  semaphore = sync.semaphore,
  wait_group = sync.wait_group,
  condition = sync.condition,
  pool = pool.new,
  resources = resources.new,
  threads = threads.new,
  once = once.once,
  once_for = once.once_for,
  ticker = once.ticker,

  --- The settings, Rille's and those that the app declared with app:config. Read-only.
  config = config.current.values,
  --- The database of the setting database_url.
  db = db,
  model = model.new,
  sql = fragment.new,
  --- Test an app, in a spec: see rille.test, which is loaded here because only specs pay for it.
  -- @param[opt] what an app; the folder of one; or options: `app` (either of them), `isolation`
  -- @treturn t
  test = function(what) return require("rille.test").new(what) end,
  --- The log.
  log = log,
  random = random.text,
  trim = text.trim,
  split = text.split,
  --- The time of day: seconds since 1970, with their fraction.
  -- @treturn number
  now = core.wall,
  --- Seconds of a clock that never jumps: for measuring.
  -- @treturn number
  uptime = core.uptime,
}

-- A name that a table does not have is a slip: say which one was meant.
local function strict(names, what)
  setmetatable(names, {
    __index = function(_, key)
      local known = {}
      for name in pairs(names) do
        known[#known + 1] = name
      end
      table.sort(known)
      local meant = nearest.of(tostring(key), known)
      error(("%s has no '%s': %s"):format(what, tostring(key), meant and ("did you mean '%s'?"):format(meant)
        or "there are " .. table.concat(known, ", ")), 2)
    end,
  })
end

strict(rille, "rille")
strict(schema, "rille.schema")
strict(mw, "rille.mw")

return rille
