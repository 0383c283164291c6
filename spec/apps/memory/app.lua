--- Handlers that take all the memory they can get, each in another way.
-- luacheck: ignore 241 (lists that only grow)

local buffer = require "string.buffer"
local rille = require "rille"

local app = rille.app()

app:get("/", function() return "well" end)

-- What a handler keeps in a local variable is garbage when it has failed.
local eaters = {}

function eaters.strings()
  local text = "x"
  while true do text = text .. text end
end

function eaters.keys()
  local set = {}
  for i = 1, 1e9 do set["key" .. i] = i end
  return set
end

function eaters.tables()
  local list = {}
  while true do list[#list + 1] = { #list } end
end

function eaters.chain()
  local link
  while true do link = { link } end
end

function eaters.closures()
  local list = {}
  while true do list[#list + 1] = function() return list end end
end

-- compiled, and without garbage: no collection interrupts the loop
function eaters.buffer()
  local text = buffer.new()
  while true do text:put("0123456789abcdef0123456789abcdef") end
end

-- compiled, and from nothing to far beyond the ceiling in one step
local sizes = {}
for i = 1, 200 do sizes[i] = i end
sizes[#sizes + 1] = 2 ^ 28
function eaters.leap()
  local total = 0
  for i = 1, #sizes do total = total + #(("x"):rep(sizes[i])) end
  return tostring(total)
end

local parts = {}
for i = 1, 200 do parts[i] = { "a", "b" } end
parts[#parts + 1] = {}
for i = 1, 200 do parts[#parts][i] = ("x"):rep(1e6) end
function eaters.concat()
  local total = 0
  for i = 1, #parts do total = total + #table.concat(parts[i]) end
  return tostring(total)
end

eaters["more-than-a-string-holds"] = function()
  local total = 0
  for i = 1, #sizes do total = total + #(("0123456789"):rep(sizes[i])) end
  return tostring(total)
end

function eaters.caught()
  local failures = 0
  for _ = 1, 10 do
    if not pcall(eaters.tables) then failures = failures + 1 end
  end
  return tostring(failures)
end

function eaters.recursion()
  local function deeper(n) return 1 + deeper(n + 1) end
  return deeper(1)
end

eaters["recursion-of-pcall"] = function()
  local function deeper() return (pcall(deeper)) end
  return tostring(deeper())
end

function eaters.coroutines()
  local list = {}
  while true do
    local co = coroutine.wrap(function() coroutine.yield(("x"):rep(100)) end)
    co()
    list[#list + 1] = co
  end
end

function eaters.nested()
  local function deeper() return coroutine.wrap(deeper)() end
  return deeper()
end

function eaters.tasks()
  for _ = 1, 100000 do rille.spawn(rille.sleep, 0.05) end
end

function eaters.background()
  local function work()
    rille.sleep(0.05)
    local list = {}
    for i = 1, 100 do list[i] = {} end
  end
  for _ = 1, 100000 do rille.background(work) end
end

function eaters.answer()
  local list = {}
  for i = 1, 300000 do list[i] = { i } end
  return list
end

for name, eat in pairs(eaters) do
  app:get("/" .. name, eat)
end

app:get("/names", function()
  local names = rille.array {}
  for name in pairs(eaters) do names[#names + 1] = name end
  table.sort(names)
  return names
end)

return app
