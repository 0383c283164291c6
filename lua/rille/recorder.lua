--- The spec recorder: a request that failed, written as a spec at the press of a button (rille.error_page).
--
--     the page of a fault --token--> a button --POST--> the dashboard --token--> spec/get_posts_id_spec.lua
--
-- What is written was made here, when the request failed, and is kept until then under a token that nobody can guess: a
-- page of somebody else's can neither choose the text nor have it written, and nor can a script in the app's own pages
-- choose it. No file is ever written over.
local contents = require "rille.contents"
local core = require "rille.core"
local errors = require "rille.error"
local random = require "rille.random"
local shared = require "rille.shared"

local ffi = require "ffi"

ffi.cdef "int mkdir(const char *path, unsigned mode);"

local recorder = {}

local STORE, STORE_BYTES = "rille.recorder", "1M" -- of all workers: another one may be asked for it
local KEPT = "1h"
local MOST_TEXT = 64 * 1024
local MOST_NAME = 60
local MOST_ALIKE = 99 -- files of one route

local function store()
  return shared.new(STORE, { bytes = STORE_BYTES })
end

-- "get_posts_id", of "GET /posts/:id": letters, digits and _ alone, whatever the route has.
local function name_of(route)
  local name = route:lower():gsub("[^%l%d]+", "_"):gsub("^_+", ""):sub(1, MOST_NAME):gsub("_+$", "")
  return name == "" and "request" or name
end

--- Keep a spec that may be written.
-- @tparam string route "GET /posts/:id": the file is called after it
-- @tparam string text
-- @treturn ?string the token that has it written, once, within an hour; nil for a text that is too long
function recorder.offer(route, text)
  if #text > MOST_TEXT then
    return nil
  end
  local token = random.text(16)
  store():set(token, { name = name_of(route), text = text }, KEPT)
  return token
end

-- The first name that is free, and its file, made by nobody else meanwhile.
local function create(folder, name)
  local why
  for number = 1, MOST_ALIKE do
    local file_name = ("%s%s_spec.lua"):format(name, number > 1 and "_" .. number or "")
    local file
    file, why = io.open(folder .. "/" .. file_name, "wx") -- x: only where there is none
    if file then
      return file, file_name
    elseif not contents.exists(folder .. "/" .. file_name) then
      break
    end
  end
  errors.fail(409, ("cannot write %s/%s_spec.lua: %s"):format(folder, name, why))
end

--- Write the spec that was kept.
-- @tparam string token
-- @treturn string the file's name, in the app's folder spec/
-- @raise 403 for a token that is none, or was used, or is over; 409 when the file cannot be written
function recorder.write(token)
  local kept = store():get(token)
  if not kept or not store():delete(token) then
    errors.fail(403, "this was written already, or is over: load the page of the error again")
  end
  local folder = core.settings.app_dir .. "/spec"
  ffi.C.mkdir(folder, tonumber("777", 8)) -- perhaps there already; io.open tells whatever else is wrong
  local file, name = create(folder, kept.name)
  file:write(kept.text, "\n")
  file:close()
  return name
end

--- A spec in the app's folder spec/.
-- @tparam string name as recorder.write returned it
-- @treturn ?string its text; nil where there is none by such a name
-- @treturn string its path, as one types it where the server was started
function recorder.read(name)
  local path = (core.settings.app_dir .. "/spec/" .. name):gsub("^%./", "")
  local file = name:find "^[%l%d_]+_spec%.lua$" and io.open(path, "r")
  if not file then
    return nil, path
  end
  local text = file:read(MOST_TEXT)
  file:close()
  return text, path
end

return recorder
