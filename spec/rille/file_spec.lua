--- Files as answers: whole, in part, or not at all.
local core = require "rille.core"
local rille = require "rille"
local lfs = require "lfs"

local dir = os.tmpname()
os.remove(dir)
assert(lfs.mkdir(dir) and lfs.mkdir(dir .. "/sub") and lfs.mkdir(dir .. "/.git"))

local function put(name, bytes)
  local file = assert(io.open(dir .. "/" .. name, "wb"))
  file:write(bytes)
  file:close()
end

put("ten.txt", "0123456789")
put("empty.css", "")
put("big.bin", ("0123456789abcdef"):rep(20000))
put("sub/index.html", "<p>")
put(".hidden", "secret")
put(".git/config", "secret")
lfs.touch(dir .. "/ten.txt", 784111777, 784111777) -- Sun, 06 Nov 1994 08:49:37 GMT

local app = rille.app()
local SHARED = rille.file("ten.txt", { root = dir })
app:static("/static", dir, { max_age = "1h" })
app:get("/ten", function() return SHARED end)
app:post("/ten", function() return SHARED, 201, { ["X-A"] = "a" } end)
app:get("/late", function() return SHARED, 404, { ["X-A"] = "a" } end)
app:get("/download", function() return rille.file("ten.txt", { root = dir, download = 'a "b"\r\n.txt', type = "text/x" }) end)
app:get("/named/:name", function(c) return rille.file("sub/" .. c.params.name, { root = dir }) end)
app:get("/any/:name", function(c) return rille.file(c.params.name) end)
app:get("/dir", function() return rille.file("sub", { root = dir }) end)

local t = rille.test(app)
local api = t:client()

local function get(path, headers)
  return api:get(path, { headers = headers })
end

describe("a file", function()
  it("comes whole, with its type and what it can be asked by", function()
    local res = get "/ten"
    assert.same({ 200, "0123456789", "10", "text/plain; charset=utf-8", "bytes", "Sun, 06 Nov 1994 08:49:37 GMT" }, { res.status,
      res.body, res.headers["content-length"], res.headers["content-type"], res.headers["accept-ranges"], res.headers["last-modified"] })
    assert.matches('^"%x+%-%x+"$', res.headers.etag)
    assert.equal(("0123456789abcdef"):rep(20000), get("/static/big.bin").body)
    assert.same({ "", "0", "text/css; charset=utf-8", "max-age=3600" }, { get("/static/empty.css").body,
      get("/static/empty.css").headers["content-length"], get("/static/empty.css").headers["content-type"],
      get("/static/empty.css").headers["cache-control"] })
  end)

  it("is asked for again each time while the app is being written", function()
    local is_dev = core.is_dev
    finally(function() core.is_dev = is_dev end)
    core.is_dev = function() return true end
    assert.same({ "no-cache", "no-cache" }, { get("/download").headers["cache-control"], get("/static/ten.txt").headers["cache-control"] })
  end)

  it("is not found outside of its folder", function()
    assert.equal(200, get("/named/index.html").status)
    for _, name in ipairs { "..%2ften.txt", "x%2f..%2f..%2ften.txt", "..%2f..%2f..%2fetc%2fpasswd" } do
      assert.same({ name, 404 }, { name, get("/named/" .. name).status })
      assert.same({ name, 404 }, { name, get("/any/" .. name).status })
    end
    t.expect_fault()
    assert.equal(500, get("/any/%2fetc%2fpasswd").status)
  end)

  it("answers HEAD with the head alone", function()
    for path, length in pairs { ["/ten"] = "10", ["/static/big.bin"] = "320000", ["/static/empty.css"] = "0" } do
      local res = api:head(path)
      assert.same({ 200, "", length }, { res.status, res.body, res.headers["content-length"] })
    end
    assert.equal(404, api:head("/static/none").status)
  end)

  it("does not come to who has it", function()
    local tag = get("/ten").headers.etag
    for _, headers in ipairs {
      { ["If-None-Match"] = tag }, { ["If-None-Match"] = "W/" .. tag }, { ["If-None-Match"] = '"x", ' .. tag .. ' , "y"' },
      { ["If-None-Match"] = "*" }, { ["If-Modified-Since"] = "Sun, 06 Nov 1994 08:49:37 GMT" },
      { ["If-Modified-Since"] = "Thu, 29 Feb 2024 00:00:00 GMT" },
    } do
      local res = get("/ten", headers)
      assert.same({ 304, "", tag }, { res.status, res.body, res.headers.etag })
    end
    for _, headers in ipairs {
      { ["If-None-Match"] = '"x"' }, { ["If-Modified-Since"] = "Sun, 06 Nov 1994 08:49:36 GMT" }, { ["If-Modified-Since"] = "yesterday" },
      { ["If-None-Match"] = '"x"', ["If-Modified-Since"] = "Thu, 29 Feb 2024 00:00:00 GMT" },
    } do
      assert.equal(200, get("/ten", headers).status)
    end
  end)

  it("comes in part", function()
    for range, part in pairs {
      ["bytes=0-3"] = "0123", ["bytes=5-"] = "56789", ["bytes=-3"] = "789", ["bytes=-99"] = "0123456789", ["bytes=9-99"] = "9",
      ["Bytes=0-0"] = "0",
    } do
      local res = get("/ten", { Range = range })
      assert.same({ 206, part }, { res.status, res.body }, range)
      local first = tonumber(part:sub(1, 1))
      assert.equal(("bytes %d-%d/10"):format(first, first + #part - 1), res.headers["content-range"])
    end
    local big = get("/static/big.bin", { Range = "bytes=65530-131080" })
    assert.equal(("0123456789abcdef"):rep(20000):sub(65531, 131081), big.body)
  end)

  it("has no part behind its end", function()
    for _, range in ipairs { "bytes=10-", "bytes=99-100", "bytes=-0" } do
      local res = get("/ten", { Range = range })
      assert.same({ 416, "bytes */10", "range_not_satisfiable" }, { res.status, res.headers["content-range"], res.json.error.code })
    end
    assert.equal(416, get("/static/empty.css", { Range = "bytes=0-" }).status)
  end)

  it("comes whole when the range is not understood, or of another version", function()
    local tag = get("/ten").headers.etag
    for _, range in ipairs { "bytes=0-1,3-4", "lines=1-2", "bytes=", "bytes=-", "bytes=a-b", "bytes=" .. ("1"):rep(99) .. "-" } do
      assert.equal(200, get("/ten", { Range = range }).status)
    end
    assert.equal(206, get("/ten", { Range = "bytes=0-1", ["If-Range"] = tag }).status)
    assert.equal(206, get("/ten", { Range = "bytes=0-1", ["If-Range"] = "Sun, 06 Nov 1994 08:49:37 GMT" }).status)
    for _, condition in ipairs { '"x"', "W/" .. tag, "Sun, 06 Nov 1994 08:49:38 GMT" } do
      assert.equal(200, get("/ten", { Range = "bytes=0-1", ["If-Range"] = condition }).status)
    end
    local head = api:head("/ten", { headers = { Range = "bytes=0-1" } })
    assert.same({ 200, "10" }, { head.status, head.headers["content-length"] })
    assert.is_nil(get("/ten").headers["content-range"]) -- one answer value, asked for in part before
  end)

  it("keeps the status and headers returned behind it, without conditions", function()
    local tag = get("/ten").headers.etag
    local res = api:post("/ten", { headers = { ["If-None-Match"] = tag, Range = "bytes=0-1" } })
    assert.same({ 201, "0123456789", "a" }, { res.status, res.body, res.headers["x-a"] })
    res = get("/late", { ["If-None-Match"] = tag })
    assert.same({ 404, "0123456789", "a" }, { res.status, res.body, res.headers["x-a"] })
    assert.equal(200, get("/ten").status)
  end)

  it("is saved under a harmless name", function()
    local res = get "/download"
    assert.same({ 'attachment; filename="a _b___.txt"', "text/x" }, { res.headers["content-disposition"], res.headers["content-type"] })
  end)

  it("is 404 when there is none", function()
    for _, path in ipairs { "/dir", "/static/none", "/static/sub", "/static/ten.txt/x" } do
      assert.same({ 404, "not_found" }, { get(path).status, get(path).json.error.code })
    end
  end)
end)

describe("a folder", function()
  teardown(function() os.execute("rm -r '" .. dir .. "'") end)

  it("has index pages", function()
    assert.equal("<p>", get("/static/sub/").body)
    assert.equal(404, get("/static/").status)
  end)

  it("shows nothing hidden, and nothing outside", function()
    for _, path in ipairs { "/static/.hidden", "/static/.git/config", "/static/%2e%2e%2fetc/passwd", "/static/..%2f..%2fetc%2fpasswd",
      "/static/sub%2f..%2f.hidden", "/static/sub/%2ehidden", "/static//etc/passwd", "/static/%2fetc%2fpasswd",
      "/static/ten.txt%00.css", "/static/sub%5c..%5cten.txt", "/static/../LICENSE" } do
      local status = get(path).status
      assert.is_true(status == 404 or status == 400, path .. " " .. status)
    end
  end)
end)

describe("app:static", function()
  it("says at the start that its folder is not there", function()
    local said = {}
    local log = core.log
    finally(function() core.log = log end)
    function core.log(level, message, key, where)
      said[#said + 1] = table.concat({ level, message, key, (where:gsub("^.*/", "")) }, " ")
    end
    local other = rille.app()
    other:static("/there", lfs.currentdir())
    other:static("/assets", dir .. "/none")
    rille.test(other)
    local line = debug.getinfo(1, "l").currentline - 2
    assert.same({ ("warn app:static: there is no folder %s/none, and so nothing below it: 404 where file_spec.lua:%d"):format(dir,
      line) }, said)
  end)
end)
