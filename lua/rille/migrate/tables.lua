--- What tables look like, as the database's catalogue tells it.
--
--     { [name] = { columns = { [name] = { name, type, is_null, default, identity, generated, collation, serial } },
--                  constraints = { [name] = { kind, text } }, indexes = { [name] = text } } }
--
-- Types, defaults and texts as PostgreSQL prints them: the same thing said in two ways is printed in one.
local core = require "rille.core"

local tables = {}

-- A constraint's index is the constraint's; what kind 'n' would be (NOT NULL, from 18 on) is the column's.
local SQL = [[
select c.relname as name,
  (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
      'is_null', not a.attnotnull, 'default', pg_get_expr(d.adbin, d.adrelid),
      'identity', a.attidentity, 'generated', a.attgenerated,
      'serial', a.attidentity = '' and pg_get_serial_sequence(c.oid::regclass::text, a.attname) is not null,
      'collation', (select quote_ident(l.collname) from pg_collation l join pg_type t on t.oid = a.atttypid
        where l.oid = a.attcollation and a.attcollation <> t.typcollation)) order by a.attnum)
    from pg_attribute a left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
  (select json_agg(json_build_object('name', n.conname, 'kind', n.contype, 'text', pg_get_constraintdef(n.oid))
      order by n.conname)
    from pg_constraint n where n.conrelid = c.oid and n.contype in ('p', 'u', 'c', 'f', 'x')) as constraints,
  (select json_agg(json_build_object('name', x.relname, 'text', pg_get_indexdef(x.oid)) order by x.relname)
    from pg_index i join pg_class x on x.oid = i.indexrelid
    where i.indrelid = c.oid
      and not exists (select from pg_constraint n where n.conindid = x.oid and n.contype in ('p', 'u', 'x'))) as indexes
from unnest($1::text[]) as w(name) join pg_class c on c.oid = to_regclass(quote_ident(w.name)) where c.relkind in ('r', 'p')]]

local function is_text(value)
  return value ~= core.null and value ~= "" and value or nil
end

local function column_of(one)
  return {
    name = one.name, type = one.type, is_null = one.is_null, default = is_text(one.default), identity = is_text(one.identity),
    generated = is_text(one.generated), serial = one.serial, collation = is_text(one.collation),
  }
end

-- "CREATE UNIQUE INDEX a ON public.t USING btree (x)" is { is_unique, "(x)" }, whatever its name and its schema.
local function index_of(one)
  local head, rest = one.text:match "^CREATE (.-)INDEX .- USING (.*)$"
  return { is_unique = head == "UNIQUE ", text = rest:find "^btree " and rest:sub(7) or "using " .. rest }
end

--- Read tables, as the search path finds them. **Yields.**
-- @tparam Db handle
-- @tparam {string,...} names
-- @treturn table by name; those that are not there are not in it
function tables.read(handle, names)
  local found = {}
  for _, row in ipairs(handle:query(SQL, core.array(names))) do
    local one = { name = row.name, columns = {}, order = {}, constraints = {}, indexes = {} }
    for i, column in ipairs(row.columns or {}) do
      one.columns[column.name], one.order[i] = column_of(column), column.name
    end
    for _, constraint in ipairs(row.constraints or {}) do
      one.constraints[constraint.name] = { kind = constraint.kind, text = constraint.text }
    end
    for _, index in ipairs(row.indexes or {}) do
      one.indexes[index.name] = index_of(index)
    end
    found[row.name] = one
  end
  return found
end

return tables
