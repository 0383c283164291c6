local html = require "rille.test.html"

local function fields(page)
  local form = assert(html.form(page))
  return form.values, form
end

describe("html.form", function()
  it("reads inputs as a browser would send them", function()
    local values = fields [[<form>
      <input name=a value=1><INPUT NAME="b" VALUE='x > "y"'><input name=c>
      <input type=checkbox name=d checked><input type=checkbox name=e value=2>
      <input type=radio name=f value=1><input type=radio name=f value=2 checked>
      <input type=submit name=go value=Go><input name=g value=off disabled></form>]]
    assert.same({ a = "1", b = 'x > "y"', c = "", d = "on", f = "2" }, values)
  end)

  it("reads selects and texts", function()
    local values = fields [[<form><select name=a><option value=1>One<option value=2 selected>Two</select>
      <select name=b><option>First</option><option>Second</option></select>
      <select name=c multiple><option selected>x</option><option>y</option><option selected>z</option></select>
      <textarea name=d>
A &lt;b&gt; &amp; &#228;&#x20AC;</textarea></form>]]
    assert.same({ a = "2", b = "First", c = { "x", "z" }, d = "A <b> & ä€" }, values)
  end)

  it("knows action, method, encoding and the names of files and buttons", function()
    local _, form = fields [[<form action="/a?x=1&amp;y=2" method=POST enctype=multipart/form-data id=f>
      <input type=file name=photo><button name=act value=save>Save</button></form>]]
    assert.same({ "/a?x=1&y=2", "POST", "multipart/form-data", "f" }, { form.action, form.method, form.enctype, form.id })
    assert.same({ photo = true }, form.files)
    assert.same({ "photo", "act" }, form.names)
    assert.same({}, form.values)
  end)

  it("sees no form in comments and scripts", function()
    local _, form = fields [[<!-- <form id=no> --><script>"<form id=no>"</script><form id=yes></form>]]
    assert.equal("yes", form.id)
  end)

  it("wants to know which, and says what is there", function()
    local page = "<form id=a></form><form id=b action=/b></form>"
    local _, why = html.form(page)
    assert.matches("there are 2 forms on the page", why, 1, true)
    assert.equal("b", html.form(page, 2).id)
    assert.equal("b", html.form(page, "b").id)
    assert.equal("b", html.form(page, "/b").id)
    assert.same({ nil, "there is no form 'c' on the page" }, { html.form(page, "c") })
    assert.same({ nil, "there is no form on the page" }, { html.form "text < more" })
  end)
end)
