--- The frame around everything C starts: loading an app, or a command.
local errors = require "rille.error"

-- One line for whoever typed the command: errors of loading (a syntax error, a
-- duplicate route) say where by themselves.
local function text_of(err)
  return errors.is(err) and err.message or tostring(err)
end

return function(module, ...)
  local ok, result = xpcall(function(...)
    return require(module)(...)
  end, text_of, ...)
  if not ok then
    return nil, result
  end
  return result or 0
end
