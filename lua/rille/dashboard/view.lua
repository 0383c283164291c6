--- The dashboard's pages, as templates (rille.template) by name.
return {
  layout = [=[
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title><%= title %> – <%= app_name %></title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/_rille/dashboard.css">
<script src="/_rille/dashboard.js" defer></script>
</head>
<body>
<header>
<a class="name" href="/_rille"><%= app_name %></a>
<nav aria-label="Dashboard"><% for _, one in ipairs(nav) do -%>
<a href="<%= "/_rille" .. one.path %>"<% if one.path == here then %> aria-current="page"<% end %>><%= one.label %></a>
<% end -%></nav>
<button id="pause" type="button" aria-pressed="false" hidden>Pause</button>
<span id="state" data-is="still" role="status">still</span>
</header>
<main<% if is_still then %> data-still<% end %>>
<%- yield() %>
</main>
</body>
</html>
]=],

  overview = [=[
<h1>Overview</h1>
<dl class="tiles"><% for _, tile in ipairs(tiles) do -%>
<div<% if tile.is_bad then %> class="bad"<% end %>><dt><%= tile.label %></dt><dd><%= tile.value %></dd></div>
<% end -%></dl>
<% if #worth > 0 then -%>
<h2><a href="/_rille/statements">Worth a look</a></h2>
<%- partial("statement_list", { statements = worth }) %>
<% end -%>
<h2>Requests</h2>
<%- partial("request_list", { requests = requests, is_on = is_on }) %>
]=],

  request_list = [=[
<% if not is_on then -%>
<p class="none">Requests are not recorded here: <code>timeline = true</code> in the configuration has them recorded.</p>
<% elseif #requests == 0 then -%>
<p class="none">No request yet. Open a page of the app, and it appears here.</p>
<% else -%>
<div class="scrolls"><table class="requests">
<thead><tr><th>Time</th><th>Request</th><th>Status</th><th class="number">Took</th>
<th class="wide">Of that in SQL</th><th class="number">SQL</th></tr></thead>
<tbody><% for _, one in ipairs(requests) do -%>
<tr<% if one.is_live then %> class="live"<% end %>>
<td class="dim"><%= show.time(one.start) %></td>
<td class="path"><a id="r<%= one.id %>" href="/_rille/requests/<%= one.id %>"><b><%= one.method %></b>
<%= one.path %></a></td>
<td><span class="pill <%= one.class %>"><%= one.shown_status %></span></td>
<td class="number"><%= show.ms(one.ms) %></td>
<td class="wide"><%- partial("bar", one.bar) %></td>
<td class="number"><%= one.sql %><% if one.sql > 0 then %> <span class="dim"><%= show.ms(one.sql_ms) %></span><% end %></td>
</tr>
<% end -%></tbody></table></div>
<% end -%>
]=],

  request = [=[
<p class="back"><a href="/_rille">Requests</a></p>
<h1 class="path"><%= request.method %> <%= request.path %></h1>
<dl class="tiles">
<div><dt>Status</dt><dd><span class="pill <%= class %>"><%= shown_status %></span></dd></div>
<div><dt>Took</dt><dd><%= show.ms(request.ms) %></dd></div>
<div><dt>Statements</dt><dd><%= show.count(request.sql) %> <small><%= show.ms(request.sql_ms) %></small></dd></div>
<div class="two"><dt>Route</dt><dd class="text"><%= request.route or "none" %></dd></div>
<div><dt>Began</dt><dd class="text"><%= show.time(request.start) %></dd></div>
<div class="two"><dt>Id</dt><dd class="text"><%= request.id %></dd></div>
</dl>
<% if request.waiting then -%>
<p class="waits">It waits: <b><%= request.waiting.what %></b>
<% if request.waiting.at then %>at <code><%= request.waiting.at %></code><% end %></p>
<% end -%>
<h2>Timeline</h2>
<% if #events == 0 then -%>
<p class="none">It waited for nothing.</p>
<% else -%>
<ol class="timeline"><% for _, event in ipairs(events) do -%>
<li class="depth-<%= event.level %>" id="e<%= event.number %>">
<div class="line"><span class="what <%= event.class %>"><%= event.what %></span>
<% if event.repeated then %><span class="mark">N+1 ×<%= event.repeated %></span><% end -%>
<% if event.is_slow then %><span class="mark bad">slow</span><% end -%>
<% if event.is_own then %><span class="dim">Rille's own: the models' columns</span><% end -%>
<% if event.failed then %><span class="mark bad">failed <%= event.failed %></span><% end -%>
<% if event.at then %><code class="at"><%= event.at %></code><% end -%>
<span class="took"><%= event.ms and show.ms(event.ms) or "open" %></span></div>
<%- partial("bar", event.bar) %>
<% if event.text then -%>
<pre><%= event.text %></pre>
<% end -%>
<% if event.what == "sql" then -%>
<p class="dim facts"><%= event.facts %>
<% if event.can_explain then -%>
· <a id="x<%= event.number %>" href="/_rille/requests/<%= request.id %>/plans/<%= event.number %>">Explain</a>
<% end -%></p>
<% end -%>
</li>
<% end -%></ol>
<% if request.dropped and request.dropped > 0 then -%>
<p class="none">and <%= show.count(request.dropped) %> more, which were too many to keep.</p>
<% end -%>
<% end -%>
]=],

  gone = [=[
<p class="back"><a href="/_rille">Requests</a></p>
<h1>Not kept any more</h1>
<p class="none">The last 200 requests are kept, and those since the app's code or its process changed.</p>
]=],

  plan = [=[
<p class="back"><a href="/_rille/requests/<%= request.id %>"><%= request.method %> <%= request.path %></a></p>
<h1>How it is planned</h1>
<pre><%= event.text %></pre>
<% if data.plan then -%>
<h2>Explain</h2>
<pre class="plan"><%= plan %></pre>
<p class="dim">For any values, and without running it.</p>
<% else -%>
<section class="alarm"><h2>It cannot be explained</h2><pre><%= why %></pre></section>
<% end -%>
]=],

  spec = [=[
<h1 class="path"><%= path %></h1>
<p>The request is written down, for you to say what it should be answered: <code>rille spec <%= path %></code></p>
<pre><%= text %></pre>
]=],

  statements = [=[
<h1>Statements</h1>
<p class="dim">Slow ones (from 100 ms on), and those that one line of a request ran again and again.</p>
<% if #statements == 0 then -%>
<p class="none">None: all were quick, and none ran ten times for one request.</p>
<% else -%>
<%- partial("statement_list", { statements = statements }) %>
<% end -%>
]=],

  statement_list = [=[
<ol class="timeline"><% for _, one in ipairs(statements) do -%>
<li>
<div class="line"><% if one.repeated then %><span class="mark">N+1 ×<%= one.repeated %></span><% end -%>
<% if one.is_slow then %><span class="mark bad">slow</span><% end -%>
<a id="s<%= one.id %>" href="<%= one.href %>"><%= one.route or "no route" %></a>
<% if one.at then %><code class="at"><%= one.at %></code><% end -%>
<span class="took"><%= one.ms and show.ms(one.ms) or "open" %></span></div>
<pre><%= one.text %></pre>
</li>
<% end -%></ol>
]=],

  tables = [=[
<h1><%= heading %></h1>
<% if #sections == 0 then -%>
<p class="none"><%= none %></p>
<% end -%>
<% for _, section in ipairs(sections) do -%>
<% if section.title then -%>
<h2><%= section.title %></h2>
<% end -%>
<div class="scrolls"><table>
<thead><tr><% for _, column in ipairs(section.columns) do -%>
<th class="<%= column.class %>"><%= column.label %></th>
<% end -%></tr></thead>
<tbody><% for _, row in ipairs(section.rows) do -%>
<tr><% for i, column in ipairs(section.columns) do local cell = row[i] -%>
<td class="<%= column.class %><% if cell.is_bad then %> bad<% end %>"><% if cell.share then -%>
<%- partial("bar", cell) %>
<% else -%>
<% if cell.before then %><b><%= cell.before %></b> <% end %><%= cell.text %><% if cell.pill then -%>
 <span class="pill <%= cell.class %>"><%= cell.pill %></span><% end -%>
<% end -%></td>
<% end -%></tr>
<% end -%></tbody></table></div>
<% end -%>
]=],

  -- `share` of it in thousandths, of that perhaps `inner`
  bar = [=[
<svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
<% if data.has_track then %><rect class="track" width="1000" height="10"/><% end -%>
<rect class="<%= class %>" x="<%= data.from or 0 %>" width="<%= share %>" height="10"/>
<% if data.inner then %><rect class="<%= data.inner_class %>" width="<%= inner %>" height="10"/><% end -%>
</svg>
]=],

  tasks = [=[
<h1>Tasks</h1>
<% if #tasks == 0 then -%>
<p class="none">Nothing waits.</p>
<% else -%>
<p class="dim"><%= show.count(count) %> wait, those that have waited longest first.</p>
<ol class="timeline"><% for i, one in ipairs(tasks) do -%>
<li><div class="line"><span class="what <%= one.class %>"><%= one.what %></span>
<% if one.request then -%>
<a id="t<%= i %>" href="/_rille/requests/<%= one.request %>"><%= one.route or "no route" %></a>
<% else -%>
<span class="dim"><%= one.route or "background" %></span>
<% end -%>
<% if one.at then %><code class="at"><%= one.at %></code><% end -%>
<span class="dim">worker <%= one.worker %></span><span class="took"><%= show.ms(one.ms) %></span></div>
<% if one.stack then -%>
<details id="k<%= one.worker %>-<%= i %>"><summary>Stack</summary><pre><%= one.stack %></pre></details>
<% end -%>
</li>
<% end -%></ol>
<% end -%>
]=],

  log = [=[
<h1>Log</h1>
<% if #lines == 0 then -%>
<p class="none">Nothing was logged yet.</p>
<% else -%>
<ol class="log"><% for _, line in ipairs(lines) do -%>
<li><time><%= line.time %></time> <span class="pill <%= line.class %>"><%= line.level %></span> <b><%= line.msg %></b>
<%- partial("fields", line) %></li>
<% end -%></ol>
<% end -%>
]=],

  fields = [=[
<% for _, field in ipairs(fields) do -%>
<span class="field"><i><%= field.name %></i> <%= field.value %></span>
<% end -%>
]=],
}
