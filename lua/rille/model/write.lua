--- Writing: rows that are made, changed, deleted.
local catalogue = require "rille.model.catalogue"
local core = require "rille.core"
local place = require "rille.place"
local quote = require("rille.db").quote_ident
local slip = require "rille.slip"

local write = {
  --- What a model can that its queries cannot.
  starters = {},
}

local function check_columns(model, fields, what)
  if type(fields) ~= "table" or getmetatable(fields) ~= nil then
    place.blame(("%s takes { column = value }: got %s"):format(what, type(fields) == "table" and "a table of another kind"
      or "a " .. type(fields)))
  end
  local facts, names = catalogue.of(model), {}
  for name in pairs(fields) do
    if not facts.columns[name] then
      place.blame((slip.text("the table " .. model.table, name, facts.names):gsub("^(.-) has no", "%1 has no column")))
    end
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

--- Make a row. **Yields.**
-- @tparam table fields values by column
-- @treturn row as the database has it
function write.starters:create(fields)
  local names = check_columns(self, fields, "create")
  local columns, marks, values = {}, {}, {}
  for i, name in ipairs(names) do
    columns[i], marks[i], values[i] = quote(name), "$" .. i, fields[name]
  end
  local text = #names == 0 and ("insert into %s default values returning *"):format(self.source)
      or ("insert into %s (%s) values (%s) returning *"):format(self.source, table.concat(columns, ", "),
        table.concat(marks, ", "))
  local handle = self.db:molded(self.mold)
  return handle:one(text, unpack(values, 1, #names))
end

write.null = core.null

return write
