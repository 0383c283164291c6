--- Bytes that nobody can guess, from the kernel: for tokens, keys, names that must not
-- be met twice. (math.random is for dice.)
local random = {}

local MOST = 1024 -- bytes: a key of 64 is long already

local source -- of the process: a descriptor, opened at the first use

--- A random text of letters that are safe everywhere: in URLs, cookies, file names.
-- @tparam[opt=16] integer bytes of randomness, 1 to 1024; 16 are enough for any token
-- @treturn string two hexadecimal digits for each
function random.text(bytes)
  bytes = bytes or 16
  if type(bytes) ~= "number" or bytes % 1 ~= 0 or bytes < 1 or bytes > MOST then
    error(("rille.random takes a number of bytes from 1 to %d: got %s"):format(MOST, tostring(bytes)), 2)
  end
  source = source or assert(io.open("/dev/urandom", "rb"))
  local drawn = source:read(bytes)
  return (drawn:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

return random
