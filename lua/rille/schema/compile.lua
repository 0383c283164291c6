--- From a schema to a function.
--
--     run(a, s, d) -> what `a`, which is not nil, became; problems go into the report `s`
--
-- Each object, array, map and union becomes one function of straight Lua;
-- scalars are written into the function around them. `d` is how deep `a` lies.
--
-- The modes differ in what is put into the source:
--
--     json     values as they are
--     text     fields of paths, queries and forms: texts are coerced, an empty one
--              is an absent one unless an empty text is a value, and a list holds
--              what was given repeatedly
--     headers  text, and fields that the schema does not name are others' business
--     output   values of Lua: an absent nullable field is null, `{}` may be a list
--     shape    output, and fields that the schema does not name are left out
local Source = require "rille.schema.source"
local core = require "rille.core"
local copy = require "rille.schema.copy"
local describe = require "rille.schema.describe"
local format = require "rille.schema.format"
local report = require "rille.schema.report"
local scalar = require "rille.schema.scalar"

local compile = {}

local MODES = {
  json = { name = "json" },
  text = { name = "text", is_text = true },
  headers = { name = "headers", is_text = true, drops_unknown = true },
  output = { name = "output", is_output = true },
  shape = { name = "shape", is_output = true, drops_unknown = true },
}
compile.modes = MODES

local DEPTH_MOST = 512      -- levels of a value, as the JSON decoder's
local NESTING_MOST = 200    -- levels of a schema: one that makes itself anew has no end

-- What generated functions call, by these names.
-- A model's row keeps its values apart from its fields: as a table of those that may be seen.
local function plain(x, known)
  local meta = getmetatable(x)
  local of_row = type(meta) == "table" and rawget(meta, "plain")
  return of_row and of_row(x, known) or x
end

local RUNTIME = {
  fail = report.fail, mistype = report.mistype, mistype_text = report.mistype_text, unknown = report.unknown,
  refine = report.refine, accepts = report.accepts, explain = report.explain, recall = report.recall,
  remember = report.remember, is_list = report.is_list, keep = report.keep, only = report.only,
  plain = plain, copied = report.copied, too_deep = report.too_deep, copy = copy,
  count = format.count, is_utf8 = format.is_utf8, date = format.date, datetime = format.datetime,
  is_uuid = format.is_uuid, is_email = format.is_email, to_integer = format.to_integer,
  to_number = format.to_number, to_boolean = format.to_boolean,
  null = core.null, array_meta = getmetatable(core.array {}), nkeys = require "table.nkeys",
  new_table = require "table.new", type = type, rawget = rawget, next = next, getmetatable = getmetatable,
  setmetatable = setmetatable, find = string.find,
}

local functions = {} -- by kind: writes the function of a compound value

-- ---- any value -----------------------------------------------------------------

-- Whether a text field that is a list was given repeatedly, and is no list of its own.
local function is_single(node)
  for _, leaf in ipairs(describe.leaves(node)) do
    if not scalar.is(leaf) then
      return false
    end
  end
  return true
end

local function leaf_takes_empty(leaf)
  if leaf.values then
    return leaf.set[""] ~= nil
  end
  return leaf.kind == "string" or leaf.kind == "secret" or leaf.kind == "any" or not scalar.is(leaf)
end

-- Whether an empty text is a value of this schema, and not a form's way to leave it out.
local function takes_empty(node)
  for _, leaf in ipairs(describe.leaves(node)) do
    if leaf_takes_empty(leaf) then
      return true
    end
  end
  return false
end

local function write_refinements(source, node, key, name)
  if node.refinements then
    source:add("if s.n == before then refine(s, d, %s, %s, %s, %s) end", key, name,
      source:constant(node.refinements), tostring(node.kind == "secret"))
  end
end

-- Checks the local `a`, which is not nil, and leaves in it what it became. `key`
-- is the expression of its last step; "nil" when `s` and `d` lead to it already.
local function write_present(source, node, key, mode)
  if not scalar.is(node) then
    local run = source:constant(source.compile(node))
    if key == "nil" then
      source:add("a = %s(a, s, d)", run)
    else
      source:add("s[d + 1] = %s a = %s(a, s, d + 1)", key, run)
    end
    return
  end
  if node.is_nullable then
    source:add "if a ~= null then"
  end
  if node.refinements then
    source:add "local before = s.n"
  end
  scalar.write(source, node, key, mode)
  write_refinements(source, node, key, "a")
  if node.is_nullable then
    source:add "end"
  end
end

-- ---- objects -------------------------------------------------------------------

local function default_of(source, node)
  local value = node.default_value
  if type(value) == "function" then
    return source:constant(value) .. "()"
  elseif type(value) == "table" then
    return ("copy(%s)"):format(source:constant(value))
  end
  return source:literal(value)
end

local function write_absent(source, node, name, mode)
  local presence = describe.presence(node)
  if presence.has_default then
    source:add("o[%s] = %s", name, default_of(source, presence))
  elseif presence.is_optional then
    source:add("o[%s] = nil", name)
  elseif mode.is_output and describe.is_nullable(node) then
    source:add("o[%s] = null", name)
  else
    source:add('fail(s, d, %s, "required", "is required")', name)
  end
end

-- What a text field is, of what was sent.
local function write_field_text(source, node)
  source:add "if a ~= nil then n = n + 1 end"
  if is_single(node) then
    source:add [[if type(a) == "table" then a = only(a) end]]
  end
  if not takes_empty(node) then
    source:add([[if a == "" then a = %s end]], describe.is_nullable(node) and "null" or "nil")
  end
end

local function write_field(source, name, node, mode)
  local key = ("%q"):format(name)
  source:add("do local a = rawget(x, %s)", key)
  if mode.is_text then
    write_field_text(source, node)
  end
  source:add "if a == nil then"
  write_absent(source, node, key, mode)
  source:add(mode.is_text and "else" or "else n = n + 1")
  write_present(source, node, key, mode)
  source:add("o[%s] = a end end", key)
end

local function write_unknown(source, node, mode)
  local known = source:constant(node.fields)
  if node.unknown == "keep" then
    source:add("if nkeys(x) ~= n then keep(s, d, x, %s, o) end", known)
  elseif node.unknown == "refuse" and not mode.drops_unknown then
    source:add("if nkeys(x) ~= n then unknown(s, d, x, %s) end", known)
  end
end

-- Begins the function of a compound value `x`; `mistaken` is when it is none.
local function write_head(source, node, mode, mistaken)
  if node.is_nullable then
    source:add "if x == null then return null end"
  end
  source:add("if %s then %s(s, d, nil, x, %q) return nil end", mistaken,
    mode.is_text and "mistype_text" or "mistype", describe.noun(node))
  source:add("if d >= %d then too_deep(s, d) return nil end", DEPTH_MOST)
  if node.refinements then
    source:add "local before = s.n"
  end
end

local function write_size(source, node, noun, nouns)
  local function amount(count)
    return ("%d %s"):format(count, count == 1 and noun or nouns)
  end
  if node.min then
    source:add([[if len < %d then fail(s, d, nil, "min", %q) end]], node.min, "must have at least " .. amount(node.min))
  end
  if node.max then -- more are not even looked at
    source:add([[if len > %d then fail(s, d, nil, "max", %q) return nil end]], node.max,
      "must have at most " .. amount(node.max))
  end
end

local NO_OBJECT = [[type(x) ~= "table" or getmetatable(x) == array_meta]]

function functions.object(source, node, mode)
  source:add "return function(x, s, d)"
  write_head(source, node, mode, NO_OBJECT)
  if mode.is_output then
    source:add("x = plain(x, %s)", source:constant(node.fields))
  end
  -- A table with all its keys is copied in one piece; adding them one by one takes longer.
  local fields = {}
  for i, name in ipairs(node.order) do
    fields[i] = ("[%q] = false"):format(name)
  end
  source:add("local n, o = 0, { %s }", table.concat(fields, ", "))
  for _, name in ipairs(node.order) do
    write_field(source, name, node.fields[name], mode)
  end
  write_unknown(source, node, mode)
  write_refinements(source, node, "nil", "o")
  source:add "return o end"
end

-- ---- arrays and maps -------------------------------------------------------------

function functions.array(source, node, mode)
  source:add "return function(x, s, d)"
  if mode.is_text then -- a field that may be given repeatedly, given once
    source:add [[if type(x) ~= "table" and x ~= null then x = { x } end]]
  end
  write_head(source, node, mode, ("not is_list(x, %s)"):format(tostring(mode.is_text or mode.is_output or false)))
  source:add "local len = #x"
  write_size(source, node, "item", "items")
  source:add "local o = new_table(len, 0)"
  source:add "for i = 1, len do local a = rawget(x, i)"
  source:add [[if a == nil then fail(s, d, i - 1, "required", "is required") else]]
  write_present(source, node.item, "i - 1", mode)
  source:add "o[i] = a end end"
  write_refinements(source, node, "nil", "o")
  source:add "return setmetatable(o, array_meta) end"
end

-- Keys are texts in every mode.
local function write_key_check(source, node)
  local accepted = [[type(k) == "string"]]
  if node.key then
    accepted = ("%s and accepts(s, d, k, %s)"):format(accepted, source:constant(source.compile(node.key, "json")))
  end
  source:add([[if not (%s) then fail(s, d, k, "key", "is not an allowed key") else]], accepted)
end

function functions.map(source, node, mode)
  source:add "return function(x, s, d)"
  write_head(source, node, mode, NO_OBJECT)
  source:add "local len = nkeys(x)"
  write_size(source, node, "entry", "entries")
  source:add "local o = new_table(0, len)"
  source:add "for k, a in next, x do"
  write_key_check(source, node)
  if mode.is_text and is_single(node.item) then
    source:add [[if type(a) == "table" then a = only(a) end]]
  end
  write_present(source, node.item, "k", mode)
  source:add "o[k] = a end end"
  write_refinements(source, node, "nil", "o")
  source:add "return o end"
end

-- ---- unions ----------------------------------------------------------------------

-- What a failed attempt at all members needs to say why.
local function union_facts(source, node, mode)
  local facts = { takes = {}, runs = {}, noun = describe.noun(node) }
  for i, member in ipairs(node.members) do
    facts.takes[i] = describe.takes(member, mode.is_text)
    facts.runs[i] = source.compile(member)
  end
  return source:constant(facts)
end

-- Each member is tried until one finds nothing wrong. `kept` makes a recursive
-- union remember what it said of a table.
local function write_attempts(source, node, mode)
  local facts = union_facts(source, node, mode)
  local kept = node.has_lazy and [[if type(x) == "table" then remember(s, ]] .. facts .. ", x, a) end" or ""
  source:add "local function choose(x, s, d)"
  if node.has_lazy then
    source:add [[if type(x) == "table" then]]
    source:add("local is_known, a = recall(s, %s, x)", facts)
    source:add("if is_known then if a == nil then explain(s, d, x, %s) end return a end end", facts)
  end
  source:add "local first = s.n s.quiet = s.quiet + 1"
  for _, member in ipairs(node.members) do
    source:add "do local a = x"
    write_present(source, member, "nil", mode)
    source:add("if s.n == first then s.quiet = s.quiet - 1 %s return a end s.n = first end", kept)
  end
  source:add("local a s.quiet = s.quiet - 1 %s explain(s, d, x, %s) return a end", kept, facts)
end

-- All members are objects that one field, a literal in each, tells apart: only
-- the one it names is asked, and what it says is what is wrong.
local function write_choice(source, node, mode, tag, members)
  local runs = {}
  for value, member in pairs(members) do
    runs[value] = source.compile(member)
    if mode.is_text then
      runs[tostring(value)] = runs[value]
    end
  end
  source:add "local function choose(x, s, d)"
  source:add([[if %s then mistype(s, d, nil, x, "an object") return nil end]], NO_OBJECT)
  source:add("local a = rawget(x, %q)", tag)
  if mode.is_text then
    source:add [[if type(a) == "table" then a = only(a) end]]
  end
  source:add [[if a == nil then]]
  source:add([[fail(s, d, %q, "required", "is required") return nil end]], tag)
  source:add("local run = %s[a] if run then return run(x, s, d) end", source:constant(runs))
  source:add([[fail(s, d, %q, "enum", %q) end]], tag, "must be " .. describe.tags(node, tag))
end

-- The function of a schema whose values `call` checks.
local function write_around(source, node, call)
  source:add "return function(x, s, d)"
  if node.is_nullable then
    source:add "if x == null then return null end"
  end
  source:add("local before = s.n local a = %s(x, s, d)", call)
  write_refinements(source, node, "nil", "a")
  source:add "return a end"
end

function functions.union(source, node, mode)
  local tag, members = describe.tag(node)
  if tag then
    write_choice(source, node, mode, tag, members)
  else
    write_attempts(source, node, mode)
  end
  write_around(source, node, "choose")
end

-- ---- schemas ---------------------------------------------------------------------

function functions.lazy(source, node)
  write_around(source, node, source:constant(source.compile(describe.target(node))))
end

local function write_scalar(source, node, mode)
  source:add "return function(a, s, d)"
  write_present(source, node, "nil", mode)
  source:add "return a end"
end

-- `open` holds the schemas that are being compiled, and how many they are. One
-- that refers to itself gets a function that looks its own up when it is called.
local function compile_node(node, mode_name, open)
  local runs = node.runs
  if runs[mode_name] then
    return runs[mode_name]
  elseif open[node] then
    return function(a, s, d) return runs[mode_name](a, s, d) end
  end
  if open.count >= NESTING_MOST then
    error(("a schema nested %d levels deep: if v.lazy's function makes a new schema at each call, keep it in a local")
      :format(NESTING_MOST), 0)
  end
  open[node], open.count = true, open.count + 1
  local mode, source = MODES[mode_name], Source.new(RUNTIME)
  function source.compile(inner, other_mode)
    return compile_node(inner, other_mode or mode_name, open)
  end
  local write = functions[node.kind] or write_scalar
  write(source, node, mode)
  runs[mode_name] = source:load()
  open[node], open.count = nil, open.count - 1
  return runs[mode_name]
end

--- The function of `node` in a mode, made at its first use.
-- @tparam schema node
-- @tparam string mode_name a key of `modes`
-- @raise when v.lazy's function does not give a schema, or a new one each time
function compile.run(node, mode_name)
  return node.runs[mode_name] or compile_node(node, mode_name, { count = 0 })
end

return compile
