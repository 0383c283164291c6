--- Errors as tables: what they hold, and how they are raised.
local errors = require "rille.error"
local rille = require "rille"

local function raised(...)
  local ok, err = pcall(errors.fail, ...)
  assert.is_false(ok)
  return err
end

describe("an error", function()
  it("has a status, a code and a message, by each other when one is missing", function()
    for fields, want in pairs {
      [{}] = { 500, "internal", "internal" },
      [{ status = 404 }] = { 404, "not_found", "not_found" },
      [{ status = 418 }] = { 418, "http_418", "http_418" },
      [{ code = "mine", message = "so" }] = { 500, "mine", "so" },
      [{ code = "mine", status = 409 }] = { 409, "mine", "mine" },
    } do
      local err = errors.new(fields)
      assert.same(want, { err.status, err.code, err.message })
    end
  end)

  it("reads as its code and message", function()
    assert.equal("not_found: no such user", tostring(errors.new { status = 404, message = "no such user" }))
  end)

  it("is known by its code and status, whoever made it", function()
    assert.is_true(errors.is(errors.new {}))
    assert.is_true(errors.is { code = "db.23505", status = 409 })
    for _, other in ipairs { {}, { code = 5, status = 400 }, { code = "x" }, { status = 400 }, "code", 400, false } do
      assert.is_false(errors.is(other))
    end
    assert.is_false(errors.is(nil))
  end)
end)

describe("fail", function()
  it("raises a message, or all that is given in a table", function()
    local err = raised(404, "no such user")
    assert.same({ 404, "not_found", "no such user", true }, { err.status, err.code, err.message, err.is_public })
    err = raised(422, { code = "taken", message = "has been taken", details = { "name" }, headers = { ["X-A"] = "b" } })
    assert.same({ 422, "taken", "has been taken" }, { err.status, err.code, err.message })
    assert.same({ { "name" }, { ["X-A"] = "b" } }, { err.details, err.headers })
    err = raised(409)
    assert.same({ 409, "conflict", "conflict" }, { err.status, err.code, err.message })
  end)

  it("takes details behind a message, and prefers them", function()
    assert.same({ a = 1 }, raised(422, "invalid", { a = 1 }).details)
    assert.same({ a = 1 }, raised(422, { details = { b = 2 } }, { a = 1 }).details)
  end)

  it("does not change the table that it is given", function()
    local what = { message = "so" }
    raised(404, what)
    assert.same({ message = "so" }, what)
  end)

  it("blames whoever gives it something else", function()
    for _, wrong in ipairs { 200, 399, 600, 404.5, "404", 0 / 0, {} } do
      assert.matches("fail takes a status from 400 to 599 first: got ", raised(wrong, "x"), 1, true)
    end
    assert.matches("fail takes a status from 400 to 599 first: got nil", raised(nil), 1, true)
    assert.matches("second: got a number", raised(404, 5), 1, true)
    local _, err = pcall(function() rille.fail(99) end)
    assert.matches("^spec/rille/error_spec.lua:%d+: fail takes", err)
  end)
end)

describe("the errors that waits raise", function()
  it("say what happened, with the status it means for a client", function()
    assert.same({ "timeout", 504 }, { errors.TIMEOUT.code, errors.TIMEOUT.status })
    assert.same({ "cancelled", 503 }, { errors.CANCELLED.code, errors.CANCELLED.status })
    assert.is_true(errors.TIMEOUT.is_public and errors.CANCELLED.is_public)
  end)
end)
