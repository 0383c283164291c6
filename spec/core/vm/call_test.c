#include "vm/call.h"

#include <unistd.h>

#include "base/log.h"
#include "vm/served.h"

/* `streamed(method, path, run)`: a route that answers with the function `run`. */
#define STREAMED \
    "local Answer = { [0] = 3, 'body', 'status', 'headers', 'type', 'run' }\n" \
    "function streamed(method, path, run)\n" \
    "  route(method, path, function() return setmetatable({ run = run }, Answer) end)\n" \
    "end\n" \
    "core.hook('stream', function(slot, epoch, answer, ...) return answer.run(slot, epoch, ...) end)\n" \
    "function head(slot, epoch) core.stream_begin(slot, epoch, 200, 'text/plain', {}) end\n"

static served *streaming(const char *code) {
    char text[4096];
    snprintf(text, sizeof text, "%s%s", STREAMED, code);
    return served_opened(text);
}

/* ---- what a step is told --------------------------------------------------- */

static void the_fault_function_is_told_the_error_where_and_of_which_route(void **state) {
    (void)state;
    served *s = served_opened(
        "core.hook('fault', function(slot, epoch, err, co, number)\n"
        "  return core.path(slot, epoch) .. ' ' .. tostring(err.code) .. ' ' .. number .. ' '\n"
        "    .. tostring(debug.traceback(co):find('deep', 1, true) ~= nil), 500 end)\n"
        "route('GET', '/first', function() end)\n"
        "local function deep() error({ code = 'mine' }) end\n"
        "route('GET', '/second', function() deep() return 'x' end)");
    feed(s->w, GET("/second"));
    assert_true(has(s->w, "/second mine 2 true"));
    served_free(s);
}

static void a_wrong_result_is_told_in_words_without_a_coroutine(void **state) {
    (void)state;
    served *s = served_opened("core.hook('fault', function(slot, epoch, err, co, number)\n"
                              "  return type(err) .. ' ' .. tostring(co) .. ' ' .. number, 500 end)\n"
                              "route('GET', '/', function() return 5 end)");
    feed(s->w, GET("/"));
    assert_true(has(s->w, "\r\n\r\nstring nil 1"));
    served_free(s);
}

static void a_miss_function_that_fails_goes_to_the_fault_function_without_a_route(void **state) {
    (void)state;
    served *s = served_opened("core.hook('miss', function() error('lost', 0) end)\n"
                              "core.hook('fault', function(slot, epoch, err, co, number)\n"
                              "  return err .. number, 500 end)");
    feed(s->w, GET("/nowhere"));
    assert_true(has(s->w, "500 ") && has(s->w, "\r\n\r\nlost0"));
    served_free(s);
}

static void a_stream_is_told_the_status_and_headers_behind_it(void **state) {
    (void)state;
    served *s = served_opened(
        "local Answer = { [0] = 3, 'body', 'status', 'headers', 'type', 'run' }\n"
        "local function answer() return setmetatable({ run = print }, Answer) end\n"
        "core.hook('stream', function(slot, epoch, answer, status, headers, number)\n"
        "  return type(answer.run) .. tostring(status) .. type(headers) .. number end)\n"
        "route('GET', '/both', function() return answer(), 201, {} end)\n"
        "route('GET', '/none', function() return answer() end)");
    feed(s->w, GET("/both") GET("/none"));
    assert_true(has(s->w, "\r\n\r\nfunction201table1") && has(s->w, "\r\n\r\nfunctionnilnil2"));
    served_free(s);
}

static void a_body_type_set_before_a_fault_does_not_name_the_faults_body(void **state) {
    (void)state;
    served *s = served_opened("route('GET', '/', function(slot, epoch)\n"
                              "  core.set_header(slot, epoch, 'Content-Type', 'image/png')\n"
                              "  core.set_header(slot, epoch, 'X-Kept', 'yes') error('x', 0) end)");
    feed(s->w, GET("/"));
    assert_true(has(s->w, "Content-Type: text/plain") && has(s->w, "X-Kept: yes") && !has(s->w, "image/png"));
    served_free(s);
}

static void the_request_is_known_to_whatever_runs_for_it(void **state) {
    (void)state;
    served *s = streaming("local function same(slot, epoch) local a, b = core.request_here()\n"
                          "  return tostring(a == slot and b == epoch) end\n"
                          "route('GET', '/', function(slot, epoch)\n"
                          "  core.after(slot, epoch, function() in_after = same(slot, epoch) end)\n"
                          "  in_route = same(slot, epoch) return 'x' end)\n"
                          "streamed('GET', '/stream', function(slot, epoch)\n"
                          "  in_stream = same(slot, epoch) end)");
    feed(s->w, GET("/") GET("/stream"));
    assert_string_equal(global(s->r, "in_route"), "true");
    assert_string_equal(global(s->r, "in_after"), "true");
    assert_string_equal(global(s->r, "in_stream"), "true");
    assert_result(run(s->r, "return tostring((core.request_here()))"), "nil");
    served_free(s);
}

/* ---- streams ------------------------------------------------------------------ */

static void a_stream_that_fails_before_its_head_is_answered_500(void **state) {
    (void)state;
    served *s = streaming("streamed('GET', '/', function() error('early', 0) end)\n"
                          "route('GET', '/next', function() return 'next' end)");
    feed(s->w, GET("/") GET("/next"));
    assert_true(has(s->w, "500 Internal Server Error") && has(s->w, "internal error") && !has(s->w, "early"));
    assert_true(has(s->w, "\r\n\r\nnext"));
    served_free(s);
}

static void a_stream_that_fails_on_its_way_breaks_the_connection(void **state) {
    (void)state;
    served *s = streaming("streamed('GET', '/', function(slot, epoch)\n"
                          "  head(slot, epoch) core.stream_write(slot, epoch, 'half') error('late', 0) end)");
    feed(s->w, GET("/"));
    assert_true(s->w->is_closing || !s->w->is_open);
    assert_false(has(s->w, "\r\n0\r\n\r\n")); /* the chunk that would say: this was all */
    assert_int_equal(times(s->w, "HTTP/1.1 "), s->w->out == NULL ? 0 : 1);
    served_free(s);
}

static void a_stream_may_answer_otherwise(void **state) {
    (void)state;
    served *s = streaming("streamed('GET', '/', function() return 'instead', 404 end)\n"
                          "streamed('GET', '/wrong', function() return 5 end)");
    feed(s->w, GET("/") GET("/wrong"));
    assert_true(has(s->w, "404 Not Found") && has(s->w, "\r\n\r\ninstead"));
    assert_true(has(s->w, "500 Internal Server Error"));
    served_free(s);
}

static void a_stream_outlasts_the_deadline_of_a_request(void **state) {
    (void)state;
    served *s = served_new();
    s->limits.request_timeout_ms = 2;
    char text[1024];
    snprintf(text, sizeof text,
             "%sstreamed('GET', '/', function(slot, epoch) head(slot, epoch)\n"
             "  core.sleep(10) core.stream_write(slot, epoch, tostring(core.why())) end)",
             STREAMED);
    assert_true(served_open(s, RIG_CEILING, text));
    feed(s->w, GET("/"));
    pass(s->w, 20);
    assert_true(has(s->w, "\r\n\r\n3\r\nnil\r\n0\r\n\r\n"));
    served_free(s);
}

static void a_fault_function_that_waits_has_a_deadline(void **state) {
    (void)state;
    served *s = served_new();
    s->limits.request_timeout_ms = 2;
    assert_true(served_open(s, RIG_CEILING,
                            "core.hook('fault', function() core.sleep(1e9) return core.why(), 500 end)\n"
                            "route('GET', '/', function() error('x') end)"));
    feed(s->w, GET("/"));
    await_answers(s, 1);
    assert_true(has(s->w, "\r\n\r\ntimeout"));
    served_free(s);
}

static void a_client_that_leaves_cancels_the_stream_of_a_get_alone(void **state) {
    (void)state;
    static const char *const requests[][2] = {{GET("/"), "0"}, {POST("/", 0, ""), "1"}};
    for (size_t i = 0; i < 2; i++) {
        served *s = streaming("local function wait(slot, epoch)\n"
                              "  head(slot, epoch) case = core.line_wait(go) end\n"
                              "streamed('GET', '/', wait) streamed('POST', '/', wait) go = core.line()");
        feed(s->w, requests[i][0]);
        turns(s->r, 2);
        end_input(s->w, RL_ERESET);
        turns(s->r, 3);
        run(s->r, "core.line_wake_all(go)");
        turns(s->r, 3);
        assert_string_equal(global(s->r, "case"), requests[i][1]);
        assert_int_equal(rl_server_live(s->w->server), 0);
        served_free(s);
    }
}

static void tasks_of_a_stream_end_with_it(void **state) {
    (void)state;
    served *s = streaming("streamed('GET', '/', function(slot, epoch) head(slot, epoch)\n"
                          "  core.spawn(false, function() case = core.line_wait(core.line()) end)\n"
                          "  core.sleep(0) end)");
    feed(s->w, GET("/"));
    turns(s->r, 5);
    assert_true(has(s->w, "0\r\n\r\n"));
    assert_string_equal(global(s->r, "case"), "0");
    assert_int_equal(rl_server_live(s->w->server), 0);
    served_free(s);
}

/* ---- the end ------------------------------------------------------------------- */

static void the_after_function_waits_for_the_tasks_and_the_stream(void **state) {
    (void)state;
    served *s = streaming("order = ''\n"
                          "local function note(text) order = order .. text end\n"
                          "route('GET', '/', function(slot, epoch)\n"
                          "  core.after(slot, epoch, function() note 'after ' end)\n"
                          "  core.spawn(false, function()\n"
                          "    core.shield(1e6) core.sleep(0) core.sleep(0) note 'task ' end)\n"
                          "  core.sleep(0) note 'route ' return 'x' end)\n"
                          "streamed('GET', '/stream', function(slot, epoch)\n"
                          "  core.after(slot, epoch, function() note 'over ' end)\n"
                          "  head(slot, epoch) core.sleep(0) note 'stream ' end)");
    feed(s->w, GET("/"));
    turns(s->r, 10);
    assert_string_equal(global(s->r, "order"), "route task after ");
    feed(s->w, GET("/stream"));
    turns(s->r, 10);
    assert_string_equal(global(s->r, "order"), "route task after stream over ");
    assert_int_equal(rl_server_live(s->w->server), 0);
    served_free(s);
}

static void the_last_after_function_counts(void **state) {
    (void)state;
    served *s = served_opened("ran = ''\n"
                              "route('GET', '/', function(slot, epoch)\n"
                              "  core.after(slot, epoch, function() ran = ran .. 'first' end)\n"
                              "  core.after(slot, epoch, function() ran = ran .. 'second' end)\n"
                              "  return 'x' end)");
    feed(s->w, GET("/") GET("/"));
    assert_string_equal(global(s->r, "ran"), "secondsecond");
    served_free(s);
}

static void a_calls_memory_is_used_again(void **state) {
    (void)state;
    served *s = streaming("route('GET', '/', function(slot, epoch) core.after(slot, epoch, function() end)\n"
                          "  return 'x' end)\n"
                          "streamed('GET', '/stream', function(slot, epoch) head(slot, epoch) end)\n"
                          "route('GET', '/fault', function() error('x', 0) end)");
    size_t live = 0;
    for (int i = 0; i < 50; i++) {
        forget(s->w);
        feed(s->w, GET("/") GET("/stream") GET("/fault"));
        assert_int_equal(times(s->w, "HTTP/1.1 "), 3);
        if (i == 5)
            live = mem_live();
    }
    assert_int_equal(mem_live(), live);
    served_free(s);
}

/* ---- what the log is told -------------------------------------------------------- */

static void what_nobody_answers_for_is_logged(void **state) {
    (void)state;
    char name[] = "/tmp/rille-log-XXXXXX", text[4096];
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    unlink(name);
    rl_log *log;
    assert_int_equal(rl_log_open(fd, RL_LOG_JSON, RL_LOG_INFO, &log), RL_OK);
    served *s = streaming("core.hook('fault', function() error('fault of fault', 0) end)\n"
                          "route('GET', '/', function() error('x') end)\n"
                          "route('GET', '/after', function(slot, epoch)\n"
                          "  core.after(slot, epoch, function() error('after all', 0) end) return 'x' end)\n"
                          "streamed('GET', '/stream', function(slot, epoch)\n"
                          "  head(slot, epoch) error('mid way', 0) end)");
    s->r->vm->log = log;
    feed(s->w, GET("/") GET("/after") GET("/stream"));
    served_free(s);
    rl_log_close(log);
    ssize_t len = pread(fd, text, sizeof text - 1, 0);
    assert_true(len > 0);
    text[len] = '\0';
    close(fd);
    static const char *const parts[] = {"the fault handler failed itself", "fault of fault",
                                        "fault in c:after",                "after all",
                                        "a streamed answer failed",        "mid way"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(text, parts[i]) == NULL)
            fail_msg("no '%s' in %s", parts[i], text);
}

static void a_fault_that_is_answered_with_a_stream_is_one_itself(void **state) {
    (void)state;
    served *s = streaming("core.hook('fault', function() return setmetatable({ run = print }, Answer) end)\n"
                          "route('GET', '/', function() error('x') end)");
    feed(s->w, GET("/"));
    assert_int_equal(times(s->w, "HTTP/1.1 500 "), 1);
    assert_int_equal(times(s->w, "internal error"), 1);
    served_free(s);
}

/* ---- without memory ---------------------------------------------------------------- */

static const char BUSY_CODE[] =
    STREAMED
    "streamed('GET', '/stream', function(slot, epoch)\n"
    "  core.after(slot, epoch, function() kept = { core.path(slot, epoch) } end)\n"
    "  head(slot, epoch) core.spawn(false, function() core.sleep(0) end)\n"
    "  core.stream_write(slot, epoch, 'abc') core.sleep(0) end)\n"
    "streamed('GET', '/early', function() error({}) end)\n"
    "core.hook('miss', function(slot, epoch, status, code, message) error(code .. message, 0) end)\n";

static void be_busy(served *s) {
    feed(s->w, GET("/stream") GET("/early") GET("/none"));
    turns(s->r, 5);
}

static const busy BUSY = {BUSY_CODE, be_busy, 3};

static void no_refused_allocation_of_lua_leaves_a_call_without_end(void **state) {
    (void)state;
    fail_each_growth(&BUSY, false);
}

static void no_lasting_lack_of_lua_memory_leaves_a_call_without_end(void **state) {
    (void)state;
    fail_each_growth(&BUSY, true);
}

static void serve(void) {
    serve_once(&BUSY);
}

static void any_allocation_of_ours_may_fail(void **state) {
    (void)state;
    each_allocation_fails(serve);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fault_function_is_told_the_error_where_and_of_which_route),
        cmocka_unit_test(a_wrong_result_is_told_in_words_without_a_coroutine),
        cmocka_unit_test(a_miss_function_that_fails_goes_to_the_fault_function_without_a_route),
        cmocka_unit_test(a_stream_is_told_the_status_and_headers_behind_it),
        cmocka_unit_test(a_body_type_set_before_a_fault_does_not_name_the_faults_body),
        cmocka_unit_test(the_request_is_known_to_whatever_runs_for_it),
        cmocka_unit_test(a_stream_that_fails_before_its_head_is_answered_500),
        cmocka_unit_test(a_stream_that_fails_on_its_way_breaks_the_connection),
        cmocka_unit_test(a_stream_may_answer_otherwise),
        cmocka_unit_test(a_stream_outlasts_the_deadline_of_a_request),
        cmocka_unit_test(a_fault_function_that_waits_has_a_deadline),
        cmocka_unit_test(a_client_that_leaves_cancels_the_stream_of_a_get_alone),
        cmocka_unit_test(tasks_of_a_stream_end_with_it),
        cmocka_unit_test(the_after_function_waits_for_the_tasks_and_the_stream),
        cmocka_unit_test(the_last_after_function_counts),
        cmocka_unit_test(a_calls_memory_is_used_again),
        cmocka_unit_test(what_nobody_answers_for_is_logged),
        cmocka_unit_test(a_fault_that_is_answered_with_a_stream_is_one_itself),
        cmocka_unit_test(no_refused_allocation_of_lua_leaves_a_call_without_end),
        cmocka_unit_test(no_lasting_lack_of_lua_memory_leaves_a_call_without_end),
        cmocka_unit_test(any_allocation_of_ours_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
