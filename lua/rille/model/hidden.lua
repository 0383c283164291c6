--- Which columns are kept out of JSON: what is named like a secret.
--
-- A word of the name counts, as `hash` does in password_hash, not a part of one: keyboard is shown.
local hidden = {}

local SECRETS = {
  password = true, passwords = true, passwd = true, secret = true, secrets = true, token = true, tokens = true,
  hash = true, hashes = true, key = true, keys = true,
}

--- Whether a name alone makes a column hidden.
-- @tparam string name
function hidden.by_name(name)
  local words = name:gsub("(%l)(%u)", "%1_%2"):lower()
  for word in words:gmatch "[^_%W]+" do
    if SECRETS[word] or word:find("password", 1, true) then
      return true
    end
  end
  return false
end

return hidden
