--- Queries as SQL: the one place where a shape becomes text.
--
--     sql.text(query.shape, model, "select") -> text with $1, $2, … for query.values
--
-- Names are quoted, values never in the text. What a shape becomes is kept on it.
local quote = require("rille.db").quote_ident
local place = require "rille.place"
local shape = require "rille.model.shape"
local slip = require "rille.slip"

local sql = {}

-- ---- names -------------------------------------------------------------------------

--- A name that may have another one's in front: audit.log.
function sql.name(name)
  local before, own = name:match "^([^.]+)%.(.+)$"
  return before and quote(before) .. "." .. quote(own) or quote(name)
end

-- A column of the model, or, with a dot, of another table that is joined.
local function column(model, name, known)
  local other, own = name:match "^([^.]+)%.(.+)$"
  if other then
    return quote(other) .. "." .. quote(own)
  end
  if known and model.facts and not model.facts.columns[name] then
    place.blame((slip.text("the table " .. model.table, name, model.facts.names):gsub("^(.-) has no", "%1 has no column")))
  end
  return model.prefix .. quote(name)
end

--- A column as conditions name it.
-- @tparam model model
-- @tparam string name its own, or another table's with a dot
-- @raise for one that its table does not have
function sql.column(model, name)
  return column(model, name, true)
end

-- ---- clauses -------------------------------------------------------------------------

-- $n for each value of a text that came in pieces.
local function filled(node, base)
  local out, pieces = {}, node.pieces
  for i = 1, #pieces - 1 do
    out[2 * i - 1], out[2 * i] = pieces[i], "$" .. base + node.first + i - 1
  end
  out[2 * #pieces - 1] = pieces[#pieces]
  return table.concat(out)
end

local function dollar(node, base)
  return "$" .. base + node.first
end

local subquery, conditions

local function term(format)
  return function(c, node) return format:format(c.column(node.what), dollar(node, c.base)) end
end

local function inner(c, node)
  return subquery(node.what, c.base + node.first - 1)
end

local function nested_conditions(c, node)
  return conditions(node.what, c.model, c.base + node.first - 1)
end

-- The steps that add a condition, as its text.
local TERMS = {
  is = term "%s = %s",
  is_in = term "%s = any(%s)",
  is_not_in = term "%s <> all(%s)",
  is_null = function(c, node) return c.column(node.what) .. " is null" end,
  is_filled = function(c, node) return c.column(node.what) .. " is not null" end,
  raw = function(c, node) return "(" .. filled(node, c.base) .. ")" end,
  both = function(c, node) return "(" .. nested_conditions(c, node) .. ")" end,
  negated = function(c, node) return "not (" .. nested_conditions(c, node) .. ")" end,
  exists = function(c, node) return "exists (" .. inner(c, node) .. ")" end,
  not_exists = function(c, node) return "not exists (" .. inner(c, node) .. ")" end,
  in_query = function(c, node) return c.column(node.also) .. " in (" .. inner(c, node) .. ")" end,
  not_in_query = function(c, node) return c.column(node.also) .. " not in (" .. inner(c, node) .. ")" end,
}

local function joined(list, word)
  return table.concat(list, word)
end

-- "a or b" around everything so far.
local function widen(c, text)
  if #c.terms > 0 then
    c.terms = { "(" .. joined(c.terms, " and ") .. " or " .. text .. ")" }
  else
    c.terms = { text }
  end
end

local function table_as(name)
  local own, alias = name:match "^(%S+)%s+[aA][sS]%s+(%S+)$"
  if not own then
    own, alias = name:match "^(%S+)%s+(%S+)$"
  end
  return own and sql.name(own) .. " as " .. quote(alias) or sql.name(name)
end

local function join_text(word)
  return function(c, node)
    c.joins[#c.joins + 1] = (" %s %s on %s"):format(word, table_as(node.what), filled(node, c.base))
  end
end

local function order_text(c, spec)
  local name, is_down = spec:gsub("^%-", "")
  return c.loose(name) .. (is_down > 0 and " desc" or "")
end

local function adder(list, text)
  return function(c, node) c[list][#c[list] + 1] = text(c, node) end
end

-- The others: what they add to the clauses.
local STEPS = {
  either = function(c, node)
    widen(c, "(" .. nested_conditions(c, node) .. ")")
  end,
  fixed = function(c)
    for _, text in ipairs(c.terms) do
      c.kept[#c.kept + 1] = text
    end
    c.terms = {}
  end,
  select = adder("columns", function(c, node)
    return node.what == "*" and c.model.prefix .. "*" or c.loose(node.what)
  end),
  select_raw = adder("columns", function(c, node) return filled(node, c.base) end),
  order = adder("orders", function(c, node) return order_text(c, node.what) end),
  order_raw = adder("orders", function(c, node) return filled(node, c.base) end),
  unordered = function(c) c.orders = {} end,
  group = adder("groups", function(c, node) return c.loose(node.what) end),
  group_raw = adder("groups", function(c, node) return filled(node, c.base) end),
  having = adder("having", function(c, node) return "(" .. filled(node, c.base) .. ")" end),
  distinct = function(c) c.distinct = "distinct " end,
  distinct_on = function(c, node)
    c.on = c.on and c.on .. ", " .. c.column(node.what) or c.column(node.what)
    c.distinct = "distinct on (" .. c.on .. ") "
  end,
  limit = function(c, node) c.limit = " limit " .. dollar(node, c.base) end,
  offset = function(c, node) c.offset = " offset " .. dollar(node, c.base) end,
  lock = function(c, node) c.lock = " for " .. node.what:gsub("%z", (c.model.prefix:gsub("%.$", ""))) end,
  join = join_text "join",
  left_join = join_text "left join",
  beside = adder("joins", function(c, node)
    return (" left join lateral (%s) as %s on true"):format(inner(c, node), quote(node.also))
  end),
  behind = adder("joins", function(c, node) return filled(node, c.base) end),
  with = adder("ctes", function(c, node) return quote(node.also) .. " as (" .. inner(c, node) .. ")" end),
  with_raw = adder("ctes", function(c, node) return quote(node.also) .. " as (" .. filled(node, c.base) .. ")" end),
  from = function(c, node) c.from = "(" .. inner(c, node) .. ")" end,
  union = function(c, node) c.from = ("(%s %s (%s))"):format(c.from, node.also, inner(c, node)) end,
  deleted = function(c, node) c.deleted = node.what end,
}

-- What the steps of a shape come to.
local function clauses(node, model, base)
  local c = {
    model = model, base = base, terms = {}, kept = {}, columns = {}, orders = {}, groups = {}, having = {}, joins = {},
    ctes = {}, distinct = "", limit = "", offset = "", lock = "", from = false, deleted = false, on = nil,
  }
  -- The names of a derived table, of CTEs and of select lists are not the table's: those are left to the server.
  function c.column(name) return column(model, name, not c.from) end
  function c.loose(name)
    local is_ours = c.from or name:find(".", 1, true) or not model.facts or model.facts.columns[name]
    return is_ours and column(model, name, false) or quote(name)
  end
  for _, one in ipairs(shape.steps(node)) do
    local text = TERMS[one.kind]
    if text then
      c.terms[#c.terms + 1] = text(c, one)
    else
      STEPS[one.kind](c, one)
    end
  end
  STEPS.fixed(c)
  return c
end

local function soft_deleted(c)
  local name = c.model.soft_delete
  if not name or c.from or c.deleted == "with" then
    return nil
  end
  return c.model.prefix .. quote(name) .. (c.deleted == "only" and " is not null" or " is null")
end

local function where_text(c)
  local terms = { unpack(c.kept) }
  terms[#terms + 1] = soft_deleted(c)
  return #terms > 0 and " where " .. joined(terms, " and ") or ""
end

-- The conditions alone, of a query that stands inside of another's.
function conditions(node, model, base)
  local c = clauses(node, model, base)
  if #c.kept == 0 then
    place.blame "a query without conditions cannot be one"
  end
  return joined(c.kept, " and ")
end

local function body_text(c)
  return (c.from and c.from .. " as " .. c.model.prefix:sub(1, -2) or c.model.source) .. joined(c.joins, "") .. where_text(c)
end

local function listed(word, list)
  return #list > 0 and word .. joined(list, ", ") or ""
end

local function cte_text(c)
  return #c.ctes > 0 and "with recursive " .. joined(c.ctes, ", ") .. " " or ""
end

local function behind_text(c)
  return listed(" group by ", c.groups) .. (#c.having > 0 and " having " .. joined(c.having, " and ") or "")
      .. listed(" order by ", c.orders) .. c.limit .. c.offset .. c.lock
end

local function select_text(c)
  local columns = #c.columns > 0 and joined(c.columns, ", ") or c.model.prefix .. "*"
  return cte_text(c) .. "select " .. c.distinct .. columns .. " from " .. body_text(c) .. behind_text(c)
end

function subquery(node, base)
  return select_text(clauses(node, node.family.model, base))
end

-- Whether rows may be counted, or written, without looking at which of them are chosen.
local function is_plain(c)
  return c.limit == "" and c.offset == "" and c.distinct == "" and #c.groups == 0 and #c.having == 0
end

-- ---- whole statements ------------------------------------------------------------------

local FORMS = {}

FORMS.select = select_text

function FORMS.exists(c)
  return "select exists (" .. select_text(c) .. ") as found"
end

-- One value of all rows: "count(*)", or a function of a column.
local function aggregate(c, what)
  if is_plain(c) then
    return cte_text(c) .. "select " .. what .. " as value from " .. body_text(c)
  end
  return "select " .. what .. " as value from (" .. select_text(c) .. ") as " .. c.model.prefix:sub(1, -2)
end

function FORMS.count(c)
  return aggregate(c, "count(*)")
end

for _, name in ipairs { "sum", "avg", "min", "max" } do
  FORMS[name] = function(c, of) return aggregate(c, name .. "(" .. c.column(of) .. ")") end
end

-- The same for each group: its value first.
local function grouped(c, what)
  return ("%sselect %s as key, %s as value from %s group by %s%s"):format(cte_text(c), c.groups[1], what, body_text(c),
    c.groups[1], #c.having > 0 and " having " .. joined(c.having, " and ") or "")
end

function FORMS.grouped(c, of)
  local name, of_column = of:match "^(%a+) (.+)$"
  return grouped(c, name and name .. "(" .. c.column(of_column) .. ")" or "count(*)")
end

--- A shape as a statement; kept on the shape.
-- @tparam table node
-- @tparam model model
-- @tparam string form "select", "count", "exists", "sum", …: what is wanted of its rows
-- @tparam[opt] string of the column it is about
-- @treturn string with $1, $2, … for the query's values
function sql.text(node, model, form, of)
  local key = of and form .. "\0" .. of or form
  local texts = node.texts
  local text = texts and texts[key]
  if not text then
    text = FORMS[form](clauses(node, model, 0), of)
    node.texts = texts or {}
    node.texts[key] = text
  end
  return text
end

--- A query's text inside of another statement, whose first `base` values are not its own.
-- @tparam query query
-- @tparam integer base
-- @treturn string
function sql.inside(query, base)
  return subquery(query.shape, base)
end

--- A query that selects these columns instead of its own.
-- @tparam query query
-- @tparam string columns
-- @treturn string
function sql.keys(query, columns)
  local c = clauses(query.shape, query.model, 0)
  c.columns = { columns }
  return select_text(c)
end

--- The clauses of a query, for statements that are more than a select.
-- @tparam query query
-- @tparam integer base as `inside`
-- @treturn table
function sql.clauses(query, base)
  return clauses(query.shape, query.model, base or 0)
end

sql.where_text, sql.is_plain = where_text, is_plain

return sql
