--- What a request says, read field by field.
--
--     local body = input.body(c)
--     local name = body:text("name", { most = 120 })
--     local age = body:integer("age", { least = 0, optional = true })
--     body:finish()              -- 422 with every problem, or nothing
--
-- A reader returns nil for a field that is wrong and notes why, so that the
-- client learns of all its mistakes at once: `{ in, path, code, message }` each.
-- Paths are written as in JavaScript: the first of a list is `items[0]`.
--
-- A new API would write rille.schema's objects instead. This one's clients know
-- its codes ("range", "length", "nul", "duplicate"), which schemas call otherwise.

local rille = require "rille"

local input = {}

--- The greatest id: what a bigint holds and a double counts exactly.
input.ID_MOST = 2 ^ 53 - 1

--- The params of a path with an id: what is no id names nothing, and that is a 404.
input.ID = rille.schema.object{ id = rille.schema.integer{ min = 1, max = input.ID_MOST } }

-- A body of a thousand wrong fields is not worth an answer ten times its size.
local PROBLEM_MOST = 100

local Input = {}
Input.__index = Input

local function new(values, place, at, problems)
  return setmetatable({ values = values, place = place, at = at, problems = problems, known = {} }, Input)
end

local function is_object(value)
  return type(value) == "table" and value[1] == nil
end

--- The JSON object in the body. **Yields** until it is there.
-- @raise 400 malformed, 415 no JSON, 422 no object
function input.body(c)
  local value = c:json()
  local body = new(is_object(value) and value or {}, "body", "", {})
  if not is_object(value) then
    body:reject(nil, "type", "must be an object")
    body:finish()
  end
  return body
end

--- The query of the request's target. Its values are strings; `integer` reads numbers from them.
function input.query(c)
  return new(c.query, "query", "", {})
end

--- Note a problem with the field `name`, or with the whole when it is nil.
-- @tparam string code a short stable word for programs
-- @tparam string message for people; reads well behind the path
function Input:reject(name, code, message)
  local problems = self.problems
  if #problems < PROBLEM_MOST then
    local path = self.at .. (name and (self.at ~= "" and "." or "") .. name or "")
    problems[#problems + 1] = { ["in"] = self.place, path = path, code = code, message = message }
  end
end

-- The field's value; nil when it is absent, which is a problem unless the rules say otherwise.
local function field(self, name, rules)
  self.known[name] = true
  local value = self.values[name]
  if value ~= nil and value ~= rille.null then return value end
  if not rules.optional and rules.default == nil then
    self:reject(name, "required", "is required")
  end
  return nil
end

-- The characters of a UTF-8 text: the bytes that begin one.
local function char_count(text)
  local _, count = text:gsub("[^\128-\191]", "")
  return count
end

local function text_problem(value, most)
  if type(value) ~= "string" then return "type", "must be a string" end
  if value:find("\0", 1, true) then
    return "nul", "must not hold the character U+0000: the database's text cannot" end
  if not value:find("%S") then return "required", "must not be blank" end
  if char_count(value) > most then
    return "length", ("must be at most %d characters long"):format(most) end
end

--- A text of 1 to `rules.most` characters that is not all white space.
-- @tparam string name
-- @tparam table rules `most` (required), `optional`, `matches` (a function of the text)
--   with `message`, which says what it must be
-- @treturn string|nil
function Input:text(name, rules)
  local value = field(self, name, rules)
  if value == nil then return nil end

  local code, message = text_problem(value, rules.most)
  if not code and rules.matches and not rules.matches(value) then
    code, message = "format", rules.message
  end
  if code then return self:reject(name, code, message) end
  return value
end

local function whole_number(value, place)
  if place == "query" then
    return #value <= 16 and tonumber(value:match("^%-?%d+$")) or nil
  end
  return type(value) == "number" and value % 1 == 0 and value or nil
end

--- A whole number from `rules.least` to `rules.most`.
-- @tparam string name
-- @tparam table rules `least`, `most` (both required), `optional`, `default`
-- @treturn integer|nil
function Input:integer(name, rules)
  local value = field(self, name, rules)
  if value == nil then return rules.default end

  local number = whole_number(value, self.place)
  if not number then return self:reject(name, "type", "must be a whole number") end
  if number < rules.least or number > rules.most then
    return self:reject(name, "range", ("must be from %d to %d"):format(rules.least, rules.most))
  end
  return number
end

--- A list of 1 to `rules.most` objects.
-- @tparam string name
-- @tparam table rules `most` (required)
-- @tparam function read gets each object as an input of its own; what it returns is collected
-- @treturn table|nil
function Input:objects(name, rules, read)
  local list = field(self, name, rules)
  if list == nil then return nil end
  if type(list) ~= "table" or #list == 0 then
    return self:reject(name, "type", "must be a list of at least one object")
  end
  if #list > rules.most then
    return self:reject(name, "length", ("must be at most %d objects"):format(rules.most))
  end

  local read_all = {}
  for i, value in ipairs(list) do
    local path = ("%s%s[%d]"):format(self.at ~= "" and self.at .. "." or "", name, i - 1)
    local object = new(is_object(value) and value or {}, self.place, path, self.problems)
    if is_object(value) then
      read_all[i] = read(object)
      object:reject_unknown()
    else
      object:reject(nil, "type", "must be an object")
    end
  end
  return read_all
end

--- Note every field that nobody read: a misspelt one must not be ignored in silence.
function Input:reject_unknown()
  local unknown = {}
  for name in pairs(self.values) do
    if not self.known[name] then unknown[#unknown + 1] = tostring(name) end
  end
  table.sort(unknown)
  for _, name in ipairs(unknown) do
    self:reject(name, "unknown", "is not a field of this request")
  end
end

--- Go on only when nothing was wrong.
-- @raise 422 with all problems as details
function Input:finish()
  if self.place == "body" and #self.problems < PROBLEM_MOST then self:reject_unknown() end
  input.refuse(self.problems)
end

--- Answer 422 when there are problems, whoever found them.
-- @tparam table problems a list of `{ in, path, code, message }`
function input.refuse(problems)
  if #problems == 0 then return end
  local count = #problems == 1 and "1 problem" or #problems .. " problems"
  rille.fail(422, { code = "invalid", message = "the request has " .. count, details = problems })
end

return input
