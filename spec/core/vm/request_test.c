#include "http/request.h"

#include "vm/served.h"

/* The answer's body to `request`, when the handler of every path is `code` with slot, epoch. */
static void assert_body(const char *code, const char *request, const char *body) {
    char text[2048];
    snprintf(
        text, sizeof text,
        "local function h(slot, epoch) %s end\n"
        "for _, m in ipairs{'GET', 'POST'} do route(m, '/*rest', h) end route('GET', '/users/:id/:name', h)",
        code);
    served *s = served_opened(text);
    feed(s->w, request);
    await_answers(s, 1);
    const char *at = strstr(s->w->out, "\r\n\r\n");
    if (at == NULL || strcmp(at + 4, body) != 0)
        fail_msg("%s: %s", code, s->w->out);
    served_free(s);
}

static void the_request_line_is_read_as_sent(void **state) {
    (void)state;
    assert_body("return core.method(slot, epoch) .. ' ' .. core.path(slot, epoch)", GET("/a%20b?c=d"),
                "GET /a%20b");
    assert_body("return #core.request_id(slot, epoch) .. ' ' .. core.ip(slot, epoch)", GET("/"),
                "24 192.0.2.1");
}

static void params_are_decoded_once(void **state) {
    (void)state;
    assert_body("local p = core.params(slot, epoch) return p.id .. ' ' .. p.name", GET("/users/a%2fb/%2541+"),
                "a/b %41+");
    assert_body("return core.params(slot, epoch).rest", GET("/a/b%20c"), "a/b c");
}

static void query_fields_come_first_and_all(void **state) {
    (void)state;
    const char *both = "local first, all = core.query(slot, epoch) return tostring(first.a) .. '|' .. "
                       "(all.a and table.concat(all.a, ',') or 'none') .. '|' .. tostring(first.b)";
    assert_body(both, GET("/?a=1&a=2&b=x+y%21"), "1|1,2|x y!");
    assert_body(both, GET("/"), "nil|none|nil");
    assert_body(both, GET("/?a&a=&=x&&b"), "|,|");
    const char *refused =
        "local v, status, why = core.query(slot, epoch) return tostring(v) .. status .. why";
    assert_body(refused, GET("/?a=%zz"), "nil400the query holds a malformed percent escape");
}

static void fields_of_a_text_are_bounded(void **state) {
    (void)state;
    assert_body("local v, status = core.fields(('a=1&'):rep(1001)) return tostring(v) .. status", GET("/"),
                "nil400");
    assert_body("local _, all = core.fields(('a=1&'):rep(1000)) return tostring(#all.a)", GET("/"), "1000");
}

static void headers_are_lower_case_and_joined(void **state) {
    (void)state;
    assert_body(
        "local h = core.headers(slot, epoch) return h['x-a'] .. '|' .. h.cookie .. '|' .. tostring(h['X-A'])",
        "GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n",
        "1, 2|a=b; c=d|nil");
    assert_body("return core.header(slot, epoch, 'HOST') .. tostring(core.header(slot, epoch, 'none'))",
                GET("/"), "xnil");
}

/* ---- bodies -------------------------------------------------------------------------- */

static const char *const READ =
    "core.body_wait(slot, epoch) local text, status = core.body_text(slot, epoch)\n"
    "return tostring(text) .. tostring(status)";

static void a_body_is_read_whole_and_again(void **state) {
    (void)state;
    assert_body(READ, POST("/", 5, "hello"), "hellonil");
    assert_body(READ, GET("/"), "nil");
    assert_body(
        "core.body_wait(slot, epoch) return core.body_text(slot, epoch) .. core.body_text(slot, epoch)",
        POST("/", 2, "hi"), "hihi");
}

static void a_body_that_comes_late_wakes_its_reader(void **state) {
    (void)state;
    served *s = served_opened("route('POST', '/', function(slot, epoch) core.body_wait(slot, epoch)\n"
                              "  return (core.body_text(slot, epoch)) end)");
    feed(s->w, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n");
    assert_true(has(s->w, "100 Continue"));
    feed(s->w, "01234");
    feed(s->w, "56789");
    await_answers(s, 2);
    assert_true(has(s->w, "\r\n\r\n0123456789"));
    served_free(s);
}

static void a_body_that_breaks_wakes_its_reader_with_the_status(void **state) {
    (void)state;
    served *s =
        served_opened("route('POST', '/', function(slot, epoch) core.body_wait(slot, epoch)\n"
                      "  text, status = core.body_text(slot, epoch) seen = tostring(text) .. status end)");
    feed(s->w, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    feed(s->w, "broken\r\n");
    turns(s->r, 3);
    assert_string_equal(global(s->r, "seen"), "nil400");
    served_free(s);
}

/* read_back(slot, epoch[, most]): as lua/rille/file.lua does it. */
static const char *const READ_BACK =
    "function read_back(slot, epoch, most)\n"
    "  local file, size = core.body_file(slot, epoch, most)\n"
    "  if not file then return nil end\n"
    "  core.file_read(file, 0, size) return core.file_take(file)\n"
    "end\n"
    "route('POST', '/', function(slot, epoch) core.body_wait(slot, epoch) return handle(slot, epoch) end)\n";

static served *served_spooling(const char *code) {
    served *s = served_new();
    s->w->limits.max_body_memory = 8;
    char text[1024];
    snprintf(text, sizeof text, "%s function handle(slot, epoch) %s end", READ_BACK, code);
    assert_true(served_open(s, RIG_CEILING, text));
    feed(s->w, POST("/", 21, "[1,2,3,4,5,"));
    feed(s->w, "6,7,8,9,0]");
    await_answers(s, 1);
    return s;
}

static void a_spooled_body_is_read_from_its_file(void **state) {
    (void)state;
    served *s = served_spooling("local text = read_back(slot, epoch)\n"
                                "return text .. #core.body_json(slot, epoch, read_back(slot, epoch, 21))");
    assert_true(has(s->w, "\r\n\r\n[1,2,3,4,5,6,7,8,9,0]10"));
    served_free(s);
}

static void a_body_in_memory_or_too_long_has_no_file(void **state) {
    (void)state;
    assert_body("core.body_wait(slot, epoch) return tostring(core.body_file(slot, epoch))", POST("/", 5, "hello"), "nil");
    served *s = served_spooling("return tostring(core.body_file(slot, epoch, 20))");
    assert_true(has(s->w, "\r\n\r\nnil"));
    served_free(s);
}

static void its_file_outlives_the_request(void **state) {
    (void)state;
    served *s = served_spooling("file, size = core.body_file(slot, epoch) return 'kept'");
    assert_true(has(s->w, "\r\n\r\nkept"));
    assert_int_equal(rl_server_live(s->w->server), 0);
    rig_run *one = start(s->r, "core.file_read(file, 0, size) return core.file_take(file)");
    drive(s->r, 1000);
    assert_string_equal(one->text, "[1,2,3,4,5,6,7,8,9,0]");
    served_free(s);
}

static void json_bodies_are_decoded_or_refused_with_their_status(void **state) {
    (void)state;
    const char *code = "core.body_wait(slot, epoch) local v, status, why = core.body_json(slot, epoch)\n"
                       "return type(v) .. tostring(status)";
    assert_body(code, POST("/", 8, "{\"a\":1} "), "tablenil");
    assert_body(code, POST("/", 4, "{\"a\""), "nil400");
    assert_body(code, GET("/"), "nil400");
    served *s = served_new();
    s->limits.max_json = 4;
    assert_true(served_open(s, RIG_CEILING,
                            "route('POST', '/', function(slot, epoch) core.body_wait(slot, epoch)\n"
                            "  local _, status = core.body_json(slot, epoch) return tostring(status) end)"));
    feed(s->w, POST("/", 5, "[1,2]"));
    await_answers(s, 1);
    assert_true(has(s->w, "\r\n\r\n413"));
    served_free(s);
}

/* ---- headers of the answer ----------------------------------------------------------- */

static void headers_set_before_go_out_with_whatever_follows(void **state) {
    (void)state;
    served *s = served_opened(
        "local function set(...) core.set_header(...) end\n"
        "route('GET', '/', function(slot, epoch)\n"
        "  set(slot, epoch, 'X-A', '1') set(slot, epoch, 'X-A', '2') set(slot, epoch, 'X-B', '3', true)\n"
        "  set(slot, epoch, 'x-b', '4', true) set(slot, epoch, 'X-C', '5') set(slot, epoch, 'x-c', nil)\n"
        "  error('x') end)");
    feed(s->w, GET("/"));
    assert_true(has(s->w, "X-A: 2\r\n") && !has(s->w, "X-A: 1") && !has(s->w, "X-C"));
    assert_true(has(s->w, "X-B: 3\r\nx-b: 4\r\n") && has(s->w, "500 "));
    served_free(s);
}

static void a_header_cannot_end_its_line(void **state) {
    (void)state;
    assert_body("return select(2, pcall(core.set_header, slot, epoch, 'X-A', 'a\\r\\nX-B: c'))", GET("/"),
                "header 'X-A': a header's value may not hold control characters such as line breaks");
    assert_body("return select(2, pcall(core.set_header, slot, epoch, 'Content-Length', '1'))", GET("/"),
                "header 'Content-Length': this header is set by the server itself");
}

static void everything_raises_once_the_request_is_over(void **state) {
    (void)state;
    served *s =
        served_opened("route('GET', '/', function(slot, epoch) kept, old = slot, epoch return 'x' end)");
    feed(s->w, GET("/"));
    rig_run *one = run(
        s->r,
        "count = 0\n"
        "for _, name in ipairs{'check', 'method', 'path', 'request_id', 'params', 'query', 'headers', 'header',\n"
        "    'ip', 'body_wait', 'body_file', 'body_text', 'body_json', 'set_header', 'set_finish', 'give_request_id'} do\n"
        "  local ok, err = pcall(core[name], kept, old, 'a', 'b')\n"
        "  if not ok and err:find 'request is over' then count = count + 1 end end\n"
        "return count");
    assert_result(one, "16");
    assert_failed(run(s->r, "core.path(-1, 1e300)"), "request is over");
    assert_failed(run(s->r, "core.path()"), "request is over");
    served_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_line_is_read_as_sent),
        cmocka_unit_test(params_are_decoded_once),
        cmocka_unit_test(query_fields_come_first_and_all),
        cmocka_unit_test(fields_of_a_text_are_bounded),
        cmocka_unit_test(headers_are_lower_case_and_joined),
        cmocka_unit_test(a_body_is_read_whole_and_again),
        cmocka_unit_test(a_body_that_comes_late_wakes_its_reader),
        cmocka_unit_test(a_body_that_breaks_wakes_its_reader_with_the_status),
        cmocka_unit_test(a_spooled_body_is_read_from_its_file),
        cmocka_unit_test(a_body_in_memory_or_too_long_has_no_file),
        cmocka_unit_test(its_file_outlives_the_request),
        cmocka_unit_test(json_bodies_are_decoded_or_refused_with_their_status),
        cmocka_unit_test(headers_set_before_go_out_with_whatever_follows),
        cmocka_unit_test(a_header_cannot_end_its_line),
        cmocka_unit_test(everything_raises_once_the_request_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
