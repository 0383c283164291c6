--- A database for one spec file, with helpers: for the specs beside it.
local assert = require "luassert"
local cluster = require "spec.cluster"
local database = require "rille.db"
local rille = require "rille"

local private = {}

--- Start it. Returns the database and a function that ends it.
function private.start(options)
  local name = io.popen "mktemp -d /tmp/rille-spec.XXXXXX"
  local dir = name:read "*l"
  name:close()
  options = options or {}
  options.url = cluster.start(dir .. "/pg", { durable = false })
  local db = database.open(options)
  return db, function()
    db:close()
    cluster.stop(dir .. "/pg")
    os.execute("rm -rf '" .. dir .. "'")
  end
end

--- Run `fn`, which must fail with an error table of this code.
function private.fails(code, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.is_table(err, tostring(err))
  assert.equal(code, err.code, tostring(err))
  return err
end

--- Wait until `fn` gives a true value: for what happens by itself.
function private.eventually(fn)
  for _ = 1, 12000 do -- a minute
    local value = fn()
    if value then
      return value
    end
    rille.sleep(0.005)
  end
  error("it did not happen", 2)
end

return private
