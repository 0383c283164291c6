--- Who asks, where trusted proxies stand between: the setting `trusted_proxies`
-- lists their addresses and networks, "10.0.0.0/8, 192.168.1.7, ::1". What they
-- say in X-Forwarded-For, -Proto and -Host, and the name that they give a request in
-- X-Request-Id, is believed; anybody else's is not.
local core = require "rille.core"

local bit = require "bit"

local proxy = {}

-- ---- addresses as lists of 16-bit groups: eight, IPv4 as ::ffff:a.b.c.d ----------

local MOST_TEXT = 64 -- longer is no address: it comes from outside

local function ipv4(text)
  local a, b, c, d = text:match "^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$"
  if not a then
    return nil
  end
  a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  if a > 255 or b > 255 or c > 255 or d > 255 then
    return nil
  end
  return a * 256 + b, c * 256 + d
end

-- Append the groups of `text` ("1:2:3", at its end perhaps 1.2.3.4); false when malformed.
local function add_groups(groups, text)
  if text == "" then
    return true
  end
  for part in (text .. ":"):gmatch "([^:]*):" do
    if part:match "^%x%x?%x?%x?$" then
      groups[#groups + 1] = tonumber(part, 16)
    else
      local high, low = ipv4(part)
      if not high then
        return false
      end
      groups[#groups + 1], groups[#groups + 2] = high, low
    end
  end
  return true
end

local function ipv6(text)
  local left, right = {}, {}
  local from, past = text:find("::", 1, true)
  if not from then
    return add_groups(left, text) and #left == 8 and left or nil
  end
  if not add_groups(left, text:sub(1, from - 1)) or not add_groups(right, text:sub(past + 1)) or #left + #right > 7 then
    return nil
  end
  for _ = #left + #right + 1, 8 do
    left[#left + 1] = 0
  end
  for _, group in ipairs(right) do
    left[#left + 1] = group
  end
  return left
end

local function parse(text)
  if #text > MOST_TEXT then
    return nil
  end
  local high, low = ipv4(text)
  if high then
    return { 0, 0, 0, 0, 0, 0xffff, high, low }
  end
  return ipv6(text)
end

-- ---- networks ------------------------------------------------------------------

local function parse_network(text)
  local address, bits = text:match "^([^/]+)/?(%d*)$"
  local groups = address and parse(address)
  local is_ipv4 = address and not address:find(":", 1, true)
  bits = tonumber(bits) or (text:find("/", 1, true) and 999) or (is_ipv4 and 32 or 128)
  if not groups or bits > (is_ipv4 and 32 or 128) then
    return nil
  end
  return { groups = groups, bits = is_ipv4 and bits + 96 or bits }
end

local function contains(network, groups)
  local bits = network.bits
  for i = 1, 8 do
    local shift = math.max(0, 16 - math.max(0, bits))
    if shift < 16 and bit.rshift(network.groups[i], shift) ~= bit.rshift(groups[i], shift) then
      return false
    end
    bits = bits - 16
  end
  return true
end

--- The networks in a list such as "10.0.0.0/8, ::1".
-- @tparam string list
-- @treturn table
-- @raise for what is no address
function proxy.networks(list)
  local networks = {}
  for text in list:gmatch "[^%s,]+" do
    local network = parse_network(text)
    if not network then
      error(('trusted_proxies: "%s" is no address and no network such as 10.0.0.0/8'):format(text), 0)
    end
    networks[#networks + 1] = network
  end
  return networks
end

local function is_trusted(networks, address)
  local groups = parse(address)
  for i = 1, groups and #networks or 0 do
    if contains(networks[i], groups) then
      return true
    end
  end
  return false
end

-- ---- requests --------------------------------------------------------------------

local function trimmed(text)
  while text:byte(1) == 32 or text:byte(1) == 9 do
    text = text:sub(2)
  end
  while text:byte(-1) == 32 or text:byte(-1) == 9 do
    text = text:sub(1, -2)
  end
  return text
end

-- An address as some proxies write it: "[::1]:80", "1.2.3.4:80".
local function bare(text)
  if text:byte(1) == 91 then
    return text:match "^%[([%x:.]+)%]" or text
  end
  return text:match "^([%d.]+):%d+$" or text
end

-- The last of a list: what the proxy nearest to us has added.
local function last_of(list)
  return list and trimmed(list:match "[^,]*$")
end

--- The client's address: the rightmost one that no trusted proxy has.
-- @tparam table networks as proxy.networks has them
-- @tparam string peer who is connected
-- @tparam string|nil forwarded X-Forwarded-For, all of it
-- @treturn string
function proxy.client(networks, peer, forwarded)
  if not forwarded or not is_trusted(networks, peer) then
    return peer
  end
  local client, stop = peer, #forwarded
  while stop >= 0 do
    local from = stop
    while from > 0 and forwarded:byte(from) ~= 44 do
      from = from - 1
    end
    local text = bare(trimmed(forwarded:sub(from + 1, stop)))
    if not parse(text) then
      return client -- what stands left of it was written by nobody we trust
    end
    client = text
    if not is_trusted(networks, client) then
      return client
    end
    stop = from - 1
  end
  return client
end

-- The networks of the setting, read again only when it is another: a spec chooses
-- its app, and so the settings, after this file was loaded.
local setting, networks

local function trusted()
  local list = core.settings and core.settings.trusted_proxies or ""
  if list ~= setting then
    setting, networks = list, proxy.networks(list)
  end
  return networks
end

local function is_from_proxy(slot, epoch)
  local list = trusted()
  return #list > 0 and is_trusted(list, core.ip(slot, epoch) or "")
end

--- Whether any proxy is trusted.
-- @treturn boolean
-- @raise when the setting holds what is no address
function proxy.is_trusting()
  return #trusted() > 0
end

local function told(slot, epoch, name)
  return is_from_proxy(slot, epoch) and last_of(core.headers(slot, epoch)[name]) or nil
end

--- Have `entry` know its request by the id that a trusted proxy gave it: then its log
-- lines and answers carry that, as the proxy's own do.
-- @tparam function entry(slot, epoch, ...) what C calls with a request
-- @treturn function itself, when no proxy is trusted
function proxy.named(entry)
  if not proxy.is_trusting() then
    return entry
  end
  return function(slot, epoch, ...)
    local id = core.header(slot, epoch, "x-request-id")
    if id and is_from_proxy(slot, epoch) then
      core.give_request_id(slot, epoch, id)
    end
    return entry(slot, epoch, ...)
  end
end

--- The client's address.
-- @treturn ?string nil when the client has gone
function proxy.ip(slot, epoch)
  local peer = core.ip(slot, epoch)
  local list = trusted()
  if #list == 0 or not peer then
    return peer
  end
  return proxy.client(list, peer, core.headers(slot, epoch)["x-forwarded-for"])
end

--- "http" or "https": what the client speaks to the outermost trusted proxy.
-- @treturn string
function proxy.scheme(slot, epoch)
  core.check(slot, epoch)
  return (told(slot, epoch, "x-forwarded-proto") or ""):lower() == "https" and "https" or "http"
end

--- The host that the client asked for, with its port. Anybody may send any: ask
-- whether it is one of yours before it goes into a link.
-- @treturn ?string
function proxy.host(slot, epoch)
  local host = core.header(slot, epoch, "host")
  local forwarded = told(slot, epoch, "x-forwarded-host")
  if forwarded and #forwarded < 256 and not forwarded:find "[^%w%.%-:%[%]_]" and forwarded ~= "" then
    return forwarded
  end
  return host
end

return proxy
