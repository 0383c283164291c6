--- A template as a Lua function.
--
-- Line N of the generated code is line N of the template, so that syntax errors,
-- runtime errors and tracebacks name the template's own lines without a map.
local buffer = require "string.buffer"
local escape = require "rille.escape"
local flow = require "rille.template.flow"
local global = require "rille.template.global"
local markup = require "rille.template.markup"
local piece = require "rille.template.piece"
local place = require "rille.template.place"

local find, gsub, match, sub = string.find, string.gsub, string.match, string.sub

-- Values of one call; a call's arguments must fit into a function's registers.
local MAX_ARGUMENTS = 40
-- How much of an expression an error shows.
local SHOWN_BYTES = 40
-- A template is written by hand: a longer one is something else.
local MAX_BYTES = 1024 * 1024

local ESCAPERS = {
  "text", "html", "attribute", "url", "url_component", "js", "js_attribute", "js_string", "css", "css_string", "css_url",
}

local Compiler = {}
Compiler.__index = Compiler

local function only_newlines(text)
  return (gsub(text, "[^\n]+", ""))
end

-- ---- writing code -------------------------------------------------------------------

-- Literals and values are gathered into calls: put(out, "…", value, "…");
local function argument(self, text)
  if self.arguments == MAX_ARGUMENTS then
    self.code:put(");")
    self.arguments = 0
  end
  self.code:put(self.arguments == 0 and " __put(__out," or ",", text)
  self.arguments = self.arguments + 1
end

local function end_call(self)
  if self.arguments > 0 then
    self.code:put(");")
    self.arguments = 0
  end
end

local function shown(code)
  local text = match(gsub(code, "%s+", " "), "^ ?(.-) ?$")
  return #text > SHOWN_BYTES and sub(text, 1, SHOWN_BYTES) .. "…" or text
end

-- ---- pieces -------------------------------------------------------------------------

local write = {}

function write.skipped(self, one)
  self.code:put(one.text)
end

local function refuse_in_function(self, one)
  if self.flow:in_function() then
    self.fail(one.line, "a function in a template cannot print: it could be called anywhere. Make it a partial")
  end
end

function write.text(self, one)
  refuse_in_function(self, one)
  markup.feed(self.flow.state, one.text)
  argument(self, escape.lua(one.text))
  self.code:put(only_newlines(one.text))
end

local function check_expression(self, one)
  refuse_in_function(self, one)
  if not find(one.code, "%S") then
    self.fail(one.line, "there is no expression between the tag's marks")
  end
  self.expressions[#self.expressions + 1] = one
end

-- Parts of the page: they were escaped for text.
local MARKUP = { yield = true, partial = true }

function write.escaped(self, one)
  check_expression(self, one)
  local state = self.flow.state
  local name, needs_space_or_why = place.escaper(state)
  if not name then
    self.fail(one.line, ("<%%= %s %%> cannot be escaped %s"):format(shown(one.code), needs_space_or_why))
  end
  local markup_call = state.mode == "text" and global.called(one, MARKUP)
  if markup_call then
    self.fail(one.line, ("<%%= %s %%> would escape again what %s gives, which is markup: print it with <%%- … %%>"):format(
      shown(one.code), markup_call))
  end
  if needs_space_or_why then
    argument(self, '" "')
  end
  argument(self, ("__%s((%s),%s)"):format(name, one.code, escape.lua(shown(one.code))))
  place.printed(state)
end

function write.raw(self, one)
  check_expression(self, one)
  local first = one.words[1]
  if first and MARKUP[first[1]] and not place.takes_markup(self.flow.state) then
    self.fail(one.line, ("%s %s: it was escaped for text. Put the whole element into it"):format(first[1],
      place.describe(self.flow.state)))
  end
  argument(self, ("__text((%s),%s)"):format(one.code, escape.lua(shown(one.code))))
  place.printed(self.flow.state)
end

function write.code(self, one)
  end_call(self)
  local blank, rest = match(one.code, "^(%s*)block(%s*[\"'(].*)$")
  if blank then
    refuse_in_function(self, one)
    self.flow:block(one.line)
    self.code:put(blank, " do local __out=__page:block ", rest, " ")
  else
    self.code:put(" ", one.code, " ")
  end
  self.flow:code(one)
end

-- ---- compiling ----------------------------------------------------------------------

local function load_error(self, err)
  for _, one in ipairs(self.expressions) do
    local prefix = "return " .. ("\n"):rep(one.line - 1)
    local ok, why = load(prefix .. one.code, "=" .. self.path, "t")
    if ok then
      ok, why = load(prefix .. "(" .. one.code .. ")", "=" .. self.path, "t")
    end
    if not ok then
      return ("%s (in <%% %s %%>, which must be one expression)"):format(why, shown(one.code))
    end
  end
  return err
end

local function generate(self, pieces)
  local names = "__" .. table.concat(ESCAPERS, ",__")
  self.code:put("local ", names, "=... return function() return function(__out,__page) local __put=__out.put")
  for _, one in ipairs(pieces) do
    write[one.kind](self, one)
  end
  end_call(self)
  self.code:put(" end end")
end

local function escapers()
  local list = {}
  for i, name in ipairs(ESCAPERS) do
    list[i] = escape[name]
  end
  return unpack(list, 1, #ESCAPERS)
end

--- Compile a template.
-- @tparam string text
-- @tparam string path what errors name
-- @treturn function that returns a new function(out, page) at each call; a
-- function's environment holds its variables, so every activation has its own
-- @treturn table what of Lua it may use, by name
-- @raise "path:line: what is wrong"
return function(text, path)
  local function fail(line, message)
    error(("%s:%d: %s"):format(path, line, message), 0)
  end
  if #text > MAX_BYTES then
    fail(1, ("a template of more than %d KB"):format(MAX_BYTES / 1024))
  end
  local pieces, why, line = piece.cut(text)
  if not pieces then
    fail(line, why)
  end
  local self = setmetatable({
    path = path, code = buffer.new(), arguments = 0, flow = flow.new(fail), expressions = {}, fail = fail,
  }, Compiler)
  generate(self, pieces)
  self.flow:finish(pieces.line)
  local chunk, err = load(self.code:get(), "@" .. path, "t")
  if not chunk then
    error(load_error(self, err), 0)
  end
  return chunk(escapers()), global.of(pieces)
end
