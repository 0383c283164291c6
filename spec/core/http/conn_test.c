#include "http/conn.h"

#include "http/wire.h"

/* ---- the order of answers -------------------------------------------------- */

static void answers_go_out_in_the_order_of_the_requests(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a") GET("/b") GET("/c"));
    assert_int_equal(w->count, 3);
    answer(w, 2, "third");
    answer(w, 1, "second");
    turn(w);
    assert_false(has(w, "second") || has(w, "third"));
    answer(w, 0, "first");
    turn(w);
    assert_true(in_order(w, "first", "second") && in_order(w, "second", "third"));
    wire_free(w);
}

static void answers_of_one_read_leave_in_one_write(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/now1") GET("/now2") GET("/now3"));
    assert_int_equal(times(w, "HTTP/1.1 200 OK"), 3);
    assert_true(in_order(w, "/now1", "/now2") && in_order(w, "/now2", "/now3"));
    assert_true(w->is_open && !w->is_closing);
    wire_free(w);
}

static void a_stream_behind_another_answer_waits_for_it(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a") GET("/b"));
    assert_true(rl_request_begin(w->seen[1].request, &(rl_answer){.status = 200}));
    assert_true(rl_request_write(w->seen[1].request, RL_LIT("piece one ")));
    turn(w);
    assert_false(has(w, "piece"));
    answer(w, 0, "first");
    turn(w);
    assert_true(in_order(w, "first", "piece one"));
    assert_true(rl_request_write(w->seen[1].request, RL_LIT("piece two")));
    turn(w);
    assert_true(in_order(w, "piece one", "piece two"));
    rl_request_end(w->seen[1].request);
    release(w, 1);
    turn(w);
    assert_true(in_order(w, "piece two", "\r\n0\r\n\r\n"));
    wire_free(w);
}

static void only_the_last_answer_says_close(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a") "GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    answer(w, 0, "first");
    turn(w);
    assert_true(has(w, "first") && !has(w, "Connection"));
    answer(w, 1, "second");
    turn(w);
    assert_int_equal(times(w, "Connection: close"), 1);
    assert_true(w->is_shut);
    wire_free(w);
}

static void an_error_behind_good_requests_lets_their_answers_out(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a") GET("/b") "GET / HTTP/1.1\r\nHost : x\r\n\r\n" GET("/never"));
    assert_int_equal(w->count, 2);
    answer(w, 1, "second");
    answer(w, 0, "first");
    turn(w);
    assert_true(in_order(w, "first", "second") && in_order(w, "second", "400 Bad Request"));
    assert_int_equal(times(w, "Connection: close"), 1);
    assert_int_equal(times(w, "HTTP/1.1 "), 3);
    assert_true(w->is_shut);
    wire_free(w);
}

/* ---- ends --------------------------------------------------------------------- */

static void a_client_that_ends_its_side_gets_its_answer(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a"));
    end_input(w, RL_EOF);
    assert_false(w->seen[0].is_gone || w->is_closing);
    answer(w, 0, "late");
    turn(w);
    assert_true(has(w, "late") && !w->was_reset);
    assert_false(w->is_open);
    wire_free(w);
}

static void after_the_grace_a_half_closed_client_counts_as_gone_once(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.half_close_grace_ms = 1000;
    assert_true(wire_open(w));
    feed(w, GET("/a") GET("/b"));
    end_input(w, RL_EOF);
    pass(w, 999);
    assert_false(w->seen[0].is_gone);
    pass(w, 1);
    assert_true(w->seen[0].is_gone && w->seen[1].is_gone && w->is_open);
    answer(w, 0, "still read");
    turn(w);
    assert_true(has(w, "still read"));
    wire_free(w);
}

static void handlers_may_end_their_requests_when_told_that_the_client_is_gone(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.half_close_grace_ms = 1000;
    w->ends_when_gone = true;
    assert_true(wire_open(w));
    feed(w, GET("/a") GET("/b") GET("/c"));
    end_input(w, RL_EOF);
    pass(w, 1000);
    assert_true(w->seen[0].is_released && w->seen[1].is_released && w->seen[2].is_released);
    assert_false(w->is_open);
    wire_free(w);
}

static void pipelined_requests_are_served_after_the_client_ended(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a") POST("/echo", 5, "hello") GET("/now"));
    end_input(w, RL_EOF);
    assert_int_equal(w->count, 1);
    answer(w, 0, "first");
    turn(w);
    turn(w);
    assert_true(in_order(w, "first", "hello") && in_order(w, "hello", "/now"));
    assert_false(w->is_open);
    wire_free(w);
}

static void half_a_head_behind_which_the_client_ended_is_dropped(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a") "GET /b HT");
    end_input(w, RL_EOF);
    answer(w, 0, "first");
    turn(w);
    assert_true(has(w, "first"));
    assert_int_equal(times(w, "HTTP/1.1 "), 1);
    assert_false(w->is_open);
    wire_free(w);
}

static void half_a_body_behind_which_the_client_ended_is_refused(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, POST("/echo", 10, "half"));
    end_input(w, RL_EOF);
    assert_true(has(w, "400 Bad Request"));
    assert_false(w->is_open);
    wire_free(w);
}

static void a_reset_tells_every_handler_and_frees_the_connection(void **state) {
    (void)state;
    const char *states[] = {
        "",
        "GET /a HT",
        GET("/a"),
        GET("/a") GET("/b"),
        GET("/a") POST("/b", 1, "x"),
        POST("/echo", 10, "half"),
        POST("/a", 10, "half"),
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
        "nonsense\r\n\r\n",
        GET("/now") "GET /b HTTP/1.0\r\n\r\n"};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        wire *w = wire_opened();
        if (states[i][0] != '\0')
            feed(w, states[i]);
        end_input(w, RL_ERESET);
        assert_false(w->is_open);
        for (size_t n = 0; n < w->count; n++)
            assert_true(w->seen[n].is_gone || w->seen[n].is_released);
        for (size_t n = 0; n < w->count; n++)
            if (!w->seen[n].is_released)
                answer(w, n, "to nobody");
        turn(w);
        assert_true(rl_server_is_idle(w->server));
        wire_free(w);
    }
}

static void a_request_outlives_its_connection_with_its_head(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, POST("/keeps", 5, "hello"));
    end_input(w, RL_ERESET);
    rl_request *request = w->seen[0].request;
    assert_true(rl_slice_eq(rl_head_path(&request->head), RL_LIT("/keeps")));
    rl_slice body;
    assert_true(rl_body_in_memory(&request->body, &body) && rl_slice_eq(body, RL_LIT("hello")));
    assert_false(rl_request_write(request, RL_LIT("x")));
    char peer[64];
    assert_int_equal(rl_request_peer(request, peer, sizeof peer), 0);
    answer(w, 0, "to nobody");
    assert_false(seen_is_live(w, &w->seen[0]));
    wire_free(w);
}

/* ---- lingering ------------------------------------------------------------------ */

static void a_refused_client_is_read_until_it_ends(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, "nonsense\r\n\r\n");
    assert_true(has(w, "400 Bad Request") && w->is_shut && w->is_reading && !w->is_closing);
    feed(w, "and more of it");
    assert_true(w->is_open && !w->is_closing);
    end_input(w, RL_EOF);
    assert_false(w->is_open || w->was_reset);
    wire_free(w);
}

static void a_refused_client_may_send_all_it_has_before_it_reads(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, "nonsense\r\n\r\n");
    for (int i = 0; i < 10; i++) {
        pass(w, RL_CONN_LINGER_MS - 1);
        feed(w, "and more of it");
    }
    assert_true(w->is_open);
    pass(w, RL_CONN_LINGER_MS);
    assert_false(w->is_open);
    wire_free(w);
}

static void lingering_is_bounded(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, "nonsense\r\n\r\n");
    for (int ms = 0; ms < RL_CONN_LINGER_MOST_MS; ms += 1000) {
        assert_true(w->is_open);
        feed(w, "and more of it");
        pass(w, 1000);
    }
    assert_false(w->is_open);
    wire_free(w);
}

/* ---- timeouts ------------------------------------------------------------------ */

static void a_silent_connection_is_closed(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.keepalive_timeout_ms = 75000;
    assert_true(wire_open(w));
    pass(w, 74999);
    assert_true(w->is_open);
    pass(w, 1);
    assert_false(w->is_open);
    assert_null(w->out);
    wire_free(w);
}

static void the_idle_time_begins_with_the_last_answer(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.keepalive_timeout_ms = 40000;
    assert_true(wire_open(w));
    pass(w, 25000);
    feed(w, GET("/now"));
    pass(w, 39999); /* the timer of before has fired early by now, which must not count as activity */
    assert_true(w->is_open);
    pass(w, 1);
    assert_false(w->is_open);
    wire_free(w);
}

static void half_a_head_gets_408(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.header_timeout_ms = 5000;
    assert_true(wire_open(w));
    feed(w, "GET / HTTP/1.1\r\nHos");
    pass(w, 3000);
    feed(w, "t:"); /* a byte now and then does not help */
    pass(w, 1999);
    assert_false(has(w, "408"));
    pass(w, 1);
    assert_true(has(w, "408 Request Timeout") && w->is_shut);
    wire_free(w);
}

static void half_a_head_behind_a_running_request_waits_for_its_answer(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.header_timeout_ms = 2000;
    assert_true(wire_open(w));
    feed(w, GET("/a") "GET /b");
    pass(w, 5000);
    assert_false(has(w, "408"));
    answer(w, 0, "first");
    turn(w);
    assert_true(in_order(w, "first", "408 Request Timeout"));
    wire_free(w);
}

static void a_body_that_stops_gets_408(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.body_timeout_ms = 4000;
    assert_true(wire_open(w));
    feed(w, POST("/echo", 10, "h"));
    pass(w, 3999);
    feed(w, "alf");
    pass(w, 3999);
    assert_null(w->out);
    pass(w, 1);
    assert_true(has(w, "408 Request Timeout") && w->is_shut);
    wire_free(w);
}

static void a_body_that_drips_gets_408(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.body_timeout_ms = 10000;
    w->limits.body_min_rate = 1000;
    assert_true(wire_open(w));
    feed(w, POST("/echo", 1000, "x"));
    pass(w, 4000);
    feed(w, "x");
    pass(w, 5999);
    assert_null(w->out);
    pass(w, 1);
    assert_true(has(w, "408 Request Timeout"));
    wire_free(w);
}

static void a_body_that_comes_fast_enough_may_take_its_time(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.body_timeout_ms = 10000;
    w->limits.body_min_rate = 1;
    assert_true(wire_open(w));
    feed(w, POST("/echo", 30, "0123456789"));
    pass(w, 5000);
    feed(w, "0");
    pass(w, 5000);
    assert_null(w->out);
    wire_free(w);
}

static void a_client_that_never_reads_is_reset(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.write_timeout_ms = 30000;
    assert_true(wire_open(w));
    w->takes = 10;
    feed(w, GET("/now"));
    pass(w, 29999);
    assert_true(w->is_open);
    pass(w, 1);
    assert_true(!w->is_open && w->was_reset);
    wire_free(w);
}

static void a_client_that_reads_slowly_is_not_reset(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.write_timeout_ms = 15000;
    assert_true(wire_open(w));
    w->takes = 10;
    feed(w, GET("/now"));
    for (int i = 0; i < 8; i++) {
        pass(w, 14999);
        wire_drain(w, 3);
    }
    assert_true(w->is_open && !w->is_closing);
    wire_free(w);
}

static void a_running_request_stops_no_clock_of_ours(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.keepalive_timeout_ms = w->limits.header_timeout_ms = w->limits.body_timeout_ms = 2000;
    assert_true(wire_open(w));
    feed(w, GET("/a"));
    pass(w, 3600000);
    assert_true(w->is_open && !w->seen[0].is_gone);
    answer(w, 0, "late");
    turn(w);
    assert_true(has(w, "200 OK"));
    wire_free(w);
}

/* ---- without memory -------------------------------------------------------- */

static void converse(void) {
    wire *w = wire_new();
    w->limits.max_body_memory = 8;
    if (wire_open(w)) {
        feed(w, GET("/a?q=1") GET("/b"));
        feed(w, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n01234");
        feed(w, "56789");
        feed(w, "0123456789"
                "GET /half HT");
        for (size_t i = w->count; i-- > 0;) {
            /* whoever still finds the request finds its own head, not another's bytes */
            if (seen_is_live(w, &w->seen[i]) && w->seen[i].request->head.len > 0) {
                rl_slice path = rl_head_path(&w->seen[i].request->head);
                assert_memory_equal(path.ptr, w->seen[i].path, path.len);
            }
            if (!w->seen[i].is_released)
                answer(w, i, "text");
        }
        turn(w);
        feed(w, "TP/1.1\r\nHost: x\r\n\r\n"
                "nonsense\r\n\r\n");
        end_input(w, RL_EOF);
    }
    wire_free(w);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(converse);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_go_out_in_the_order_of_the_requests),
        cmocka_unit_test(answers_of_one_read_leave_in_one_write),
        cmocka_unit_test(a_stream_behind_another_answer_waits_for_it),
        cmocka_unit_test(only_the_last_answer_says_close),
        cmocka_unit_test(an_error_behind_good_requests_lets_their_answers_out),
        cmocka_unit_test(a_client_that_ends_its_side_gets_its_answer),
        cmocka_unit_test(after_the_grace_a_half_closed_client_counts_as_gone_once),
        cmocka_unit_test(handlers_may_end_their_requests_when_told_that_the_client_is_gone),
        cmocka_unit_test(pipelined_requests_are_served_after_the_client_ended),
        cmocka_unit_test(half_a_head_behind_which_the_client_ended_is_dropped),
        cmocka_unit_test(half_a_body_behind_which_the_client_ended_is_refused),
        cmocka_unit_test(a_reset_tells_every_handler_and_frees_the_connection),
        cmocka_unit_test(a_request_outlives_its_connection_with_its_head),
        cmocka_unit_test(a_refused_client_is_read_until_it_ends),
        cmocka_unit_test(a_refused_client_may_send_all_it_has_before_it_reads),
        cmocka_unit_test(lingering_is_bounded),
        cmocka_unit_test(a_silent_connection_is_closed),
        cmocka_unit_test(the_idle_time_begins_with_the_last_answer),
        cmocka_unit_test(half_a_head_gets_408),
        cmocka_unit_test(half_a_head_behind_a_running_request_waits_for_its_answer),
        cmocka_unit_test(a_body_that_stops_gets_408),
        cmocka_unit_test(a_body_that_drips_gets_408),
        cmocka_unit_test(a_body_that_comes_fast_enough_may_take_its_time),
        cmocka_unit_test(a_client_that_never_reads_is_reset),
        cmocka_unit_test(a_client_that_reads_slowly_is_not_reset),
        cmocka_unit_test(a_running_request_stops_no_clock_of_ours),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
