--- SQL text, cut into its statements.
--
-- The server takes several statements in one message as one transaction; what
-- cannot run inside one (CREATE INDEX CONCURRENTLY) must be sent alone. A `;` ends
-- a statement unless it stands in a string, a quoted name, a comment, parentheses (a
-- rule's actions) or the body of a function in BEGIN ATOMIC … END. Lexical rules:
-- PostgreSQL 15 manual, chapter 4.1.
local script = {}

local ROUTINE = { ["function"] = true, procedure = true }

-- Where what opens at `at` is closed, past its end; nil when it never is.
local function past(sql, at, closing)
  local _, last = sql:find(closing, at, true)
  return last and last + 1
end

local function past_comment(sql, at)
  local depth = 1
  at = at + 2
  while depth > 0 do
    local found = sql:find("[/*][*/]", at)
    if not found then
      return nil
    end
    local two = sql:sub(found, found + 1)
    depth = depth + (two == "/*" and 1 or two == "*/" and -1 or 0)
    at = found + ((two == "/*" or two == "*/") and 2 or 1)
  end
  return at
end

-- E'…' has escapes: \' does not end it. A doubled quote is two strings to us, side by side.
local function past_string(sql, at)
  local has_escapes = sql:find("^[eE]", at - 1) and not sql:find("^[%w_$\128-\255]", at - 2)
  if not has_escapes then
    return past(sql, at + 1, "'")
  end
  at = at + 1
  while true do
    local found = sql:find("[\\']", at)
    if not found or sql:byte(found) == 39 then
      return found and found + 1
    end
    at = found + 2
  end
end

local function past_dollar(sql, at)
  local tag = sql:match("^%$[%a_\128-\255][%w_\128-\255]*%$", at) or sql:match("^%$%$", at)
  if not tag then
    return at + 1
  end
  return past(sql, at + #tag, tag)
end

-- The token at `at`: its kind, and where the next begins; nil, and what is wrong.
local function token(sql, at)
  local two = sql:sub(at, at + 1)
  local one = two:sub(1, 1)
  if one:find "%s" then
    return "blank", sql:find("%S", at) or #sql + 1
  elseif two == "--" then
    return "blank", sql:find("\n", at, true) or #sql + 1
  elseif two == "/*" then
    return "blank", past_comment(sql, at), "a comment /* that is not closed"
  elseif one == "'" then
    return "other", past_string(sql, at), "a string ' that is not closed"
  elseif one == '"' then
    return "other", past(sql, at + 1, '"'), 'a name " that is not closed'
  elseif one == "$" then
    return "other", past_dollar(sql, at), "a dollar-quoted text that is not closed"
  elseif one:find "[%a_\128-\255]" then
    return "word", (sql:find("[^%w_$\128-\255]", at) or #sql + 1)
  end
  return one, at + 1
end

local Statement = {}
Statement.__index = Statement

local function new_statement()
  return setmetatable({ words = {}, parentheses = 0, blocks = 0 }, Statement)
end

-- Only the words that say what it is.
local function note_word(self, word)
  if #self.words < 4 then
    self.words[#self.words + 1] = word
  end
  local is_routine = self.words[1] == "create" and (ROUTINE[self.words[2]] or ROUTINE[self.words[4]])
  if is_routine and word == "begin" or self.blocks > 0 and (word == "begin" or word == "case") then
    self.blocks = self.blocks + 1
  elseif self.blocks > 0 and word == "end" then
    self.blocks = self.blocks - 1
  end
end

-- Whether the statement ends with it.
local function note(self, kind, text)
  if kind == "word" then
    note_word(self, text:lower())
  elseif kind == "(" then
    self.parentheses = self.parentheses + 1
  elseif kind == ")" then
    self.parentheses = self.parentheses - 1
  end
  return kind == ";" and self.parentheses <= 0 and self.blocks == 0
end

--- Cut a text into its statements.
-- @tparam string sql
-- @treturn {table,...}|nil statements: `text`, without the blanks and comments around it and
-- the semicolon; `first`, the byte of the whole at which it begins; `words`, its first four in lower case
-- @treturn ?string what is wrong
-- @treturn ?integer the byte where that begins
function script.statements(sql)
  local list, current, at = {}, new_statement(), 1
  local function finish()
    if current.first then
      list[#list + 1] = { first = current.first, text = sql:sub(current.first, current.last), words = current.words }
    end
    current = new_statement()
  end
  while at <= #sql do
    local kind, next_at, problem = token(sql, at)
    if not next_at then
      return nil, problem, at
    elseif kind ~= "blank" then
      if note(current, kind, sql:sub(at, next_at - 1)) then
        finish()
      else
        current.first, current.last = current.first or at, next_at - 1
      end
    end
    at = next_at
  end
  finish()
  return list
end

return script
