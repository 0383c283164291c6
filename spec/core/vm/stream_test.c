#include "vm/served.h"

/* `run(slot, epoch)` is the function of a streamed answer. */
static const char *const STREAMED =
    "local Answer = { [0] = 3, 'body', 'status', 'headers', 'type', 'run' }\n"
    "function streamed(method, path, run)\n"
    "  route(method, path, function() return setmetatable({ run = run }, Answer) end)\n"
    "end\n"
    "core.hook('stream', function(slot, epoch, answer) answer.run(slot, epoch) end)\n"
    "begin, write, room = core.stream_begin, core.stream_write, core.stream_room\n";

static served *streaming(const char *code) {
    char text[4096];
    snprintf(text, sizeof text, "%s%s", STREAMED, code);
    return served_opened(text);
}

/* A client that reads nothing until the test says so. */
static served *unread(const char *code) {
    served *s = streaming(code);
    s->w->takes = 0;
    return s;
}

static void pieces_go_out_as_they_are_written(void **state) {
    (void)state;
    served *s = streaming("streamed('GET', '/', function(slot, epoch)\n"
                          "  begin(slot, epoch, 202, 'text/csv', { ['X-A'] = 'b' })\n"
                          "  write(slot, epoch, 'one') core.line_wait(go) write(slot, epoch, '')\n"
                          "  write(slot, epoch, 'three') end)\n"
                          "go = core.line()");
    feed(s->w, GET("/"));
    turns(s->r, 2);
    assert_true(has(s->w, "202 Accepted") && has(s->w, "Content-Type: text/csv") && has(s->w, "X-A: b\r\n"));
    assert_true(has(s->w, "Transfer-Encoding: chunked") && has(s->w, "\r\n\r\n3\r\none\r\n"));
    assert_false(has(s->w, "three"));
    run(s->r, "core.line_wake_all(go)");
    turns(s->r, 2);
    assert_true(has(s->w, "one\r\n5\r\nthree\r\n0\r\n\r\n")); /* an empty piece would have ended the body */
    served_free(s);
}

static void a_known_length_needs_no_chunks(void **state) {
    (void)state;
    served *s = streaming("streamed('GET', '/', function(slot, epoch)\n"
                          "  begin(slot, epoch, 200, 'text/plain', {}, 6)\n"
                          "  write(slot, epoch, 'abc') write(slot, epoch, 'def') end)");
    feed(s->w, GET("/"));
    assert_true(has(s->w, "Content-Length: 6\r\n") && has(s->w, "\r\n\r\nabcdef") && !has(s->w, "chunked"));
    assert_false(s->w->is_closing);
    served_free(s);
}

static void a_body_short_of_its_length_breaks_the_connection(void **state) {
    (void)state;
    served *s = streaming("streamed('GET', '/', function(slot, epoch)\n"
                          "  begin(slot, epoch, 200, 'text/plain', {}, 6) write(slot, epoch, 'abc') end)");
    feed(s->w, GET("/"));
    assert_true(s->w->is_closing || !s->w->is_open);
    served_free(s);
}

static void the_head_takes_along_what_was_set_before(void **state) {
    (void)state;
    served *s = streaming("streamed('GET', '/', function(slot, epoch)\n"
                          "  core.set_header(slot, epoch, 'X-Early', '1')\n"
                          "  core.set_header(slot, epoch, 'X-Both', '1')\n"
                          "  begin(slot, epoch, 200, 'text/plain', { ['X-Both'] = '2' }) end)");
    feed(s->w, GET("/"));
    assert_true(has(s->w, "X-Early: 1\r\n") && has(s->w, "X-Both: 2\r\n") && !has(s->w, "X-Both: 1"));
    served_free(s);
}

static void a_wrong_head_raises_and_nothing_is_sent(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"begin(slot, epoch, 199, 'a/b', {})", "status 199"},
        {"begin(slot, epoch, 600, 'a/b', {})", "status 600"},
        {"begin(slot, epoch, 200, 'a/b', {}, -1)", "a length from 0 on"},
        {"begin(slot, epoch, 200, 'a/b', {}, 0/0)", "a length from 0 on"},
        {"begin(slot, epoch, 200, 'a/b', { X = 'a\\r\\nY: b' })", "header 'X'"},
        {"begin(slot, epoch, 200, 'a/b', 'X: a')", "table expected"},
        {"begin(slot, epoch, 200, nil, {})", "string expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char code[512];
        snprintf(code, sizeof code,
                 "streamed('GET', '/', function(slot, epoch)\n"
                 "  ok, why = pcall(function() %s end)\n"
                 "  begin(slot, epoch, 200, 'text/plain', {}, 0) end)",
                 cases[i][0]);
        served *s = streaming(code);
        feed(s->w, GET("/"));
        if (strstr(global(s->r, "why"), cases[i][1]) == NULL)
            fail_msg("%s: %s", cases[i][0], global(s->r, "why"));
        assert_int_equal(times(s->w, "HTTP/1.1 "), 1);
        assert_true(has(s->w, "200 OK"));
        served_free(s);
    }
}

/* More than may stand unsent is written; `after` says when the writer went on. */
static const char *const WRITES_MUCH =
    "local function much(slot, epoch)\n"
    "  begin(slot, epoch, 200, 'text/plain', {})\n"
    "  local piece, count = ('x'):rep(65536), 0\n"
    "  repeat count = count + 1 alive = tostring(write(slot, epoch, piece))\n"
    "    case = room(slot, epoch) after = tostring(count)\n"
    "  until case ~= 1 or count == 20\n"
    "  over = tostring(core.why()) end\n"
    "streamed('GET', '/', much) streamed('POST', '/', much)";

static void a_writer_waits_for_a_client_that_does_not_read(void **state) {
    (void)state;
    served *s = unread(WRITES_MUCH);
    feed(s->w, GET("/"));
    turns(s->r, 5);
    int unsent = atoi(global(s->r, "after"));
    assert_in_range(unsent, 1, 6); /* the high water is 256 KB */
    for (int i = 0; i < 200 && strcmp(global(s->r, "after"), "20") != 0; i++) {
        wire_drain(s->w, SIZE_MAX);
        turns(s->r, 2);
    }
    assert_string_equal(global(s->r, "after"), "20");
    assert_string_equal(global(s->r, "case"), "1");
    served_free(s);
}

/* It wakes by the news, and finds by writing what they are; a GET is cancelled besides. */
static void a_client_that_leaves_ends_a_writers_wait(void **state) {
    (void)state;
    static const char *const requests[][2] = {{GET("/"), "cancelled"}, {POST("/", 0, ""), "nil"}};
    for (size_t i = 0; i < 2; i++) {
        served *s = unread(WRITES_MUCH);
        feed(s->w, requests[i][0]);
        turns(s->r, 5);
        assert_string_equal(global(s->r, "alive"), "true");
        end_input(s->w, RL_ERESET);
        turns(s->r, 5);
        assert_string_equal(global(s->r, "alive"), "false");
        assert_string_equal(global(s->r, "over"), requests[i][1]);
        assert_int_equal(rl_server_live(s->w->server), 0);
        served_free(s);
    }
}

static void all_of_it_raises_once_the_request_is_over(void **state) {
    (void)state;
    served *s = streaming("streamed('GET', '/', function(slot, epoch) kept, old = slot, epoch\n"
                          "  begin(slot, epoch, 200, 'text/plain', {}, 0) end)");
    feed(s->w, GET("/"));
    assert_failed(run(s->r, "begin(kept, old, 200, 'a/b', {})"), "request is over");
    assert_failed(run(s->r, "write(kept, old, 'x')"), "request is over");
    assert_failed(run(s->r, "room(kept, old)"), "request is over");
    served_free(s);
}

static void stream_something(void) {
    char text[2048];
    snprintf(text, sizeof text,
             "%sstreamed('GET', '/', function(slot, epoch)\n"
             "  begin(slot, epoch, 200, 'text/plain', { ['X-A'] = ('a'):rep(300) })\n"
             "  for i = 1, 3 do write(slot, epoch, ('x'):rep(3000)) room(slot, epoch) core.sleep(0) end end)",
             STREAMED);
    served *s = served_new();
    if (served_open(s, RIG_CEILING, text)) {
        s->w->takes = 2000;
        feed(s->w, GET("/"));
        for (int i = 0; i < 10; i++) {
            wire_drain(s->w, SIZE_MAX);
            turns(s->r, 2);
        }
        wire_end_stream(s->w);
        assert_int_equal(rl_server_live(s->w->server), 0);
        assert_true(has(s->w, "\r\n0\r\n\r\n") == s->w->is_open || has(s->w, "HTTP/1.1 50"));
    }
    served_free(s);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(stream_something);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_go_out_as_they_are_written),
        cmocka_unit_test(a_known_length_needs_no_chunks),
        cmocka_unit_test(a_body_short_of_its_length_breaks_the_connection),
        cmocka_unit_test(the_head_takes_along_what_was_set_before),
        cmocka_unit_test(a_wrong_head_raises_and_nothing_is_sent),
        cmocka_unit_test(a_writer_waits_for_a_client_that_does_not_read),
        cmocka_unit_test(a_client_that_leaves_ends_a_writers_wait),
        cmocka_unit_test(all_of_it_raises_once_the_request_is_over),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
