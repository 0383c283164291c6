-- wrk: sixteen requests in one write.
local DEPTH = 16
local batch

function init() -- luacheck: ignore
  batch = wrk.format():rep(DEPTH) -- luacheck: ignore
end

function request() -- luacheck: ignore
  return batch
end
