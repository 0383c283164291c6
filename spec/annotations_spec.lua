--- lua/annotations.lua: what an editor is told of the face is all of it.
local rille = require "rille"

describe("the annotations", function()
  local path, text, face

  setup(function()
    path = os.tmpname()
    assert(loadfile "lua/annotations.lua")(path)
    local file = assert(io.open(path))
    text = file:read "*a"
    file:close()
    face = assert(loadfile(path))()
  end)

  teardown(function()
    os.remove(path)
  end)

  local function has(what)
    assert.truthy(text:find(what, 1, true), "not annotated: " .. what)
  end

  local function has_functions(class, names)
    for name in names:gmatch "%S+" do
      has(("function %s%s("):format(class, name))
    end
  end

  it("have everything that rille has", function()
    for name, value in pairs(rille) do
      if type(value) == "function" then
        assert.equal("function", type(face[name]), "not annotated: rille." .. name)
      else
        has("---@field " .. name .. " ")
      end
    end
  end)

  it("have what its modules have", function()
    has "---@field schema "
    for name in pairs(rille.schema) do
      has_functions("schema.", name)
    end
    for name in pairs(rille.json) do
      has_functions("json.", name)
    end
    for name in pairs(rille.log) do
      has_functions("Log.", name)
    end
    has_functions("mw.", "timeout body_limit security_headers cors")
  end)

  it("have the methods that apps call", function()
    local routes = "get post put patch delete any use group mount static"
    has_functions("App:", routes .. " on_error on_response on_start on_stop config views url_for")
    has_functions("Routes:", routes)
    has_functions("Context:", "fail json form text validate query_all url_for set_header set_cookie render remaining after")
    has_functions("Answer:", "bytes")
    has_functions("Out:", "write")
    has_functions("Task:", "await cancel done")
    has_functions("Db:", "query one exec each batch transaction after_commit hold lock listen copy_in copy_out with read quote_ident stats")
    has_functions("Notifications:", "recv iter close")
    has_functions("Schema:", "optional nullable default partial refine describe parse check json_schema mask")
    has_functions("Test:", "client")
    has_functions("Test.", "create create_list build factory stub expect_fault expect_leak require")
    has_functions("Client:", "get head post put patch delete options submit")
  end)

  it("have the fields of c", function()
    local names = "method path params query headers cookies body request_id deadline log state ip"
    for name in names:gmatch "%S+" do
      assert.truthy(text:find("class rille.Context\n.-%-%-%-@field " .. name .. " %S+ %u"), "not annotated: c." .. name)
    end
  end)

  it("leave out what is not for apps", function()
    for _, name in ipairs { "App:build", "App:render_text", "Db:script", "mw.cors_of", "Client:new" } do
      assert.is_nil(text:find("function " .. name, 1, true))
    end
  end)

  it("let the options in the middle be left out", function()
    has "---@overload fun(self, path: string, handler: fun(c: rille.Context): any, integer?, table?)"
  end)
end)
