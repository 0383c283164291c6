--- Which apps hear of requests that no route took.
local rille = require "rille"

-- Apps that answer misses by their names.
local function app(name)
  local one = rille.app()
  one:on_error(function(_, err) return ("%s %d"):format(name, err.status) end)
  one:get("/here", function() return "here" end)
  return one
end

describe("a request without a route", function()
  local api

  setup(function()
    local outer, tenant, files = app "outer", app "tenant", app "files"
    tenant:mount("/files", files)
    outer:mount("/t/:tenant", tenant)
    outer:mount("/t/acme", app "acme")
    outer:mount("/v:version.x/", app "version")
    outer:mount("/café", app "café")
    outer:mount("/in/in", app "inner")
    api = rille.test(outer):client()
  end)

  local function says(expected, method, path)
    it(("%s %s is told to %s"):format(method, path, expected), function()
      assert.equal(expected, api[method:lower()](api, path).body)
    end)
  end

  says("outer 404", "GET", "/")
  says("outer 404", "GET", "/t")
  says("outer 404", "GET", "/t/")
  says("outer 404", "GET", "/t//nothing")
  says("tenant 404", "GET", "/t/ada")
  says("tenant 404", "GET", "/t/ada/nothing/at/all")
  says("tenant 404", "GET", "/t/a%2Fb/nothing")
  says("tenant 405", "POST", "/t/ada/here")
  says("acme 404", "GET", "/t/acme/nothing")
  says("acme 404", "GET", "/t/%61cme/nothing")
  says("files 404", "GET", "/t/ada/files/none")
  says("tenant 404", "GET", "/t/ada/filesystem")
  says("version 404", "GET", "/v1.x/nothing")
  says("outer 404", "GET", "/v.x/nothing")
  says("café 404", "GET", "/caf%C3%A9/nothing")
  says("outer 404", "GET", "/in/nothing")
  says("inner 405", "DELETE", "/in/in/here")
  says("tenant 400", "GET", "/t/ada/%zz")
end)
