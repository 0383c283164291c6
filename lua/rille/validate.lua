--- A route's schemas: `params query headers cookies body response`.
--
-- What comes in is checked before the handler runs, everything at once, and the
-- checked values take the raw ones' place in `c`. What goes out is shaped.
local Context = require "rille.context"
local core = require "rille.core"
local errors = require "rille.error"
local form = require "rille.form"
local v = require "rille.schema"

local validate = {}

local is_development = core.settings and core.settings.env == "development"

-- Parts whose values are texts, in the order in which their errors are listed.
local TEXT_PARTS = { "query", "headers", "cookies" }

local function is_form(c)
  local media = form.media_type(core.header(c[1], c[2], "content-type"))
  return media == "application/x-www-form-urlencoded" or media == "multipart/form-data"
end

-- A query's fields as a schema wants them: one that is repeated is a list.
local function query_of(c)
  local first, all, message = core.query(c[1], c[2])
  if first == nil then
    errors.fail(all, message)
  end
  for name, values in pairs(all) do
    if #values > 1 then
      first[name] = values
    end
  end
  return first
end

-- Clients send headers and cookies that nobody asked for: only those that the
-- schema names are looked at.
local function named(values, schema)
  local out = {}
  for name in pairs(schema.fields or {}) do
    out[name] = values[name]
  end
  return out
end

local READ = {
  query = query_of,
  headers = function(c, schema) return named(c.headers, schema) end,
  cookies = function(c, schema) return named(c.cookies, schema) end,
}

local function collect(list, wrong, part)
  for _, one in ipairs(wrong) do
    one["in"] = part
    list[#list + 1] = one
  end
end

local function check_params(c, schema)
  local value, wrong = schema:parse(c.params, "text")
  if wrong then
    errors.fail(404, "there is nothing here", wrong)
  end
  Context.replace(c, "params", value)
end

local function check_body(c, schema, list)
  local mode = is_form(c) and "text" or "json"
  local value, wrong = schema:parse(mode == "text" and c.body or c:json(), mode)
  if wrong then
    collect(list, wrong, "body")
  else
    Context.replace(c, "body", value)
  end
end

--- The check of a route's input, or nil when it has no schema for any.
-- @tparam table options the route's
-- @treturn function(c) raises 404 for params, 422 for the rest with all errors
function validate.input(options)
  local parts = {}
  for _, part in ipairs(TEXT_PARTS) do
    if options[part] then
      parts[#parts + 1] = part
    end
  end
  if #parts == 0 and not options.params and not options.body then
    return nil
  end
  return function(c)
    if options.params then
      check_params(c, options.params)
    end
    local list = {}
    for i = 1, #parts do
      local part = parts[i]
      local value, wrong = options[part]:parse(READ[part](c, options[part]), "text")
      if wrong then
        collect(list, wrong, part)
      else
        Context.replace(c, part, value)
      end
    end
    if options.body then
      check_body(c, options.body, list)
    end
    if #list > 0 then
      errors.fail(422, "the request is invalid", core.array(list))
    end
  end
end

local function is_data(body)
  return type(body) == "table"
end

--- The shaping of a route's output, or nil when it has no schema for it. In
-- development a mismatch is a fault that says what is wrong; in production it
-- is logged and the answer goes out as it is.
-- @treturn function(c, res)
function validate.output(options, where)
  local schema = options.response
  if not schema then
    return nil
  end
  return function(_, res)
    if res.status >= 300 or not is_data(res.body) then
      return
    end
    local value, wrong = schema:parse(res.body, "json")
    if not wrong then
      res.body = value
      return
    end
    local first = wrong[1]
    local text = ("the answer does not match the route's response schema: %s %s"):format(first.path or "", first.message)
    if is_development then
      error(text .. " (" .. where .. ")", 0)
    end
    core.log("error", text, "route", where)
  end
end

--- Whether an option's value is a schema; the route's options are checked with it at registration.
validate.is_schema = v.is

return validate
