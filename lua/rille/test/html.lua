--- The forms of a page, as a browser would fill them in and send them.
--
-- Enough of HTML for that: tags and attributes in any order, quoted or not,
-- comments and scripts skipped. A page that is broken may be read otherwise
-- than a browser would.
local html = {}

local NAMED = { amp = "&", lt = "<", gt = ">", quot = '"', apos = "'", nbsp = "\194\160" }

local function utf8(code)
  if code < 0x80 then
    return string.char(code)
  elseif code < 0x800 then
    return string.char(0xC0 + math.floor(code / 64), 0x80 + code % 64)
  elseif code < 0x10000 then
    return string.char(0xE0 + math.floor(code / 4096), 0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
  end
  return string.char(0xF0 + math.floor(code / 262144), 0x80 + math.floor(code / 4096) % 64,
    0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
end

--- Text with its character references resolved.
function html.unescape(text)
  return (text:gsub("&(#?)([%w]+);", function(hash, name)
    if hash == "" then
      return NAMED[name]
    end
    local code = name:sub(1, 1):lower() == "x" and tonumber(name:sub(2), 16) or tonumber(name)
    return code and code < 0x110000 and utf8(code) or nil
  end))
end

local function attributes_of(text)
  local attributes, at = {}, 1
  while true do
    local name, after = text:match("^[%s/]*([^%s/=>]+)()", at)
    if not name then
      return attributes
    end
    local quote, from = text:match("^%s*=%s*([\"'])()", after)
    local value
    if quote then
      local stop = text:find(quote, from, true) or #text + 1
      value, at = text:sub(from, stop - 1), stop + 1
    else
      local bare, stop = text:match("^%s*=%s*([^%s>]+)()", after)
      value, at = bare or "", stop or after
    end
    attributes[name:lower()] = attributes[name:lower()] or html.unescape(value)
  end
end

-- The end of the tag that begins at `at`: a ">" outside of quotes.
local function tag_end(page, at)
  local quote
  for i = at, #page do
    local c = page:sub(i, i)
    if quote then
      quote = c ~= quote and quote or nil
    elseif c == '"' or c == "'" then
      quote = c
    elseif c == ">" then
      return i
    end
  end
  return #page
end

-- Walk the page: each(name, attributes, from) for a tag, name "/form" for its end;
-- `from` is where the text behind it begins.
local function walk(page, each)
  local at = 1
  while true do
    local open = page:find("<", at, true)
    if not open then
      return
    end
    if page:sub(open, open + 3) == "<!--" then
      at = (select(2, page:find("-->", open + 4, true)) or #page) + 1
    else
      local name = page:match("^<(/?%a[%w-]*)", open)
      local stop = name and tag_end(page, open) or open
      at = stop + 1
      if name then
        name = name:lower()
        each(name, attributes_of(page:sub(open + 1 + #name, stop - 1)), at)
        if name == "script" or name == "style" then
          at = page:lower():find("</" .. name, at, true) or #page + 1
        end
      end
    end
  end
end

local function add(form, name, value)
  if not name or name == "" then
    return
  end
  if not form.known[name] then
    form.known[name] = true
    form.names[#form.names + 1] = name
  end
  local there = form.values[name]
  if value == nil then
    return
  elseif there == nil then
    form.values[name] = value
  elseif type(there) == "table" then
    there[#there + 1] = value
  else
    form.values[name] = { there, value }
  end
end

local function text_until(page, from, stop)
  local at = page:lower():find(stop, from, true)
  return html.unescape(page:sub(from, (at or #page + 1) - 1))
end

local SILENT = { submit = true, button = true, reset = true, image = true }

local function add_input(form, attributes)
  local kind = (attributes.type or "text"):lower()
  if kind == "file" then
    form.files[attributes.name or ""] = true
    add(form, attributes.name, nil)
  elseif kind == "checkbox" or kind == "radio" then
    add(form, attributes.name, attributes.checked and (attributes.value or "on") or nil)
  elseif SILENT[kind] then
    form.buttons[#form.buttons + 1] = attributes
  else
    add(form, attributes.name, attributes.value or "")
  end
end

local function add_option(form, attributes, text)
  local list = form.select
  if not list then
    return
  end
  local value = attributes.value or text:match "^%s*(.-)%s*$"
  list.first = list.first or value
  if attributes.selected then
    list.has_selected = true
    add(form, list.name, value)
  end
end

local function end_select(form)
  local list = form.select
  form.select = nil
  if list and not list.has_selected then
    add(form, list.name, not list.is_multiple and list.first or nil)
  end
end

--- All forms of a page, in order.
-- @tparam string page
-- @treturn {table,...} action, method, enctype, id, names (in order), values by
-- name (a list where a name comes several times), files (names of file inputs)
function html.forms(page)
  local forms, form = {}, nil
  walk(page, function(name, attributes, from)
    if name == "form" then
      form = {
        action = attributes.action, id = attributes.id, enctype = attributes.enctype,
        method = (attributes.method or "get"):upper(), names = {}, known = {}, values = {}, files = {}, buttons = {},
      }
      forms[#forms + 1] = form
    elseif not form or attributes.disabled then
      return
    elseif name == "/form" then
      form = nil
    elseif name == "input" then
      add_input(form, attributes)
    elseif name == "button" then
      form.buttons[#form.buttons + 1] = attributes
    elseif name == "textarea" then
      add(form, attributes.name, (text_until(page, from, "</textarea"):gsub("^\r?\n", "")))
    elseif name == "select" then
      form.select = { name = attributes.name, is_multiple = attributes.multiple ~= nil }
    elseif name == "option" then
      add_option(form, attributes, text_until(page, from, "<"))
    elseif name == "/select" then
      end_select(form)
    end
  end)
  for _, one in ipairs(forms) do
    for _, button in ipairs(one.buttons) do
      if button.name and not one.known[button.name] then
        add(one, button.name, nil) -- nobody pressed it, but a spec may say so
      end
    end
  end
  return forms
end

--- One form of a page.
-- @tparam string page
-- @param[opt] which its number, id or action; without it there is just one
-- @treturn table|nil
-- @treturn string what is wrong
function html.form(page, which)
  local forms = html.forms(page)
  if #forms == 0 then
    return nil, "there is no form on the page"
  end
  if which == nil then
    if #forms > 1 then
      return nil, ("there are %d forms on the page: say which, submit(res, fields, { form = number, id or action })")
        :format(#forms)
    end
    return forms[1]
  end
  for i, form in ipairs(forms) do
    if which == i or (form.id and which == form.id) or (form.action and which == form.action) then
      return form
    end
  end
  return nil, ("there is no form '%s' on the page"):format(tostring(which))
end

return html
