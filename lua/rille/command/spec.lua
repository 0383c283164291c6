--- `rille spec [PATHS]`: busted, inside the runtime.
--
--     rille spec                  every spec file below spec/, each in a process of its own
--     rille spec spec/apps -o TAP busted's own options hold
--     rille spec --parallel 4     four files at a time, each with a database of its own
--     rille spec --app apps/shop  what rille.test() is about
--     rille spec --seed 7         the order and the random numbers of an earlier run
--     rille spec --shuffle 20     each example twenty times, its tasks in twenty orders
--
-- Each example runs as a task of its own, so it may wait: sleep, query, spawn.
-- What it leaves behind ends with it. A single file runs in this process; for
-- several this one only collects (see rille.test.suite).
local asserts = require "rille.test.assert"
local clone = require "rille.test.clone"
local core = require "rille.core"
local coverage = require "rille.test.coverage"
local coverage_report = require "rille.test.coverage_report"
local database = require "rille.test.database"
local example = require "rille.test.example"
local failures = require "rille.test.failures"
local lifecycle = require "rille.lifecycle"
local loads = require "rille.test.loads"
local options = require "rille.test.options"
local orders = require "rille.test.orders"
local output = require "rille.test.output"
local parallel = require "rille.test.parallel"
local place = require "rille.test.place"
local process = require "rille.test.process"
local suite = require "rille.test.suite"
local tasks = require "rille.task"
local watch = require "rille.test.watch"
local lfs = require "lfs"

local EXIT = {}

local NOTHING = { examples = {}, errors = {} } -- of a file that did not run

local HELP = [[
usage: rille spec [PATHS] [options] [settings]

Runs the examples in files named *_spec.lua: those in PATHS (files or folders), or all below spec/.
Each file runs in a process of its own. Each example may wait, and its work in the database
(DATABASE_URL) is rolled back; migrate that first, with `rille migrate`. In a project with migrations
and without DATABASE_URL there is a database for the run, in .rille/spec, migrated.

  --app DIR              the app that rille.test() is about; else ./app.lua, else the folder that
                         the file mirrors: spec/apps/shop is about apps/shop
  --filter PATTERN       only examples whose full name matches this Lua pattern
  --filter-out PATTERN   all but those
  -t, --tags TAGS        only examples with one of these #tags; --exclude-tags: all but those
  -p, --pattern PATTERN  files whose name matches this, instead of _spec
  --name TEXT            only examples whose full name has this in it, as it is
  --only-failures        only what failed when it ran last
  --watch                and again what a save concerns, until Ctrl-C
  --parallel N           N files at a time, each with a copy of the database to itself
  -o, --output NAME      how it is told: utfTerminal (the usual), plainTerminal, TAP, json, junit;
                         NAME:FILE into a file, beside the terminal; any number of times
  -c, --coverage         which lines of the app ran, and which did not
  --coverage-file FILE   that into a page, FILE.html, or as lcov's tracefile, FILE of any other name
  --coverage-min N       and fail when less than N percent of the lines ran
  --slowest N            the N examples that took longest, at the end
  -l, --list             name the examples, run none
  --shuffle K            each example K times, its tasks in another order each time (1)
  --shuffle-tests        the examples of a file in an order by chance; --shuffle-files: the files
  --seed N               repeats the orders and the random numbers of an earlier run
  --timeout TIME         how long an example may take (2m); then it fails, and says what each task waits for
  --repeat N             N times
  --no-keep-going        end at the first failure
  -C, --directory DIR    from there
  -v, --verbose          with a stack at each failure

It is busted (https://lunarmodules.github.io/busted) that runs them; what else it knows holds as well:
--help-all tells it. Settings are those of `rille --help`, such as --database-url URL.

The exit status is the number of failures and errors, 0 when all is well.

examples:
  rille spec
  rille spec spec/posts_spec.lua --filter "have comments"
  rille spec --parallel 4 --slowest 10 -o junit:report.xml
  rille spec --watch
  rille spec --coverage-file coverage.html --coverage-min 80
  rille spec --only-failures --seed 7
]]

-- busted ends the process when it has finished; here only the command ends.
local function intercept_exit()
  local function exit(code)
    error({ [EXIT] = true, code = code == true and 0 or code == false and 1 or code or 0 }, 0)
  end
  os.exit = exit
  require("busted.compatibility").exit = exit
end

-- busted asks for every example twice: with its hooks, and for its body alone.
local function run_examples_as_tasks(busted, given)
  local safe = busted.safe
  local run_in_orders = orders.runner(busted, given)
  function busted.safe(descriptor, run, element)
    if descriptor ~= "it" or element.descriptor ~= "it" then
      return safe(descriptor, run, element)
    end
    if run == element.run then
      return tasks.spawn(safe, descriptor, example.body(run, element.trace), element):await()
    end
    return run_in_orders(element, function(seed)
      return tasks.spawn(example.around, function() return safe(descriptor, run, element) end, seed, given.timeout):await()
    end)
  end
end

-- A file with a syntax error has no place for busted, and its TAP output fails on that.
local function place_every_error(busted)
  local publish = busted.publish
  function busted.publish(channel, element, parent, message, trace, ...)
    if channel[1] == "error" and type(trace) == "table" and not trace.currentline then
      trace.short_src, trace.currentline = element.name or "rille spec", 0
    end
    return publish(channel, element, parent, message, trace, ...)
  end
end

local function tell(busted, given)
  package.loaded["busted.outputHandlers.rille"] = output.handler(busted, given.opened, given.slowest)
  if not given.is_direct then
    failures.keep(busted, given)
  end
end

local function on_new_busted(change)
  local new_core = require "busted.core"
  package.loaded["busted.core"] = function(...)
    local busted = new_core(...)
    place_every_error(busted)
    change(busted)
    return busted
  end
end

-- busted's runner with these words; the exit status.
local function run_busted(words)
  _G.arg = words
  _G.arg[0] = "rille spec"
  local ok, err = xpcall(function()
    require "busted.runner" { standalone = false }
  end, function(err)
    return type(err) == "table" and err or debug.traceback(tostring(err), 2)
  end)
  if ok then
    return 0
  elseif type(err) == "table" and err[EXIT] then
    return math.min(err.code, 255)
  end
  io.stderr:write("rille spec: ", tostring(err), "\n")
  return 1
end

local function run_here(given)
  place.chosen = given.app
  math.randomseed(given.seed)
  if given.loads then
    loads.record()
  end
  on_new_busted(function(busted)
    run_examples_as_tasks(busted, given)
    asserts.install()
    if given.covers then
      coverage.count()
      busted.subscribe({ "test", "start" }, function() coverage.count() return nil, true end)
    end
    if not given.report then
      tell(busted, given)
    end
  end)
  _G.coroutine = require "rille.coroutine"
  local status = run_busted(given:words_for_one())
  lifecycle "stop"
  local ok, err = pcall(clone.drop)
  if not ok then
    core.log("warn", "the copy of the database is still there", "error", tostring(err))
  end
  return status
end

-- Tell what the files' processes counted; the exit status.
local function tell_coverage(given, sum)
  local files, all = coverage.files(sum, given.app or place.has_app "." and "." or nil)
  io.stdout:flush()
  io.stderr:write(coverage_report.text(files, all))
  local ok, why = true, nil
  if given.coverage_file then
    ok, why = coverage_report.write(given.coverage_file, files, all)
  end
  if not ok then
    why = "cannot write the coverage: " .. why
  elseif coverage_report.percent(all) < (given.coverage_min or 0) then
    why = ("%.1f %% of the lines ran, and --coverage-min wants %g %%"):format(coverage_report.percent(all), given.coverage_min)
  end
  if why then
    io.stderr:write("rille spec: ", why, "\n")
  end
  return why and 1 or 0
end

local function tell_loads(file, spec, names)
  local out = assert(io.open(file, "a"))
  out:write(core.json_encode { spec = spec, files = names }, "\n")
  out:close()
end

local function run_each(given, files, run_file)
  local stopped, sum = { by_signal = nil }, {}
  on_new_busted(function(busted)
    tell(busted, given)
    suite.replay(busted, function(path)
      local report = not stopped.by_signal and run_file(path) or NOTHING
      coverage.add(sum, report.coverage or {})
      if given.loads and report.loads then
        tell_loads(given.loads, path, report.loads)
      end
      stopped.by_signal = stopped.by_signal or report.interrupted
      return report
    end)
  end)
  local status = run_busted(given:words_for_all(files))
  local lack = given.covers and tell_coverage(given, sum) or 0
  status = status == 0 and lack or status
  return stopped.by_signal and 130 or status
end

local function run_each_file(given, files)
  if not given.parallel or #files < 2 then
    return run_each(given, files, function(path) return process.run(given, path) end)
  end
  return parallel.with(given, files, database.url(given.app), function(run_file) return run_each(given, files, run_file) end)
end

-- The exit status; nil and what is wrong when there is no database.
local function run(given)
  local files = given.is_direct and {} or suite.files(given)
  if given.only_failures then
    files = failures.choose(given, files)
    if #files == 0 then
      io.stderr:write "rille spec: nothing failed when it ran last\n"
      return 0
    end
    given.paths = files
  end
  if #files > 0 and database.is_wanted() then
    local ok, status = pcall(database.with, function() return run_each_file(given, files) end)
    return ok and status or nil, status
  end
  if #files > 1 or (given.covers or given.loads) and not given.report then
    return run_each_file(given, files)
  end
  return run_here(given)
end

return function(...)
  local given, why = options.parse { ... }
  if not given then
    io.stderr:write("rille spec: ", why, "\n")
    return 2
  end
  if given.wants_help then
    io.stdout:write(HELP)
    return 0
  end
  intercept_exit()
  if given.directory then
    assert(lfs.chdir(given.directory))
  end
  package.path = "./?.lua;./?/init.lua;" .. package.path
  if given.watches then
    return watch.run(given)
  end
  local ok, outputs = pcall(output.open, given)
  if not ok then
    io.stderr:write("rille spec: ", outputs, "\n")
    return 2
  end
  given.opened = outputs
  local status, err = run(given)
  if not status then
    io.stderr:write("rille spec: ", err, "\n")
    return 1
  end
  if not given.report and (status ~= 0 or given.shuffles) and not given.is_direct then
    io.stdout:flush()
    local shuffle = given.orders > 1 and (" --shuffle=%d"):format(given.orders) or ""
    io.stderr:write(("# seed %d: `rille spec%s --seed=%d` repeats this run\n"):format(given.seed, shuffle, given.seed))
  end
  return status
end
