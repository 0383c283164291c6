--- What a client is told of an error, and what the log is.
local core = require "rille.core"
local errors = require "rille.error"

local log = core.log

-- It asks once which environment this is.
local function report_in(env)
  local before, loaded = core.settings.env, package.loaded["rille.report"]
  core.settings.env, package.loaded["rille.report"] = env, nil
  local report = require "rille.report"
  core.settings.env, package.loaded["rille.report"] = before, loaded
  return report
end

local report = report_in "production"

-- What is shown, and told to the log.
local function shown_and_told(err, what, co)
  local shown = report.shown(err, { what = what, request_id = "r1" }, co)
  report.tell(shown)
  return shown
end

describe("an error that is shown", function()
  local lines

  before_each(function()
    lines = {}
    core.log = function(level, message, ...)
      local facts = { level = level, message = message }
      for i = 1, select("#", ...), 2 do
        facts[(select(i, ...))] = (select(i + 1, ...))
      end
      lines[#lines + 1] = facts
    end
  end)

  after_each(function() core.log = log end)

  it("is the app's own below 500, and told to nobody else", function()
    for _, status in ipairs { 400, 404, 422, 429 } do
      local err = errors.new { status = status, message = "so" }
      assert.equal(err, shown_and_told(err, "fault in GET /"))
    end
    assert.same({}, lines)
  end)

  it("is shown when it says try again, or was meant to be seen", function()
    for _, err in ipairs { errors.new { status = 503 }, errors.TIMEOUT, errors.new { status = 500, is_public = true } } do
      assert.equal(err, shown_and_told(err, "fault in GET /"))
    end
    assert.same({}, lines)
  end)

  it("hides what is not for clients, and logs all of it", function()
    local err = errors.new { status = 500, code = "db.42P01", message = 'relation "secrets" does not exist' }
    local shown = shown_and_told(err, "fault in GET /users (app.lua:3)")
    assert.same({ 500, "internal", "internal error" }, { shown.status, shown.code, shown.message })
    assert.equal(err, shown.cause)
    assert.equal(1, #lines)
    assert.same({ "error", "fault in GET /users (app.lua:3)", 'db.42P01: relation "secrets" does not exist', "r1" },
      { lines[1].level, lines[1].message, lines[1].error, lines[1].request_id })
  end)

  it("is told to its developer", function()
    local shown = report_in "development".shown("app.lua:1: oh no", { what = "fault in a request", request_id = "r1" })
    assert.same({ 500, "internal", "app.lua:1: oh no" }, { shown.status, shown.code, shown.message })
  end)

  it("keeps the status of one that is hidden", function()
    assert.same({ 502, "internal" }, { shown_and_told(errors.new { status = 502 }, "fault in x").status,
      shown_and_told(errors.new { status = 502 }, "fault in x").code })
  end)

  it("is a fault when it is no error table, whatever it is", function()
    for _, thrown in ipairs { "app.lua:1: oh no", 7, false, setmetatable({}, { __tostring = function() return "words" end }) } do
      local shown = shown_and_told(thrown, "fault in a request")
      assert.same({ 500, "internal", "internal error" }, { shown.status, shown.code, shown.message })
      assert.equal(tostring(thrown), lines[#lines].error)
    end
    assert.equal(500, shown_and_told(nil, "fault in a request").status)
  end)

  it("is shown when it is a table, with what to write instead", function()
    shown_and_told({ status = 409 }, "fault in a request")
    assert.equal('a table was raised that is no error: {"status":409}. Write c:fail(409, message), '
      .. "or rille.fail where there is no c", lines[#lines].error)
    shown_and_told({ fn = print }, "fault in a request")
    assert.matches("^a table was raised that is no error: table: 0x%x+%. Write c:fail%(404, message%)", lines[#lines].error)
  end)

  it("is told although it cannot say what it is", function()
    for _, fn in ipairs { function() return {} end, function() error "no words" end } do
      assert.equal(500, shown_and_told(setmetatable({}, { __tostring = fn }), "fault in a request").status)
      assert.equal("a table without words", lines[#lines].error)
    end
    shown_and_told(setmetatable({}, { __tostring = function() return 5 end }), "fault in a request")
    assert.equal("5", lines[#lines].error)
  end)

  it("is logged with the place where it was raised", function()
    local function deep() error "oh no" end
    local _, traced = xpcall(function() deep() end, report.traced)
    shown_and_told(traced, "fault in a request")
    assert.matches("report_spec.lua:%d+: oh no", lines[1].error)
    assert.matches("in function 'deep'", lines[1].trace, 1, true)
    local co = coroutine.create(function() deep() end)
    coroutine.resume(co)
    shown_and_told("oh no", "fault in a request", co)
    assert.matches("in function 'deep'", lines[2].trace, 1, true)
  end)

  it("needs no traceback when it is an error table", function()
    local err = errors.new { status = 404 }
    local _, traced = xpcall(function() error(err, 0) end, report.traced)
    assert.equal(err, traced)
  end)

  it("is logged in detail when a client may know it without", function()
    local err = errors.new { status = 503, message = "the database is busy", detail = "FATAL: too many clients" }
    assert.equal(err, shown_and_told(err, "fault in a request"))
    assert.same({ { level = "error", message = "the database is busy", error = "FATAL: too many clients", request_id = "r1" } }, lines)
  end)
end)
