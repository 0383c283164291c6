--- Plays one case against a server, in every cut that must make no difference.
--
--   whole    in one piece
--   bytes    one byte at a time
--   cuts     in pieces at seeded random places
--   behind   pipelined behind a good request, whose answer must come first
--   before   with a request pipelined behind it, answered only if the connection stays
--
-- Between two pieces another connection asks and is answered: the server has one
-- worker, so by then it has read the piece before. No sleeping.

local case = require "spec.apps.http.case"
local wire = require "spec.wire"

local exchange = {}
local Exchange = {}
Exchange.__index = Exchange

local GOOD = wire.get("/")
local NEXT = wire.get("/after")
local BYTES_AT_MOST = 600 -- longer ones are only cut
local CUTS = 4

--- @param port of a server with one worker that serves spec/apps/fixture
function exchange.new(port)
  return setmetatable({ port = port, seed = 1 }, Exchange)
end

-- A number from 1 to `limit`: the minimal standard generator, the same in every Lua.
local function random(self, limit)
  self.seed = self.seed * 16807 % 2147483647
  return self.seed % limit + 1
end

-- Wait until the server has read what was sent so far.
local function settle(self)
  if not self.side then self.side = wire.connect(self.port) end
  local ok = self.side:send(NEXT)
  local answer = ok and self.side:answer()
  if not answer then error("the server no longer answers on another connection") end
end

-- Is `text` a time since `began`, as an IMF-fixdate? A cached Date may be a little behind.
local function is_date(text, began)
  for time = began - 1, os.time() + 1 do
    if text == os.date("!%a, %d %b %Y %H:%M:%S GMT", time) then return true end
  end
  return false
end

-- What must hold for every answer, whatever was asked, on a connection that began then.
local function check_manners(answer, began)
  local headers = answer.headers
  if answer.version ~= "1.1" then return "version " .. answer.version end
  if answer.status >= 200 and answer.status < 500 and not is_date(headers.date or "", began) then
    return "Date: " .. tostring(headers.date)
  end
  if #answer.body > 0 and not headers["content-type"] then return "a body without Content-Type" end
  if answer.status >= 400 and #answer.body > 0 then
    local body = answer.body
    local kind = headers["content-type"]
    if not kind:find("^application/json") then return "error of type " .. kind end
    for _, field in ipairs{ '^{"error":{', '"code":"[%w_.]+"', '"message":"[^"]+',
      '"request_id":"[%w._-]+"' } do
      if not body:find(field) then return "error body " .. body end
    end
  end
end

local function check_headers(answer, want)
  for name, value in pairs(want.headers or {}) do
    local seen = answer.headers[name]
    local pattern = value:match("^~(.*)$")
    local fits = seen and (pattern and seen:find(pattern) or seen == value)
    if not fits then return ("%s: %s instead of %s"):format(name, tostring(seen), value) end
  end
  for _, name in ipairs(want.without or {}) do
    if answer.headers[name] then return name .. ": " .. answer.headers[name] .. " should not be there" end
  end
end

local function allows(statuses, status)
  if type(statuses) == "number" then return statuses == status end
  for _, one in ipairs(statuses) do
    if one == status then return true end
  end
  return false
end

local function check(answer, want, began)
  if not allows(want.status, answer.status) then
    return ("status %d instead of %s: %s"):format(answer.status,
      type(want.status) == "table" and table.concat(want.status, " or ") or want.status,
        answer.body:sub(1, 200))
  end
  if want.body and answer.body ~= want.body then
    return ("body %q instead of %q"):format(answer.body:sub(1, 80), want.body:sub(1, 80))
  end
  local found = want.text and answer.body:find(want.text, 1, true)
  local leaked = want.no_text and answer.body:find(want.no_text, 1, true)
  if want.text and not found or leaked then return "body " .. answer.body:sub(1, 200) end
  return check_headers(answer, want) or check_manners(answer, began)
end

local function as_want(want)
  return type(want) == "number" and { status = want } or want
end

local function as_list(wants)
  if type(wants) == "number" or wants.status then return { as_want(wants) } end
  local list = {}
  for i, want in ipairs(wants) do
    list[i] = as_want(want)
  end
  return list
end

-- Read one answer and hold it against `want`. An interim 100 nobody asked about
-- is passed over where the client sent Expect: servers may leave it out.
-- Returns the answer; nil and what is wrong; nil alone for a silence that is right.
local function read(conn, want, may_continue)
  while true do
    local answer, why = conn:answer(want.head)
    if not answer then
      if want.or_nothing and why == "closed" and conn.buffer == "" then return nil end
      return nil, "no answer: " .. why
    end
    if answer.status ~= 100 or allows(want.status, 100) or not may_continue then
      local wrong = check(answer, want, conn.began)
      if wrong then return nil, wrong end
      return answer
    end
  end
end

local function announces_close(answer)
  return (answer.headers.connection or ""):lower():find("close", 1, true) ~= nil
end

local function check_closed(conn, answer, raw)
  local rest, why = conn:rest()
  if not rest then return "should have closed: " .. why end
  if rest ~= "" then return ("%q came behind the last answer"):format(rest:sub(1, 120)) end
  local must_say = case.is_refusal(answer.status) or raw:find("HTTP/1.1", 1, true)
  if must_say and not announces_close(answer) then return "closed without Connection: close" end
end

local function check_open(conn, answer, sent_next)
  if announces_close(answer) then return "Connection: close where it should stay" end
  if not sent_next then conn:send(NEXT) end
  local next_answer, why = conn:answer()
  if not next_answer then return "did not stay open: " .. why end
  if next_answer.body ~= "after" then return "out of step: the next answer is " .. next_answer.body:sub(1,
    80) end
end

local function check_end(conn, one, answer, raw, sent_next)
  local closes = one.closes or case.is_refusal(answer.status) and not one.stays
  if one.either_end then closes = announces_close(answer) end
  if one.half_close then closes = true end
  if closes then return check_closed(conn, answer, one.half_close and "" or raw) end
  return check_open(conn, answer, sent_next)
end

local function connect(self)
  local conn = wire.connect(self.port)
  conn.began = os.time()
  return conn
end

-- Send the pieces, then read all the wants. Returns what is wrong, or nil and the statuses.
local function play(self, one, pieces, wants, sent_next)
  local raw = table.concat(pieces)
  local may_continue = raw:lower():find("expect:", 1, true)
  local conn = connect(self)
  for i, piece in ipairs(pieces) do
    if i > 1 then settle(self) end
    conn:send(piece) -- a server that has refused already may have closed
  end
  if one.half_close then conn:half_close() end
  local wrong, answer
  local statuses = {}
  for i, want in ipairs(wants) do
    answer, wrong = read(conn, want, may_continue)
    if not answer then break end
    statuses[i] = answer.status
  end
  wrong = wrong or answer and check_end(conn, one, answer, raw, sent_next)
  conn:close()
  return wrong, statuses
end

-- A scripted case: bytes and answers in turn.
local function play_steps(self, one)
  local conn = connect(self)
  local sent, answer, wrong = {}
  local steps = { unpack(one[2]) }
  for _, want in ipairs(as_list(one[3])) do
    steps[#steps + 1] = want
  end
  for i, step in ipairs(steps) do
    if type(step) == "string" then
      if i > 1 then settle(self) end
      sent[#sent + 1] = step
      conn:send(step)
    else
      answer, wrong = read(conn, as_want(step), false)
      if wrong then
        conn:close()
        return ("step %d: %s"):format(i, wrong)
      end
    end
  end
  if one.half_close then conn:half_close() end
  wrong = check_end(conn, one, answer, table.concat(sent), false)
  conn:close()
  return wrong
end

local function bytes_of(raw)
  local pieces = {}
  for i = 1, #raw do
    pieces[i] = raw:sub(i, i)
  end
  return pieces
end

local function cuts_of(self, raw)
  local places = {}
  for i = 1, CUTS do
    places[i] = random(self, #raw)
  end
  table.sort(places)
  local pieces, from = {}, 1
  for _, place in ipairs(places) do
    if place >= from then pieces[#pieces + 1] = raw:sub(from, place) end
    from = math.max(from, place + 1)
  end
  if from <= #raw then pieces[#pieces + 1] = raw:sub(from) end
  return pieces
end

-- The wants again, narrowed to the statuses the server chose at first.
local function narrowed(wants, statuses)
  local list = {}
  for i, want in ipairs(wants) do
    list[i] = setmetatable({ status = statuses[i] or want.status }, { __index = want })
  end
  return list
end

--- Play a case in all its cuts.
-- @param one the case, as spec/apps/http/case.lua describes
-- @return nil, or what went wrong and in which cut
function Exchange:run(one)
  local raw = one[2]
  if type(raw) == "table" then return play_steps(self, one) end
  local wants = as_list(one[3])
  local wrong, statuses = play(self, one, { raw }, wants)
  if wrong or one.alone then return wrong and "whole: " .. wrong end
  wants = narrowed(wants, statuses)
  local ways = {
    { "cuts", cuts_of(self, raw), wants },
    { "behind", { GOOD .. raw }, { case.ok "hello", unpack(wants) } },
  }
  if #raw <= BYTES_AT_MOST then table.insert(ways, 1, { "bytes", bytes_of(raw), wants }) end
  if not one.half_close then ways[#ways + 1] = { "before", { raw .. NEXT }, wants, true } end
  for _, way in ipairs(ways) do
    wrong = play(self, one, way[2], way[3], way[4])
    if wrong then return way[1] .. ": " .. wrong end
  end
end

--- End the side connection.
function Exchange:close()
  if self.side then self.side:close() end
end

return exchange
