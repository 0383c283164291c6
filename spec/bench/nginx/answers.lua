-- The routes of apps/bench that need no database, for nginx's Lua module (spec/bench/nginx/start).
-- luacheck: globals ngx
local cjson = require "cjson"

local answers = {}

local function send(kind, text)
  ngx.header["Content-Type"] = kind
  ngx.header["Content-Length"] = #text
  ngx.print(text)
end

local function send_json(value)
  send("application/json", cjson.encode(value))
end

function answers.plaintext()
  send("text/plain; charset=utf-8", "Hello, World!")
end

function answers.json()
  send_json { message = "Hello, World!" }
end

function answers.users()
  local parts = ngx.re.match(ngx.var.uri, "^/users/([^/]+)/posts/([^/]+)$", "jo")
  if not parts then
    return ngx.exit(404)
  end
  send_json { user = parts[1], post = parts[2] }
end

function answers.resource(number)
  send_json { res = number }
end

function answers.echo()
  ngx.req.read_body()
  send_json(cjson.decode(ngx.req.get_body_data()))
end

-- Ten functions around one, as nginx's Lua apps have them: it knows no middleware.
local passed
local function pass(inner)
  return function()
    passed = passed + 1
    return inner()
  end
end

local stack = function() send("text/plain; charset=utf-8", tostring(passed)) end
for _ = 1, 10 do
  stack = pass(stack)
end

function answers.stack()
  passed = 0
  stack()
end

return answers
