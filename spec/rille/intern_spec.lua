--- Strings made to collide cost no more than others: a stranger chooses the
-- keys of a JSON body, and the names of a query.
local COUNT = 40000

-- The strings come in one long text, so that cutting them out is what interns
-- them. The best of three, so that a busy machine does not decide.
local function seconds_to_intern(len, make)
  local best = math.huge
  for round = 1, 3 do
    local text, kept = table.concat(make(round)), {}
    collectgarbage()
    collectgarbage()
    local before = os.clock()
    for i = 1, COUNT do
      kept[i] = text:sub((i - 1) * len + 1, i * len)
    end
    best = math.min(best, os.clock() - before)
    assert.equal(COUNT, #kept) -- and so they were all alive at once
  end
  return best
end

local function random_strings(len)
  return function()
    local list = {}
    for i = 1, COUNT do
      local bytes = {}
      for at = 1, len do
        bytes[at] = string.char(math.random(33, 126))
      end
      list[i] = table.concat(bytes)
    end
    return list
  end
end

-- LuaJIT's sparse hash reads four bytes at the start, at the end, in the middle
-- and at a quarter: everything between may be chosen freely.
local function sparse_collisions(len)
  return function(round)
    local list, pad = {}, ("x"):rep(len)
    for i = 1, COUNT do
      local free = ("%02d%06d"):format(round, i)
      list[i] = pad:sub(1, 5) .. free .. pad:sub(6 + #free)
    end
    return list
  end
end

describe("interning strings", function()
  it("costs much the same for strings that collide in a sparse hash", function()
    local random, crafted = seconds_to_intern(64, random_strings(64)),
      seconds_to_intern(64, sparse_collisions(64))
    assert.is_true(crafted < 5 * random, ("%.1f ms against %.1f ms"):format(crafted * 1000, random * 1000))
  end)

  it("costs much the same for 15-byte strings that collide in CRC32C", function()
    local make = require "spec.rille.crc_collisions"
    local random, crafted = seconds_to_intern(15, random_strings(15)), seconds_to_intern(15, function(round)
      return make(COUNT, 15, round)
    end)
    assert.is_true(crafted < 5 * random, ("%.1f ms against %.1f ms"):format(crafted * 1000, random * 1000))
  end)
end)
