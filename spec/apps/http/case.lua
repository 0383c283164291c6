--- The vocabulary of the case tables beside this file.
--
-- A case is { name, raw, want, flags... }:
--
--   raw    the bytes to send; or a list of steps: a string is sent, anything
--          else is the `want` of an answer to read before going on
--   want   what must come back: one want, or a list of them in order
--            404                          this status
--            case.ok "text"               200 with this body
--            { status =, body =, head =, headers = {}, without = {} }
--                 status may be a list of the allowed ones; `head` means the answer
--                 to HEAD; a header is compared whole, or "~pattern" is searched in
--                 it; `without` lists headers that must not be there; `text` and
--                 `no_text` must and must not occur in the body
--            case.nothing_or(400)         a close without a word will also do
--   flags  closes, stays  the connection afterwards, where it does not follow from the
--                         last status (refusals of the parser close, all else stays)
--          either_end     both are right
--          half_close     the client ends its sending side when all is sent
--          alone          not to be joined with other requests or cut into pieces
--
-- Where the RFCs leave a choice, `case.either` names all right answers; a server
-- must still choose the same one however the bytes are cut.

local case = {}

--- 200 with this body.
function case.ok(body)
  return { status = 200, body = body }
end

--- One of these statuses.
function case.either(...)
  return { status = { ... } }
end

--- The answer to a HEAD request.
function case.head(status, headers)
  return { status = status, head = true, headers = headers }
end

--- Silence, or one answer of these statuses; and then the end: for a client that left in the middle.
function case.nothing_or(...)
  return { status = { ... }, or_nothing = true }
end

local refusals = { [400] = true, [408] = true, [413] = true, [414] = true, [431] = true, [501] = true,
  [505] = true }

--- Whether an answer of this status comes from the parser, which then closes.
function case.is_refusal(status)
  return refusals[status] == true
end

--- Cases made from rows { name, what, want } by `build(what)`.
-- @param into list that the cases are appended to
-- @param[opt] flags of all of them; a row may have more
function case.each(into, rows, build, flags)
  for _, row in ipairs(rows) do
    local made = { row[1], build(row[2]), row[3] }
    for flag, value in pairs(flags or {}) do
      made[flag] = value
    end
    for flag, value in pairs(row) do
      if type(flag) == "string" then made[flag] = value end
    end
    into[#into + 1] = made
  end
end

return case
