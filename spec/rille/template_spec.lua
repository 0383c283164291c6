-- Templates: what they print, what they refuse, and at which line they fail.
local rille = require "rille"
local template = require "rille.template"

local files, views

local function new(options)
  options = options or {}
  options.dir = "/somewhere/views"
  options.read = function(path)
    return files[path:match "^/somewhere/views/(.*)%.etlua$"]
  end
  return template.new(options)
end

local function render(text, data, options)
  files.page = text
  views:clear()
  return views:render("page", data, options)
end

-- The error of a template, without the rest of the stack.
local function failure(text, data, options)
  local ok, err = pcall(render, text, data, options)
  assert.is_false(ok, "rendered: " .. tostring(err))
  return tostring(err)
end

local function fails(expected, text, data, options)
  assert.matches(expected, failure(text, data, options), 1, true)
end

before_each(function()
  files = {}
  views = new { env = { shout = string.upper } }
end)

describe("a template", function()
  it("prints text, values and raw values", function()
    assert.equal("", render "")
    assert.equal("a\r\nb]]", render "a\r\nb]]")
    assert.equal("<b>1 &lt; 2</b><i>", render("<b><%= x %></b><%- y %>", { x = "1 < 2", y = "<i>" }))
    assert.equal("1 true 2.5", render("<%= a %> <%= b %> <%= c %><%- c %><%- d %>", { a = 1, b = true, c = rille.null, d = 2.5 }))
  end)

  it("runs statements, also over several tags and lines", function()
    assert.equal("1,2,3,", render "<% for i = 1, 3 do %><%= i %>,<% end %>")
    assert.equal("b", render("<% if x == 1 then %>a<% elseif x == 2 then %>b<% else %>c<% end %>", { x = 2 }))
    assert.equal("321", render "<% local i = 3 while i > 0 do %><%= i %><% i = i - 1 end %>")
    assert.equal("12", render "<% local i = 0 repeat\n i = i + 1 %><%= i %><% until i == 2 %>")
    assert.equal("13", render "<% for i = 1, 3 do if i == 2 then goto go_on end %><%= i %><% ::go_on:: end %>")
    assert.equal("12", render "<% for i = 1, 9 do %><%= i %><% if i == 2 then break end end %>")
    assert.equal("a", render "a<% if true then return end %>b")
  end)

  it("knows comments, swallowed newlines and its own marks", function()
    assert.equal("ab", render "a<%# never <%= x \n %>b")
    assert.equal("ab", render "a<% -- a comment %>b")
    assert.equal("a1b", render "a<%= 1 -- one %>b")
    assert.equal("a1", render "a<% --[[ long %> \n ]] %><%= 1 %>")
    assert.equal("ab\nc", render "a<% -%>\nb<%# x -%>\n\nc")
    assert.equal("1x", render "<%= 1 -%>\r\nx")
    assert.equal("1x", render "<%= 1 -- why -%>\nx")
    assert.equal("<%= 1 %>", render "<%%= 1 %>")
    assert.equal("%&gt;", render "<%= '%>' %>")
    assert.equal("%> ", render "<%- [[%> ]] %>")
    assert.equal("2", render "<%= 5 % 3 %>")
    assert.equal("end", render "<%= 'end' -- end if %>")
  end)

  it("sees its data, helpers and a little of Lua, in this order", function()
    assert.equal("A", render("<%= shout(x) %>", { x = "a" }))
    assert.equal("mine", render("<%= shout %>", { shout = "mine" }))
    assert.equal("for this page", render("<%= shout() %>", {}, { env = { shout = function() return "for this page" end } }))
    assert.equal("a-b", render("<%= table.concat(list, '-') %>", { list = { "a", "b" } }))
    assert.equal("x", render("<%= type %>", { type = "x" }))
    assert.equal("no", render("<%= data.x or 'no' %>", {}))
    assert.equal("false", render("<%= x %>", { x = false }))
    for _, name in ipairs { "io", "require", "load", "loadstring", "setfenv", "debug", "package", "_G", "dofile" } do
      fails("unknown variable '" .. name .. "'", "<%= " .. name .. " %>")
    end
  end)

  it("takes a name of Lua's for a variable where nothing is called or asked of it that Lua has", function()
    for _, text in ipairs {
      "<% if error then %>x<% end %>", "<%= next %>", "<%= 1 .. type %>", "<%- partial('x', { error = error }) %>", "<%= tostring %>",
      "<%= error.message %>", "<%= table.number %>", "<% local os = os %>", "<%= select and select(1, 2) %>", "<% f(math) %>",
    } do
      fails("unknown variable '", text, { f = tostring })
    end
    assert.equal("", render("<% if data.error then %>x<% end %>", {}))
    assert.equal("4", render("<%= table.number %>", { table = { number = 4 } }))
    assert.equal("late", render("<% if error then %><%= error.message %><% end %>", { error = { message = "late" } }))
    fails("unknown variable 'next': pass it to render, or write data.next where it may be missing (Lua's own is there where it is "
      .. "called, in a template that has no variable of this name)", "<%= next %>")
    fails("where one of its fields is used", "<%= string %>")
  end)

  it("has Lua's own where they are called, however that is written", function()
    assert.equal("string number table 2 b 1", render([[<%= type "x" %> <%= type(1) %> <%= type{} %> <%= select ("#", 1, 2) %> <%=
      string.char(98) %> <%= math . floor(1.5) %>]]))
    assert.equal("12", render "<% for _, x in ipairs { 1, 2 } do %><%= tonumber [[1]] and x %><% end %>")
    assert.equal("a", render("<%= data.type or 'a' %>", { next = 1 }))
    fails("mine", "<% error('mine') %>")
  end)

  it("prints long loops and long texts", function()
    local text = render "<% for i = 1, 100000 do %><i><%= i %></i><% end %>"
    assert.equal(100000 * #"<i></i>" + 488895, #text) -- so many digits have the numbers up to there
    assert.equal("<i>1</i><i>2</i>", text:sub(1, 16))
    assert.equal("<i>100000</i>", text:sub(-13))
    local many = ("<%= 1 %>."):rep(1000)
    assert.equal(("1."):rep(1000), render(many))
  end)

  it("may wait, while others render it too", function()
    files.page = "<%= x %><% wait() %><%= x %>"
    local slow = new { env = { wait = function() rille.sleep(0) end } }
    local tasks = {}
    for i = 1, 40 do
      tasks[i] = rille.spawn(function() return slow:render("page", { x = i }) end)
    end
    for i = 1, 40 do
      assert.equal(i .. "" .. i, tasks[i]:await())
    end
  end)

  it("keeps nothing of one rendering for the next", function()
    files.page = "<%= x %><% if data.fail then error('no') end %>"
    assert.equal("1", views:render("page", { x = 1 }))
    assert.is_false((pcall(views.render, views, "page", { x = 2, fail = true })))
    assert.error_matches(function() views:render("page", {}) end, "unknown variable 'x'")
    assert.equal("3", views:render("page", { x = 3 }))
  end)
end)

-- ---- escaping -----------------------------------------------------------------------

-- Each place with a value in it; what follows is what a browser must not see there.
local PLACES = {
  text = { "<p><%= x %></p>", "^<p>[^<>\"']*</p>$" },
  title = { "<title><%= x %></title>", "^<title>[^<]*</title>$" },
  textarea = { "<textarea><%= x %></textarea>", "^<textarea>[^<]*</textarea>$" },
  comment = { "<!-- <%= x %> -->", "^<!%-%- [^<>]* %-%->$" },
  double = { '<p title="<%= x %>">', '^<p title="[^<>"]*">$' },
  single = { "<p title='<%= x %>'>", "^<p title='[^<>']*'>$" },
  upper = { '<P TITLE = "<%= x %>">', '^<P TITLE = "[^<>"]*">$' },
  data = { '<p data-x="a <%= x %> b">', '^<p data%-x="a [^<>"]* b">$' },
  query = { '<a href="/x?q=<%= x %>&amp;b">', '^<a href="/x%?q=[%w%%%-._~]*&amp;b">$' },
  segment = { "<a href='/x/<%= x %>'>", "^<a href='/x/[%w%%%-._~]*'>$" },
  script = { "<script>var x = <%= x %>;</script>", '^<script>var x = "[^<>\'&\n]*";</script>$' },
  module = { "<script type='module'>f(<%= x %>)</script>", '^<script type=\'module\'>f%("[^<>\'&\n]*"%)</script>$' },
  json = {
    '<script type="application/json">{"a":<%= x %>}</script>',
    '^<script type="application/json">{"a":"[^<>\'&\n]*"}</script>$',
  },
  js_single = { "<script>var x = '<%= x %>';</script>", "^<script>var x = '[%w _\\\128-\255]*';</script>$" },
  js_double = { '<script>var x = "a<%= x %>";</script>', '^<script>var x = "a[%w _\\\128-\255]*";</script>$' },
  onclick = { '<a onclick="f(<%= x %>)">', '^<a onclick="f%([^<>"\']*%)">$' },
  onclick_string = { "<a ONCLICK=\"f('<%= x %>')\">", "^<a ONCLICK=\"f%('[%w _\\\128-\255]*'%)\">$" },
  vue = { '<a @click="f(<%= x %>)">', '^<a @click="f%([^<>"\']*%)">$' },
  style = { "<style>p { color: <%= x %> }</style>", "^<style>p { color: [%w #%%.,_+-]* }</style>$" },
  style_string = { "<style>p { content: '<%= x %>' }</style>", "^<style>p { content: '[%w _\\\128-\255]*' }</style>$" },
  style_attribute = { '<p style="color: <%= x %>">', '^<p style="color: [%w #%%.,_+-]*">$' },
  style_url = { '<p style="background: url(\'<%= x %>\')">', "^<p style=\"background: url%('[%w _\\]*'%)\">$" },
}

local PAYLOADS = {
  "<script>alert(1)</script>", "</script><script>alert(1)</script>", "</title><script>", "</textarea><b>", "--><b>",
  "--!><b>", '"><img src=x onerror=alert(1)>', "'><img src=x onerror=alert(1)>", "' onmouseover='alert(1)",
  '" onmouseover="alert(1)', "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", " javascript:alert(1)",
  "data:text/html,<script>alert(1)</script>", "vbscript:x", "';alert(1)//", '";alert(1)//', "\\';alert(1)//", "\\", "\n",
  "\226\128\168alert(1)", "\226\128\169alert(1)", "*/alert(1)/*", "${alert(1)}", "`", "<!--<script>", "]]>", "&quot;",
  "&#39;);alert(1)//", "red;background:url(javascript:alert(1))", "expression(alert(1))", "}</style><script>", "</style>",
  "@import 'x'", "\\27 ", "{{constructor.constructor('alert(1)')()}}", "\0<b>", "a'b\"c<d>e&f", "é ü 漢字",
}

describe("a value", function()
  for name, place in pairs(PLACES) do
    it("is harmless in the place " .. name, function()
      files.page = place[1]
      for _, payload in ipairs(PAYLOADS) do
        assert.matches(place[2], views:render("page", { x = payload }))
      end
    end)
  end

  it("is no scheme that runs, at the start of a URL", function()
    local places = {
      '<a href="<%= x %>">', "<img src='<%= x %>'>", '<form action="<%= x %>">', '<button formaction="<%= x %>">',
      '<a HREF=" <%= x %>">', '<use xlink:href="<%= x %>"/>', '<object data="<%= x %>">', '<animate to="<%= x %>">',
      '<img srcset="<%= x %> 1x, /b.png 2x">', '<img srcset="/b.png 2x, <%= x %> 1x">',
      '<a href="<% if true then %><%= x %><% else %>/x<% end %>">',
    }
    for _, place in ipairs(places) do
      files.page = place
      views:clear()
      for _, payload in ipairs(PAYLOADS) do
        local url = views:render("page", { x = payload }):lower():gsub("[%z\1-\32]", "")
        assert.is_nil(url:find("[\"']javascript:")or url:find("[\"']vbscript:") or url:find("[\"']data:"), url)
      end
      assert.matches("https://a.b/c?d=e", views:render("page", { x = "https://a.b/c?d=e" }), 1, true)
    end
  end)

  it("is escaped by what is around it", function()
    local function prints(expected, text, x)
      assert.equal(expected, render(text, { x = x }))
    end
    prints("<script>x- -1</script>", "<script>x-<%= x %></script>", -1)
    prints('<script>return "a"</script>', "<script>return <%= x %></script>", "a")
    prints('<script>/*"*/ f("a")</script>', '<script>/*"*/ f(<%= x %>)</script>', "a")
    prints('<script>// don\'t\nf("a")</script>', "<script>// don't\nf(<%= x %>)</script>", "a")
    prints('<script>a = b / c; f("a")</script>', "<script>a = b / c; f(<%= x %>)</script>", "a")
    prints('<script>a = /["/]/g; f("a")</script>', '<script>a = /["/]/g; f(<%= x %>)</script>', "a")
    prints('<script>i++ / 2; f("a")</script>', "<script>i++ / 2; f(<%= x %>)</script>", "a")
    prints('<script>`a ${ f(`b\'`) } "c` + "a"</script>', '<script>`a ${ f(`b\'`) } "c` + <%= x %></script>', "a")
    prints('<script>"\\"" + "a"</script>', '<script>"\\"" + <%= x %></script>', "a")
    prints("<SCRIPT>f(\"a\")</SCRIPT ><a title=\"a\">", "<SCRIPT>f(<%= x %>)</SCRIPT ><a title=\"<%= x %>\">", "a")
    prints("<script>f('</script><p>a b</p>", "<script>f('</script><p><%= x %></p>", "a b")
    prints("<svg><title><a href=\"about:invalid#unsafe\"></a></title></svg>",
      "<svg><title><a href=\"<%= x %>\"></a></title></svg>", "javascript:x")
    prints("<svg/><script>f(1)</script>", "<svg/><script>f(<%= x %>)</script>", 1)
    prints("a < b <p>a</p>", "a < b <p><%= x %></p>", "a")
    prints("<!--> <p title=\"a b\">", "<!--> <p title=\"<%= x %>\">", "a b")
    prints("<!doctype html><p>a</p>", "<!doctype html><p><%= x %></p>", "a")
    prints("<a href=\"/a%20b?c=a%20b\">", "<a href=\"/<%= x %>?c=<%= x %>\">", "a b")
    prints("<a href=\"mailto:a%20b\">", "<a href=\"mailto:<%= x %>\">", "a b")
    prints("<img src=\"data:image/png;base64,a%2B\">", "<img src=\"data:image/png;base64,<%= x %>\">", "a+")
    prints("<script>f({\"a\":[1]})</script>", "<script>f(<%= x %>)</script>", { a = rille.array { 1 } })
  end)

  it("may stand in attributes that branches and loops choose", function()
    assert.equal('<option selected value="1">', render('<option <% if x then %>selected <% end %>value="<%= x %>">', { x = 1 }))
    assert.equal('<option selected>', render("<option <% if x then %>selected<% end %>>", { x = 1 }))
    assert.equal('<p class="a"><b>', render('<p<% if x then %> class="<%= x %>"<% end %>><b>', { x = "a" }))
    assert.equal('<p class="a b ">', render('<p class="<% for _, c in ipairs(x) do %><%= c %> <% end %>">', { x = { "a", "b" } }))
    assert.equal('<p data-a="1"><i>',
      render('<p<% for k, v in pairs(x) do %> data-<%- k %>="<%= v %>"<% end %>><i>', { x = { a = 1 } }))
    assert.equal('<script>f([1,2,])</script>',
      render("<script>f([<% for _, c in ipairs(x) do %><%= c %>,<% end %>])</script>", { x = { 1, 2 } }))
    assert.equal('<p a title="1">', render('<p <%- raw %> title="<%= x %>">', { raw = "a", x = 1 }))
    assert.equal("<h2>1</h2>", render("<h<%- n %>><%= 1 %></h<%- n %>>", { n = 2 }))
  end)

  -- The template, and what its refusal must say.
  local REFUSED = {
    { "<a href=<%= x %>>", 'cannot be escaped without quotes: write href="<%= … %>"' },
    { "<a href=a<%= x %>>", "without quotes" },
    { "<p <%= x %>>", "inside a tag" },
    { "<p a<%= x %>>", "inside a tag" },
    { "<p<%= x %>>", "in a tag's name" },
    { "<<%= x %>>", "behind '<'" },
    { "</<%= x %>>", "behind '</'" },
    { "<!<%= x %>>", "in a declaration" },
    { "<![CDATA[<%= x %>]]>", "in a CDATA section" },
    { "<iframe srcdoc=\"<%= x %>\">", "in srcdoc" },
    { "<a href=\"javascript:f('<%= x %>')\">", "whose scheme could run" },
    { "<a href=\" java\nscript:<%= x %>\">", "whose scheme could run" },
    { "<a href=\"java&#115;cript:<%= x %>\">", "whose scheme could run" },
    { "<a href=\"data:text/html,<%= x %>\">", "whose scheme could run" },
    { "<a href=\"<%= x %>:<%= x %>\">", "whose scheme could run" },
    { "<a href=\"java<% if x then %>script:<% end %><%= x %>\">", "whose scheme could run" },
    { "<a href=\"<% if x then %>java<% else %>/x<% end %>script:<%= x %>\">", "whose scheme could run" },
    { "<a onclick=\"f(&quot;<%= x %>&quot;)\">", "entities" },
    { "<script>`<%= x %>`</script>", "template literal" },
    { "<script>`${`<%= x %>`}`</script>", "template literal" },
    { "<script>// <%= x %>\n</script>", "in a comment of a script" },
    { "<script>/* <%= x %> */</script>", "in a comment of a script" },
    { "<script>/<%= x %>/</script>", "inside a regular expression" },
    { "<script>'\\<%= x %>'</script>", "behind a backslash" },
    { "<script>/\\<%= x %>/</script>", "behind a backslash" },
    { "<script>/\\<% local y %>/ <%= x %></script>", "inside a regular expression" },
    { "<script>`\\<% local y %>` <%= x %></script>", "template literal" },
    { "<script>'\\<% local y %>' <%= x %>", "the template ends in <script>" },
    { "<script><% if x then %>'\\<% else %>\"\\<% end %></script>", "the branches of this `if`" },
    { "<style>a { b: \\<%= x %> }</style>", "behind a backslash" },
    { "<style>a { b: '\\<%= x %>' }</style>", "behind a backslash" },
    { "<script>'a\n<%= x %></script>", "a string is not closed on its line" },
    { "<script><!-- \n<%= x %></script>", "'<!--' in a script" },
    { "<script>a <<%= x %></script>", "behind '<'" },
    { "<script>'</<%= x %>'</script>", "behind '<'" },
    { "<script type='text/template'><%= x %></script>", "whose type is not JavaScript" },
    { "<script type='<%= x %>'><%= x %></script>", "whose type is not JavaScript" },
    { "<svg><script>f(<%= x %>)</script></svg>", "in a script inside svg" },
    { "<style>/* <%= x %> */</style>", "in a comment of a style" },
    { "<style>a { b: url(<%= x %>) }</style>", "put it in quotes" },
    { "<% if x then %><script><% end %><%= x %></script>", "the branches of this `if`" },
    { "<a <% if x then %>on<% end %>click=\"<%= x %>\">", "depends on a branch" },
    { "<a <% if x then %>onclick<% end %> =\"<%= x %>\">", "depends on a branch" },
    { "<a <%- x %>=\"<%= x %>\">", "depends on a branch" },
    { "<% for i = 1, 2 do %><script><% end %>", "this loop ends at another place" },
    { "<% for i = 1, 2 do %><p title=\"<% break %>\"><% end %>", "this `break` leaves" },
    { "<p title=\"<% if x then return end %>\">", "this `return` leaves" },
    { "<% if x then goto out end %><p title=\"<% ::out:: %>\">", "this jump to 'out'" },
    { "<% local function f() %>a<% end %>", "a function in a template cannot print" },
    { "<% local f = function() %><%= x %><% end %>", "a function in a template cannot print" },
    { "<script><%- yield() %></script>", "yield in <script>" },
    { "<a onclick=\"<%- partial('x') %>\">", "partial in the attribute onclick" },
    { "<p title=\"", "the template ends in the attribute title" },
    { "<p", "the template ends inside the tag <p>" },
    { "<script>", "the template ends in <script>" },
    { "<!-- ", "the template ends in a comment" },
  }
  for _, case in ipairs(REFUSED) do
    it("is refused in " .. case[1]:gsub("\n", " "), function()
      local err = failure("\n" .. case[1], { x = "x" })
      assert.matches(case[2], err, 1, true)
      assert.matches("^views/page.etlua:[23]: ", err)
    end)
  end
end)

-- ---- errors -------------------------------------------------------------------------

describe("an error", function()
  -- The line it is at, the template, and a part of the message.
  local CASES = {
    { 3, "a\nb\n<%= nope %>", "unknown variable 'nope'" },
    { 2, "\n<%= x.y %>\n", "x.y is nil" },
    { 4, "<%=\n1 %>\n\n<%= x.y.z %>", "attempt to index field 'y'" },
    { 3, "<%= [[\n\n]] %><%= x.y %>", "x.y is nil" },
    { 3, "<%# a\n\n%><%= x.y %>", "x.y is nil" },
    { 3, "<% --[[ a\n\n]] %><%= x.y %>", "x.y is nil" },
    { 3, "a<% -%>\nb\n<%= x.y %>", "x.y is nil" },
    { 5, "<%\nlocal a = 1\nlocal b = 2\n\nerror('mine') %>", "mine" },
    { 2, "\n<%= {} %>", "{} is a table: print one of its fields" },
    { 2, "\n<%= shout %>", "shout is a function: call it" },
    { 2, "\n<% y = 1 %>", "write `local y`" },
    { 2, "\n<%= x y %>", "must be one expression" },
    { 2, "\n<%= x, x %>", "must be one expression" },
    { 2, "\n<%= %>", "there is no expression" },
    { 2, "\n<% if x then %>\n\n", "this `if` has no `<% end %>`" },
    { 2, "\n<% for i = 1, 2 do %>\n\n", "this `for` has no `<% end %>`" },
    { 3, "\n\n<% end %>\n", "this `end` closes nothing" },
    { 2, "\n<% local = 1 %>", "near '='" },
    { 2, "\n<%= x", "never closed" },
    { 2, "\n<%# x", "never closed" },
    { 3, "\n<% x = \n'abc %>\n", "a string is not closed" },
    { 2, "\n<% x = [[ %>", "a long string is never closed" },
    { 2, "\n<% --[[ x %>", "a long comment is never closed" },
    { 2, "\n<%- partial 'none' %>", 'there is no template "none": views/none.etlua does not exist' },
    { 2, "\n<%- partial '../x' %>", "is no template's name" },
    { 2, "\n<% layout 'none' %>", 'there is no template "none"' },
    { 2, "\n<%- yield() %>", "there is no page to yield" },
    { 2, "\n<% block(nil) %><% end %>", "a block's name is a string" },
    { 2, "\n<script>f(<%= shout %>)</script>", "shout cannot be written as JSON" },
    { 60, ("<p>\n"):rep(59) .. "<%= x.y %>", "x.y is nil" },
  }
  for _, case in ipairs(CASES) do
    it(("names line %d of %s"):format(case[1], case[2]:sub(1, 60):gsub("\n", " ")), function()
      local err = failure(case[2], { x = {} })
      assert.matches(("views/page.etlua:%d: "):format(case[1]), err:sub(1, 30), 1, true)
      assert.matches(case[3], err, 1, true)
    end)
  end

  it("in a partial or a layout names that file", function()
    files["products/item"] = "\n<%= item.name %>"
    fails("views/products/item.etlua:2: item.name is nil", "<%- partial('products/item', { item = {} }) %>")
    files["layouts/main"] = "\n\n<%= nope %>"
    fails("views/layouts/main.etlua:3: unknown variable 'nope'", "<% layout 'layouts/main' %>")
  end)

  it("that is a table comes out as it was", function()
    local thrown = { code = "x", status = 404 }
    local ok, err = pcall(render, "<% f() %>", { f = function() error(thrown) end })
    assert.is_false(ok)
    assert.equal(thrown, err)
  end)

  it("of the caller is at the caller's line", function()
    files.page = ""
    local calls = {
      function() views:render("none") end, function() views:render("../page") end, function() views:render("/page") end,
      function() views:render("a//b") end, function() views:render("a\0b") end, function() views:render(nil) end,
      function() views:render("a/") end, function() views:render(("a"):rep(1000)) end, function() views:render("page", 1) end,
      function() views:render("page", {}, { layout = "none" }) end, function() views:render("page", {}, { lay = 1 }) end,
      function() template.new {} end, function() template.new { dir = "x", what = 1 } end,
    }
    for _, call in ipairs(calls) do
      local ok, err = pcall(call)
      assert.is_false(ok)
      assert.matches("template_spec.lua:%d+: ", err)
    end
  end)
end)

-- ---- layouts, blocks, partials ------------------------------------------------------------

describe("a layout", function()
  before_each(function()
    files.main = "<title><%- yield('title', 'Shop') %></title><%- yield() %>|<%= x %>"
    files.outer = "<html><%- yield() %></html>"
  end)

  it("is chosen by the page, or by the caller", function()
    assert.equal("<title>Shop</title>page|1", render("<% layout 'main' %>page", { x = 1 }))
    assert.equal("<title>Shop</title>page|1", render("page", { x = 1 }, { layout = "main" }))
    assert.equal("<html>page</html>", render("<% layout 'outer' %>page", { x = 1 }, { layout = "main" }))
    assert.equal("page", render("<% layout(false) %>page", { x = 1 }, { layout = "main" }))
  end)

  it("has the page's blocks, and may stand in another layout", function()
    assert.equal("<title>A &lt; B</title>page|1",
      render("<% layout 'main' %><% block 'title' %>A &lt; <%= y %><% end %>page", { x = 1, y = "B" }))
    files.main = "<% layout 'outer' %><% block 'title' %>!<% end %><%- yield 'title' %><%- yield() %>"
    assert.equal("<html>ab!page</html>",
      render("<% layout 'main' %><% block('title') %>a<% end %>page<% block 'title' %>b<% end %>"))
  end)

  it("gets what a block's loops and branches printed", function()
    assert.equal("<title>12</title>|1",
      render("<% layout 'main' %><% block 'title' %><% for i = 1, 9 do %><%= i %><% if i == 2 then break end end %><% end %>",
        { x = 1 }))
  end)

  it("that chooses itself is an error", function()
    files.main = "<% layout 'main' %><%- yield() %>"
    fails("layouts inside layouts, 16 deep", "<% layout 'main' %>")
  end)
end)

describe("a partial", function()
  it("is not printed as a value: its markup would be escaped again", function()
    files.item = "<i>"
    for _, text in ipairs { "<%= partial('item') %>", "<b><%= x and partial 'item' or '' %>", "<!-- --><%= (partial('item')) %>" } do
      fails("views/page.etlua:1: <%= ", text)
      fails("would escape again what partial gives, which is markup: print it with <%- … %>", text)
    end
    fails("what yield gives", "<%= yield('title', 'Shop') %>")
    assert.equal('<p data-html="&lt;i&gt;"></p>', render "<p data-html=\"<%= partial('item') %>\"></p>")
    assert.equal("mine", render("<%= page.partial(1) %>", { page = { partial = function() return "mine" end } }))
  end)

  it("sees its own data and the helpers", function()
    files.item = "<li><%= shout(item) %></li>"
    assert.equal("<li>A&lt;</li><li>B</li>",
      render("<% for _, x in ipairs(list) do %><%- partial('item', { item = x }) %><% end %>", { list = { "a<", "b" } }))
    fails("unknown variable 'item'", "<%- partial 'item' %>", { item = "not seen" })
  end)

  it("may write a block, and choose no layout", function()
    files.main = "<%- yield 'scripts' %><%- yield() %>"
    files.item = "<% block 'scripts' %>s<% end %>i"
    assert.equal("ssii", render("<% layout 'main' %><%- partial 'item' %><%- partial 'item' %>"))
    files.item = "<% layout 'main' %>"
    fails("a partial has no layout", "<%- partial 'item' %>")
  end)

  it("may include itself, up to a bound", function()
    files.tree = "<%= n %><% if n > 0 then %><%- partial('tree', { n = n - 1 }) %><% end %>"
    assert.equal("3210", render("<%- partial('tree', { n = 3 }) %>"))
    files.tree = "<%- partial 'tree' %>"
    fails('partials inside partials, 100 deep: does "tree" include itself?', "<%- partial 'tree' %>")
  end)
end)

-- ---- files ----------------------------------------------------------------------------------

describe("views", function()
  it("are compiled once, and again after clear", function()
    files.page = "one"
    assert.equal("one", views:render "page")
    files.page = "two"
    assert.equal("one", views:render "page")
    views:clear()
    assert.equal("two", views:render "page")
  end)

  it("follow their files with reload", function()
    local live = new { reload = true }
    files.page = "one"
    assert.equal("one", live:render "page")
    files.page = "<% oops %>"
    assert.is_false((pcall(live.render, live, "page")))
    files.page = "two"
    assert.equal("two", live:render "page")
    files.page = nil
    assert.error_matches(function() live:render "page" end, "does not exist")
  end)

  it("tell their errors at boot", function()
    files.page = "<% if %>"
    local _, err = pcall(views.compile, views, "page")
    assert.matches("^views/page.etlua:1: ", err)
  end)

  it("are read from a folder", function()
    local pipe = io.popen "mktemp -d /tmp/rille-spec.XXXXXX"
    local dir = pipe:read "*l"
    pipe:close()
    os.execute("mkdir " .. dir .. "/pages")
    local file = assert(io.open(dir .. "/pages/a.html", "wb"))
    file:write "<%= x %>!"
    file:close()
    local real = template.new { dir = dir, ext = "html", label = "v" }
    assert.equal("1!", real:render("pages/a", { x = 1 }))
    assert.error_matches(function() real:render("pages/b") end, "v/pages/b.html does not exist %(looked in " .. dir:gsub("%p", "%%%0")
      .. '/pages/%): did you mean "pages/a"?')
    assert.error_matches(function() real:render("page/a") end, "looked in " .. dir:gsub("%p", "%%%0") .. "/page/, which is no folder")
    os.execute("rm -rf '" .. dir .. "'")
  end)

  it("refuse what no hand has written", function()
    files.page = (" "):rep(1024 * 1024 + 1)
    assert.error_matches(function() views:render "page" end, "a template of more than 1024 KB")
  end)

  it("are compiled in time proportional to their length", function()
    local start = os.clock()
    for _, unit in ipairs { "<script></script>", "<p title=\"a\">", "<a href='x&x", "<!-- ", "</", "<%# %>", "<script>`${" } do
      pcall(render, unit:rep(math.floor(200 * 1024 / #unit)))
    end
    assert.is_true(os.clock() - start < 20)
  end)
end)
