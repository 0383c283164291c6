--- Handlers that keep their `c`, and use those of requests that are over.
--
-- Every request carries a nonce wherever one can be read from. What a kept `c` is asked
-- must raise "request is over"; anything else is written down for /report.

local rille = require "rille"

local v = rille.schema
local app = rille.app()

local KEPT = 256 -- of the newest requests: their slots are in use again
local USES_AT_ONCE = 4
local MOST_WRONG = 20

local any_object = v.object { nonce = v.string() }

local uses = {
  { "method", function(c) return c.method end },
  { "path", function(c) return c.path end },
  { "params", function(c) return c.params end },
  { "query", function(c) return c.query end },
  { "headers", function(c) return c.headers end },
  { "cookies", function(c) return c.cookies end },
  { "body", function(c) return c.body end },
  { "request_id", function(c) return c.request_id end },
  { "deadline", function(c) return c.deadline end },
  { "log", function(c) return c.log end },
  { "state", function(c) return c.state end },
  { "ip", function(c) return c.ip end },
  { "scheme", function(c) return c.scheme end },
  { "host", function(c) return c.host end },
  { "query_all", function(c) return c:query_all("nonce") end },
  { "text", function(c) return c:text() end },
  { "json", function(c) return c:json() end },
  { "form", function(c) return c:form() end },
  { "validate", function(c) return c:validate(any_object) end },
  { "url_for", function(c) return c:url_for("asked", { nonce = "x" }) end },
  { "render", function(c) return c:render("none") end },
  { "remaining", function(c) return c:remaining() end },
  { "set_header", function(c) return c:set_header("X-Stale", "leaked") end },
  { "set_cookie", function(c) return c:set_cookie("stale", "leaked") end },
  { "after", function(c) return c:after(print) end },
}

local kept, newest, used, wrong = {}, 0, 0, {}

local function write_down(...)
  if #wrong < MOST_WRONG then wrong[#wrong + 1] = table.concat({ ... }, " ") end
end

local function use(entry, i)
  local name, of = unpack(uses[i])
  local ok, result = pcall(of, entry.c)
  used = used + 1
  if ok then
    write_down("c." .. name, "of", entry.nonce, "gave", tostring(result))
  elseif not tostring(result):find("request is over", 1, true) then
    write_down("c." .. name, "of", entry.nonce, "raised", tostring(result))
  end
end

local function use_all(entry)
  for i = 1, #uses do use(entry, i) end
end

-- What was read in time is the request's own for ever.
local function check_copies(entry)
  if entry.query.nonce ~= entry.nonce or entry.headers["x-nonce"] ~= entry.nonce then
    write_down("the query or headers of", entry.nonce, "are now", tostring(entry.query.nonce))
  end
end

-- Read everything, as every second request does, or nothing: a part that was read is
-- kept in `c`, and must be as unreachable as one that was not.
local function read_parts(c, nonce)
  local parts = c.params.nonce .. c.cookies.nonce .. c.headers["x-nonce"] .. c.query.nonce
  if parts ~= nonce:rep(4) or c.path ~= "/" .. c.state.first .. "/" .. nonce then
    write_down(nonce, "read", parts, c.path)
  end
end

-- To be called last in a handler.
local function keep(c, nonce)
  local old = kept[newest * 7 % KEPT + 1]
  newest = newest + 1
  if old then
    for i = 0, USES_AT_ONCE - 1 do use(old, (newest + i) % #uses + 1) end
    if newest % 32 == 0 then use_all(old) end
    check_copies(old)
  end
  kept[newest % KEPT + 1] = { c = c, nonce = nonce, query = c.query, headers = c.headers }
  return nonce
end

local function seen(c, first)
  local nonce = c.params.nonce
  if newest % 2 == 0 then
    c.state.first = first
    read_parts(c, nonce)
  end
  return nonce
end

app:get("/ask/:nonce", { name = "asked" }, function(c) return keep(c, seen(c, "ask")) end)

app:get("/wait/:nonce", function(c)
  local nonce = seen(c, "wait")
  rille.sleep(0)
  if c.query.nonce ~= nonce or c.headers["x-nonce"] ~= nonce then write_down(nonce, "changed while it waited") end
  return keep(c, nonce)
end)

app:post("/body/:nonce", function(c)
  local nonce = seen(c, "body")
  if c:json().nonce ~= nonce or c.body.nonce ~= nonce then write_down(nonce, "was given another body") end
  return keep(c, nonce)
end)

app:get("/task/:nonce", function(c)
  local nonce = seen(c, "task")
  rille.background(function()
    repeat rille.sleep(0.001) until not pcall(function() return c.method end)
    use_all({ c = c, nonce = nonce })
  end)
  return keep(c, nonce)
end)

app:get("/report", function() return { used = used, wrong = rille.array(wrong) } end)

return app
