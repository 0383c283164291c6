--- spec/again: what failed beside everything else, and passes alone, is told, and counts as passed.
local project = require "spec.project"
local shell = require "spec.shell"

local ALONE = "cat alone; exit $(cat status)" -- what runs a file again, here

describe("what failed beside everything else", function()
  local here

  before_each(function() here = project.new() end)

  after_each(function() here:remove() end)

  local function run_again() return shell.run(("again=$PWD/spec/again; cd %s && sh $again ."):format(shell.quoted(here.dir))) end

  -- `first` is the log of a part that ended with `status`; each file in it prints `alone` when it runs again, and ends with
  -- `second_status`. What is told, and how many have passed and failed.
  local function told_of(first, status, alone, second_status)
    here:write("log", first)
    here:write("alone", alone)
    here:write("status", tostring(second_status))
    here:write("run", ALONE)
    here:write("failed", ("%s/log %d sh run\n"):format(here.dir, status))
    local _, ok = ("\n" .. first):gsub("\nok ", "")
    local _, not_ok = ("\n" .. first):gsub("\nnot ok ", "")
    here:write("tally", ("%d %d\n"):format(ok, not_ok))
    return run_again(), shell.run(("awk '{ p += $1; f += $2 } END { print p, f }' %s/tally"):format(shell.quoted(here.dir)))
  end

  local FIRST = "# file a_spec.lua\nok 1 - one\n# file b_spec.lua\nnot ok 2 - two (slow)\n# why\nok 3 - three\n1..3\n"

  it("is unsteady when it passes alone", function()
    local again, sum = told_of(FIRST, 1, "ok 1 - two (slow)\nok 2 - three\n", 0)
    assert.equal("unsteady: two (slow) (b_spec.lua)", again)
    assert.equal("3 0", sum)
  end)

  it("has failed when it fails there, too, and so has what only fails there", function()
    local again, sum = told_of(FIRST, 1, "not ok 1 - two (slow)\nnot ok 2 - three\n", 2)
    assert.matches("^failed again: three %(b_spec.lua%)\nfailed again: two %(slow%) %(b_spec.lua%)\n%-%-%-%- %S+: exit status 2, ", again)
    assert.equal("1 2", sum)
  end)

  it("is counted as it is alone, when a setup that failed hid others", function()
    local again, sum = told_of("# file a_spec.lua\nnot ok 1 - a setup\n", 1, "ok 1 - a one\nok 2 - a two\n", 0)
    assert.equal("unsteady: a setup (a_spec.lua)", again)
    assert.equal("2 0", sum)
  end)

  it("has failed when it crashes alone, takes too long, or a sanitizer reports something", function()
    for status, alone in pairs { [139] = "ok 1 - two (slow)\n", [124] = "not ok 1 - two (slow)\n", [1] = "ok 1 - two (slow)\n",
      [2] = "not ok 1 - another\n==7==ERROR: AddressSanitizer: heap-use-after-free\n" } do
      local again, sum = told_of(FIRST, 1, alone, status)
      assert.matches("^failed again: b_spec.lua, alone\n%-%-%-%- %S+: exit status " .. status, again)
      assert.equal("2 1", sum)
    end
  end)

  it("does not run again when it crashed, took too long, or a sanitizer reported something", function()
    for _, case in ipairs { { 124, "" }, { 137, "" }, { 1, "x.c:7:3: runtime error: shift exponent 64\n" },
      { 1, "==7==ERROR: LeakSanitizer: detected memory leaks\n" }, { 1, "WARNING: ThreadSanitizer: data race\n" },
      { 1, "# the process of b_spec.lua was ended by signal 11\n" }, { 1, "# Test failed with exception: Segmentation fault(11)\n" } } do
      local again, sum = told_of(FIRST .. case[2], case[1], "ok 1 - two (slow)\nok 2 - three\n", 0)
      assert.matches("^%-%-%-%- %S+/log: exit status " .. case[1] .. ", its last test: ok 3 %- three\nnot ok 2 %- two %(slow%)\n# why\n",
        again)
      assert.equal("2 1", sum)
    end
  end)

  it("does not run again when it hung or was killed, and its end is told", function()
    local again, sum = told_of("# file a_spec.lua\nok 1 - one\nat work\n", 124, "ok 1 - one\n", 0)
    assert.matches("^%-%-%-%- %S+/log: exit status 124, its last test: ok 1 %- one\n.-\nat work$", again)
    assert.equal("1 0", sum)
  end)

  it("does not run again where nothing runs it, and the end of what was told is told once more", function()
    here:write("log", ("warning\n"):rep(20) .. "core/x.c:7: too long\nnot ok lint\n")
    here:write("failed", here.dir .. "/log 1 \n")
    here:write("tally", "0 1\n")
    assert.matches("^%-%-%-%- %S+/log: exit status 1, its last test: not ok lint\n" .. ("warning\n"):rep(6)
      .. "core/x.c:7: too long\nnot ok lint$", run_again())
  end)

  it("runs again when an assertion in C has failed, which leaves what the test held", function()
    local leak = "==7==ERROR: LeakSanitizer: detected memory leaks\n"
    local first = FIRST .. "# spec/core/pg/pool_test.c:41: error: Failure!\n" .. leak
    assert.same({ "unsteady: two (slow) (b_spec.lua)", "3 0" }, { told_of(first, 1, "ok 1 - two (slow)\nok 2 - three\n", 0) })
    local again, sum = told_of(first, 1, "ok 1 - two (slow)\nok 2 - three\n" .. leak, 1)
    assert.matches("^failed again: b_spec.lua, alone\n%-%-%-%- %S+: exit status 1", again)
    assert.equal("2 1", sum)
  end)

  it("does not run again when there is more of it than chance makes", function()
    local first = {}
    for i = 1, 6 do first[i] = ("# file %d_spec.lua\nnot ok %d - fails\n"):format(i, i) end
    local again, sum = told_of(table.concat(first), 6, "ok 1 - fails\n", 0)
    assert.matches("^failures in more than 5 files and programs are not by chance: none of them runs again\n%-%-%-%- ", again)
    assert.equal("0 6", sum)
    first[6] = ""
    again, sum = told_of(table.concat(first), 6, "ok 1 - fails\n", 0)
    assert.matches("unsteady: fails %(5_spec.lua%)$", again)
    assert.equal("5 0", sum)
  end)
end)
