--- What reaches the log of what an app says.
local behalf = require "rille.behalf"
local clock = require "rille.test.clock"
local core = require "rille.core"
local rille = require "rille"

local write = core.log

describe("the log", function()
  local lines

  before_each(function()
    lines = {}
    core.log = function(level, message, ...)
      local facts = {}
      for i = 1, select("#", ...), 2 do
        facts[(select(i, ...))] = (select(i + 1, ...))
      end
      lines[#lines + 1] = { level, message, facts }
    end
  end)

  after_each(function() core.log = write end)

  it("has a function for each level", function()
    for _, level in ipairs { "debug", "info", "warn", "error" } do
      rille.log[level] "hello"
    end
    assert.same({ { "debug", "hello", {} }, { "info", "hello", {} }, { "warn", "hello", {} }, { "error", "hello", {} } }, lines)
  end)

  it("keeps numbers and booleans, and writes all else as text", function()
    rille.log.info("m", { n = 1.5, yes = true, no = false, text = "a", list = { 1, 2 }, [7] = "seven", fn = print })
    local facts = lines[1][3]
    assert.same({ 1.5, true, false, "a", "[1,2]", "seven" }, { facts.n, facts.yes, facts.no, facts.text, facts.list, facts["7"] })
    assert.matches("^function: ", facts.fn)
  end)

  it("takes any value as the message", function()
    rille.log.warn(nil)
    rille.log.warn(rille.null)
    rille.log.warn { 1 }
    assert.equal("nil", lines[1][2])
    assert.matches("^table: ", lines[3][2])
  end)

  it("survives a fact that JSON cannot hold", function()
    local circle = {}
    circle[1] = circle
    rille.log.info("m", { circle = circle, bad = { print }, fine = 1 })
    local facts = lines[1][3]
    assert.matches("^table: ", facts.circle)
    assert.matches("^table: ", facts.bad)
    assert.equal(1, facts.fine)
  end)

  it("puts its facts into each line, before those of the call", function()
    local log = require("rille.log").with { request_id = "r1", n = 1 }
    local fields = { n = 2, request_id = "forged" }
    log.info("one", fields)
    log.error "two"
    assert.same({ "info", "one", { request_id = "r1", n = 1 } }, lines[1])
    assert.same({ "error", "two", { request_id = "r1", n = 1 } }, lines[2])
    assert.same({ n = 2, request_id = "forged" }, fields)
  end)

  it("has its facts in the order of their names, and the request's id last", function()
    local names = {}
    core.log = function(_, _, ...)
      for i = 1, select("#", ...), 2 do names[#names + 1] = (select(i, ...)) end
    end
    require("rille.log").with({ request_id = "r1", zone = "z" }).info("m", { b = 1, a = 2, [7] = 3 })
    assert.same({ "7", "a", "b", "zone", "request_id" }, names)
  end)

  it("carries the id of the request that it is written for, whatever a client sent", function()
    clock.freeze()
    local app, ids = rille.app(), {}
    local said = require("rille.log").with { module = "mail" }
    app:get("/", function(c)
      ids[#ids + 1] = c.request_id
      rille.log.info("handler", { a = 1, request_id = "forged" })
      rille.all { function() rille.log.info "task" said.info "module" end }
      rille.once_for("shared", function() rille.log.info "for several" end)
      c:after(rille.log.info, "after")
      return "ok"
    end)
    rille.test(app):client():get "/"
    rille.sleep "1ms" -- until nothing is left to do
    local id = ids[1]
    assert.same({
      { "info", "handler", { a = 1, request_id = id } }, { "info", "task", { request_id = id } },
      { "info", "module", { module = "mail", request_id = id } }, { "info", "for several", {} }, { "info", "after", { request_id = id } },
    }, lines)
  end)

  it("is written all the same when the request that it is for is over", function()
    clock.freeze()
    local app = rille.app()
    app:get("/", function(c)
      rille.background(behalf.run, behalf.whom(), function()
        rille.log.info "while"
        rille.sleep "1s"
        rille.log.info "later"
      end)
      rille.sleep "1ms"
      return c.request_id
    end)
    local id = rille.test(app):client():get("/").body
    rille.sleep "2s"
    assert.same({ { "info", "while", { request_id = id } }, { "info", "later", {} } }, lines)
  end)

  it("of a task that failed unheard carries it, too", function()
    clock.freeze()
    local app = rille.app()
    app:get("/", function(c)
      rille.spawn(error, "unheard")
      rille.sleep "1ms"
      return c.request_id
    end)
    local id = rille.test(app):client():get("/").body
    assert.same({ "a task failed and nobody awaited it", id }, { lines[1][2], lines[1][3].request_id })
  end)

  it("of a request carries its id", function()
    local app = rille.app()
    app:get("/", function(c) c.log.info("here", { a = 1 }) return c.request_id end)
    local id = rille.test(app):client():get("/").body
    assert.same({ "info", "here", { request_id = id, a = 1 } }, lines[1])
  end)
end)
