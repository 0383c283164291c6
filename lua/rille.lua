--- Rille: what an app requires.
local answers = require "rille.answer"
local App = require "rille.app"
local core = require "rille.core"
local db = require "rille.db"
local errors = require "rille.error"
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

  db = db,
  log = log,
  now = core.wall,
  uptime = core.uptime,
}

return rille
