--- A stream's connection, which is lent for as long as its reader takes.
--
-- At most half of the lent connections of the process are (core/pg/budget.h); the
-- other half stays for transactions.
local aside = require "rille.db.aside"

local streams = {}

--- As aside.open, where `enter(db, serve)` borrows the connection by `db`. **Yields.**
-- @raise `overloaded` when the others of too many did not end in time
function streams.open(db, enter)
  -- Those that a loop left by `break` hold their connections until they are collected.
  if db:stats().streams > 0 then
    collectgarbage()
  end
  local streaming = db:as_stream()
  return aside.open(function(serve) enter(streaming, serve) end)
end

return streams
