#include "http/disk.h"
#include "http/wire.h"

/* ---- who runs when ------------------------------------------------------------ */

static void safe_requests_run_together(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a") "HEAD /b HTTP/1.1\r\nHost: x\r\n\r\n" GET("/c"));
    assert_int_equal(w->count, 3);
    wire_free(w);
}

static void a_post_between_gets_runs_alone(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a") POST("/b", 2, "hi") GET("/c") GET("/d"));
    assert_int_equal(w->count, 1);
    answer(w, 0, "first");
    turn(w);
    assert_int_equal(w->count, 2);
    assert_string_equal(w->seen[1].path, "/b");
    assert_true(rl_body_is_whole(&w->seen[1].request->body));
    answer(w, 1, "second");
    turn(w);
    assert_int_equal(w->count, 4);
    answer(w, 3, "fourth");
    answer(w, 2, "third");
    turn(w);
    assert_true(in_order(w, "first", "second") && in_order(w, "second", "third") &&
                in_order(w, "third", "fourth"));
    wire_free(w);
}

static void requests_that_end_at_once_run_one_after_another(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, POST("/now1", 1, "x") POST("/now2", 1, "x") GET("/now3") POST("/echo", 3, "abc"));
    turn(w);
    assert_int_equal(w->count, 4);
    assert_true(in_order(w, "/now1", "/now2") && in_order(w, "/now2", "/now3") &&
                in_order(w, "/now3", "abc"));
    wire_free(w);
}

static void nothing_follows_a_request_of_http_1_0_until_its_answer(void **state) {
    (void)state;
    wire *w = wire_opened();
    const char *old = "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    feed(w, old);
    feed(w, GET("/b"));
    assert_int_equal(w->count, 1);
    answer(w, 0, "first");
    turn(w);
    assert_int_equal(w->count, 2);
    /* an answer that ends with the connection must be the last one */
    feed(w, old);
    answer(w, 1, "second");
    turn(w);
    feed(w, GET("/never"));
    assert_true(rl_request_begin(w->seen[2].request, &(rl_answer){.status = 200}));
    assert_true(rl_request_write(w->seen[2].request, RL_LIT("to the end")));
    rl_request_end(w->seen[2].request);
    release(w, 2);
    turn(w);
    assert_int_equal(w->count, 3);
    assert_true(w->is_shut && has(w, "\r\n\r\nto the end"));
    assert_int_equal(times(w, "HTTP/1.1 "), 3);
    wire_free(w);
}

static void a_request_may_come_byte_by_byte(void **state) {
    (void)state;
    wire *w = wire_opened();
    const char *text = POST("/echo", 5, "hello") GET("/now");
    for (; *text != '\0'; text++)
        feed_bytes(w, text, 1);
    turn(w);
    assert_true(in_order(w, "hello", "/now"));
    wire_free(w);
}

/* ---- what is held ---------------------------------------------------------------- */

static void the_pipeline_is_bounded(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.pipeline = 3;
    assert_true(wire_open(w));
    feed(w, GET("/a") GET("/b") GET("/c") GET("/d") GET("/e"));
    assert_int_equal(w->count, 3);
    answer(w, 1, "second");
    turn(w);
    assert_int_equal(w->count, 3);
    answer(w, 0, "first");
    turn(w);
    assert_int_equal(w->count, 5);
    assert_string_equal(w->seen[4].path, "/e");
    wire_free(w);
}

static void a_client_that_sends_on_is_not_read(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.pipeline = 1;
    assert_true(wire_open(w));
    feed(w, GET("/a"));
    for (int i = 0; i < 4 * RL_CONN_HELD_MOST && w->is_reading; i++)
        feed_bytes(w, GET("/b"), strlen(GET("/b")));
    assert_false(w->is_reading);
    rl_conn *conn = w->stream.owner;
    assert_in_range(rl_conn_held_len(conn), RL_CONN_HELD_MOST, 2 * RL_CONN_HELD_MOST);
    answer(w, 0, "first");
    for (size_t i = 1; i < 10; i++) {
        turn(w);
        assert_int_equal(w->count, i + 1);
        answer(w, i, "more");
    }
    wire_free(w);
}

static void reading_goes_on_once_the_held_bytes_are_parsed(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.pipeline = 1;
    w->limits.parser.max_body = 1 << 20;
    assert_true(wire_open(w));
    feed(w, GET("/a"));
    char *block = calloc(1, 60000);
    memset(block, 'x', 60000);
    feed(w, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 120000\r\n\r\n");
    feed_bytes(w, block, 60000);
    feed_bytes(w, block, 60000);
    assert_false(w->is_reading);
    answer(w, 0, "first");
    turn(w);
    assert_true(w->is_reading && has(w, "Content-Length: 120000"));
    free(block);
    wire_free(w);
}

static void requests_held_for_a_slow_reader_go_on_when_it_reads(void **state) {
    (void)state;
    wire *w = wire_opened();
    char *big = calloc(1, RL_CONN_HIGH_WATER + 2);
    memset(big, 'b', RL_CONN_HIGH_WATER + 1);
    feed(w, GET("/a"));
    w->takes = 0;
    answer(w, 0, big);
    turn(w);
    feed(w, GET("/now"));
    assert_int_equal(w->count, 1);
    w->takes = SIZE_MAX;
    wire_drain(w, SIZE_MAX);
    turn(w);
    assert_int_equal(w->count, 2);
    assert_true(has(w, "/now"));
    free(big);
    wire_free(w);
}

/* The socket takes it all at once: then no `written` comes that would tell. */
static void requests_held_behind_a_big_answer_go_on_when_it_left_at_once(void **state) {
    (void)state;
    wire *w = wire_opened();
    char *big = calloc(1, RL_CONN_HIGH_WATER + 2);
    memset(big, 'b', RL_CONN_HIGH_WATER + 1);
    feed(w, POST("/a", 1, "x") GET("/b") GET("/c") GET("/now"));
    for (size_t i = 0; i < 3; i++) {
        answer(w, i, big);
        turn(w);
        turn(w);
    }
    assert_true(has(w, "/now"));
    free(big);
    wire_free(w);
}

/* ---- bodies ------------------------------------------------------------------------ */

static void the_handler_hears_once_that_the_body_is_whole(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, POST("/a", 10, "01234"));
    assert_int_equal(w->count, 1);
    assert_int_equal(w->seen[0].bodies, 0);
    feed(w, "56789" GET("/b"));
    assert_int_equal(w->seen[0].bodies, 1);
    /* the bytes it was read from are gone */
    rl_slice body;
    assert_true(rl_body_in_memory(&w->seen[0].request->body, &body) &&
                rl_slice_eq(body, RL_LIT("0123456789")));
    wire_free(w);
}

static void a_body_behind_its_head_is_copied(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, POST("/a", 5, ""));
    feed(w, "hello");
    rl_slice body;
    assert_true(rl_body_in_memory(&w->seen[0].request->body, &body) && rl_slice_eq(body, RL_LIT("hello")));
    assert_true(rl_slice_eq(rl_head_path(&w->seen[0].request->head), RL_LIT("/a")));
    wire_free(w);
}

static void a_malformed_body_reaches_the_waiting_handler(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello");
    feed(w, "\r\nzz\r\n");
    assert_true(has(w, "400 Bad Request") && has(w, "Connection: close") && w->is_shut);
    assert_int_equal(w->seen[0].bodies, 1);
    wire_free(w);
}

static void a_short_body_that_nobody_reads_is_drained(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, POST("/now1", 1000, "a few"));
    assert_true(has(w, "/now1") && !has(w, "Connection: close"));
    char rest[995];
    memset(rest, 'x', sizeof rest);
    feed_bytes(w, rest, sizeof rest);
    feed(w, GET("/now2"));
    assert_true(has(w, "/now2"));
    assert_int_equal(w->count, 2);
    wire_free(w);
}

static void a_long_body_that_nobody_reads_ends_the_connection(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, POST("/now", 1000000, "a few"));
    assert_true(has(w, "Connection: close") && w->is_shut && !w->is_closing);
    end_input(w, RL_EOF);
    assert_false(w->is_open || w->was_reset);
    wire_free(w);
}

static void draining_a_body_of_unknown_length_is_bounded(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, "POST /now HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    assert_true(has(w, "200 OK") && !has(w, "Connection: close"));
    char chunk[4200];
    memset(chunk, 'x', sizeof chunk);
    memcpy(chunk, "1000\r\n", 6);
    memcpy(chunk + 6 + 4096, "\r\n", 2);
    for (int i = 0; i < 20 && !w->is_shut; i++) {
        feed_bytes(w, chunk, 6 + 4096 + 2);
        turn(w);
    }
    assert_true(w->is_shut);
    assert_int_equal(times(w, "HTTP/1.1 "), 1);
    assert_int_equal(rl_server_live(w->server), 0);
    wire_free(w);
}

static void the_bodies_held_at_once_are_bounded(void **state) {
    (void)state;
    wire *w = wire_new();
    w->budget.ceiling = 8;
    assert_true(wire_open(w));
    feed(w, POST("/echo", 20, "01234"));
    assert_int_equal(w->budget.used, 5);
    feed(w, "56789");
    assert_true(has(w, "503 Service Unavailable") && w->is_shut);
    assert_int_equal(w->budget.used, 0);
    wire_free(w);
}

static void a_body_that_finds_no_room_before_its_turn_fails_for_its_handler(void **state) {
    (void)state;
    wire *w = wire_new();
    w->budget.ceiling = 2;
    assert_true(wire_open(w));
    feed(w, GET("/a") POST("/echo", 5, "hello"));
    answer(w, 0, "first");
    turn(w);
    assert_true(in_order(w, "first", "503 Service Unavailable"));
    wire_free(w);
}

/* Whatever is left of a body must not be taken for a request. */
static void no_byte_of_a_failed_body_becomes_a_request(void **state) {
    (void)state;
    wire *w = wire_new();
    w->budget.ceiling = 2;
    assert_true(wire_open(w));
    feed(w, POST("/now", 100, "hello"));
    feed(w, GET("/smuggled"));
    feed(w, GET("/smuggled"));
    assert_int_equal(w->count, 1);
    wire_free(w);
}

/* ---- bodies in files ----------------------------------------------------------- */

enum { BLOCK = 60000, UPLOAD = 12 * BLOCK };

/* A client that has sent the head of an upload, and a server that keeps little in memory. */
static wire *wire_uploading(const char *path) {
    wire *w = wire_new();
    w->limits.max_body_memory = 100;
    assert_true(wire_open(w));
    char head[200];
    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", path, UPLOAD);
    feed(w, head);
    return w;
}

/* Send what is read at once of `len` bytes; returns how many were. */
static size_t upload(wire *w, size_t len) {
    char *block = malloc(BLOCK);
    memset(block, 'x', BLOCK);
    size_t sent = 0;
    for (size_t piece; sent < len && w->is_reading && !w->is_closing; sent += piece) {
        piece = len - sent < BLOCK ? len - sent : BLOCK;
        feed_bytes(w, block, piece);
    }
    free(block);
    return sent;
}

static void upload_all(wire *w) {
    for (size_t sent = 0; sent < UPLOAD; rl_loop_turn(w->loop, false))
        sent += upload(w, UPLOAD - sent);
}

/* Let the loop turn until the client has got `text`. */
static void await(wire *w, const char *text) {
    while (!has(w, text))
        rl_loop_turn(w->loop, true);
}

static void a_spooled_body_reaches_its_handler_whole(void **state) {
    (void)state;
    wire *w = wire_uploading("/echo");
    upload_all(w);
    await(w, "Content-Length: 720000");
    turn(w);
    assert_int_equal(w->seen[0].bodies, 1);
    assert_int_equal(w->budget.used, 0);
    feed(w, GET("/now"));
    assert_true(has(w, "/now"));
    wire_free(w);
}

static void a_client_that_is_faster_than_the_disk_is_not_read(void **state) {
    (void)state;
    wire *w = wire_uploading("/echo");
    disk_stall(w->loop);
    size_t sent = upload(w, UPLOAD);
    assert_false(w->is_reading);
    assert_in_range(w->budget.used, RL_BODY_AHEAD_MOST, RL_BODY_AHEAD_MOST + BLOCK);
    assert_in_range(sent, w->budget.used, w->budget.used + 2 * RL_CONN_HELD_MOST);
    turn(w);
    assert_false(w->is_reading);
    disk_go_on();
    while (!w->is_reading)
        rl_loop_turn(w->loop, true);
    for (; sent < UPLOAD; rl_loop_turn(w->loop, false))
        sent += upload(w, UPLOAD - sent);
    await(w, "Content-Length: 720000");
    wire_free(w);
}

/* It is the disk that keeps the client from sending. */
static void a_slow_disk_does_not_end_an_upload(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.max_body_memory = 100;
    w->limits.body_timeout_ms = 20;
    assert_true(wire_open(w));
    feed(w, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 720000\r\n\r\n");
    disk_stall(w->loop);
    size_t sent = upload(w, UPLOAD);
    assert_in_range(sent, 1, UPLOAD - 1);
    pass(w, 100);
    assert_int_equal(w->seen[0].bodies, 0);
    assert_false(has(w, "408") || w->is_shut);
    disk_go_on();
    while (!w->is_reading)
        rl_loop_turn(w->loop, true);
    wire_free(w);
}

static void the_handler_waits_for_the_last_byte_to_be_written(void **state) {
    (void)state;
    wire *w = wire_uploading("/echo");
    for (size_t sent = 0; sent < UPLOAD - 1;) {
        sent += upload(w, UPLOAD - 1 - sent);
        while (!w->is_reading || w->budget.used > 0)
            rl_loop_turn(w->loop, true);
    }
    disk_stall(w->loop);
    assert_int_equal(upload(w, 1), 1);
    turn(w);
    assert_true(w->seen[0].request->body.has_ended);
    assert_int_equal(w->seen[0].bodies, 0);
    disk_go_on();
    await(w, "Content-Length: 720000");
    assert_int_equal(w->seen[0].bodies, 1);
    wire_free(w);
}

static void an_answer_does_not_wait_for_the_disk(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.max_body_memory = 2;
    assert_true(wire_open(w));
    disk_stall(w->loop);
    feed(w, POST("/a", 10, "01234"));
    feed(w, "56789" GET("/now"));
    answer(w, 0, "enough");
    turn(w);
    assert_true(in_order(w, "enough", "/now"));
    assert_int_equal(rl_server_live(w->server), 0);
    assert_int_equal(w->budget.used, 0);
    disk_go_on();
    wire_free(w);
}

static void a_client_that_leaves_takes_its_half_of_a_body_along(void **state) {
    (void)state;
    wire *w = wire_uploading("/a");
    w->ends_when_gone = true;
    disk_stall(w->loop);
    (void)upload(w, UPLOAD);
    end_input(w, RL_ERESET);
    assert_int_equal(w->seen[0].bodies, 1);
    assert_true(w->seen[0].is_gone && w->seen[0].is_released);
    assert_int_equal(w->budget.used, 0);
    disk_go_on();
    wire_free(w);
}

static void a_body_that_came_is_written_although_its_client_left(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.max_body_memory = 2;
    assert_true(wire_open(w));
    disk_stall(w->loop);
    feed(w, POST("/a", 10, "0123456789"));
    end_input(w, RL_ERESET);
    const rl_body *body = &w->seen[0].request->body;
    assert_true(w->seen[0].is_gone && w->seen[0].bodies == 0 && body->failed == 0);
    disk_go_on();
    while (w->seen[0].bodies == 0)
        rl_loop_turn(w->loop, true);
    char *copy = whole(body);
    assert_string_equal(copy, "0123456789");
    free(copy);
    wire_free(w);
}

static void a_full_disk_ends_the_upload_with_507(void **state) {
    (void)state;
    wire *w = wire_uploading("/echo");
    disk_fill(BLOCK);
    while (!has(w, "507 Insufficient Storage")) {
        (void)upload(w, BLOCK);
        rl_loop_turn(w->loop, true);
    }
    disk_empty();
    turn(w);
    assert_true(w->is_shut && has(w, "Connection: close"));
    assert_int_equal(w->seen[0].bodies, 1);
    assert_int_equal(w->budget.used, 0);
    wire_free(w);
}

static void a_disk_may_fail_with_the_last_byte(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.max_body_memory = 2;
    assert_true(wire_open(w));
    disk_fill(5);
    feed(w, POST("/echo", 10, "0123456789"));
    await(w, "507 Insufficient Storage");
    disk_empty();
    assert_int_equal(w->seen[0].bodies, 1);
    wire_free(w);
}

/* ---- refusals -------------------------------------------------------------------- */

static void each_refusal_has_its_status_and_ends_the_connection(void **state) {
    (void)state;
    static const struct {
        const char *text, *status;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", "400 Bad Request"},
        {"GET / HTTP/3.0\r\nHost: x\r\n\r\n", "505 HTTP Version Not Supported"},
        {"GET / HTTP/1.1\r\nHost: x\r\nExpect: magic\r\n\r\n", "417 Expectation Failed"},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "501 Not Implemented"},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", "413 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wire *w = wire_opened();
        feed(w, cases[i].text);
        assert_true(has(w, cases[i].status) && has(w, "Connection: close") && w->is_shut);
        assert_true(has(w, "\"request_id\":\""));
        assert_int_equal(w->count, 0);
        end_input(w, RL_EOF);
        assert_false(w->is_open);
        wire_free(w);
    }
}

static void too_many_requests_at_once_are_answered_503_and_the_connection_stays(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.max_requests = 2;
    assert_true(wire_open(w));
    feed(w, GET("/a") GET("/b") GET("/c"));
    assert_int_equal(w->count, 2);
    answer(w, 0, "first");
    answer(w, 1, "second");
    turn(w);
    assert_true(in_order(w, "second", "503 Service Unavailable") && !w->is_shut);
    feed(w, GET("/now"));
    assert_true(has(w, "/now"));
    wire_free(w);
}

static void a_request_that_is_one_too_many_may_have_a_body(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.max_requests = 0;
    assert_true(wire_open(w));
    feed(w, POST("/a", 10, "01234"));
    assert_true(has(w, "503 Service Unavailable"));
    feed(w, "56789");
    forget(w);
    feed(w, POST("/b", 1, "x"));
    assert_true(has(w, "503 Service Unavailable"));
    assert_int_equal(rl_server_live(w->server), 0);
    wire_free(w);
}

/* ---- without memory ------------------------------------------------------------ */

static void converse(void) {
    wire *w = wire_new();
    w->limits.max_requests = 3;
    if (wire_open(w)) {
        feed(w, GET("/a") POST("/echo", 5, "he"));
        feed(w, "llo" GET("/b") GET("/c"));
        for (size_t i = 0; i < w->count; i++)
            if (!w->seen[i].is_released) {
                answer(w, i, "text");
                turn(w);
            }
        feed(w, POST("/late", 3, "a"));
        feed(w, "bc" GET("/now") "POST / HTTP/1.1\r\n\r\n");
    }
    wire_free(w);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(converse);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safe_requests_run_together),
        cmocka_unit_test(a_post_between_gets_runs_alone),
        cmocka_unit_test(requests_that_end_at_once_run_one_after_another),
        cmocka_unit_test(nothing_follows_a_request_of_http_1_0_until_its_answer),
        cmocka_unit_test(a_request_may_come_byte_by_byte),
        cmocka_unit_test(the_pipeline_is_bounded),
        cmocka_unit_test(a_client_that_sends_on_is_not_read),
        cmocka_unit_test(reading_goes_on_once_the_held_bytes_are_parsed),
        cmocka_unit_test(requests_held_for_a_slow_reader_go_on_when_it_reads),
        cmocka_unit_test(requests_held_behind_a_big_answer_go_on_when_it_left_at_once),
        cmocka_unit_test(the_handler_hears_once_that_the_body_is_whole),
        cmocka_unit_test(a_body_behind_its_head_is_copied),
        cmocka_unit_test(a_malformed_body_reaches_the_waiting_handler),
        cmocka_unit_test(a_short_body_that_nobody_reads_is_drained),
        cmocka_unit_test(a_long_body_that_nobody_reads_ends_the_connection),
        cmocka_unit_test(draining_a_body_of_unknown_length_is_bounded),
        cmocka_unit_test(the_bodies_held_at_once_are_bounded),
        cmocka_unit_test(a_body_that_finds_no_room_before_its_turn_fails_for_its_handler),
        cmocka_unit_test(no_byte_of_a_failed_body_becomes_a_request),
        cmocka_unit_test(a_spooled_body_reaches_its_handler_whole),
        cmocka_unit_test_teardown(a_client_that_is_faster_than_the_disk_is_not_read, disk_mend),
        cmocka_unit_test_teardown(a_slow_disk_does_not_end_an_upload, disk_mend),
        cmocka_unit_test_teardown(the_handler_waits_for_the_last_byte_to_be_written, disk_mend),
        cmocka_unit_test_teardown(an_answer_does_not_wait_for_the_disk, disk_mend),
        cmocka_unit_test_teardown(a_client_that_leaves_takes_its_half_of_a_body_along, disk_mend),
        cmocka_unit_test_teardown(a_body_that_came_is_written_although_its_client_left, disk_mend),
        cmocka_unit_test_teardown(a_full_disk_ends_the_upload_with_507, disk_mend),
        cmocka_unit_test_teardown(a_disk_may_fail_with_the_last_byte, disk_mend),
        cmocka_unit_test(each_refusal_has_its_status_and_ends_the_connection),
        cmocka_unit_test(too_many_requests_at_once_are_answered_503_and_the_connection_stays),
        cmocka_unit_test(a_request_that_is_one_too_many_may_have_a_body),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
