#include "http/server.h"

#include "http/wire.h"

static void one_connection_too_many_is_turned_away(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.max_connections = 0;
    assert_false(wire_open(w));
    assert_true(has(w, "503 Service Unavailable") && has(w, "Connection: close") && w->is_shut &&
                w->is_closing);
    assert_int_equal(rl_server_read_stats(w->server).refused, 1);
    wire_end_stream(w);
    wire_free(w);
}

static void servers_share_the_bound_of_connections(void **state) {
    (void)state;
    wire *w = wire_new();
    w->limits.max_connections = 5;
    w->connections = 5; /* of others */
    assert_false(wire_open(w));
    wire_end_stream(w);
    w->connections = 0;
    wire_free(w);
}

static void draining_ends_each_connection_with_its_next_answer(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/now1"));
    assert_false(has(w, "Connection"));
    rl_server_drain(w->server);
    assert_true(w->is_open && !w->is_shut);
    feed(w, GET("/now2"));
    assert_true(in_order(w, "Connection: close", "/now2") && w->is_shut);
    wire_free(w);
}

static void while_draining_only_the_last_of_several_answers_says_close(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a") GET("/b"));
    rl_server_drain(w->server);
    answer(w, 0, "first");
    answer(w, 1, "second");
    turn(w);
    assert_int_equal(times(w, "Connection: close"), 1);
    assert_true(in_order(w, "first", "Connection: close") && in_order(w, "Connection: close", "second"));
    wire_free(w);
}

static void closing_the_idle_spares_the_busy(void **state) {
    (void)state;
    wire *busy = wire_opened();
    feed(busy, GET("/a"));
    rl_server_close_idle(busy->server);
    turn(busy);
    assert_false(busy->is_shut || busy->is_closing);
    answer(busy, 0, "text");
    turn(busy);
    assert_true(has(busy, "text"));
    rl_server_close_idle(busy->server);
    assert_true(busy->is_shut && !busy->is_closing);
    end_input(busy, RL_EOF);
    assert_true(!busy->is_open && rl_server_is_idle(busy->server));
    wire_free(busy);
}

static void half_a_head_is_not_idle(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, "GET /now HT");
    rl_server_close_idle(w->server);
    assert_false(w->is_shut);
    feed(w, "TP/1.1\r\nHost: x\r\n\r\n");
    assert_true(has(w, "/now"));
    wire_free(w);
}

static void aborting_resets_every_connection(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a") GET("/b"));
    rl_server_abort(w->server);
    turn(w);
    assert_true(w->was_reset && !w->is_open && w->seen[0].is_gone && w->seen[1].is_gone);
    assert_int_equal(rl_server_live(w->server), 2);
    assert_false(rl_server_is_idle(w->server));
    release(w, 0);
    release(w, 1);
    assert_true(rl_server_is_idle(w->server));
    wire_free(w);
}

static void it_counts(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/now") GET("/a") "nonsense\r\n\r\n");
    rl_server_stats stats = rl_server_read_stats(w->server);
    assert_int_equal(stats.connections, 1);
    assert_int_equal(stats.accepted, 1);
    assert_int_equal(stats.requests, 2);
    assert_int_equal(stats.refused, 1);
    assert_int_equal(rl_server_live(w->server), 2); /* the refusal waits for its turn */
    wire_free(w);
}

static void a_request_is_found_by_slot_and_epoch_while_it_lives(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a"));
    seen one = w->seen[0];
    assert_true(rl_server_request(w->server, one.slot, one.epoch) == one.request);
    assert_null(rl_server_request(w->server, one.slot, one.epoch + 1));
    assert_null(rl_server_request(w->server, UINT32_MAX, one.epoch));
    answer(w, 0, "text");
    turn(w);
    assert_null(rl_server_request(w->server, one.slot, one.epoch));
    feed(w, GET("/b"));
    assert_int_equal(w->seen[1].slot, one.slot);
    assert_null(rl_server_request(w->server, one.slot, one.epoch));
    wire_free(w);
}

static void big_buffers_are_given_back(void **state) {
    (void)state;
    wire *w = wire_opened();
    char *big = calloc(1, 200001);
    memset(big, 'b', 200000);
    feed(w, GET("/a"));
    answer(w, 0, big);
    turn(w);
    for (size_t i = 0; i < w->server->free_buf_count; i++)
        assert_in_range(w->server->free_bufs[i]->cap, 0, 65536);
    free(big);
    wire_free(w);
}

static void a_connection_has_a_parser_only_while_it_is_busy(void **state) {
    (void)state;
    wire *w = wire_opened();
    const rl_conn *conn = w->stream.owner;
    assert_null(conn->input);
    feed(w, "GET /a HTTP/1.1\r\n");
    assert_non_null(conn->input);
    feed(w, "Host: x\r\n\r\n");
    answer(w, 0, "text");
    turn(w);
    assert_null(conn->input);
    assert_int_equal(w->server->free_input_count, 1);
    feed(w, GET("/b"));
    assert_non_null(conn->input);
    assert_int_equal(w->server->free_input_count, 0);
    assert_in_range(sizeof *conn, 0, 224); /* with its stream, and what malloc takes: 500 */
    wire_free(w);
}

static void open_and_serve(void) {
    wire *w = wire_new();
    if (wire_open(w))
        feed(w, GET("/now1") GET("/now2"));
    wire_free(w);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(open_and_serve);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_connection_too_many_is_turned_away),
        cmocka_unit_test(servers_share_the_bound_of_connections),
        cmocka_unit_test(draining_ends_each_connection_with_its_next_answer),
        cmocka_unit_test(while_draining_only_the_last_of_several_answers_says_close),
        cmocka_unit_test(closing_the_idle_spares_the_busy),
        cmocka_unit_test(half_a_head_is_not_idle),
        cmocka_unit_test(aborting_resets_every_connection),
        cmocka_unit_test(it_counts),
        cmocka_unit_test(a_request_is_found_by_slot_and_epoch_while_it_lives),
        cmocka_unit_test(big_buffers_are_given_back),
        cmocka_unit_test(a_connection_has_a_parser_only_while_it_is_busy),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
