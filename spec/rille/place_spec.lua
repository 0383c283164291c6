--- Where in the app's code something is.
local errors = require "rille.error"
local place = require "rille.place"

local HERE = "spec/rille/place_spec.lua"

-- "spec/rille/place_spec.lua:12": the line of the call.
local function line(further)
  return ("%s:%d"):format(HERE, debug.getinfo(2, "l").currentline + (further or 0))
end

describe("a place", function()
  it("is that of a level of the stack, as error counts them", function()
    local function caller() return (place.at(2)) end
    assert.equal(line(), caller())
    assert.equal("?", place.at(1000))
  end)

  it("is where a function of the app's begins", function()
    local at = line(1)
    assert.equal(at, place.of(function() end))
    assert.is_nil(place.of(print))
    assert.is_nil(place.of(place.of))
    assert.is_nil(place.of(assert(loadstring("return 1", "=a text"))))
  end)

  it("is the nearest line of the app's, seen from inside of Rille", function()
    assert.equal(line(), (place.nearest()))
    local _, err = pcall(errors.fail, 7) -- an error of Rille's own
    assert.is_string(err)
    local at = line(1)
    local co = coroutine.create(function() error "x" end)
    coroutine.resume(co)
    assert.equal(at, place.nearest(co))
    assert.is_nil(place.nearest(coroutine.create(print)))
  end)

  it("is noted on an error that wants it, once", function()
    local err = { at = false }
    place.note(err)
    assert.equal(line(-1), err.at)
    place.note(err)
    assert.equal(line(-3), err.at)
    local other = {}
    place.note(other)
    place.note "text"
    assert.same({}, other)
  end)

  it("is blamed for a misuse", function()
    local ok, why = pcall(function()
      place.blame "no"
    end)
    assert.is_false(ok)
    assert.equal(line(-3) .. ": no", why)
  end)

  it("is shown with the lines around it, as far as there are any", function()
    assert.equal([[
     1  --- Where in the app's code something is.
>    2  local errors = require "rille.error"
     3  local place = require "rille.place"
     4  ]], place.excerpt(HERE .. ":2"))
    assert.is_nil(place.excerpt(HERE .. ":100000"))
    assert.is_nil(place.excerpt "none/such.lua:1")
    assert.is_nil(place.excerpt "?")
  end)
end)
