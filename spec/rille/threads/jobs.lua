--- What spec/rille/threads_spec.lua has run in threads.
local rille = require "rille"

local jobs = {}

local calls = 0 -- of this thread's copy of the module

function jobs.echo(args)
  return args
end

function jobs.count()
  calls = calls + 1
  return calls
end

function jobs.primes(args, job)
  local found, sieve = 0, {}
  for n = 2, args.below do
    if not sieve[n] then
      found = found + 1
      for multiple = n * n, args.below, n do
        sieve[multiple] = true
      end
    end
    if args.every and n % args.every == 0 then
      job:progress { at = n, found = found }
    end
  end
  return found
end

local function deep()
  error("the lens is dirty", 0)
end

function jobs.fault()
  deep()
  return 1
end

function jobs.fail()
  rille.fail(422, { code = "bad_image", message = "no image", details = { line = 7 } })
end

function jobs.raise_table()
  error { odd = true }
end

function jobs.sleep()
  rille.sleep(1)
end

function jobs.spawn()
  rille.spawn(print)
end

function jobs.bad_result()
  return { fn = print }
end

-- ---- that do not end ------------------------------------------------------------

function jobs.until_cancelled(_, job)
  job:progress "running"
  while not job:cancelled() do end -- a C call: interpreted, or compiled with an exit
  return "tidied up"
end

function jobs.interpreted(_, job)
  jit.off(true, true)
  job:progress "running"
  while true do end
end

function jobs.catching(_, job)
  job:progress "running"
  while true do
    pcall(function()
      while true do
        io.open("/"):close() -- not compiled
      end
    end)
  end
end

function jobs.allocating_progress(args, job)
  job:progress "running"
  while true do
    args[#args % 1000 + 1] = {}
  end
end

-- A call that nothing ends until somebody opens the other end; that it is in there, the file says.
function jobs.blocking(args, job)
  job:progress "running"
  os.execute(("touch %s.began && read line <%s"):format(args.fifo, args.fifo))
end

function jobs.hungry()
  local all = {}
  while true do
    all[#all + 1] = ("x"):rep(1000) .. #all
  end
end

return jobs
