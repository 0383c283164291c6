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
local later = require "rille.later"
local log = require "rille.log"
local mw = require "rille.mw"
local once = require "rille.once" -- what waits is here itself: rille.waiting knows it by the function
local random = require "rille.random"
local several = require "rille.several"
local strict = require "rille.strict"
local tasks = require "rille.task"
local text = require "rille.text"
local fragment = later.of "rille.model.fragment"
local model = later.of "rille.model"
local pool = later.of "rille.pool"
local resources = later.of "rille.resources"
local shared = later.of "rille.shared"
local shared_channel = later.of "rille.shared_channel"
local sync = later.of "rille.sync"
local threads = later.of "rille.threads"
local topic = later.of "rille.topic"

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

strict(mw, "rille.mw")
strict(rille, "rille", {
  --- Schemas: what a value from outside must look like.
  schema = "rille.schema",
})

return rille
