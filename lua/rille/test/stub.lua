--- Answers in the place of other services: the seam where outgoing calls end in
-- a spec.
--
--     t.stub("payments", "POST /charges", { status = 201, json = { id = "ch_1" } })
--
-- Whatever sends a request outward asks `stub.answer` first. In a spec nothing
-- leaves the machine: a call that no stub answers raises, and names the stub
-- that is missing.
local core = require "rille.core"
local example = require "rille.test.example"

local stub = {}

local of_file, of_example = {}, { list = {} }

-- Those of an example end with it.
local function list_now()
  local current = example.current()
  if not current then
    return of_file
  end
  if of_example.of ~= current then
    of_example = { of = current, list = {} }
  end
  return of_example.list
end

--- Answer calls to an upstream.
-- @tparam string upstream its name
-- @tparam string what "METHOD /path"; the path may end in "*"
-- @tparam table|function answer { status, headers, json or body }, or fn(request) that returns one
-- @treturn table `calls`: the requests that it has answered
-- @raise for an answer that is none
function stub.add(upstream, what, answer, level)
  level = (level or 1) + 1
  if type(upstream) ~= "string" or upstream == "" then
    error("t.stub takes the upstream's name first: got " .. tostring(upstream), level)
  end
  local method, path = tostring(what):match "^(%u+) (/%S*)$"
  if not method then
    error(('t.stub takes "METHOD /path" second: got %s'):format(tostring(what)), level)
  end
  if type(answer) ~= "table" and type(answer) ~= "function" then
    error("t.stub takes an answer { status, headers, json or body } or a function third: got a " .. type(answer), level)
  end
  local entry = { upstream = upstream, method = method, path = path, answer = answer, calls = {} }
  table.insert(list_now(), entry)
  return entry
end

local function matches(entry, upstream, method, path)
  if entry.upstream ~= upstream or entry.method ~= method then
    return false
  end
  if entry.path:sub(-1) == "*" then
    return path:sub(1, #entry.path - 1) == entry.path:sub(1, -2)
  end
  return entry.path == path
end

local function find(upstream, method, path)
  for _, list in ipairs { of_example.of == example.current() and of_example.list or {}, of_file } do
    for i = #list, 1, -1 do
      if matches(list[i], upstream, method, path) then
        return list[i]
      end
    end
  end
end

local function known()
  local lines = {}
  for _, list in ipairs { of_example.of == example.current() and of_example.list or {}, of_file } do
    for _, entry in ipairs(list) do
      lines[#lines + 1] = ("  %s: %s %s"):format(entry.upstream, entry.method, entry.path)
    end
  end
  return #lines > 0 and "Stubbed are:\n" .. table.concat(lines, "\n") or "Nothing is stubbed."
end

--- The stubbed answer to a call. **Yields** if the stub's function does.
-- @tparam string upstream
-- @tparam table request method, path, headers, body, …
-- @treturn table status, headers, body
-- @raise when no stub answers it
function stub.answer(upstream, request)
  local entry = find(upstream, request.method, request.path)
  if not entry then
    error(('this spec does not expect a call of %s: %s %s. t.stub("%s", "%s %s", answer) answers it. %s'):format(
      upstream, request.method, request.path, upstream, request.method, request.path, known()), 2)
  end
  entry.calls[#entry.calls + 1] = request
  local answer = entry.answer
  if type(answer) == "function" then
    answer = answer(request)
  end
  local headers, body = answer.headers or {}, answer.body or ""
  if answer.json ~= nil then
    headers["content-type"] = headers["content-type"] or "application/json"
    body = core.json_encode(answer.json)
  end
  return { status = answer.status or 200, headers = headers, body = body }
end

return stub
