--- The words behind `rille spec`: ours, and busted's, which one of the processes
-- of a run wants which.
local nearest = require "rille.nearest"
local random = require "rille.random"
local unit = require "rille.unit"

local options = {}

-- busted's options that take a value, by what the process that collects does
-- with them: "both" processes want it, only the one that runs a file ("file"),
-- or only the one that collects ("all").
local VALUED = {
  ["-p"] = "both", ["--pattern"] = "both", ["--exclude-pattern"] = "both", ["-e"] = "file",
  ["-Xoutput"] = "all", ["--lang"] = "both",
  ["-f"] = "both", ["--config-file"] = "both",
  ["-t"] = "file", ["--tags"] = "file", ["--exclude-tags"] = "file",
  ["--filter"] = "file", ["--filter-out"] = "file", ["-m"] = "both", ["--lpath"] = "both", ["--cpath"] = "both",
  ["-r"] = "both", ["--run"] = "both", ["--repeat"] = "all", ["--loaders"] = "both", ["--helper"] = "file",
  ["-Xhelper"] = "file", ["--lua"] = "file",
}

local FLAGS = {
  ["-s"] = "all", ["--enable-sound"] = "all",
  ["--shuffle-tests"] = "file", ["--sort-tests"] = "file", ["--shuffle-files"] = "all", ["--sort-files"] = "all",
  ["--defer-print"] = "all", ["--no-defer-print"] = "all",
}
for flag in ([[-h --help --sort --shuffle -v --verbose --no-verbose --no-enable-sound --no-coverage --ignore-lua --lazy --no-lazy
  --auto-insulate --no-auto-insulate -k --keep-going --no-keep-going -R --recursive --no-recursive --no-shuffle
  --no-shuffle-tests --no-shuffle-files --no-sort --no-sort-tests --no-sort-files --suppress-pending
  --no-suppress-pending]]):gmatch "%S+" do
  FLAGS[flag] = "both"
end

-- Asked of busted, not of any spec: in its words.
local DIRECT = { ["-l"] = "-l", ["--list"] = "--list", ["--version"] = "--version", ["--help-all"] = "--help" }

local TIMEOUT = 120 -- seconds: longer than any example should take, and short of what a night's run can spare

local Options = {}
Options.__index = Options

local function random_seed()
  return tonumber(random.text(3), 16)
end

local function note(self, kind, ...)
  table.insert(self.given, { kind = kind, ... })
end

-- A name's own characters, for busted, which takes patterns.
local function escaped(name)
  return (name:gsub("[^%w%s\128-\255]", "%%%0"))
end

-- "junit:build/report.xml": how, and into which file.
local function add_output(self, value)
  local name, file = value:match "^([^:]+):(.+)$"
  table.insert(self.outputs, { name = name or value, file = file })
end

local function read_percent(self, value)
  local percent = tonumber(value)
  if not percent or percent < 0 or percent > 100 then
    error(("--coverage-min takes a number of percent, from 0 to 100: got %s"):format(value), 0)
  end
  self.covers, self.coverage_min = true, percent
end

-- What takes a value, and is no option of busted's.
local OURS = {
  ["--app"] = "app",       -- the folder of the app that rille.test() is about
  ["--report"] = "report", -- the file to report to: we are one file's process
  ["--seed"] = "seed",
  ["--timeout"] = "timeout", -- of each example
  ["--shuffle"] = "orders", -- how many each example's tasks run in; examples are shuffled by busted's --shuffle-tests
  ["-C"] = "directory", ["--directory"] = "directory", -- busted's: we go there before it
  ["-o"] = add_output, ["--output"] = add_output,
  ["--name"] = function(self, value) note(self, "file", "--filter=" .. escaped(value)) end,
  ["--slowest"] = "slowest", ["--parallel"] = "parallel",
  ["--loads"] = "loads", -- the file that hears which files each spec has read: we are a run of --watch
  ["--coverage-file"] = function(self, value) self.covers, self.coverage_file = true, value end,
  ["--coverage-min"] = read_percent,
}

local OUR_FLAGS = { ["--only-failures"] = "only_failures", ["--coverage"] = "covers", ["-c"] = "covers",
  ["--watch"] = "watches" }

local EXAMPLES = { ["--shuffle"] = "number, as in --shuffle 20", ["--slowest"] = "number, as in --slowest 10",
  ["--parallel"] = "number, as in --parallel 4", ["-o"] = "name, as in -o TAP or -o junit:report.xml" }
EXAMPLES["--output"] = EXAMPLES["-o"]

-- With which not all examples of a file run.
local PARTS = { ["--filter"] = true, ["--filter-out"] = true, ["--name"] = true, ["-t"] = true, ["--tags"] = true,
  ["--exclude-tags"] = true, ["--no-keep-going"] = true }

-- Busted refuses what it does not know, and does not say what was meant.
local function refuse_slip(word)
  local all, name = {}, word:match "^[^=]*"
  for _, known in ipairs { FLAGS, DIRECT, OUR_FLAGS, OURS, VALUED } do
    if known[name] then
      return
    end
    for one in pairs(known) do
      all[#all + 1] = #one > 2 and one or nil
    end
  end
  table.sort(all) -- of two that are as near, the same each time
  local meant = nearest.of(name, all)
  if meant then
    error(("there is no option %s: did you mean %s?"):format(word, meant), 0)
  end
end

local function take_flag(self, word)
  refuse_slip(word)
  if OUR_FLAGS[word] then
    self[OUR_FLAGS[word]] = true
    return
  end
  if word == "--sort" then
    note(self, "file", "--sort-tests")
    note(self, "all", "--sort-files")
  else
    note(self, FLAGS[word] or "both", DIRECT[word] or word)
  end
  self.shuffles = self.shuffles or word:find "^%-%-shuffle" ~= nil
  self.is_direct = self.is_direct or DIRECT[word] ~= nil
  self.wants_help = self.wants_help or word == "--help" or word == "-h"
end

-- "--name=value", "--name value" or "-o value": the number of words it took.
local function take_valued(self, words, i)
  local name, value = words[i]:match "^(%-%-[%w-]+)=(.*)$"
  name = name or words[i]
  local ours = OURS[name]
  if not ours and not VALUED[name] then
    return 0
  end
  local took = value and 1 or 2
  value = value or words[i + 1]
  if value == nil then
    error(("%s takes a %s"):format(name, EXAMPLES[name] or "value"), 0)
  elseif type(ours) == "function" then
    ours(self, value)
  elseif ours then
    self[ours] = value
  elseif took == 1 then
    note(self, VALUED[name], words[i])
  else
    note(self, VALUED[name], name, value)
  end
  if name == "-p" or name == "--pattern" then
    table.insert(self.patterns, value)
  elseif name == "--exclude-pattern" then
    table.insert(self.excludes, value)
  end
  return took
end

local function whole(text)
  local number = text:match "^%d+$" and tonumber(text)
  return number and number > 0 and number or nil
end

local function read_count(self, name)
  local text = self[name]
  self[name] = text and (whole(text) or error(("--%s takes a number from 1 on: got %s"):format(name, text), 0))
end

local function duration(text)
  local ok, seconds = pcall(unit.seconds, tonumber(text) or text)
  if not ok then
    error(("--timeout takes how long an example may take, as in --timeout 30s: got %s"):format(text), 0)
  end
  return seconds
end

local function parse(words)
  local self = setmetatable({
    words = words, given = {}, paths = {}, patterns = {}, excludes = {}, outputs = {}, options = {}, is_recursive = true,
    is_partial = false,
  }, Options)
  local i = 1
  while i <= #words do
    local took = take_valued(self, words, i)
    for k = i, i + math.max(took, 1) - 1 do
      self.options[#self.options + 1] = (took > 0 or words[k]:sub(1, 1) == "-" and words[k] ~= "--watch") and words[k] or nil
    end
    if took == 0 and words[i]:sub(1, 1) == "-" and words[i] ~= "-" then
      take_flag(self, words[i])
    elseif took == 0 then
      table.insert(self.paths, words[i])
    end
    self.is_recursive = self.is_recursive and words[i] ~= "--no-recursive"
    self.is_partial = self.is_partial or PARTS[words[i]:match "^[^=]*"] == true
    i = i + math.max(took, 1)
  end
  if #self.paths == 0 then
    self.paths[1] = "spec"
  end
  if #self.patterns == 0 then
    self.patterns[1] = "_spec"
  end
  self.orders = self.orders == nil and 1 or whole(self.orders)
  if not self.orders then
    error("--shuffle takes how many orders to run each example's tasks in, as in --shuffle 20: examples and files are "
      .. "shuffled by --shuffle-tests and --shuffle-files", 0)
  end
  read_count(self, "slowest")
  read_count(self, "parallel")
  self.seed = self.seed == nil and random_seed() or tonumber(self.seed)
  if not self.seed then
    error("--seed takes a number", 0)
  end
  self.timeout = self.timeout == nil and TIMEOUT or duration(self.timeout)
  return self
end

--- Read the words.
-- @tparam {string,...} words
-- @treturn table|nil paths, patterns, excludes, seed, orders, timeout in seconds, app, report, directory, slowest, parallel,
-- only_failures, covers, coverage_file, coverage_min, watches, loads;
-- outputs: { name, file }; is_direct: busted is asked something else than to run specs; is_partial: a file's
-- examples do not all run; wants_help
-- @treturn string what is wrong
function options.parse(words)
  local ok, result = pcall(parse, words)
  if not ok then
    return nil, result
  end
  return result
end

local function collect(self, ...)
  local out = {}
  for _, one in ipairs(self.given) do
    for _, kind in ipairs { ... } do
      if one.kind == kind then
        for _, word in ipairs(one) do
          out[#out + 1] = word
        end
      end
    end
  end
  return out
end

local function with_paths(words, paths)
  for _, path in ipairs(paths) do
    words[#words + 1] = path
  end
  return words
end

--- Of a file, run these examples alone.
-- @tparam string path
-- @tparam {string,...} names in full
function Options:choose(path, names)
  self.chosen = self.chosen or {}
  self.chosen[path] = {}
  for i, name in ipairs(names) do
    self.chosen[path][i] = ("--filter=^%s$"):format(escaped(name))
  end
end

local function add_chosen(self, words, path)
  for _, word in ipairs(self.chosen and self.chosen[path] or {}) do
    words[#words + 1] = word
  end
end

--- busted's words where the files run here.
function Options:words_for_one()
  local words
  if self.report then
    words = collect(self, "both", "file")
    words[#words + 1] = "--output=rille.test.report"
    words[#words + 1] = "-Xoutput"
    words[#words + 1] = self.report
  else
    words = collect(self, "both", "file", "all")
    words[#words + 1] = "--output=rille"
  end
  add_chosen(self, words, self.paths[1])
  words[#words + 1] = ("--seed=%d"):format(self.seed)
  return with_paths(words, self.paths)
end

--- busted's words where this process collects what others run.
function Options:words_for_all(files)
  local words = collect(self, "both", "all")
  words[#words + 1] = "--output=rille"
  words[#words + 1] = ("--seed=%d"):format(self.seed)
  return with_paths(words, files)
end

--- The words behind `rille spec` of a run of --watch.
-- @tparam {string,...} paths
-- @tparam string loads the file that hears what was read
function Options:words_for_run(paths, loads)
  return with_paths({ "--loads=" .. loads, unpack(self.options) }, paths)
end

--- The words behind `rille spec` of the process that runs one file.
function Options:words_for_file(path, report)
  local words = collect(self, "both", "file")
  words[#words + 1] = "--report=" .. report
  words[#words + 1] = ("--seed=%d"):format(self.seed)
  words[#words + 1] = ("--shuffle=%d"):format(self.orders)
  words[#words + 1] = ("--timeout=%gs"):format(self.timeout)
  if self.loads then
    words[#words + 1] = "--loads=" .. self.loads
  end
  if self.covers then
    words[#words + 1] = "--coverage"
  end
  if self.app then
    words[#words + 1] = "--app=" .. self.app
  end
  add_chosen(self, words, path)
  words[#words + 1] = path
  return words
end

return options
