--- Requests and the answers they should get, as a guide writes them:
--
--     POST /notes {"text":"tea"}
--       X-Token: abc
--     => 201 {"id":1,"text":"tea"}
--       Location: /notes/1
--
-- Indented lines are header fields of what stands above them; more lines without
-- an indent belong to the body. `…` stands for anything. JSON is compared by value.
local json = require("rille").json
local wire = require "spec.wire"

local talk = {}

local ELLIPSIS = "…"

-- ---- reading -------------------------------------------------------------------

local function content_type(body)
  if body:find "^[%[{]" then
    return "application/json"
  end
  return body:find "^[%w_]+=" and "application/x-www-form-urlencoded" or "text/plain"
end

local function add_line(message, line)
  local name, value = line:match "^%s+([%w-]+): (.*)$"
  if name then
    message.headers[name] = value
  else
    message.body = message.body == "" and line or message.body .. "\n" .. line
  end
end

--- Read a block.
-- @tparam string text
-- @treturn {table,...} exchanges: method, path, headers, body; answer { status, headers, body }
function talk.read(text)
  local exchanges, current = {}, nil
  for line in text:gmatch "([^\n]*)\n" do
    local method, path, body = line:match "^(%u+) (/%S*) ?(.*)$"
    local status, content = line:match "^=> (%d%d%d) ?(.*)$"
    if status then
      current = { status = tonumber(status), headers = {}, body = content }
      exchanges[#exchanges].answer = current
    elseif method then
      current = { method = method, path = path, headers = {}, body = body }
      exchanges[#exchanges + 1] = current
    elseif line ~= "" then
      add_line(current, line)
    end
  end
  return exchanges
end

-- ---- comparing -----------------------------------------------------------------

--- Whether `text` is what `wanted` says, where … stands for anything.
function talk.matches(wanted, text)
  local pattern = wanted:gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0"):gsub(ELLIPSIS, "\1"):gsub("\1", ".-")
  return text:find("^" .. pattern .. "$") ~= nil
end

local function same(wanted, value)
  if type(wanted) == "string" and type(value) == "string" then
    return talk.matches(wanted, value)
  elseif wanted == ELLIPSIS then
    return value ~= nil
  elseif type(wanted) ~= "table" or type(value) ~= "table" then
    return wanted == value
  end
  for key, inner in pairs(wanted) do
    if not same(inner, value[key]) then
      return false
    end
  end
  for key in pairs(value) do
    if wanted[key] == nil then
      return false
    end
  end
  return true
end

local function is_body(wanted, body)
  if wanted:find "^[%[{]" then
    local ok, value = pcall(json.decode, body)
    return ok and same(assert(json.decode(wanted)), value)
  end
  local function squeezed(text)
    return (text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""):gsub("> <", "><"))
  end
  return talk.matches(squeezed(wanted), squeezed(body))
end

-- ---- speaking ------------------------------------------------------------------

local function bytes_of(exchange)
  local lines = { exchange.method .. " " .. exchange.path .. " HTTP/1.1", "Host: 127.0.0.1", body = exchange.body }
  for name, value in pairs(exchange.headers) do
    lines[#lines + 1] = name .. ": " .. value
  end
  if exchange.body ~= "" or exchange.method == "POST" or exchange.method == "PUT" or exchange.method == "PATCH" then
    lines[#lines + 1] = "Content-Length: " .. #exchange.body
  end
  if exchange.body ~= "" and not exchange.headers["Content-Type"] then
    lines[#lines + 1] = "Content-Type: " .. content_type(exchange.body)
  end
  return wire.request(lines)
end

local function shown(answer)
  local lines = { tostring(answer.status) }
  for name, value in pairs(answer.headers) do
    lines[#lines + 1] = ("  %s: %s"):format(name, value)
  end
  return table.concat(lines, "\n") .. "\n" .. answer.body
end

--- Send the requests of a block and compare the answers.
-- @tparam integer port
-- @tparam string text
-- @raise for the first answer that is another
function talk.hold(port, text)
  for _, exchange in ipairs(talk.read(text)) do
    local conn, wanted = wire.connect(port), exchange.answer
    assert(wanted, exchange.method .. " " .. exchange.path .. " has no answer beside it")
    assert(conn:send(bytes_of(exchange)))
    local answer = assert(conn:answer(exchange.method == "HEAD"))
    conn:close()
    local is_right = answer.status == wanted.status and is_body(wanted.body, answer.body)
    for name, value in pairs(wanted.headers) do
      is_right = is_right and talk.matches(value, answer.headers[name:lower()] or "")
    end
    if not is_right then
      error(("%s %s was answered\n%s"):format(exchange.method, exchange.path, shown(answer)), 0)
    end
  end
end

return talk
