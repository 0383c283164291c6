--- Templates: HTML with Lua in it, escaped by the place a value is printed to.
--
--     <h1><%= product.name %></h1>              escaped
--     <%- partial("item", { item = x }) %>      as it is
--     <% for _, x in ipairs(items) do %> … <% end %>
--     <% layout "main" %>   <% block "title" %>Products<% end %>
--
-- in a layout: `<%- yield() %>` and `<%- yield("title", "Shop") %>`. `<%# … %>` is
-- a comment, `-%>` swallows the newline behind it, `<%%` prints `<%`. The syntax is
-- etlua's; layouts, blocks and escaping are ours.
--
-- Variables are the fields of the data, then helpers, then a few functions of Lua where
-- they are called (rille.template.global).
-- An unknown one raises, with the template's line; `data.x` may be missing.
local buffer = require "string.buffer"
local compile = require "rille.template.compile"
local contents = require "rille.contents"
local core = require "rille.core"
local global = require "rille.template.global"
local nearest = require "rille.nearest"
local timeline = require "rille.timeline"

local template = {}

local Views = { __name = "rille.template" }
Views.__index = Views

-- Partials inside partials, and layouts inside layouts: a deeper nest is one that
-- includes itself.
local MAX_DEPTH = 100
local MAX_LAYOUTS = 16
-- Activations that a template keeps for its next renderings.
local MAX_IDLE = 16
local MAX_NAME_BYTES = 200

-- ---- variables ----------------------------------------------------------------------

-- An activation's environment holds its page at 1, its data at 2, and what it may use
-- of Lua at 3: names are strings, and cannot meet them.
local PAGE, DATA, LUA = 1, 2, 3

local Page = {}
Page.__index = Page

-- `layout`, `partial` and `yield` belong to one page: made at their first use. The
-- tail call leaves no frame, so a method's caller is the template.
local function bound(env, key)
  local method = Page[key]
  local fn = function(...)
    return method(env[PAGE], ...)
  end
  rawset(env, key, fn)
  return fn
end

local BOUND = { layout = true, partial = true, yield = true }

local function unknown(key)
  error(("unknown variable '%s': pass it to render, or write data.%s where it may be missing%s"):format(tostring(key),
    tostring(key), global.hint(key)), 3)
end

local Environment = {}

function Environment.__index(env, key)
  if BOUND[key] then
    return bound(env, key)
  elseif key == "data" then
    return env[DATA]
  end
  local page = env[PAGE]
  local value = rawget(env[DATA], key)
  if value == nil then
    value = page.env[key]
    if value == nil then
      value = page.views.env[key]
      if value == nil then
        value = env[LUA][key]
        if value == nil then
          unknown(key)
        end
      end
    end
  end
  return value
end

function Environment.__newindex(_, key)
  error(("assigning the variable '%s' of all templates: write `local %s`"):format(tostring(key), tostring(key)), 2)
end

-- ---- loading ------------------------------------------------------------------------

-- A name may come from outside: it stays in the folder.
local function is_name(name)
  return type(name) == "string" and #name <= MAX_NAME_BYTES and not name:find("[^%w_%-./]") and name:find("^[%w_]")
    and not name:find("..", 1, true) and not name:find("//", 1, true) and name:sub(-1) ~= "/"
end

-- What is said of a template that is not there: where it was looked for, and which
-- of those beside it was meant.
local function missing(self, name, file)
  local folder, base = name:match "^(.*)/([^/]*)$"
  folder, base = folder and folder .. "/" or "", base or name
  local names, ending = {}, "." .. self.ext
  local found = core.file_names(self.dir .. "/" .. folder)
  for _, one in ipairs(found or {}) do
    if one:sub(-#ending) == ending then
      names[#names + 1] = one:sub(1, -#ending - 1)
    end
  end
  table.sort(names)
  local meant = nearest.of(base, names)
  return ("there is no template \"%s\": %s/%s does not exist (looked in %s/%s%s)%s"):format(name, self.label, file,
    self.dir, folder, found and "" or ", which is no folder", meant and (": did you mean \"%s%s\"?"):format(folder, meant) or "")
end

-- The template `name`; compiled when it is new, or changed while we watch.
local function find(self, name, level)
  local known = type(name) == "string" and self.known[name]
  if known and not self.reload then
    return known
  end
  if not is_name(name) then
    error(("%s is no template's name: write it from the folder of views on, as in \"products/list\""):format(
      type(name) == "string" and ("%q"):format(name) or "a " .. type(name)), level + 1)
  end
  local file = name .. "." .. self.ext
  local text = self.read(self.dir .. "/" .. file)
  if not text then
    self.known[name] = nil
    error(missing(self, name, file), level + 1)
  end
  if known and known.text == text then
    return known
  end
  known = { name = name, text = self.reload and text, idle = {}, bytes = 256 }
  known.make, known.lua = compile(text, self.label .. "/" .. file)
  self.known[name] = known
  return known
end

-- ---- running ------------------------------------------------------------------------

local function activation(one)
  local idle = one.idle
  local last = #idle
  if last > 0 then
    local found = idle[last]
    idle[last] = nil
    return found
  end
  local env = setmetatable({ false, false, one.lua }, Environment)
  return { fn = setfenv(one.make(), env), env = env }
end

-- A template may wait (a relation that loads itself), and another request may
-- enter it meanwhile: each activation has its own environment. One that raised
-- is dropped.
local function run(page, one, data)
  local noted = page.views.is_noted and core.journal_begin("template", one.name)
  local active = activation(one)
  local env = active.env
  local out = buffer.new(one.bytes)
  env[PAGE], env[DATA] = page, data
  active.fn(out, page)
  env[PAGE], env[DATA] = false, false
  local idle = one.idle
  if #idle < MAX_IDLE then
    idle[#idle + 1] = active
  end
  local text = out:get()
  if #text > one.bytes then
    one.bytes = #text
  end
  if noted then -- one that raised has lasted to its request's end
    core.journal_end(noted)
  end
  return text
end

local NOTHING = {}

local function check_data(data, level)
  if data == nil then
    return NOTHING
  elseif type(data) ~= "table" then
    error(("a template's data is a table, as in { product = product }: got a %s"):format(type(data)), level + 1)
  end
  return data
end

-- ---- what a template calls ----------------------------------------------------------

--- In a template: put the page into a layout, once it is rendered.
-- @tparam string|boolean name a template's; false for none
function Page:layout(name)
  if self.depth > 0 then
    error("a partial has no layout: it is the page's", 2)
  end
  if name then
    find(self.views, name, 2)
  end
  self.outer = name or nil
end

--- In a template: another template's text. **Yields** if that does.
-- @tparam string name
-- @tparam[opt] table data its variables: it sees none of the caller's
-- @treturn string
function Page:partial(name, data)
  local one = find(self.views, name, 2)
  data = check_data(data, 2)
  if self.depth == MAX_DEPTH then
    error(("partials inside partials, %d deep: does \"%s\" include itself?"):format(MAX_DEPTH, name), 2)
  end
  self.depth = self.depth + 1
  local text = run(self, one, data)
  self.depth = self.depth - 1
  return text
end

--- In a layout: the page, or a block of it.
-- @tparam[opt] string name a block's
-- @tparam[opt=""] string default for a block that the page does not have
-- @treturn string
function Page:yield(name, default)
  if name == nil then
    if not self.content then
      error("there is no page to yield: this template was not chosen as a layout", 2)
    end
    return self.content
  end
  local block = self.blocks and self.blocks[name]
  return block and tostring(block) or default or ""
end

--- `<% block "name" %>` … `<% end %>`: what is printed there goes into the block.
-- A block that is written several times holds all of it, in order.
-- @tparam string name
-- @return the block's buffer
function Page:block(name)
  if type(name) ~= "string" then
    error(("a block's name is a string: got a %s"):format(type(name)), 2)
  end
  self.blocks = self.blocks or {}
  local block = self.blocks[name]
  if not block then
    block = buffer.new()
    self.blocks[name] = block
  end
  return block
end

-- ---- views --------------------------------------------------------------------------

local RENDER_OPTIONS = { layout = true, env = true }

local function check_options(options, known, what, level)
  for key in pairs(options) do
    if not known[key] then
      error(("%s has no option '%s'"):format(what, tostring(key)), level + 1)
    end
  end
end

--- Render a template. **Yields** if the template does.
-- @tparam string name from the folder on, without the ending: "products/list"
-- @tparam[opt] table data its fields are the template's variables
-- @tparam[opt] table options `layout`: a template's name, which the template may
-- change; `env`: helpers for this page, such as those that know the request
-- @treturn string
-- @raise "views/products/list.etlua:12: …" for what is wrong in a template;
-- whatever its code raises
function Views:render(name, data, options)
  options = options or NOTHING
  check_options(options, RENDER_OPTIONS, "render", 2)
  local one = find(self, name, 2)
  data = check_data(data, 2)
  local page = setmetatable({ views = self, env = options.env or NOTHING, depth = 0, outer = options.layout or nil }, Page)
  if page.outer then
    find(self, page.outer, 2)
  end
  local text = run(page, one, data)
  local count = 0
  while page.outer do
    count = count + 1
    if count > MAX_LAYOUTS then
      error(("layouts inside layouts, %d deep: does \"%s\" choose itself?"):format(MAX_LAYOUTS, page.outer), 2)
    end
    local layout = find(self, page.outer, 2)
    page.content, page.outer = text, nil
    text = run(page, layout, data)
  end
  return text
end

--- Compile a template now, for whoever wants its errors at boot.
-- @tparam string name
-- @raise as `render`
function Views:compile(name)
  find(self, name, 2)
end

--- Forget what was compiled: the next rendering reads the files again.
function Views:clear()
  self.known = {}
end

local NEW_OPTIONS = { dir = true, ext = true, read = true, env = true, reload = true, label = true }

--- A folder of templates.
-- @tparam table options `dir`: the folder; `ext`: the files' ending ("etlua");
-- `read(path)`: returns a file's text, or nil; `env`: helpers for all templates;
-- `reload`: look for changes at each rendering; `label`: how errors name the
-- folder (its last part)
-- @treturn Views
function template.new(options)
  check_options(options, NEW_OPTIONS, "template.new", 2)
  if type(options.dir) ~= "string" or options.dir == "" then
    error("template.new wants the folder: template.new { dir = \"views\" }", 2)
  end
  return setmetatable({
    dir = options.dir, ext = options.ext or "etlua", read = options.read or contents.of, env = options.env or NOTHING,
    reload = options.reload or false, label = options.label or options.dir:match "([^/]+)/*$" or options.dir, known = {},
    is_noted = timeline.is_on(), -- when it is run: in the record of requests
  }, Views)
end

return template
