--- The bytes that a spec's client sends, and how it reads what comes back.
local core = require "rille.core"
local wire = require "rille.test.wire"

local open, send, got, close, wait = core.test_open, core.test_send, core.test_got, core.test_close, core.test_wait

-- What `exchange` makes of an answer that comes in `pieces`; behind the last the connection ends.
local function read(pieces, method)
  local at, closed = 0, 0
  core.test_open = function() return {} end
  core.test_send = function() end
  core.test_close = function() closed = closed + 1 end
  core.test_wait = function() return 1 end
  core.test_got = function()
    at = at + 1
    return pieces[at] or "", at >= #pieces
  end
  local ok, res, lists = pcall(wire.exchange, 1, "", method or "GET")
  assert.equal(1, closed + (not ok and closed == 0 and 1 or 0))
  return ok and res, ok and lists or res, at
end

describe("a request's bytes", function()
  it("are a line, headers in a fixed order, and the body with its length", function()
    assert.equal("POST /a?b=c HTTP/1.1\r\na: 1\r\nb: x\r\nb: y\r\nhost: localhost\r\ncontent-length: 2\r\n\r\nhi",
      wire.request("POST", "/a?b=c", { host = "localhost", a = 1, b = { "x", "y" } }, "hi"))
    assert.equal("GET / HTTP/1.1\r\n\r\n", wire.request("GET", "/", {}))
  end)

  it("hold a form as browsers send it", function()
    assert.equal("a=1+2&b=%26&b=%3D", wire.urlencoded { a = "1 2", b = { "&", "=" } })
  end)

  it("hold files between boundaries that occur in none of them", function()
    local body, kind = wire.multipart({ title = "t", tags = { "a", "b" } },
      { photo = { filename = 'a"b\r\n.png', content_type = "image/png", body = "--rille-form\r\n" }, plain = "text" })
    local boundary = kind:match "^multipart/form%-data; boundary=(.+)$"
    assert.equal("rille-form-1", boundary)
    assert.equal(table.concat({
      '--B', 'Content-Disposition: form-data; name="tags"', "", "a",
      '--B', 'Content-Disposition: form-data; name="tags"', "", "b",
      '--B', 'Content-Disposition: form-data; name="title"', "", "t",
      '--B', 'Content-Disposition: form-data; name="photo"; filename="a%22b  .png"', "Content-Type: image/png", "",
      "--rille-form\r\n",
      '--B', 'Content-Disposition: form-data; name="plain"; filename="plain"', "Content-Type: application/octet-stream", "", "text",
      "--B--", "" }, "\r\n"):gsub("%-%-B", "--" .. boundary), body)
  end)
end)

describe("an answer's bytes", function()
  after_each(function()
    core.test_open, core.test_send, core.test_got, core.test_close, core.test_wait = open, send, got, close, wait
  end)

  it("are read whole by their length, however they come", function()
    local text = "HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-A: b\r\nx-a: c\r\n\r\nhello"
    local pieces = {}
    for i = 1, #text do pieces[i] = text:sub(i, i) end
    for _, one in ipairs { { text, "" }, pieces } do
      local res, lists = read(one)
      assert.same({ 201, "hello", "b, c" }, { res.status, res.body, res.headers["x-a"] })
      assert.same({ "b", "c" }, lists["x-a"])
    end
  end)

  it("are read chunk by chunk", function()
    local res = read { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n", "A\r\n01234", "56789\r\n0\r\n", "\r\n" }
    assert.equal("abc0123456789", res.body)
  end)

  it("are read chunk by chunk, a byte at a time and with trailers", function()
    local text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-A: b\r\n\r\n"
    local pieces = {}
    for i = 1, #text do pieces[i] = text:sub(i, i) end
    assert.equal("abc0123456789", read(pieces).body)
  end)

  -- Bytes that are made on the way from `count` pieces to a body.
  local function bytes_made(head, piece, last, count)
    local pieces = { head }
    for i = 1, count do pieces[i + 1] = piece end
    pieces[#pieces + 1] = last
    collectgarbage()
    collectgarbage "stop"
    local before = collectgarbage "count"
    local body = read(pieces).body
    local made = collectgarbage "count" - before
    collectgarbage "restart"
    assert.equal(count * 100, #body)
    return made
  end

  it("are looked at once each, however many pieces they come in", function()
    local hundred = ("x"):rep(100)
    for _, form in ipairs {
      { "Transfer-Encoding: chunked\r\n\r\n", "64\r\n" .. hundred .. "\r\n", "0\r\n\r\n" },
      { "\r\n", hundred, "" },
    } do
      local head = "HTTP/1.1 200 OK\r\n" .. form[1]
      local few, many = bytes_made(head, form[2], form[3], 1000), bytes_made(head, form[2], form[3], 4000)
      assert.is_true(many < 8 * few, ("%d KB, and %d KB for four times as much"):format(few, many))
    end
  end)

  it("end with the connection when nothing says how long they are", function()
    assert.equal("all of it", read({ "HTTP/1.1 200 OK\r\n\r\nall ", "of it" }).body)
  end)

  it("have no body where HTTP has none", function()
    assert.equal("", read({ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "" }, "HEAD").body)
    assert.equal("", read({ "HTTP/1.1 204 No Content\r\n\r\n", "" }).body)
    assert.equal("", read({ "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "" }).body)
  end)

  it("may begin with an interim answer, which is passed over", function()
    assert.equal(200, read({ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "" }).status)
  end)

  it("that stop half-way are an error, which is told", function()
    for _, text in ipairs { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "HTTP/1.1 200 OK\r\nContent-", "",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab" } do
      local res, err = read { text }
      assert.is_false(res)
      assert.equal(("the connection was closed before the answer was whole: %d bytes came"):format(#text), err)
    end
  end)

  it("that are no HTTP are an error, too", function()
    local _, err = read { "SSH-2.0-x\r\n\r\n" }
    assert.matches('what came is no HTTP response: "SSH-2.0-x', err, 1, true)
  end)
end)
