local complete = require "rille.console.complete"
local rille = require "rille"

describe("rille.console.complete", function()
  local post = rille.model("posts", {})
  function post.query:where_mine() return self end -- luacheck: no self

  local env = { rille = rille, Post = post, app = rille.app(), _secret = 1, text = "abc", deep = { er = { most = 1 } } }
  local names = { rille = true, Post = true, app = true, _secret = true, text = true, deep = true }

  local function offered(before)
    local insert, list = complete.of(env, names, before, 80)
    return insert, list
  end

  it("puts in what is sure, and lists what is not", function()
    assert.same({ "st", "" }, { offered "x = Po" })
    assert.same({ "", "Post   app    deep   rille  text" }, { offered "" })
    assert.same({ "", "" }, { offered "nothing_like_it" })
  end)

  it("follows fields, and offers methods behind a colon", function()
    assert.same({ "st", "" }, { offered "print(deep.er.mo" })
    assert.same({ "", "" }, { offered "deep:e" })
    assert.equal("ere", (offered "Post:wh"))
    assert.matches("where_mine", select(2, offered "Post:where_"), 1, true)
    assert.same({ "per", "" }, { offered "text:up" })
    assert.equal("p_server", (complete.of({ a = { stop_server = 1 } }, {}, "a.sto", 80)))
  end)

  it("offers only functions of what is no plain table", function()
    local _, list = offered "Post."
    assert.is_nil(list:find "is_strict")
    assert.matches("find_by", list, 1, true)
    assert.equal("", (offered "app.folde"))
  end)

  it("knows the settings", function()
    assert.equal("t", (offered "rille.config.por"))
  end)

  it("runs no code for it", function()
    local trap = setmetatable({}, { __index = function() error "asked" end })
    assert.same({ "", "" }, { complete.of({ trap = trap }, {}, "trap.a.b", 80) })
    assert.same({ "", "" }, { offered "f().wh" })
  end)

  it("lists two hundred at most", function()
    local many = {}
    for i = 1, 300 do many["n" .. i] = i end
    local _, list = complete.of({ many = many }, {}, "many.n", 80)
    assert.matches("… and 100 more$", list)
  end)
end)
