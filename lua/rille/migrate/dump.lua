--- schema.sql: what the migrations have made of the database, as one file that a review can read.
--
-- Written in development alone, by pg_dump. What differs from run to run or from one pg_dump to the
-- next (versions, session settings, random tokens) is left out, so that the same database gives the same text.
local contents = require "rille.contents"
local core = require "rille.core"
local files = require "rille.migrate.file"
local history = require "rille.migrate.history"
local program = require "rille.program"

local dump = {}

local COMMAND = "pg_dump --schema-only --no-owner --no-privileges"

-- pg_dump's own comments, and what it sets for the time of loading.
local NOISE = {
  "^%-%-$", "^%-%- Name: ", "^%-%- Dumped ", "^%-%- PostgreSQL database dump", "^SET ", "^SELECT pg_catalog%.set_config", "^\\",
}
local CHECKS = "SET check_function_bodies = false;" -- the one that matters: they may name tables that come behind them

local HEAD = "-- The database behind these migrations, written by `rille migrate`: to read, and to load.\n\n"

local function is_noise(line)
  for _, pattern in ipairs(NOISE) do
    if line ~= CHECKS and line:find(pattern) then
      return true
    end
  end
  return false
end

-- One empty line between two statements.
local function cleaned(text)
  local lines, is_empty = {}, true
  for line in text:gmatch "([^\n]*)\n" do
    if not is_noise(line) and not (line == "" and is_empty) then
      lines[#lines + 1] = line
      is_empty = line == ""
    end
  end
  return (table.concat(lines, "\n"):gsub("\n+$", "\n"))
end

local function output_of(command)
  local pipe = io.popen("{ " .. command .. "; } 2>&1 </dev/null; printf '\\n%d' $?")
  local text, status = pipe:read("*a"):match "^(.*)\n(%d+)$"
  pipe:close()
  return status == "0" and text .. "\n", text
end

-- That whoever loads the file has had these migrations.
local function rows_of(applied, place)
  local versions, values = {}, {}
  for i, one in ipairs(applied) do
    versions[i] = one.version
  end
  table.sort(versions, files.is_before)
  for i, version in ipairs(versions) do
    values[i] = ("    ('%s')"):format(version)
  end
  local insert = ("\nINSERT INTO %s (version) VALUES\n"):format(place)
  return #values == 0 and "" or insert .. table.concat(values, ",\n") .. ";\n"
end

local function write(path, text)
  local file, why = io.open(path .. ".new", "wb")
  if not file then
    return nil, why
  end
  file:write(text)
  file:close()
  return os.rename(path .. ".new", path)
end

--- Write it, in development; where it cannot be, that is said.
-- @tparam Db handle
-- @tparam string url of the same database
-- @tparam string dir of the migrations
-- @tparam file out
function dump.write(handle, url, dir, out)
  if not core.settings or core.settings.env ~= "development" then
    return
  end
  local path = dir .. "/" .. files.SCHEMA
  local text, why
  if program.exists "pg_dump" then
    text, why = program.on(COMMAND, url, output_of)
  else
    why = "there is no pg_dump here (Debian's package postgresql-client)"
  end
  local whole = text and HEAD .. cleaned(text) .. rows_of(history.read(handle), history.place(handle))
  local is_new = whole and whole ~= contents.of(path)
  local ok
  if is_new then
    ok, why = write(path, whole)
  end
  if ok then
    out:write("wrote ", path, "\n")
  elseif is_new or not whole then
    out:write("no ", path, ": ", why, "\n")
  end
end

return dump
