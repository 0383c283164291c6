--- What Rille costs as the work grows: `make bench-scale`.
--
--     routes       a request to the last one, boot, memory          10 to 10,000
--     middleware   a request behind them                             1 to 100
--     rows         passed on, touched, of a model                    1 to 10,000
--     bodies       uploads, JSON echo, downloads   1 KB to 100 MB
--     workers      a request, memory                                 1 to 8, or as many as there are cores
--     connections  a request, memory idle and parked                 1 to as many as may have descriptors
--
-- The cost of a request is the server's CPU time, by /proc/PID/task/*/schedstat, of many one after the other; the
-- least of ROUNDS, as whatever else the machine does only adds to it. Where the kernel has no part in what grows, also
-- its instructions in user space: two whole runs under callgrind that differ by a number of requests, so that what
-- start, traces and end cost is in both. Each curve is judged by how fast it grows (curve.lua), never by times;
-- the command fails when one grows faster than its work. Besides, figures: start, size, and what quick requests wait
-- for beside slow clients and uploads (crowd.c, pace.c), in time, which nothing is judged by.
--
-- The server has the first core, clients and PostgreSQL the second. Everything goes to build/bench/scale-DATE.tsv, and
-- as plots to the same as .svg (curves). QUICK=1 leaves the last decade out (of all but bodies), and callgrind.
local curve = require "spec.bench.curve"
local database = require "spec.apps.database"
local lfs = require "lfs"
local server = require "spec.server"
local shell = require "spec.shell"
local socket = require "socket"
local wire = require "spec.wire"

local QUICK = os.getenv "QUICK" ~= nil
local ROUNDS = QUICK and 3 or 5
local MB = 2 ^ 20
local APP = "spec/bench/scale"
local PROCESSORS = tonumber(shell.run "nproc --all")
local STARTS = QUICK and 7 or 21
local PATIENCE_SECONDS = 100 -- less than an example may take
local LOOK_SECONDS = 0.0002 -- between two looks whether it listens
local DESCRIPTORS = tonumber(shell.run "ulimit -Hn") or 20000 -- "unlimited": as many as common systems allow
local CROWDS = QUICK and { 100, 1000, 3000 } or { 100, 1000, 10000, DESCRIPTORS - 200 } -- which the server needs besides
local CONNECTED_EACH_SECOND = 2500 -- by wrk, on a busy machine
local RATE = 2000 -- a second
local LATENCY_SECONDS = QUICK and 2 or 5
local UPLOADERS, UPLOAD_BYTES, UPLOADED_BYTES = 4, 10e6, 1e9

local function count_up(...)
  local all = { ... }
  if QUICK then all[#all] = nil end
  return all
end

-- Seconds of CPU that all of its threads have taken so far.
local function cpu_seconds(running)
  local total_ns, root = 0, ("/proc/%d/task/"):format(running.pid)
  for thread in lfs.dir(root) do
    total_ns = total_ns + (tonumber((shell.read_file(root .. thread .. "/schedstat") or ""):match "^%d+") or 0)
  end
  return total_ns / 1e9
end

-- The CPU seconds that the server takes for each of `count` things that `act` does: the least of some rounds, after
-- one that warms up.
local function cost(running, count, act)
  local least = math.huge
  act(count)
  for _ = 1, ROUNDS do
    local before = cpu_seconds(running)
    act(count)
    least = math.min(least, (cpu_seconds(running) - before) / count)
  end
  return least
end

-- A function that asks for `path` a number of times, on one connection.
local function asking(running, path)
  local conn, request = wire.connect(running.port), wire.get(path)
  return function(count)
    for _ = 1, count do
      assert(conn:send(request))
      assert.equal(200, assert(conn:answer()).status)
    end
  end, conn
end

describe("the cost", function()
  local base, dir, out

  setup(function()
    dir = shell.run "mktemp -d /tmp/rille-scale.XXXXXX"
    base = database.new()
    base:sql_file "apps/bench/world.sql"
    shell.run "mkdir -p build/bench"
    out = assert(io.open(os.getenv "OUT", "w"))
    out:write(("# %s, %s, %s, %d processors, %s"):format(shell.run(shell.rille() .. " --version"),
      shell.run "git rev-parse --short HEAD", shell.run "uname -srm", PROCESSORS, os.date "!%Y-%m-%d %H:%M UTC"), "\n",
      ("# CPU time of the server for a request, least of %d rounds; instructions by callgrind, slope between two lengths; descriptors: %s\n")
        :format(ROUNDS, shell.run "ulimit -Hn"), "title\tseries\twork\tcost_unit\tn\tcost\tgrowth\tverdict\n")
  end)

  teardown(function()
    out:close()
    base:drop()
    shell.run("rm -rf " .. dir)
  end)

  -- What is only told, and judged by nobody.
  local function figure(name, value, unit)
    out:write(("figure\t%s\t\t%s\t\t%.6g\t\t\n"):format(name, unit, value))
    print(("# %-60s %10.4g %s"):format(name, value, unit))
  end

  local function start(options)
    options = options or {}
    local args = { "--workers", options.workers or 1, "--env", "production", "--no-access-log", "--max-body", "200M", "--max-json", "200M",
      "--max-requests", 100000, "--drain-timeout", "100ms", "--db-connect-timeout", "60s", "--db-acquire-timeout", "60s" } -- under callgrind it takes seconds
    local env = options.env or {}
    env.DATABASE_URL, env.FILES = base.url, dir
    return server.start { app = options.app or APP, args = args, env = env,
      launcher = options.launcher or ("taskset -c 0-%d"):format(math.min(options.workers or 1, PROCESSORS) - 1) }
  end

  -- Start, do, stop, also when it fails.
  local function with_server(options, act)
    local running = start(options)
    local is_well, found = xpcall(act, debug.traceback, running)
    running:stop()
    if not is_well then error(found, 0) end
    return found
  end

  -- Instructions of a whole run in which `path` is asked for that many times.
  local function instructions(env, path, count)
    local told = dir .. "/callgrind"
    with_server({ env = env, launcher = "valgrind -q --tool=callgrind --callgrind-out-file=" .. told }, function(running)
      asking(running, "/collect")(1)
      asking(running, path)(count)
    end)
    return tonumber(shell.read_file(told):match "\ntotals: (%d+)")
  end

  -- Instructions of one request, and of all that is not requests.
  local function instructions_each(env, path, few)
    local less = instructions(env, path, few)
    local each = (instructions(env, path, 3 * few) - less) / (2 * few)
    return each, less - few * each
  end

  local function new_curve(title, series, work, unit)
    return curve.new { title = title, series = series, work = work, cost = unit }
  end

  -- All are written, also when the first one is worse than linear.
  local function finish(...)
    local why
    for _, one in ipairs { ... } do why = one:finish(out) or why end
    assert.is_nil(why)
  end

  -- CPU and instructions of a request to what `path_of(n)` names.
  local function request_curves(title, series, work, counts, path_of, requests_of)
    local cpu = new_curve(title, series, work, "us of CPU")
    with_server({}, function(running)
      for _, count in ipairs(counts) do cpu:add(count, cost(running, requests_of(count), (asking(running, path_of(count)))) * 1e6) end
    end)
    if QUICK then return cpu end
    local exact = new_curve(title, series, work, "instructions")
    for _, count in ipairs(counts) do exact:add(count, (instructions_each({}, path_of(count), requests_of(count)))) end
    return cpu, exact
  end

  it("of routes", function()
    local request = new_curve("a request to the last route", "one asks", "routes", "us of CPU")
    local boot = new_curve("boot with routes", "until it listens", "routes", "ms of CPU")
    local memory = new_curve("memory with routes", "process", "routes", "MB")
    local exact = new_curve("a request to the last route", "one asks", "routes", "instructions")
    local exact_boot = new_curve("boot with routes", "start to end", "routes", "instructions")
    for _, count in ipairs(count_up(10, 100, 1000, 10000)) do
      local env, path = { ROUTES = count }, ("/route%d/seven"):format(count)
      with_server({ env = env }, function(running)
        boot:add(count, cpu_seconds(running) * 1e3)
        memory:add(count, running:memory() / MB)
        asking(running, "/collect")(1)
        request:add(count, cost(running, 1000, asking(running, path)) * 1e6)
      end)
      if not QUICK then
        local each, rest = instructions_each(env, path, 500)
        exact:add(count, each)
        exact_boot:add(count, rest)
      end
    end
    figure("memory of a route", memory:slope() * MB, "B")
    finish(request, boot, memory)
    if not QUICK then finish(exact, exact_boot) end
  end)

  it("of middleware", function()
    finish(request_curves("a request behind middleware", "each does next to nothing", "middleware", { 1, 3, 10, 30, 100 },
      function(count) return "/stack/" .. count end, function(count) return math.max(200, 1000 / count) end))
  end)

  for _, kind in ipairs { "rows", "touched", "models" } do
    it("of rows: " .. kind, function()
      finish(request_curves("rows of an answer", kind, "rows", count_up(1, 10, 100, 1000, 10000),
        function(count) return ("/%s/%d"):format(kind, count) end, function(count) return math.max(10, math.min(500, 20000 / count)) end))
    end)
  end

  -- A file of a JSON list with `bytes` bytes. Its items are pages of text: a decoder takes no more than 100,000 values.
  local function json_file(bytes)
    local item = '{"id":1234567,"text":"' .. ([[some words, and \"others\"\n]]):rep(128) .. '"},'
    local path = ("%s/%d"):format(dir, bytes)
    local file = assert(io.open(path, "w"))
    local text = "[" .. item:rep(math.ceil(bytes / #item) - 1)
    assert(file:write(text, '"', ("x"):rep(bytes - #text - 3), '"]'))
    file:close()
    return path
  end

  -- Ask with curl, over one connection, that many times.
  local function curl(running, path, count, flags)
    local told = shell.run(("taskset -c 1 curl -sS --fail -o /dev/null -w '%%{http_code}\\n' %s 'http://127.0.0.1:%d%s?[1-%d]'")
      :format(flags, running.port, path, count))
    local _, answered = told:gsub("200", "")
    assert.equal(count, answered, told)
  end

  it("of bodies", function()
    local posted = "-H 'Expect:' -H 'Content-Type: %s' --data-binary @%s"
    local kinds = {
      { "upload", function(path) return "/upload", posted:format("text/plain", path) end },
      { "JSON echo", function(path) return "/echo", posted:format("application/json", path) end },
      { "download", function(path) return "/files/" .. path:match "%d+$", "" end },
    }
    local curves = {}
    for i, kind in ipairs(kinds) do curves[i] = new_curve("a body, there or back", kind[1], "bytes", "ms of CPU") end
    with_server({}, function(running)
      -- To the end also when QUICK: between 1 and 10 MB bodies begin to go to disk, a step that would be taken for
      -- growth if the curve ended there.
      for _, bytes in ipairs { 1e3, 1e4, 1e5, 1e6, 1e7, 1e8 } do
        local path = json_file(bytes)
        for i, kind in ipairs(kinds) do
          local asked, flags = kind[2](path)
          local count = math.max(2, math.min(100, 5e7 / bytes))
          curves[i]:add(bytes, cost(running, count, function(times) curl(running, asked, times, flags) end) * 1e3)
        end
        os.remove(path)
      end
    end)
    finish(unpack(curves))
  end)

  -- The CPU seconds of a request when `connections` ask as fast as they are answered.
  local function cost_under_load(running, connections)
    local least = math.huge
    local seconds = 1 + math.floor(connections / CONNECTED_EACH_SECOND)
    for _ = 1, ROUNDS do
      local before = cpu_seconds(running)
      local told = shell.run(("ulimit -n $(ulimit -Hn); taskset -c 1 wrk -t1 -c%d -d%ds --timeout 60s http://127.0.0.1:%d/plaintext")
        :format(connections, seconds, running.port))
      local answered = tonumber(told:match "(%d+) requests in")
      assert(answered > connections and not told:find "Socket errors", told)
      least = math.min(least, (cpu_seconds(running) - before) / answered)
    end
    return least
  end

  it("of workers", function()
    local cpu = new_curve("a request with workers", "of all connections", "workers", "us of CPU")
    local memory = new_curve("memory with workers", "process", "workers", "MB")
    local count = 1
    repeat
      with_server({ workers = count }, function(running)
        cpu:add(count, cost_under_load(running, 64) * 1e6)
        memory:add(count, running:memory() / MB)
      end)
      count = count * 2
    until count > math.max(8, PROCESSORS)
    figure("memory of a worker", memory:slope(), "MB")
    finish(cpu, memory)
  end)

  -- Call `act` while `count` clients of that kind (crowd.c) are there.
  local function with_crowd(running, count, kind, path, act)
    local told = dir .. "/crowd"
    os.remove(told)
    local crowd = assert(io.popen(("exec taskset -c 1 build/spec/bench/crowd %d %d %s %s >%s 2>&1"):format(running.port, count, kind, path, told), "w"))
    server.wait_for(function() return (shell.read_file(told) or ""):find "\n" end, PATIENCE_SECONDS)
    local said = shell.read_file(told)
    if said == "ready\n" then act() end
    crowd:close()
    assert.equal("ready\n", said)
  end

  it("of connections that ask", function()
    local cpu = new_curve("a request on one of the connections", "all ask", "connections", "us of CPU")
    with_server({}, function(running)
      for _, count in ipairs(count_up(1, 10, 100, 1000, 10000)) do cpu:add(count, cost_under_load(running, count) * 1e6) end
    end)
    finish(cpu)
  end)

  it("of connections that are idle", function()
    local cpu = new_curve("a request on one of the connections", "one asks", "connections", "us of CPU")
    local memory = new_curve("memory with connections", "idle", "connections", "MB more")
    for _, count in ipairs(CROWDS) do
      with_server({}, function(running)
        local request = asking(running, "/plaintext")
        request(1)
        local before = running:memory()
        with_crowd(running, count, "idle", "/plaintext", function()
          memory:add(count, (running:memory() - before) / MB)
          cpu:add(count, cost(running, 1000, request) * 1e6)
        end)
      end)
    end
    figure("memory of an idle connection", memory:slope() * MB, "B")
    finish(cpu, memory)
  end)

  for _, wait in ipairs { "sleep", "channel" } do
    it("of requests that wait: " .. wait, function()
      local memory = new_curve("memory with connections", "parked in " .. wait, "connections", "MB more")
      for _, count in ipairs(CROWDS) do
        with_server({}, function(running)
          local conn = wire.connect(running.port)
          local function waiting()
            assert(conn:send(wire.get "/waiting"))
            return tonumber(assert(conn:answer()).body)
          end
          waiting()
          local before = running:memory()
          with_crowd(running, count, "parked", "/" .. wait, function()
            assert(server.wait_for(function() return waiting() == count end, PATIENCE_SECONDS))
            memory:add(count, (running:memory() - before) / MB)
          end)
        end)
      end
      figure("memory of a request parked in " .. wait, memory:slope() * MB, "B")
      finish(memory)
    end)
  end

  -- Seconds from a start until the first answer. Sockets of its own, as a start's port is told to it.
  local function start_seconds(flags)
    local probe = assert(socket.bind("127.0.0.1", 0))
    local _, port = probe:getsockname()
    probe:close()
    local began = socket.gettime()
    local shell_of = assert(io.popen(("%s serve apps/hello --host 127.0.0.1 --port %d --env production --no-access-log %s >/dev/null 2>&1 & echo $!; wait $!")
      :format(shell.quoted(shell.rille()), port, flags), "r"))
    local conn
    repeat
      conn = socket.tcp()
      local is_open = conn:connect("127.0.0.1", port)
      if not is_open then
        conn:close()
        socket.sleep(LOOK_SECONDS)
      end
      assert(socket.gettime() - began < PATIENCE_SECONDS, "it does not start")
    until is_open
    conn:send(wire.get "/")
    assert(conn:receive "*l" == "HTTP/1.1 200 OK")
    local took = socket.gettime() - began
    conn:close()
    os.execute("kill " .. shell_of:read "*l")
    shell_of:close()
    return took
  end

  it("of a start", function()
    for _, shape in ipairs { "--no-supervise --workers 1", "--workers 1", "--workers 2" } do
      local times = {}
      for i = 1, STARTS do times[i] = start_seconds(shape) * 1e3 end
      table.sort(times)
      figure(("start to first answer, apps/hello %s: best"):format(shape), times[1], "ms")
      figure(("start to first answer, apps/hello %s: median"):format(shape), times[math.ceil(STARTS / 2)], "ms")
    end
  end)

  it("of its size", function()
    local stripped = dir .. "/stripped"
    shell.run(("strip -o %s %s"):format(stripped, shell.quoted(shell.rille())))
    figure("size of the program", lfs.attributes(shell.rille()).size / MB, "MB")
    figure("size of the program, stripped", lfs.attributes(stripped).size / MB, "MB")
  end)

  -- What quick requests at a fixed rate wait for, meanwhile.
  local function quick(running, beside)
    local said = shell.run(("taskset -c 1 build/spec/bench/pace %d %d %d 64 /plaintext 1000000 /plaintext"):format(running.port, RATE, LATENCY_SECONDS))
    local late = said:match "sent late by.-p99 ([%d.]+) ms" -- by this machine, and whatever else it does
    for share, ms in said:match "(/plaintext[^\n]*)":gmatch "(p[%d.]+) ([%d.]+) ms" do
      figure(("quick requests, %d/s, %s: %s (client late: %s)"):format(RATE, beside, share, late), tonumber(ms), "ms")
    end
  end

  it("of slow clients and uploads to quick requests", function()
    local photo, each = json_file(UPLOAD_BYTES), UPLOADED_BYTES / UPLOAD_BYTES / UPLOADERS
    with_server({}, function(running)
      quick(running, "alone")
      with_crowd(running, 50, "reader", ("/files/%d"):format(UPLOAD_BYTES), function()
        with_crowd(running, 50, "writer", "/upload", function()
          quick(running, "beside 100 slow clients")
          local uploads = {}
          for i = 1, UPLOADERS do
            uploads[i] = assert(io.popen(("exec taskset -c 1 curl -sS --fail --limit-rate %d -H Expect: -H 'Content-Type: text/plain' "
              .. "--data-binary @%s 'http://127.0.0.1:%d/upload?[1-%d]' 2>&1"):format(UPLOADED_BYTES / UPLOADERS / LATENCY_SECONDS, photo,
              running.port, each), "r"))
          end
          quick(running, "beside them and 1 GB of uploads")
          for _, upload in ipairs(uploads) do
            assert.equal(("%d"):format(UPLOAD_BYTES):rep(each), (upload:read "*a"))
            upload:close()
          end
        end)
      end)
    end)
  end)
end)
