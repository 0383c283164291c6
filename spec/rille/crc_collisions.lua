--- Strings of 8 to 16 bytes with one and the same unkeyed CRC32C hash.
--
-- The hash chains the CRC over the first and the last eight bytes. A CRC is
-- linear over GF(2), so the strings that change nothing form a vector space:
-- its basis is found by elimination, and any sum of basis vectors collides.
local bit = require "bit"
local band, bxor, rshift, lshift = bit.band, bit.bxor, bit.rshift, bit.lshift

local POLYNOMIAL = 0x82F63B78

local function crc_of(bytes, from, crc)
  for at = from, from + 7 do
    crc = bxor(crc, bytes[at])
    for _ = 1, 8 do
      crc = bxor(rshift(crc, 1), band(POLYNOMIAL, -band(crc, 1)))
    end
  end
  return crc
end

local function hash(bytes, len)
  return crc_of(bytes, len - 7, crc_of(bytes, 1, 0))
end

local function zeros(len)
  local bytes = {}
  for at = 1, len do
    bytes[at] = 0
  end
  return bytes
end

-- Vectors of the low five bits of each byte (so that letters stay printable)
-- whose sum changes no bit of the hash.
local function kernel(len)
  local by_bit, found = {}, {}
  for at = 1, len do
    for one = 0, 4 do
      local vector = zeros(len)
      vector[at] = lshift(1, one)
      local image = hash(vector, len)
      while image ~= 0 do
        local top = 31
        while band(rshift(image, top), 1) == 0 do
          top = top - 1
        end
        local pivot = by_bit[top]
        if not pivot then
          by_bit[top] = { vector = vector, image = image }
          break
        end
        image = bxor(image, pivot.image)
        for i = 1, len do
          vector[i] = bxor(vector[i], pivot.vector[i])
        end
      end
      if image == 0 then
        found[#found + 1] = vector
      end
    end
  end
  return found
end

--- `count` different strings of `len` bytes with equal hashes.
return function(count, len, round)
  local basis, list = kernel(len), {}
  for n = 1, count do
    local bytes, number = {}, n + round * count
    for at = 1, len do
      bytes[at] = 0x60
    end
    for one = 1, #basis do
      if band(rshift(number, one - 1), 1) == 1 then
        for at = 1, len do
          bytes[at] = bxor(bytes[at], basis[one][at])
        end
      end
      if one == 31 then
        break
      end
    end
    for at = 1, len do
      bytes[at] = string.char(bytes[at])
    end
    list[n] = table.concat(bytes)
  end
  return list
end
