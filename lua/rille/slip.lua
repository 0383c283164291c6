--- Names that somebody does not have: a slip of the fingers, or what it is called elsewhere.
local later = require "rille.later"
local nearest = require "rille.nearest"

local slip = {}

--- What is said of a name that is not there.
-- @tparam string what whose name it is: "app"
-- @tparam string key
-- @tparam {string,...} names that there are
-- @tparam[opt] string hints the list of rille.elsewhere that says what to write instead
-- @treturn string
-- @treturn boolean whether one of the hints is in it
function slip.text(what, key, names, hints)
  key = tostring(key)
  local hint = hints and later.load("rille.elsewhere")[hints][key:lower()]
  local meant = not hint and nearest.of(key, names)
  return ("%s has no '%s': %s"):format(what, key, hint or meant and ("did you mean '%s'?"):format(meant)
    or "there are " .. table.concat(names, ", ")), hint ~= nil
end

--- Have the objects of a class raise for a name that neither they nor the class have.
-- What is there is found as before, at no cost.
-- @tparam table class its own __index
-- @tparam string what an object of it is called: "app"
-- @tparam string names for users, with blanks between them
-- @tparam string lacking names that an object may be without, which is nil then
-- @tparam[opt] string hints as for slip.text
function slip.guard(class, what, names, lacking, hints)
  local known, may_lack = {}, {}
  for name in names:gmatch "%S+" do
    known[#known + 1] = name
  end
  for name in lacking:gmatch "%S+" do
    may_lack[name] = true
  end
  setmetatable(class, {
    __index = function(_, key)
      if not may_lack[key] and not (type(key) == "string" and key:sub(1, 2) == "__") then
        error((slip.text(what, key, known, hints)), 2)
      end
    end,
  })
end

return slip
