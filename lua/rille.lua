--- Rille: what an app requires.
local answers = require "rille.answer"
local App = require "rille.app"
local config = require "rille.config"
local core = require "rille.core"
local db = require "rille.db"
local errors = require "rille.error"
local file = require "rille.file"
local Group = require "rille.group"
local log = require "rille.log"
local mw = require "rille.mw"
local schema = require "rille.schema"
local tasks = require "rille.task"

local rille = {
  app = App.new,
  fail = errors.fail,

  null = core.null,
  array = core.array,
  jsonb = core.jsonb,
  bytea = core.bytea,
  json = { decode = core.json_decode, encode = core.json_encode },

  html = answers.html,
  redirect = answers.redirect,
  file = file.answer,
  stream = answers.stream,
  mw = mw,
  schema = schema,
  routes = Group.new,

  spawn = tasks.spawn,
  background = tasks.background,
  all = tasks.all,
  any = tasks.any,
  timeout = tasks.timeout,
  shield = tasks.shield,
  defer = tasks.defer,
  sleep = tasks.sleep,

  config = config.current.values,
  db = db,
  --- Test an app, in a spec: see rille.test, which is loaded here because only specs pay for it.
  test = function(what) return require("rille.test").new(what) end,
  log = log,
  now = core.wall,
  uptime = core.uptime,
}

return rille
