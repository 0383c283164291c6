local form = require "rille.form"

local function multipart(lines, boundary)
  return form.multipart(table.concat(lines, "\r\n"), boundary or "b")
end

local function refused(text, ...)
  local ok, err = pcall(...)
  assert.is_false(ok)
  assert.equal(400, err.status)
  assert.matches(text, err.message, 1, true)
end

describe("form.media_type", function()
  it("is lower case, with its boundary", function()
    assert.same({ "text/html" }, { form.media_type "Text/HTML ; charset=utf-8" })
    assert.same({ "" }, { form.media_type(nil) })
    assert.same({ "multipart/form-data", "aB-1" }, { form.media_type "multipart/form-data; boundary=aB-1" })
    assert.same({ "multipart/form-data", "a b" }, { form.media_type 'multipart/form-data; boundary="a b"; x=y' })
    assert.same({ "multipart/form-data", "" }, { form.media_type 'multipart/form-data; boundary="a' })
  end)
end)

describe("form.urlencoded", function()
  it("gives the first of each field, and all", function()
    local first, all = form.urlencoded "a=1&b=x+y%26&a=2&c"
    assert.same({ a = "1", b = "x y&", c = "" }, first)
    assert.same({ a = { "1", "2" }, b = { "x y&" }, c = { "" } }, all)
  end)

  it("refuses malformed ones and too many fields", function()
    refused("malformed percent escape", form.urlencoded, "a=%zz")
    refused("more than 1000 fields", form.urlencoded, ("a=1&"):rep(1001))
  end)
end)

describe("form.multipart", function()
  it("reads fields and files", function()
    local first, all = multipart {
      "--b", 'Content-Disposition: form-data; name="title"', "", "one\r\n--not", "--b",
      'content-disposition: form-data; name="tag"', "", "x", "--b",
      'Content-Disposition: form-data; name="tag"', "", "", "--b",
      'Content-Disposition: form-data; name="photo"; filename="a%22b.png"', "Content-Type: image/png", "", "\0\r\n\1", "--b--", "",
    }
    assert.same({ "one\r\n--not", { "x", "" } }, { first.title, all.tag })
    assert.same({ filename = 'a"b.png', content_type = "image/png", body = "\0\r\n\1" }, first.photo)
  end)

  it("reads what other clients write", function()
    local first = multipart {
      "a preamble", "--b", "Content-Disposition: form-data;name=plain", "", "1", "--b",
      [[Content-Disposition: form-data; filename="x; name=evil \"q\".txt"; name="file"]], "", "2", "--b--", "an epilogue",
    }
    assert.equal("1", first.plain)
    assert.equal('x; name=evil "q".txt', first.file.filename)
    assert.equal("application/octet-stream", first.file.content_type)
    assert.is_nil(first.evil)
  end)

  it("has no field for a file that nobody chose", function()
    assert.same({}, (multipart {
      "--b", 'Content-Disposition: form-data; name="photo"; filename=""', "Content-Type: application/octet-stream", "", "", "--b--",
    }))
  end)

  it("may be empty", function()
    assert.same({}, (form.multipart("--b--\r\n", "b")))
  end)

  it("refuses what is malformed", function()
    local disposition = 'Content-Disposition: form-data; name="a"'
    refused("no boundary", form.multipart, "", nil)
    refused("no boundary", form.multipart, "", ("b"):rep(71))
    refused("its boundary does not occur", form.multipart, "", "b")
    refused("a part does not end", multipart, { "--b", disposition, "", "x" })
    refused("a part does not end", multipart, { "--bb", disposition, "", "x", "--b--" })
    refused("a part has no name", multipart, { "--b", "", "x", "--b--" })
    refused("a part has no name", multipart, { "--b", 'Content-Disposition: form-data; filename="a"', "", "x", "--b--" })
    refused("a part does not end", multipart, { "--b", disposition .. ("x"):rep(9000), "", "x", "--b--" })
  end)

  it("takes a thousand parts", function()
    local part = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
    local _, all = form.multipart(part:rep(1000) .. "--b--", "b")
    assert.equal(1000, #all.a)
    refused("more than 1000 parts", form.multipart, part:rep(1001) .. "--b--", "b")
  end)
end)
