--- `rille db start|stop|url|status|psql`: a private PostgreSQL cluster in a folder.
local cluster = require "rille.cluster"
local core = require "rille.core"
local nearest = require "rille.nearest"
local program = require "rille.program"

local DIR = ".rille/pg"

local HELP = [[
usage: rille db COMMAND [FOLDER]
       rille db psql [psql's own options]

A PostgreSQL for development, with its data in FOLDER (.rille/pg) and nothing outside of it.

  start    make it if there is none, start it, print its URL
  stop     stop it; what it holds stays
  status   absent, stopped or running
  url      print its URL
  psql     speak to it, or to DATABASE_URL where that is set

examples:
  export DATABASE_URL=$(rille db start)
  rille db psql -c "select count(*) from users"
]]

local NAMES = { "start", "stop", "status", "url", "psql" }

local function complain(...)
  io.stderr:write("rille db: ", string.format(...), "\n")
end

local function url_of(dir)
  local url = cluster.url(dir)
  if not url then
    complain("there is no database cluster in %s: `rille db start` makes one", dir)
  end
  return url
end

-- The database of the settings, else the private one, when it runs.
local function url_to_speak_to()
  if core.settings.database_url ~= "" then
    return core.settings.database_url
  elseif cluster.status(DIR) == "stopped" then
    complain("the database in %s is stopped: `rille db start` starts it", DIR)
    return nil
  end
  return url_of(DIR)
end

local ACTIONS = {}

function ACTIONS.start(dir)
  print(cluster.start(dir))
end

function ACTIONS.stop(dir)
  cluster.stop(dir)
end

function ACTIONS.status(dir)
  print(cluster.status(dir))
end

function ACTIONS.url(dir)
  local url = url_of(dir)
  if not url then
    return 1
  end
  print(url)
end

local function psql(...)
  local url = url_to_speak_to()
  if not url then
    return 1
  elseif not program.exists "psql" then
    complain "there is no psql here: Debian's package postgresql-client has it"
    return 1
  end
  local words = { "psql" }
  for _, word in ipairs { ... } do
    words[#words + 1] = program.quoted(word)
  end
  return program.on(table.concat(words, " "), url, os.execute) / 256 -- the status, as system(3) has it
end

return function(action, ...)
  if action == "--help" or action == "-h" or not action then
    (action and io.stdout or io.stderr):write(HELP)
    return action and 0 or 2
  elseif action == "psql" then
    return psql(...)
  end
  local act, dir, more = ACTIONS[action], ...
  if not act then
    local meant = nearest.of(action, NAMES)
    complain("there is no command '%s': %s", action, meant and ("did you mean '%s'?"):format(meant) or "see rille db --help")
    return 2
  elseif more or dir and dir:sub(1, 1) == "-" then
    complain("'%s' is nothing that `rille db %s` takes: see rille db --help", more or dir, action)
    return 2
  end
  return act(dir or DIR) or 0
end
