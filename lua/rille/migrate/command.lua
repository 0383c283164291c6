--- The words behind `rille migrate`.
local keys = require "rille.keys"
local nearest = require "rille.nearest"
local unit = require "rille.unit"

local command = {}

command.HELP = [[
usage: rille migrate [COMMAND] [options] [settings]

Brings a database to the version in a folder of SQL files. Without a COMMAND: up.

  up          apply what has not been applied, in the order of the numbers
  down        take back what was applied last
  redo        take that back and apply it again
  status      which are applied, which are not, which were edited; and who migrates now
  new NAME    write the next file, NUMBER_NAME.sql, to be filled in
  diff [NAME] compare the models' declared columns with the database, and write the
              migration that closes the difference

  to=NUMBER          up: no further than that; down: back to that one (to=0: all)
  --dry-run          print the SQL, and run none
  --accept-edited    up: what edited files say is what was run
  --no-dump          no schema.sql beside the migrations (in development up and down write one)
  dir=FOLDER         instead of migrations/
  app=FOLDER         diff: the app whose models/ are compared, instead of .
  url=postgres://…   instead of DATABASE_URL
  wait=TIME          for another process that migrates (60s)

An option is written dir=x, --dir=x or --dir x.

examples:
  rille migrate                      apply everything that is new
  rille migrate new "add price"      migrations/0006_add_price.sql
  rille migrate up --dry-run         what would be run
  rille migrate down to=4            take 5 and all behind it back

A file:
  -- migrate:up
  alter table products add column price numeric(10,2);
  -- migrate:down
  alter table products drop column price;

Each runs in a transaction of its own; `-- migrate:up transaction:false` is for what cannot,
such as create index concurrently. `rille serve` does not start on a database that lacks any.
]]

local NAMES = { "up", "down", "redo", "status", "new", "diff" }
local TAKES_NAME = { new = true, diff = true }
local VALUED = { dir = true, url = true, to = true, wait = true, app = true }
local FLAGS = { ["dry-run"] = "is_dry", ["accept-edited"] = "accepts_edited", ["no-dump"] = "has_no_dump", help = "wants_help" }

local function is_one_of(names, word)
  for _, name in ipairs(names) do
    if name == word then
      return true
    end
  end
end

local function unknown(what, word, names)
  local meant = nearest.of(word, names)
  local hint = meant and ("did you mean '%s'?"):format(meant) or "see rille migrate --help"
  error(("there is no %s '%s': %s"):format(what, word, hint), 0)
end

-- How many words the option took; 0 when it is none.
local function take_option(options, words, i)
  local dashes, name, value = words[i]:match "^(%-*)([%a-]+)=(.*)$"
  if not name then
    dashes, name = words[i]:match "^(%-%-)([%a-]+)$"
  end
  if not name then
    return 0
  elseif FLAGS[name] and not value then
    options[FLAGS[name]] = true
    return 1
  elseif not VALUED[name] then
    local all = keys.sorted(VALUED)
    for flag in pairs(FLAGS) do
      all[#all + 1] = flag
    end
    unknown("option", dashes .. name, all)
  end
  options[name] = value or words[i + 1] or error(dashes .. name .. " takes a value", 0)
  return value and 1 or 2
end

local function take_word(options, word)
  if word == "-h" then
    options.wants_help = true
  elseif not options.command then
    options.command = is_one_of(NAMES, word) and word or unknown("command", word, NAMES)
  elseif TAKES_NAME[options.command] and not options.name then
    options.name = word
  else
    error(("'%s' is one word too many for `rille migrate %s`"):format(word, options.command), 0)
  end
end

local function check(options)
  if options.to and not options.to:find "^%d+$" then
    error(("to=%s is no migration's number"):format(options.to), 0)
  elseif options.command == "new" and not options.name then
    error("rille migrate new takes a name, such as add_price_to_products", 0)
  end
  local ok, seconds = pcall(unit.seconds, options.wait)
  options.wait = ok and seconds or error(("wait=%s is no time, such as 30s or 10m"):format(options.wait), 0)
end

--- Read the words.
-- @tparam table words and, by name, what they may have said: `command`, `dir`, `url`
-- @treturn table|nil `command`, `name`, `dir`, `url`, `app`, `to`, `wait` in seconds, `is_dry`,
-- `accepts_edited`, `has_no_dump`, `wants_help`
-- @treturn string what is wrong
function command.parse(words)
  local options = { command = words.command, dir = words.dir, url = words.url, wait = "60s" }
  local ok, why = pcall(function()
    local i = 1
    while words[i] do
      local took = take_option(options, words, i)
      if took == 0 then
        take_word(options, words[i])
      end
      i = i + math.max(took, 1)
    end
    options.command = options.command or "up"
    check(options)
  end)
  if not ok then
    return nil, why
  end
  return options
end

return command
