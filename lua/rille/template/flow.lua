--- The branches and loops of a template, and the place in the page behind them.
--
-- What a value is printed into must not depend on which way the program went:
-- the branches of an `if` must end at one place, a loop's body where it began. The
-- words of the code are followed as they come; that they make a program at all is
-- for Lua to check, so what does not fit is passed over here.
local markup = require "rille.template.markup"
local place = require "rille.template.place"

local flow = {}

local Flow = {}
Flow.__index = Flow

--- Follow a template from its start.
-- @tparam function fail(line, message) raises
function flow.new(fail)
  return setmetatable({ state = markup.new(), open = {}, labels = {}, fail = fail }, Flow)
end

local function top(self)
  return self.open[#self.open] or {}
end

local function push(self, kind, line, word)
  self.open[#self.open + 1] = { kind = kind, word = word or kind, line = line, start = markup.copy(self.state), ends = {} }
end

local function pop(self)
  return table.remove(self.open)
end

local function join(self, block, a, b, what)
  local joined = place.join(a, b)
  if not joined then
    self.fail(block.line, ("%s: one ends %s, another %s"):format(what, place.describe(a), place.describe(b)))
  end
  return joined
end

local function end_branch(self)
  local block = top(self)
  if block.kind == "if" then
    block.ends[#block.ends + 1] = self.state
    self.state = markup.copy(block.start)
  end
  return block
end

local close = {}

close["if"] = function(self, block)
  if not block.has_else then
    block.ends[#block.ends + 1] = block.start
  end
  for _, state in ipairs(block.ends) do
    self.state = join(self, block, state, self.state, "the branches of this `if` end at different places of the page")
  end
end

function close.loop(self, block)
  self.state = join(self, block, block.start, self.state, "this loop ends at another place of the page than it began")
end

close["function"] = function(self, block)
  self.state = block.start
end

function close.block(self, block)
  if self.state.mode ~= "text" then
    self.fail(block.line, ("this block ends %s"):format(place.describe(self.state)))
  end
  self.state = block.start
end

local function end_block(self, line)
  if #self.open == 0 then
    self.fail(line, "this `end` closes nothing")
  end
  local block = pop(self)
  if close[block.kind] then
    close[block.kind](self, block)
  end
end

-- ---- words ------------------------------------------------------------------------

local on = {}

on["if"] = function(self, line)
  push(self, "if", line)
end
on["elseif"] = end_branch
on["else"] = function(self)
  end_branch(self).has_else = true
end
for _, word in ipairs { "for", "while", "repeat" } do
  on[word] = function(self, line)
    push(self, "loop", line, word)
    top(self).wants_do = word ~= "repeat"
  end
end
on["do"] = function(self, line)
  if top(self).wants_do then
    top(self).wants_do = false
  else
    push(self, "do", line)
  end
end
on["function"] = function(self, line)
  push(self, "function", line)
end
on["end"], on["until"] = end_block, end_block

on["break"] = function(self, line)
  for i = #self.open, 1, -1 do
    local block = self.open[i]
    if block.kind == "function" then
      return
    elseif block.kind == "loop" then
      if not place.same(block.start, self.state) then
        self.fail(line, "this `break` leaves its loop at another place of the page than it began")
      end
      return
    end
  end
end

on["return"] = function(self, line)
  if not self:in_function() and self.state.mode ~= "text" then
    self.fail(line, ("this `return` leaves the page %s"):format(place.describe(self.state)))
  end
end

-- A label and all the jumps to it must be at one place.
local function jump(self, line, label)
  local seen = self.labels[label]
  if seen and not place.same(seen, self.state) then
    self.fail(line, ("this jump to '%s' is at another place of the page than the rest of them"):format(label))
  end
  self.labels[label] = self.labels[label] or markup.copy(self.state)
end

-- ---- pieces -------------------------------------------------------------------------

--- Whether a function's body is open: it may be called anywhere, so nothing can
-- be known of the place it would print to.
function Flow:in_function()
  for _, block in ipairs(self.open) do
    if block.kind == "function" then
      return true
    end
  end
  return false
end

--- A block of the page begins, which is printed elsewhere: in text.
function Flow:block(line)
  push(self, "block", line)
  self.state = markup.new()
end

--- Follow the words of a piece of code.
-- @tparam table piece from rille.template.piece
function Flow:code(piece)
  local words, line, counted = piece.words, piece.line, 0
  for i, word in ipairs(words) do
    local name, offset = word[1], word[2]
    local _, newlines = piece.source:sub(counted + 1, offset):gsub("\n", "")
    line, counted = line + newlines, offset
    if on[name] then
      on[name](self, line)
    elseif name == "goto" and words[i + 1] then
      jump(self, line, words[i + 1][1])
    elseif word.is_label then
      jump(self, line, name)
    end
  end
end

--- The template ends.
function Flow:finish(line)
  local block = self.open[#self.open]
  if block then
    self.fail(block.line, ("this `%s` has no `<%% %s %%>`"):format(block.word, block.word == "repeat" and "until …" or "end"))
  elseif self.state.mode ~= "text" then
    self.fail(line, ("the template ends %s"):format(place.describe(self.state)))
  end
end

return flow
