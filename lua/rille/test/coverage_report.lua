--- What `--coverage` found: on the terminal, for other programs (lcov), and as a page.
local contents = require "rille.contents"
local escape = require "rille.escape"
local keys = require "rille.keys"

local report = {}

local MOST_RANGES = 12 -- on the terminal: the page has all

-- "12-14, 20": what did not run; a range may span lines that cannot.
local function missing(file)
  local ranges, first, last = {}, nil, nil
  local function close()
    if first then
      ranges[#ranges + 1] = first == last and tostring(first) or ("%d-%d"):format(first, last)
    end
    first, last = nil, nil
  end
  for _, number in ipairs(keys.sorted(file.lines)) do
    if file.lines[number] > 0 then
      close()
    else
      first, last = first or number, number
    end
  end
  close()
  local more = #ranges - MOST_RANGES
  if more > 0 then
    return table.concat(ranges, ", ", 1, MOST_RANGES) .. (", … and %d more"):format(more)
  end
  return table.concat(ranges, ", ")
end

--- How much of it ran, in percent: 100 only when all of it did.
-- @tparam table of `count`, `ran`
-- @treturn number with one digit behind the point
function report.percent(of)
  return of.count == 0 and 100 or math.floor(of.ran / of.count * 1000) / 10
end

--- Lines for the terminal: the whole, and each file with the lines that did not run.
-- @tparam {table,...} files of rille.test.coverage
-- @tparam table all
-- @treturn string
function report.text(files, all)
  local widest = 0
  for _, file in ipairs(files) do
    widest = math.max(widest, #file.path)
  end
  local out = { ("# coverage: %.1f %% of %d lines\n"):format(report.percent(all), all.count) }
  for _, file in ipairs(files) do
    local line = ("# %7.1f %%  %s%s  %s"):format(report.percent(file), file.path, (" "):rep(widest - #file.path), missing(file))
    out[#out + 1] = line:gsub(" +$", "") .. "\n"
  end
  return table.concat(out)
end

--- lcov's tracefile (geninfo(1)).
-- @tparam {table,...} files
-- @treturn string
function report.lcov(files)
  local out = {}
  for _, file in ipairs(files) do
    out[#out + 1] = "TN:\nSF:" .. file.path .. "\n"
    for _, number in ipairs(keys.sorted(file.lines)) do
      out[#out + 1] = ("DA:%d,%d\n"):format(number, file.lines[number])
    end
    out[#out + 1] = ("LF:%d\nLH:%d\nend_of_record\n"):format(file.count, file.ran)
  end
  return table.concat(out)
end

local HEAD = [[
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Coverage</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 70em; margin: 2em auto; padding: 0 1em; }
summary { cursor: pointer; display: flex; gap: 1em; }
summary b { min-width: 5em; text-align: right; font-variant-numeric: tabular-nums; }
pre { overflow-x: auto; font: 13px/1.45 ui-monospace, monospace; }
pre span { display: block; white-space: pre; }
i { display: inline-block; min-width: 4em; margin-right: 1em; text-align: right; font-style: normal; opacity: .6; }
.ran { background: #2a03; }
.not { background: #d003; }
</style>
]]

local function add_source(out, file)
  out[#out + 1] = ("<details%s><summary><b>%.1f %%</b> %s</summary>\n<pre>"):format(file.ran < file.count and " open" or "",
    report.percent(file), escape.html(file.path))
  local text, number = contents.of(file.path) or "", 0
  for line in (text:sub(-1) == "\n" and text or text .. "\n"):gmatch "(.-)\r?\n" do
    number = number + 1
    local count = file.lines[number]
    out[#out + 1] = ("<span%s><i>%s</i><i>%d</i>%s</span>"):format(
      count and (count > 0 and ' class="ran"' or ' class="not"') or "", count or "", number, escape.html(line))
  end
  out[#out + 1] = "</pre></details>\n"
end

--- A page of its own with every file's source: how often each line ran, and which did not.
-- @tparam {table,...} files
-- @tparam table all
-- @treturn string
function report.html(files, all)
  local out = { HEAD, ("<h1>%.1f %% of %d lines</h1>\n"):format(report.percent(all), all.count) }
  for _, file in ipairs(files) do
    add_source(out, file)
  end
  return table.concat(out)
end

--- Write the page, or for any other ending lcov's file.
-- @tparam string path
-- @tparam {table,...} files
-- @tparam table all
-- @treturn boolean|nil true; nil when it cannot be written
-- @treturn ?string then why
function report.write(path, files, all)
  local file, why = io.open(path, "w")
  if not file then
    return nil, why
  end
  file:write(path:find "%.html?$" and report.html(files, all) or report.lcov(files))
  return file:close()
end

return report
