--- Lists a page at a time.
--
-- A page begins after an id, not at a number of rows: rows that come or go
-- meanwhile make nobody see one twice or miss one, and the hundredth page
-- costs what the first does (Winand, "Use the Index, Luke", 2012: no offset).

local rille = require "rille"
local input = require "input"

local page = {}

local LIMIT_DEFAULT, LIMIT_MOST = 20, 100

--- What the query asks for: `?after=ID&limit=N`.
-- @treturn integer|nil the id after which the page begins; nil for the first page
-- @treturn integer rows to fetch: one more than the page holds, to know whether there is a next
-- @raise 422
function page.asked(c)
  local query = input.query(c)
  local after = query:integer("after", { least = 0, most = input.ID_MOST, optional = true })
  local limit = query:integer("limit", { least = 1, most = LIMIT_MOST, default = LIMIT_DEFAULT })
  query:finish()
  return after, limit + 1
end

--- The answer for the rows that were fetched.
-- @tparam table rows at most `fetch` of them, each with its `id`
-- @tparam integer fetch as `asked` said
-- @treturn table `{ items, next }`; `next` is what to give as `after`, null at the end
function page.of(rows, fetch)
  if #rows < fetch then return { items = rows, next = rille.null } end
  rows[fetch] = nil
  return { items = rows, next = rows[fetch - 1].id }
end

return page
