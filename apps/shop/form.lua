--- The forms of pages: what was typed, what it means, what is wrong with it.
--
--     local answers = form.read(c, BUYER)
--     if not answers:is_right() then
--       return view(c, "checkout", { form = answers }), 422     -- typed and problem(name) fill it in again
--     end
--     order.place(answers.value.email, …)
--
-- Read here and not by a route's option `body`: that answers 422 by itself, and
-- a page wants to be shown again with what was typed.

local form = {}

local Form = {}
Form.__index = Form

-- Linear however the blanks lie: there is something behind which `.*` stops.
local function trimmed(text)
  return text:find("%S") and text:match("^%s*(.*%S)") or ""
end

local function new(typed)
  return setmetatable({ typed = typed, problems = {}, value = nil }, Form)
end

--- A form that nobody has filled in yet.
-- @tparam[opt] table typed what stands in its fields
function form.blank(typed)
  return new(typed or {})
end

--- The form in the body. **Yields** until it is there.
-- A field that was left empty counts as absent: browsers send it all the same.
-- @tparam schema schema of an object
-- @raise 400 malformed, 415 no form
function form.read(c, schema)
  local self, given = new({}), {}
  for name, text in pairs(c:form()) do
    if type(text) == "string" then -- and not a file
      self.typed[name] = trimmed(text)
      given[name] = self.typed[name] ~= "" and self.typed[name] or nil
    end
  end
  local value, problems = schema:parse(given, "text", "body")
  self.value = value
  for _, problem in ipairs(problems or {}) do
    self:reject(problem.path, problem.message)
  end
  return self
end

--- Note what is wrong with a field; its first problem is the one that is shown.
-- @tparam string name
-- @tparam string message reads well behind the field's label
function Form:reject(name, message)
  self.problems[name] = self.problems[name] or message
end

--- Whether nothing was wrong.
function Form:is_right()
  return next(self.problems) == nil
end

--- A field as views/field shows it: label, value, what is wrong with it.
-- @tparam table about name, label, and what else the view wants to know
function Form:field(about)
  local field = { value = self.typed[about.name] or "", problem = self.problems[about.name] }
  for key, value in pairs(about) do
    field[key] = value
  end
  return field
end

--- All fields in order. The first that is wrong `has_focus`.
-- @tparam {table,...} list as for `field`
function Form:fields(list)
  local fields, is_found = {}, false
  for i, about in ipairs(list) do
    local field = self:field(about)
    field.has_focus = not is_found and field.problem ~= nil
    is_found = is_found or field.has_focus
    fields[i] = field
  end
  return fields
end

return form
