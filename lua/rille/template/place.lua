--- A place in a page: what may be printed there, and how.
--
-- The states are those of rille.template.markup. Values that are printed do not
-- move a state through the markup: their escapers see to that.
local attribute = require "rille.template.attribute"
local markup = require "rille.template.markup"
local script = require "rille.template.script"
local style = require "rille.template.style"

local find = string.find

local place = {}

-- Inside a tag, but in no value; true where another name may begin.
local TAG = { element = false, tag = true, name = false, after_name = true, joined = false, between = true }

local IN_TAG = "inside a tag: print whole values, in quotes (class=\"<%= … %>\"), or choose an attribute with <% if %>"

local REFUSED = {
  open = "behind '<': a tag's name cannot be printed (for the sign itself write &lt;)",
  open_end = "behind '</': a tag's name cannot be printed",
  declaration = "in a declaration (<!…)", bogus = "in a declaration (<!…)", cdata = "in a CDATA section",
  element = "in a tag's name", tag = IN_TAG, name = IN_TAG, after_name = IN_TAG, joined = IN_TAG, between = IN_TAG,
  unclear = "in a tag that depends on a branch: put a blank between what the branches print and what follows",
}

local function raw_escaper(s)
  if s.is_cut then
    return nil, "behind '<': it could end the " .. s.element .. " (put a blank between)"
  elseif s.element == "script" then
    if s.is_foreign or not s.is_script_known then
      return nil, s.is_foreign and "in a script inside svg or math" or "in a script whose type is not JavaScript or JSON"
    end
    return script.escaper(s)
  elseif s.element == "style" then
    return style.escaper(s)
  end
  return "html"
end

--- The escaper for a value printed here, by its name in rille.escape.
-- @treturn string or nil, and why nothing can be printed here
-- @treturn boolean whether a space must go in front
function place.escaper(s)
  local mode = s.mode
  if mode == "text" or mode == "comment" then
    return "html"
  elseif mode == "value" then
    return attribute.escaper(s)
  elseif mode == "raw" then
    return raw_escaper(s)
  elseif mode == "unquoted" or mode == "before_value" then
    return nil, ('without quotes: write %s="<%%= … %%>"'):format(s.attribute)
  end
  return nil, REFUSED[mode]
end

--- A value was printed, escaped or raw.
function place.printed(s)
  local mode = s.mode
  if mode == "value" or mode == "unquoted" then
    attribute.printed(s)
  elseif mode == "raw" and s.element == "script" then
    script.printed(s)
  elseif mode == "raw" and s.element == "style" then
    style.printed(s)
  elseif mode == "before_value" then
    attribute.start(s)
    s.mode, s.value = "unquoted", nil -- raw, and perhaps with quotes of its own
  elseif mode == "name" and not find(s.attribute, "^data%-") and not find(s.attribute, "^aria%-") then
    s.mode = "joined"
  elseif TAG[mode] then
    s.mode = "joined"
  end
end

--- Whether markup can be printed here as it is: text, and quoted attributes that
-- mean nothing more. A part of a page was escaped for text, not for a script.
function place.takes_markup(s)
  return s.mode == "text" or s.mode == "comment" or (s.mode == "value" and s.kind == "plain")
    or (s.mode == "raw" and s.element ~= "script" and s.element ~= "style")
end

--- The place in words, for errors.
function place.describe(s)
  local mode = s.mode
  if mode == "value" or mode == "unquoted" or mode == "before_value" then
    return ("in the attribute %s"):format(s.attribute)
  elseif mode == "raw" then
    return ("in <%s>"):format(s.element)
  elseif mode == "comment" then
    return "in a comment"
  elseif mode == "text" then
    return "in text"
  end
  return s.element ~= "" and ("inside the tag <%s>"):format(s.element) or "inside a tag"
end

-- ---- branches -------------------------------------------------------------------

-- What must be the same wherever control came from.
local HARD = {
  "mode", "element", "is_end_tag", "attribute", "quote", "kind", "is_foreign", "js", "stack", "css", "in_url",
}

--- Whether two states are at one and the same place.
function place.same(a, b)
  for i = 1, #HARD do
    if a[HARD[i]] ~= b[HARD[i]] then
      return false
    end
  end
  return true
end

local function join_tags(a, b)
  if a.element ~= b.element or a.is_end_tag ~= b.is_end_tag or a.is_foreign ~= b.is_foreign then
    return nil
  end
  local joined = markup.copy(a)
  if a.mode ~= b.mode or a.mode == "name" then
    joined.mode = TAG[a.mode] and TAG[b.mode] and "between" or "joined"
    joined.attribute = ""
  end
  joined.is_script_known = a.is_script_known and b.is_script_known
  return joined
end

--- The state behind two branches.
-- @treturn table or nil, when they end in different places
function place.join(a, b)
  if TAG[a.mode] ~= nil and TAG[b.mode] ~= nil then
    return join_tags(a, b)
  elseif not place.same(a, b) then
    return nil
  end
  local joined = markup.copy(a)
  if a.phase ~= b.phase or a.prefix ~= b.prefix then
    -- Either may hold: values are escaped as components, and ":" is refused.
    joined.phase = (a.phase == "refused" or b.phase == "refused") and "refused" or "open"
  end
  if a.last ~= b.last or a.prev ~= b.prev then
    joined.last, joined.prev = "x", "value"
  end
  joined.value = a.value == b.value and a.value or nil
  joined.is_script_known = a.is_script_known and b.is_script_known
  joined.fresh = a.fresh and b.fresh
  joined.is_cut = a.is_cut or b.is_cut
  return joined
end

return place
