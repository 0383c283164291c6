--- The frame around everything C starts: loading an app, or a command.
local errors = require "rille.error"

-- Errors of loading (a syntax error, a duplicate route) say where by themselves;
-- a traceback helps only behind a runtime error with no place in its text.
local function with_trace(err)
  if errors.is(err) then
    return tostring(err)
  end
  local text = tostring(err)
  if text:find "^[^\n]-:%d+:" then
    return text
  end
  return debug.traceback(text, 2)
end

return function(module, ...)
  local ok, result = xpcall(function(...)
    return require(module)(...)
  end, with_trace, ...)
  if not ok then
    return nil, result
  end
  return result or 0
end
