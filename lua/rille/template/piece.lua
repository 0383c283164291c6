--- A template's text, cut into pieces.
--
--     text      what is printed as it stands
--     escaped   <%= expression %>
--     raw       <%- expression %>
--     code      <% statements %>
--
-- `<%# comment %>` is nothing, `<%%` prints `<%`, and `-%>` swallows the newline
-- behind it. Every piece knows its line; newlines that print nothing (of comments
-- and behind `-%>`) are kept in `skipped`, so that lines can be counted.
local token = require "rille.template.token"

local find, gsub, match, sub = string.find, string.gsub, string.match, string.sub

local piece = {}

local KINDS = { ["="] = "escaped", ["-"] = "raw" }

local function count_newlines(text)
  local _, count = gsub(text, "\n", "")
  return count
end

local function add(pieces, one, consumed)
  one.line = pieces.line
  pieces[#pieces + 1] = one
  pieces.line = pieces.line + count_newlines(consumed)
end

local function add_text(pieces, text)
  if text ~= "" then
    add(pieces, { kind = "text", text = text }, text)
  end
end

local function add_skipped(pieces, text)
  add(pieces, { kind = "skipped", text = gsub(text, "[^\n]+", "") }, text)
end

-- The tag that opens at `open`; returns the position behind it.
local function add_tag(pieces, text, open)
  local mark = sub(text, open + 2, open + 2)
  if mark == "%" then
    add_text(pieces, "<%")
    return open + 3
  elseif mark == "#" then
    local _, last = find(text, "%>", open, true)
    if not last then
      return nil, "this comment is never closed with %>", open
    end
    add_skipped(pieces, sub(text, open, last))
    return last + 1, sub(text, last - 2, last - 2) == "-"
  end
  local from = KINDS[mark] and open + 3 or open + 2
  local tag, why, where = token.scan(text, from)
  if not tag then
    return nil, why, where
  end
  add(pieces, { kind = KINDS[mark] or "code", code = tag.code, words = tag.words, source = sub(text, from, tag.last - 2) },
    sub(text, open, tag.last))
  return tag.last + 1, tag.trims
end

--- Cut a template.
-- @tparam string text
-- @treturn {table,...} or nil, what is wrong, and the line
function piece.cut(text)
  local pieces, at = { line = 1 }, 1
  while true do
    local open = find(text, "<%", at, true)
    add_text(pieces, sub(text, at, (open or 0) - 1))
    if not open then
      return pieces
    end
    local after, why_or_trims, where = add_tag(pieces, text, open)
    if not after then
      return nil, why_or_trims, pieces.line + count_newlines(sub(text, open, where - 1))
    end
    local newline = why_or_trims and match(text, "^\r?\n", after)
    if newline then
      add_skipped(pieces, newline)
      after = after + #newline
    end
    at = after
  end
end

return piece
