--- A guide read as what it is: files, samples, and what is said of them.
--
-- The fenced blocks of a Markdown text, in their order, as steps of its sections:
--
--     ```lua                         a sample: app.lua, run by a server of its own
--     ```lua models/note.lua         a file of the section's app; so with every language
--     ```http                        requests to the sample above, and their answers
--     ```log                         lines that the sample's server has logged by then
--     ```error                       why the sample above does not start
--     ```console                     commands in the app's folder, and what they print
--
-- A sample is a piece of an app: it gets PREFACE in front of it, and `return app`
-- behind it, unless it says them itself. All samples of a section share its folder.
local document = {}

local PREFACE = 'local rille = require "rille"; local app, db, v = rille.app(), rille.db, rille.schema '

-- On the sample's own first line, so that an error names the line that the reader counts.
local function whole(sample)
  local text = sample
  if not text:find('require "rille"', 1, true) then
    text = PREFACE .. text
  end
  if not text:find "\nreturn app" then
    text = text .. "\nreturn app\n"
  end
  return text
end

local function step_of(info, text, line)
  local language, path = info:match "^(%S*)%s*(%S*)"
  local step = { line = line, text = text, kind = language }
  if path ~= "" then
    step.kind, step.path = "file", path
  elseif language == "lua" then
    step.kind, step.text = "sample", whole(text)
  end
  return step
end

--- Read a Markdown text.
-- @tparam string text
-- @treturn {table,...} sections: title, and steps { kind, text, line, path }
function document.read(text)
  local sections, section, block = {}, nil, nil
  local number = 0
  for line in text:gmatch "([^\n]*)\n" do
    number = number + 1
    local fence = line:match "^```(.*)$"
    if block and fence then
      table.insert(section.steps, step_of(block.info, table.concat(block, "\n") .. "\n", block.line))
      block = nil
    elseif block then
      block[#block + 1] = line
    elseif fence then
      block = { info = fence, line = number + 1 }
    elseif line:match "^#+ " or not section then
      section = { title = line:match "^#+ (.*)$" or "", steps = {} }
      sections[#sections + 1] = section
    end
  end
  assert(not block, "a fenced block does not end")
  return sections
end

return document
