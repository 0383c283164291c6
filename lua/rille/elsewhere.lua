--- What things are called elsewhere, and what they are called here: for whoever comes
-- from another framework, or from the other end of this one.
local elsewhere = {}

-- { ["listen run"] = "…" } to { listen = "…", run = "…" }
local function hints(groups)
  local by_name = {}
  for names, hint in pairs(groups) do
    for name in names:gmatch "%S+" do
      by_name[name] = hint
    end
  end
  return by_name
end

elsewhere.app = hints {
  ["listen run start serve"] = "the file ends with `return app`, and `rille serve` serves it",
  ["all match route add register respond_to"] = "app:any(path, handler) takes every method, app:get, app:post and so on take one",
  head = "the GET route answers HEAD as well",
  options = "OPTIONS is answered already; what pages of other origins may do says app:use(rille.mw.cors{ … })",
  ["before before_filter before_request middleware"] = "write app:use(function(c, next) … return next(c) end)",
  ["after after_request"] = "write app:on_response(function(c, res) … end)",
  ["error errorhandler handle_error not_found handle_404"] = "write app:on_error([code,] function(c, err) … end)",
  ["set settings enable"] = "write app:config{ name = schema }, and read rille.config.name",
  ["schedule job task interval setinterval timer"] = "write app:every(\"5m\", fn), or app:cron(\"0 3 * * *\", fn)",
  ["router include register_blueprint"] = "write app:mount(prefix, routes)",
}

elsewhere.c = hints {
  next = "a middleware is given it: function(c, next) … return next(c) end",
  ["req request"] = "c is the request: c.method, c.path, c.params, c.query, c.headers, c.body",
  ["res response reply send write echo print data string render_json"] = "an answer is returned: return body, status, headers",
  ["html render_html"] = "an answer is returned: return rille.html(text), or c:render(name, data)",
  ["redirect redirect_to"] = "an answer is returned: return rille.redirect(url)",
  ["file sendfile send_file download"] = "an answer is returned: return rille.file(path)",
  ["stream"] = "an answer is returned: return rille.stream(function(out) … end)",
  ["status code set_status"] = "the status is returned behind the body: return body, 404",
  ["header get_header set get_headers"] = "c.headers[name] is one of the request's, c:set_header(name, value) sets the answer's",
  ["param args"] = "c.params.name is a part of the path, c.query.name a field of the query",
  ["queryparam querystring search get_query_args"] = "c.query.name is a field of the query",
  ["post postform bind bindjson shouldbindjson get_body"] = "c:json(), c:form(), c.body are the body, which c:validate checks",
  ["cookie get_cookie setcookie"] = "c.cookies.name is one of the request's, c:set_cookie(name, value) sets one",
  ["user locals session app_state set_state"] = "put your own values into c.state",
  ["abort halt throw error raise abortwithstatus"] = "c:fail(status, message) ends the handler",
  ["uri url path_info fullpath originalurl"] = "c.path is the path, c.query the fields behind it",
  ["method_name verb"] = "it is c.method",
  ["message err details"] = "the error comes second: app:on_error(function(c, err) … end)",
}

elsewhere.db = hints {
  ["execute run"] = "db:exec(sql, …) gives the number of rows touched, db:query(sql, …) rows",
  ["select find all fetch"] = "db:query(sql, …) gives all rows, db:one(sql, …) the first",
  ["insert update delete"] = "write the statement: db:exec(sql, …), or db:one(sql .. \" returning id\", …)",
  ["first get find_one query_one queryrow"] = "db:one(sql, …) gives the first row or nil",
  ["begin commit rollback"] = "db:transaction(function() … end) commits when it returns, and rolls back when it raises",
  ["escape escape_literal escape_identifier quote"] = "values go beside the text, as $1; names through db:quote_ident(name)",
}

elsewhere.out = hints {
  ["send print say"] = "write out:write(text)",
  ["close finish flush done"] = "each piece is sent as it is written, and the stream ends when its function returns",
}

elsewhere.schema = hints {
  ["required"] = "a field is required unless it is :optional()",
  ["validate safeparse"] = "schema:parse(value) gives the value, or nil and the problems; schema:check(value) raises them as 422",
  ["min max length pattern regex"] = "bounds are options: v.string { min = 1, max = 80, pattern = \"^%a+$\" }",
}

elsewhere.res = hints {
  ["code statuscode status_code"] = "it is res.status",
  ["header set set_header setheader get_header"] = "write res.headers[\"X-Name\"] = value",
  ["json text data content"] = "res.body is what the handler returned, res:bytes() what will be sent",
}

elsewhere.task = hints {
  ["wait join get result results value"] = "task:await([timeout]) waits for its end and gives its results",
  ["stop kill abort interrupt"] = "task:cancel() ends it",
  ["status state finished is_alive running"] = "task:done() tells whether it has ended",
}

elsewhere.channel = hints {
  ["push put write publish enqueue"] = "ch:send(value, [timeout]) sends, ch:try_send(value) does not wait",
  ["pop get read receive take dequeue"] = "ch:recv([timeout]) receives, ch:try_recv() does not wait",
  ["size length cap"] = "ch:len() is how many values are in it",
  range = "write `for value in ch:iter() do`",
}

return elsewhere
