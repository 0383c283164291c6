--- The migration that closes the difference between the models and the database.
--
-- The models' tables are made in a schema of their own, in a transaction that is rolled back, and read there by the
-- same query as the database's own: so nobody but PostgreSQL has to know that `varchar` and `character
-- varying` are one.
local catalogue = require "rille.model.catalogue"
local core = require "rille.core"
local db = require "rille.db"
local declared = require "rille.migrate.declared"
local difference = require "rille.migrate.difference"
local errors = require "rille.error"
local files = require "rille.migrate.file"
local module = require "rille.module"
local path = require "rille.model.path"
local random = require "rille.random"
local tables = require "rille.migrate.tables"

local diff = {}

-- ---- the models ---------------------------------------------------------------------

local function require_all(loader, root, folder, prefix)
  local names = core.file_names(root .. "/" .. folder)
  for _, name in ipairs(names or {}) do
    local stem = name:match "^(.*)%.lua$"
    if stem then
      loader.require(prefix .. "." .. stem)
    else
      require_all(loader, root, folder .. "/" .. name, prefix .. "." .. name)
    end
  end
  return names
end

-- The models with columns, of the app's models/.
local function models_of(root, loader)
  local before = #catalogue.models()
  if not require_all(loader, root, "models", "models") then
    files.fail("there is no folder %s/models: app=FOLDER names the app whose models are compared", root)
  end
  local list = {}
  for i, model in ipairs(catalogue.models()) do
    if i > before and model.columns and model.db.root == db.root then
      list[#list + 1] = model
    end
  end
  if #list == 0 then
    files.fail('no model in %s/models declares columns, as in rille.model("posts", { columns = { title = "text not null" } })',
      root)
  end
  return list
end

-- Those first that others' columns refer to, by the order of names otherwise.
local function in_order(list)
  table.sort(list, function(a, b) return a.name < b.name end)
  local by_name, seen, ordered = {}, {}, {}
  for _, one in ipairs(list) do
    by_name[one.name] = one
  end
  local function visit(one)
    if one and not seen[one] then
      seen[one] = true
      table.sort(one.refers)
      for _, name in ipairs(one.refers) do
        visit(by_name[name])
      end
      ordered[#ordered + 1] = one
    end
  end
  for _, one in ipairs(list) do
    visit(one)
  end
  return ordered
end

local function declared_tables(models, target_of)
  local list, by_name = {}, {}
  for i, model in ipairs(models) do
    local one = declared.table(model, target_of)
    if by_name[one.name] then
      files.fail("%s: the table %s is declared at %s already", model.at, one.name, by_name[one.name])
    end
    list[i], by_name[one.name] = one, model.at
  end
  return in_order(list)
end

-- ---- as the database sees them -------------------------------------------------------

local ENOUGH = {}

local function run(handle, one, sql)
  local ok, err = pcall(handle.script, handle, sql)
  if not ok and errors.is(err) then
    files.fail("%s: the model %s: %s (%s), in\n  %s", one.model.at, one.name, err.message, err.code:sub(4),
      (sql:gsub("\n", "\n  ")))
  elseif not ok then
    error(err, 0)
  end
end

-- The tables as they are declared, and as CREATE TABLE alone makes them.
local function read_declared(handle, list)
  local made, whole
  local schema = "rille_diff_" .. random.text(4)
  local ok, err = pcall(handle.transaction, handle, function()
    local path_before = handle:one("select current_setting('search_path') as it").it
    handle:script(("create schema %s; set local search_path = %s, %s"):format(schema, schema, path_before))
    for _, one in ipairs(list) do
      run(handle, one, one.create)
    end
    made = tables.read(handle, files.names(list))
    for _, kind in ipairs { "indexes", "foreign_keys" } do
      for _, one in ipairs(list) do
        for _, sql in ipairs(one[kind]) do
          run(handle, one, sql)
        end
      end
    end
    whole = tables.read(handle, files.names(list))
    error(ENOUGH, 0)
  end)
  if not ok and err ~= ENOUGH then
    error(err, 0)
  end
  return whole, made
end

-- ---- the text ------------------------------------------------------------------------

local function commented(text)
  return "-- " .. text:gsub("\n", "\n-- ")
end

local function text_of(changes, remarks)
  local up, down = {}, {}
  for i, change in ipairs(changes) do
    up[i] = (change.note and commented(change.note) .. "\n" or "") .. change.up .. ";"
    if change.down then
      table.insert(down, 1, change.down .. ";")
    end
  end
  for _, remark in ipairs(remarks) do
    up[#up + 1] = commented(remark)
  end
  return "-- migrate:up\n" .. table.concat(up, "\n") .. "\n\n-- migrate:down\n" .. table.concat(down, "\n") .. "\n"
end

local function title_of(touched, created)
  if #touched == 1 then
    return (created[touched[1]] and "create_" or "change_") .. touched[1]
  end
  return "change_models"
end

--- Compare models with a database. **Yields.**
-- @tparam Db handle
-- @tparam {model,...} models that declare their columns
-- @tparam function target_of(relation) the model that a relation names
-- @treturn table `text` of the migration, nil when there is nothing to do; `title`; `remarks`, what the
-- database has besides
-- @raise { migrate = … } with the model's line
function diff.of(handle, models, target_of)
  local list = declared_tables(models, target_of)
  local had = tables.read(handle, files.names(list))
  local wanted, made = read_declared(handle, list)
  local all, remarks, touched, created = {}, {}, {}, {}
  for _, one in ipairs(list) do
    made[one.name].create = one.create
    local changes = difference.of(wanted[one.name], had[one.name], made[one.name], one.references)
    for _, change in ipairs(changes) do
      all[#all + 1] = change
      change.place = #all
    end
    for _, remark in ipairs(changes.remarks) do
      remarks[#remarks + 1] = remark
    end
    touched[#touched + 1] = #changes > 0 and one.name or nil
    created[one.name] = not had[one.name]
  end
  table.sort(all, function(a, b)
    if a.stage ~= b.stage then
      return a.stage < b.stage
    end
    return a.place < b.place
  end)
  return { text = #all > 0 and text_of(all, remarks) or nil, title = title_of(touched, created), remarks = remarks }
end

--- Compare the models in an app's models/ with a database. **Yields.**
-- @tparam Db handle
-- @tparam string root the app's folder
-- @treturn table as diff.of
function diff.compare(handle, root)
  local loader = module.loader(root)
  return diff.of(handle, models_of(root, loader), path.target)
end

return diff
