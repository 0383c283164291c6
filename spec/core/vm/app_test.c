#include "vm/app.h"

#include "vm/served.h"

static void a_route_answers_with_what_its_function_returns(void **state) {
    (void)state;
    served *s = served_opened("route('GET', '/', function() return 'hello' end)");
    feed(s->w, GET("/"));
    assert_true(has(s->w, "200 OK") && has(s->w, "text/plain") && has(s->w, "\r\n\r\nhello"));
    served_free(s);
}

static void what_no_route_takes_is_answered_without_lua(void **state) {
    (void)state;
    served *s =
        served_opened("route('GET', '/a', function() return 'a' end) route('PUT', '/a', function() end)");
    feed(s->w, GET("/b"));
    assert_true(has(s->w, "404 Not Found") && has(s->w, "not_found"));
    forget(s->w);
    feed(s->w, POST("/a", 1, "x"));
    assert_true(has(s->w, "405 Method Not Allowed") && has(s->w, "Allow: "));
    forget(s->w);
    feed(s->w, "OPTIONS /a HTTP/1.1\r\nHost: x\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(times(s->w, "204 No Content"), 2);
    assert_int_equal(times(s->w, "Allow: "), 2);
    forget(s->w);
    feed(s->w, GET("/%zz"));
    assert_true(has(s->w, "400 Bad Request"));
    served_free(s);
}

static void who_asks_by_another_name_is_turned_away(void **state) {
    (void)state;
    served *s = served_new();
    s->limits.hosts = "shop.test";
    assert_true(served_open(s, RIG_CEILING, "route('GET', '/', function() return 'hello' end)"));
    feed(s->w, "GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\nGET / HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    assert_int_equal(times(s->w, "hello"), 2);
    forget(s->w);
    feed(s->w, "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: evil.test\r\n\r\n"
               "GET http://evil.test/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(times(s->w, "421 Misdirected Request"), 3);
    assert_true(has(s->w, "allowed_hosts") && !has(s->w, "hello"));
    assert_int_equal(rl_server_live(s->w->server), 0);
    served_free(s);
}

static void handlers_that_wait_answer_in_order(void **state) {
    (void)state;
    served *s = served_opened("route('GET', '/slow', function() core.sleep(5) return 'slow' end)\n"
                              "route('GET', '/quick', function() return 'quick' end)");
    feed(s->w, GET("/slow") GET("/quick") GET("/slow"));
    assert_null(s->w->out);
    await_answers(s, 3);
    assert_true(in_order(s->w, "slow", "quick"));
    served_free(s);
}

static void a_fault_is_answered_by_the_fault_function(void **state) {
    (void)state;
    served *s =
        served_opened("route('GET', '/error', function() error('oh no', 0) end)\n"
                      "route('GET', '/late', function() core.sleep(1) error('too late', 0) end)\n"
                      "route('GET', '/nil', function() return nil end)\n"
                      "route('GET', '/nilerr', function() return nil, 'an error' end)\n"
                      "route('GET', '/many', function() return unpack({'many', 200, {}, 'more'}, 1, 200) end)");
    feed(s->w, GET("/error") GET("/late") GET("/nil") GET("/nilerr") GET("/many"));
    await_answers(s, 5);
    assert_true(has(s->w, "fault: oh no") && has(s->w, "fault: too late") &&
                has(s->w, "fault: handler returned nil"));
    assert_true(has(s->w, "fault: an error") && has(s->w, "fault: handler returned more than three values"));
    served_free(s);
}

static void a_fault_in_the_fault_function_is_500(void **state) {
    (void)state;
    served *s = served_opened("core.hook('fault', function() error('again') end)\n"
                              "route('GET', '/a', function() error('x') end)");
    feed(s->w, GET("/a"));
    assert_true(has(s->w, "500 Internal Server Error") && has(s->w, "internal error"));
    served_free(s);
}

static void tasks_of_a_fault_function_end_with_it(void **state) {
    (void)state;
    served *s = served_opened("core.hook('fault', function()\n"
                              "  core.spawn(false, function() core.sleep(1e9) child = 'ended' end)\n"
                              "  core.sleep(1) return 'said', 500 end)\n"
                              "route('GET', '/a', function() error('x') end)");
    feed(s->w, GET("/a"));
    await_answers(s, 1);
    drive(s->r, 10);
    assert_string_equal(global(s->r, "child"), "ended");
    assert_int_equal(rl_server_live(s->w->server), 0);
    served_free(s);
}

static void the_apps_miss_function_answers_what_no_route_takes(void **state) {
    (void)state;
    served *s = served_opened("core.hook('miss', function(slot, epoch, status, code, message)\n"
                              "  if core.path(slot, epoch) == '/wait' then core.sleep(2) end\n"
                              "  return 'miss: ' .. code, status end)\n"
                              "route('GET', '/a', function() return 'a' end)");
    feed(s->w, GET("/b") GET("/wait") POST("/a", 1, "x") GET("/a") "nonsense\r\n\r\n");
    await_answers(s, 5);
    assert_int_equal(times(s->w, "miss: not_found"), 2);
    assert_true(in_order(s->w, "miss: not_found", "miss: method_not_allowed"));
    assert_true(in_order(s->w, "miss: method_not_allowed", "\r\n\r\na") &&
                in_order(s->w, "\r\n\r\na", "miss: bad_request"));
    assert_true(has(s->w, "400 Bad Request") && s->w->is_shut);
    assert_int_equal(rl_server_live(s->w->server), 0);
    served_free(s);
}

static void an_after_function_runs_when_all_else_is_over(void **state) {
    (void)state;
    served *s = served_opened(
        "route('GET', '/', function(slot, epoch)\n"
        "  core.after(slot, epoch, function() after = core.path(slot, epoch) end) return 'x' end)\n"
        "route('GET', '/wait', function(slot, epoch)\n"
        "  core.after(slot, epoch, function() core.sleep(2) waited = 'yes' end) error('y') end)\n"
        "route('GET', '/fails', function(slot, epoch)\n"
        "  core.after(slot, epoch, function() error('z') end) return 'x' end)");
    feed(s->w, GET("/") GET("/wait") GET("/fails") GET("/"));
    await_answers(s, 4);
    drive(s->r, 100);
    assert_string_equal(global(s->r, "after"), "/");
    assert_string_equal(global(s->r, "waited"), "yes");
    assert_int_equal(rl_server_live(s->w->server), 0);
    served_free(s);
}

/* ---- the end of a request ------------------------------------------------------------ */

static void a_request_ends_when_its_tasks_have(void **state) {
    (void)state;
    served *s = served_opened(
        "route('GET', '/', function()\n"
        "  core.spawn(false, function() core.sleep(1e9) child = 'ended' end) return 'done' end)");
    feed(s->w, GET("/"));
    assert_true(has(s->w, "done"));
    turns(s->r, 3);
    assert_string_equal(global(s->r, "child"),
                        "nil"); /* it was cancelled before its first wait, which raised */
    assert_int_equal(rl_server_live(s->w->server), 0);
    served_free(s);
}

static void a_client_that_leaves_cancels_a_get(void **state) {
    (void)state;
    served *s = served_opened("route('GET', '/', function() case = core.sleep(1e9) return 'x' end)");
    feed(s->w, GET("/"));
    end_input(s->w, RL_ERESET);
    turns(s->r, 3);
    assert_string_equal(global(s->r, "case"), "0");
    assert_true(rl_server_is_idle(s->w->server));
    served_free(s);
}

static void a_client_that_leaves_lets_a_post_finish(void **state) {
    (void)state;
    served *s = served_opened("route('POST', '/', function() case = core.sleep(3) return 'x' end)");
    feed(s->w, POST("/", 1, "x"));
    end_input(s->w, RL_ERESET);
    drive(s->r, 100);
    assert_string_equal(global(s->r, "case"), "1");
    served_free(s);
}

static void a_route_may_end_a_post_whose_client_leaves(void **state) {
    (void)state;
    served *s = served_opened("route('POST', '/', function(slot, epoch) core.set_finish(slot, epoch, false)\n"
                              "  case = core.sleep(1e9) return 'x' end)");
    feed(s->w, POST("/", 1, "x"));
    end_input(s->w, RL_ERESET);
    turns(s->r, 3);
    assert_string_equal(global(s->r, "case"), "0");
    served_free(s);
}

static void a_route_may_let_a_get_finish(void **state) {
    (void)state;
    served *s = served_opened("route('GET', '/', function(slot, epoch) core.set_finish(slot, epoch, true)\n"
                              "  case = core.sleep(3) return 'x' end)");
    feed(s->w, GET("/"));
    end_input(s->w, RL_ERESET);
    drive(s->r, 100);
    assert_string_equal(global(s->r, "case"), "1");
    served_free(s);
}

static void a_request_that_waits_has_a_deadline(void **state) {
    (void)state;
    served *s = served_new();
    s->limits.request_timeout_ms = 3;
    assert_true(served_open(s, RIG_CEILING,
                            "route('GET', '/', function() core.sleep(1e9) return core.why() end)\n"
                            "route('GET', '/own', function() core.set_deadline(30)\n"
                            "  core.sleep(8) return tostring(core.why()) end)"));
    feed(s->w, GET("/") GET("/own"));
    await_answers(s, 2);
    assert_true(has(s->w, "\r\n\r\ntimeout") && has(s->w, "\r\n\r\nnil"));
    served_free(s);
}

/* The task of the app waits for the body of a request that ends before it. */
static void a_task_of_the_app_finds_that_the_request_is_over(void **state) {
    (void)state;
    const char *bodies[] = {"", "the rest"};
    for (size_t i = 0; i < 2; i++) {
        served *s = served_opened("route('POST', '/', function(slot, epoch)\n"
                                  "  core.spawn(true, function()\n"
                                  "    case = core.body_wait(slot, epoch)\n"
                                  "    ok, why = pcall(core.body_text, slot, epoch)\n"
                                  "    ok, why = pcall(core.body_wait, slot, epoch)\n"
                                  "  end)\n"
                                  "  core.sleep(2) return 'answered' end)");
        feed(s->w, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n");
        await_answers(s, 1);
        turns(s->r, 3);
        if (bodies[i][0] != '\0')
            feed(s->w, bodies[i]);
        drive(s->r, 100);
        assert_string_equal(global(s->r, "case"), "1");
        assert_non_null(strstr(global(s->r, "why"), "request is over"));
        served_free(s);
    }
}

static void a_kept_slot_and_epoch_never_reach_the_next_request(void **state) {
    (void)state;
    served *s =
        served_opened("route('GET', '/keep', function(slot, epoch) old = epoch return 'kept' end)\n"
                      "route('GET', '/use', function(slot, epoch)\n"
                      "  return tostring(pcall(core.path, slot, old)) .. core.path(slot, epoch) end)");
    feed(s->w, GET("/keep"));
    for (int i = 0; i < 100; i++) {
        forget(s->w);
        feed(s->w, GET("/use"));
        assert_true(has(s->w, "\r\n\r\nfalse/use"));
    }
    served_free(s);
}

/* ---- registering ------------------------------------------------------------------ */

static void a_bad_route_is_an_error(void **state) {
    (void)state;
    served *s = served_opened("route('GET', '/a', function() end)");
    assert_failed(run(s->r, "route('GET', '/a', function() end)"), "spec:1");
    assert_failed(run(s->r, "route('FETCH', '/b', function() end)"), "no method");
    assert_failed(run(s->r, "route('GET', 'b', function() end)"), "/");
    assert_failed(run(s->r, "route('GET', '/b', 'no function')"), "function expected");
    served_free(s);
    rig *r = rig_opened();
    assert_failed(run(r, "core.route('GET', '/', print, 'x')"), "no server");
    rig_free(r);
}

/* ---- without memory ---------------------------------------------------------------- */

/* Far above what it takes, on a machine that does other things too. */
#define PATIENCE_NS UINT64_C(20000000000)

static void a_handler_that_takes_all_memory_fails_and_the_next_is_served(void **state) {
    (void)state;
    served *s = served_new();
    assert_true(
        served_open(s, 4 << 20,
                    "route('GET', '/eat', function() local t = {} for i = 1, 1e9 do t[i] = {} end end)\n"
                    "route('GET', '/ok', function() return 'fine' end)"));
    for (int i = 0; i < 3; i++) {
        forget(s->w);
        feed(s->w, GET("/eat"));
        assert_true(has(s->w, "HTTP/1.1 50"));
        uint64_t until_ns = rl_clock_ns() + PATIENCE_NS; /* the pause between collections is real */
        while (!has(s->w, "fine") && rl_clock_ns() < until_ns) {
            forget(s->w);
            feed(s->w, GET("/ok"));
            assert_true(has(s->w, "fine") || has(s->w, "503 "));
        }
        assert_true(has(s->w, "fine"));
    }
    served_free(s);
}

static void a_vm_full_of_live_data_answers_503(void **state) {
    (void)state;
    served *s = served_new();
    assert_true(served_open(s, 8 << 20, "route('GET', '/', function() return 'fine' end)"));
    run(s->r, "kept = {} for i = 1, 15 do kept[i] = ('x'):rep(500000 + i) end");
    feed(s->w, GET("/"));
    assert_true(has(s->w, "503 Service Unavailable"));
    run(s->r, "kept = nil collectgarbage()");
    forget(s->w);
    feed(s->w, GET("/"));
    assert_true(has(s->w, "fine"));
    served_free(s);
}

static const char BUSY_CODE[] =
    "route('GET', '/text', function(slot, epoch) return 'x' .. core.path(slot, epoch) end)\n"
    "route('GET', '/json', function(slot, epoch)\n"
    "  return { list = { 1, 2, 3 }, query = core.query(slot, epoch), headers = core.headers(slot, epoch) } end)\n"
    "route('GET', '/wait/:id', function(slot, epoch)\n"
    "  core.spawn(false, function() core.sleep(0) end) core.sleep(0)\n"
    "  return core.params(slot, epoch).id, 200, { ['X-A'] = 'b' } end)\n"
    "route('POST', '/body', function(slot, epoch) core.body_wait(slot, epoch) return (core.body_text(slot, epoch)) end)\n"
    "route('POST', '/json', function(slot, epoch) core.body_wait(slot, epoch)\n"
    "  return tostring(core.body_json(slot, epoch)) end)\n"
    "route('GET', '/fault', function(slot, epoch) core.set_header(slot, epoch, 'X-B', 'c') error('x') end)\n"
    "core.hook('miss', function(slot, epoch, status, code, message) return { code = code }, status end)\n"
    "route('GET', '/after', function(slot, epoch)\n"
    "  core.after(slot, epoch, function() kept = { core.path(slot, epoch) } end) return 'x' end)\n"
    "route('GET', '/bad', function() return {}, 200, { [{}] = 1 } end)\n";

static void be_busy(served *s) {
    feed(s->w, GET("/text") GET("/json?a=1&b=%20") GET("/wait/7") GET("/fault") GET("/bad") GET("/none")
                   GET("/after"));
    turns(s->r, 5);
    feed(s->w, POST("/body", 5, "he"));
    feed(s->w, "llo" POST("/json", 7, "[1,{}] ") "nonsense\r\n\r\n");
    turns(s->r, 5);
}

static const busy BUSY = {BUSY_CODE, be_busy, 10};

static void no_refused_allocation_of_lua_leaves_a_request_without_end(void **state) {
    (void)state;
    fail_each_growth(&BUSY, false);
}

static void no_lasting_lack_of_lua_memory_leaves_a_request_without_end(void **state) {
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
        cmocka_unit_test(a_route_answers_with_what_its_function_returns),
        cmocka_unit_test(what_no_route_takes_is_answered_without_lua),
        cmocka_unit_test(who_asks_by_another_name_is_turned_away),
        cmocka_unit_test(handlers_that_wait_answer_in_order),
        cmocka_unit_test(a_fault_is_answered_by_the_fault_function),
        cmocka_unit_test(a_fault_in_the_fault_function_is_500),
        cmocka_unit_test(tasks_of_a_fault_function_end_with_it),
        cmocka_unit_test(the_apps_miss_function_answers_what_no_route_takes),
        cmocka_unit_test(an_after_function_runs_when_all_else_is_over),
        cmocka_unit_test(a_request_ends_when_its_tasks_have),
        cmocka_unit_test(a_client_that_leaves_cancels_a_get),
        cmocka_unit_test(a_client_that_leaves_lets_a_post_finish),
        cmocka_unit_test(a_route_may_end_a_post_whose_client_leaves),
        cmocka_unit_test(a_route_may_let_a_get_finish),
        cmocka_unit_test(a_request_that_waits_has_a_deadline),
        cmocka_unit_test(a_task_of_the_app_finds_that_the_request_is_over),
        cmocka_unit_test(a_kept_slot_and_epoch_never_reach_the_next_request),
        cmocka_unit_test(a_bad_route_is_an_error),
        cmocka_unit_test(a_handler_that_takes_all_memory_fails_and_the_next_is_served),
        cmocka_unit_test(a_vm_full_of_live_data_answers_503),
        cmocka_unit_test(no_refused_allocation_of_lua_leaves_a_request_without_end),
        cmocka_unit_test(no_lasting_lack_of_lua_memory_leaves_a_request_without_end),
        cmocka_unit_test(any_allocation_of_ours_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
