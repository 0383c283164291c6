local contents = require "rille.contents"

describe("contents", function()
  local path

  before_each(function()
    path = os.tmpname()
    contents.on_read = nil
  end)

  after_each(function()
    contents.on_read = nil
    os.remove(path)
  end)

  it("are all the bytes of a file", function()
    local file = assert(io.open(path, "wb"))
    file:write("a\r\n\0\255")
    file:close()
    assert.equal("a\r\n\0\255", (contents.of(path)))
    assert.is_true(contents.exists(path))
  end)

  it("of what is not there, and of a folder, are nil and why", function()
    local bytes, why = contents.of(path .. ".none")
    assert.is_nil(bytes)
    assert.equal(path .. ".none: No such file or directory", why)
    assert.is_false(contents.exists(path .. ".none"))
    bytes, why = contents.of "."
    assert.is_nil(bytes)
    assert.matches("directory", why)
  end)

  it("tell who asks which files were read", function()
    local seen = {}
    contents.on_read = function(name) seen[#seen + 1] = name end
    contents.of(path)
    contents.of(path .. ".none")
    assert.same({ path }, seen)
  end)
end)
