--- Jobs in threads: what they are given and give back, how they fail, and how they are ended.
local contents = require "rille.contents"
local rille = require "rille"

local JOBS = "spec.rille.threads.jobs"

describe("threads", function()
  local threads

  setup(function() threads = rille.threads { size = 2, memory = "64M" } end)
  teardown(function() assert.is_true(threads:close "10s") end)

  local function run(fn, args, options)
    local task = threads:submit(JOBS, fn, args, options)
    return task:await "30s"
  end

  local function failure(fn, args, options)
    local ok, err = pcall(run, fn, args, options)
    assert.is_false(ok)
    return err
  end

  -- A job of `fn` that is under way.
  local function begun(fn, args, of)
    local running = rille.channel(1)
    local task = (of or threads):submit(JOBS, fn, args, { on_progress = function(value) running:send(value) end })
    assert.equal("running", running:recv "30s")
    return task
  end

  it("run a module's function, with copies of what they are given", function()
    local args = { 1, "two", { three = true }, rille.null, empty = rille.array {}, zero = "\0" }
    local got = run("echo", args)
    assert.same(args, got)
    assert.not_equal(args, got)
    assert.equal("[]", rille.json.encode(got.empty))
    assert.is_nil(run("echo", nil))
    assert.equal(78498, run("primes", { below = 1000000 }))
  end)

  it("keep a module as long as the thread lives, each its own", function()
    local own = rille.threads { size = 1 }
    local function count() return own:submit(JOBS, "count"):await() end
    assert.same({ 1, 2, 3 }, { count(), count(), count() })
    own:close()
  end)

  it("compute while the worker goes on", function()
    local task, turns = threads:submit(JOBS, "primes", { below = 2000000 }), 0
    while not task:done() do
      rille.sleep(0)
      turns = turns + 1
    end
    assert.equal(148933, task:await())
    assert.is_true(turns > 3, turns .. " turns of the loop meanwhile")
  end)

  it("tell of their progress in order", function()
    local seen = {}
    run("primes", { below = 100, every = 25 }, { on_progress = function(at) seen[#seen + 1] = at end })
    assert.same({ { at = 25, found = 9 }, { at = 50, found = 15 }, { at = 75, found = 21 }, { at = 100, found = 25 } }, seen)
  end)

  it("end when on_progress fails, with its error", function()
    assert.matches("enough", failure("allocating_progress", {}, { on_progress = function() error "enough" end }), 1, true)
  end)

  describe("that fail", function()
    it("raise where they are awaited, with the job's traceback", function()
      local err = failure "fault"
      assert.same({ "job_failed", 500, "the lens is dirty" }, { err.code, err.status, err.message })
      assert.matches("threads/jobs.lua:%d+: in function 'deep'", err.trace)
    end)

    it("raise an error of ours as it is", function()
      local err = failure "fail"
      assert.same({ "bad_image", 422, "no image", { line = 7 }, true }, { err.code, err.status, err.message, err.details, err.is_public })
    end)

    it("say what else was raised", function()
      assert.equal("a table was raised", failure("raise_table").message)
    end)

    it("are told in the log by their own traceback when nobody awaits them", function()
      local core, lines = require "rille.core", {}
      local log = core.log
      finally(function() core.log = log end)
      core.log = function(...) lines[#lines + 1] = { ... } end
      local task = threads:submit(JOBS, "fault")
      while not task:done() do rille.sleep "1ms" end
      assert.same({ "a task failed and nobody awaited it", "job_failed: the lens is dirty" }, { lines[1][2], lines[1][4] })
      local facts = {}
      for i = 3, 20, 2 do
        facts[lines[1][i] or i] = lines[1][i + 1]
      end
      assert.matches("in function 'deep'", facts.trace, 1, true)
    end)

    it("cannot wait, nor run something beside them", function()
      for _, fn in ipairs { "sleep", "spawn" } do
        assert.matches("threads/jobs.lua:%d+: this waits, or belongs to a worker: a function that rille.threads runs can do neither",
          failure(fn).message)
      end
    end)

    it("have only so much memory, and the next one has it again", function()
      assert.equal("not enough memory: rille.threads { memory = … } gives each thread 64 MB", failure("hungry").message)
      assert.equal(7, run("echo", 7))
    end)

    it("are told what is no function, and what cannot be copied", function()
      assert.matches('threads:submit%("spec.rille.threads.jobs", "nope", …%): the module has no such function', failure("nope").message)
      assert.matches("there is no module 'jobs.nope'", select(2, pcall(function() threads:submit("jobs.nope", "fn"):await() end)).message)
      assert.matches("^the job's result.fn: a function cannot be copied to another worker or thread", failure("bad_result").message)
      assert.has_error(function() threads:submit(JOBS, "echo", { at = { 1, print } }) end,
        "threads:submit: args.at[2]: a function cannot be copied to another worker or thread")
      assert.has_error(function() threads:submit(print) end, 'threads:submit("jobs.thumbnail", "render", args) takes the names of a '
        .. "module and of its function: a thread has modules of its own. Got a function and a nil")
    end)
  end)

  describe("that are to end", function()
    local function assert_cancelled(task)
      task:cancel()
      local ok, err = pcall(task.await, task, "30s")
      assert.same({ false, "cancelled" }, { ok, err.code })
    end

    it("can look, and tidy up", function()
      assert_cancelled(begun "until_cancelled")
    end)

    it("are interrupted, also when they catch that", function()
      assert_cancelled(begun "interpreted")
      assert_cancelled(begun "catching")
      assert.equal(0, threads:stats().abandoned)
    end)

    it("are interrupted when their time is over", function()
      assert.equal("timeout", failure("interpreted", nil, { timeout = "20ms" }).code)
      assert.equal("well", run("echo", "well"))
    end)

    it("are left behind when they go on all the same", function()
      local own = rille.threads { size = 1 }
      local fifo = os.tmpname()
      os.execute(("rm -f %s && mkfifo %s"):format(fifo, fifo))
      finally(function()
        io.open(fifo, "r+"):close() -- both ends: to open one alone waits for who has the other
        os.remove(fifo)
        os.remove(fifo .. ".began")
      end)
      local task = begun("blocking", { fifo = fifo }, own)
      while not contents.exists(fifo .. ".began") do
        rille.sleep "1ms"
      end
      assert_cancelled(task)
      local stats = own:stats()
      assert.same({ 1, 1 }, { stats.abandoned, stats.interrupted })
      assert.equal("next", own:submit(JOBS, "echo", "next"):await())
      own:close()
    end)
  end)

  it("are waited for in a queue, which has an end", function()
    local own = rille.threads { size = 1, queue = 1, on_full = "error" }
    local first = begun("until_cancelled", nil, own)
    local second = own:submit(JOBS, "echo", 2)
    local ok, err = pcall(own.submit, own, JOBS, "echo", 3)
    assert.same({ false, "overloaded" }, { ok, err.code })
    assert.same({ 1, 1, 1 }, { own:stats().running, own:stats().queued, own:stats().refused })
    first:cancel()
    assert.equal(2, second:await())
    assert.is_true(own:close())
    assert.same({ 0, 2 }, { own:stats().threads, own:stats().done })
    assert.equal("closed", select(2, pcall(own.submit, own, JOBS, "echo")).code)
  end)

  it("say what their options are", function()
    assert.has_error(function() rille.threads { on_full = "run_here" } end,
      "rille.threads: on_full is 'wait', 'error', 'drop_new' or 'drop_oldest': got 'run_here'")
    assert.has_error(function() rille.threads { memory = "1M" } end,
      "rille.threads: memory is 4194304 bytes at least, some of which the VM itself takes: got 1048576")
    assert.has_error(function() threads:submit(JOBS, "echo", 1, { progress = print }) end,
      "threads:submit: there is no option 'progress': did you mean 'on_progress'?")
  end)
end)
