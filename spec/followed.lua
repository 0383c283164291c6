--- A private PostgreSQL cluster and another one that follows it, for specs about replicas.
--
--     local servers = followed.new()
--     servers.url, servers.replica_url
--     servers:sql("select 1"); servers:replica_sql("select pg_wal_replay_pause()")
--     servers:kill(); servers:begin() -- the replica
--     servers:drop()

local shell = require "spec.shell"

local run, psql = shell.run, shell.psql

local followed = {}
local Followed = {}
Followed.__index = Followed

local SCRIPT = "spec/core/pg/cluster.sh "

local function url_of(dir)
  return "postgres://rille@/postgres?host=" .. dir:gsub("/", "%%2F")
end

function followed.new()
  local dir = run(SCRIPT .. "start")
  local replica = run(SCRIPT .. "replica " .. dir)
  return setmetatable({ dir = dir, replica = replica, url = url_of(dir), replica_url = url_of(replica) }, Followed)
end

--- Run statements on the primary, through psql.
-- @treturn string the rows, columns with | between
function Followed:sql(text)
  return psql(self.url, text)
end

--- The same on the replica.
function Followed:replica_sql(text)
  return psql(self.replica_url, text)
end

--- The replica ends as by a crash.
function Followed:kill()
  run(SCRIPT .. "kill " .. self.replica)
end

--- It runs again.
function Followed:begin()
  run(SCRIPT .. "begin " .. self.replica)
end

--- Stop both and remove every trace.
function Followed:drop()
  run(SCRIPT .. "stop " .. self.replica)
  run(SCRIPT .. "stop " .. self.dir)
end

return followed
