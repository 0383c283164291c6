#include "http/wire.h"

static void what_the_socket_does_not_take_is_sent_when_it_can(void **state) {
    (void)state;
    for (size_t takes = 0; takes < 260; takes += 13) {
        wire *w = wire_opened();
        w->takes = takes;
        feed(w, GET("/now1") GET("/now2"));
        while (w->writing.len > 0)
            wire_drain(w, 7);
        turn(w);
        assert_int_equal(times(w, "HTTP/1.1 200 OK"), 2);
        assert_true(in_order(w, "/now1", "/now2"));
        wire_free(w);
    }
}

static void newer_answers_wait_behind_a_write(void **state) {
    (void)state;
    wire *w = wire_opened();
    w->takes = 5;
    feed(w, GET("/a") GET("/b") GET("/c"));
    answer(w, 0, "first");
    turn(w);
    answer(w, 1, "second");
    turn(w);
    answer(w, 2, "third");
    turn(w);
    assert_false(has(w, "first"));
    w->takes = SIZE_MAX;
    wire_drain(w, SIZE_MAX);
    turn(w);
    assert_true(in_order(w, "first", "second") && in_order(w, "second", "third"));
    wire_free(w);
}

static void a_big_answer_is_written_in_portions(void **state) {
    (void)state;
    wire *w = wire_opened();
    size_t len = 3 * 1024 * 1024;
    char *big = malloc(len + 1);
    memset(big, 'b', len);
    big[len] = '\0';
    w->takes = 0;
    feed(w, GET("/a") GET("/now"));
    answer(w, 0, big);
    turn(w);
    int portions = 0;
    for (; w->writing.len > 0; portions++) {
        assert_in_range(w->writing.len, 1, 1024 * 1024);
        wire_drain(w, SIZE_MAX);
    }
    assert_in_range(portions, 4, 5);
    turn(w);
    assert_true(in_order(w, "bbb", "/now"));
    assert_true(w->out_len > len);
    free(big);
    wire_free(w);
}

static void a_write_that_fails_ends_the_connection(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a") GET("/b"));
    w->breaks_writes = true;
    answer(w, 0, "first");
    turn(w);
    assert_false(w->is_open);
    assert_true(w->seen[1].is_gone);
    wire_free(w);
}

static void a_write_under_way_that_fails_ends_the_connection(void **state) {
    (void)state;
    wire *w = wire_opened();
    w->takes = 1;
    feed(w, GET("/a") GET("/b"));
    answer(w, 0, "first");
    turn(w);
    w->writing.len = 0;
    w->stream.events->written(w->stream.owner, RL_ERESET);
    turn(w);
    assert_true(!w->is_open && w->seen[1].is_gone);
    wire_free(w);
}

static void begin_stream(wire *w, size_t i) {
    assert_true(rl_request_begin(w->seen[i].request, &(rl_answer){.status = 200}));
}

/* Write until there is no room; returns how many bytes that were. */
static size_t fill(wire *w, size_t i) {
    char block[4096];
    memset(block, 'x', sizeof block);
    size_t len = 0;
    for (; rl_request_has_room(w->seen[i].request) && len < (64 << 20); len += sizeof block)
        assert_true(rl_request_write(w->seen[i].request, rl_slice_of(block, sizeof block)));
    return len;
}

static void a_stream_is_told_when_there_is_room_again(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a"));
    begin_stream(w, 0);
    w->takes = 0;
    assert_in_range(fill(w, 0), RL_CONN_HIGH_WATER / 2, RL_CONN_HIGH_WATER + 4096);
    turn(w);
    assert_int_equal(w->seen[0].drained, 0);
    w->takes = SIZE_MAX;
    wire_drain(w, SIZE_MAX);
    turn(w);
    assert_int_equal(w->seen[0].drained, 1);
    turn(w);
    assert_int_equal(w->seen[0].drained, 1);
    wire_free(w);
}

static void a_stream_is_told_too_when_the_socket_took_all_at_once(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a"));
    begin_stream(w, 0);
    (void)fill(w, 0);
    turn(w);
    assert_int_equal(w->seen[0].drained, 1);
    wire_free(w);
}

static void a_stream_that_waits_for_its_turn_has_bounded_room(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a") GET("/b"));
    begin_stream(w, 1);
    assert_in_range(fill(w, 1), RL_CONN_HIGH_WATER / 2, RL_CONN_HIGH_WATER + 4096);
    turn(w);
    assert_int_equal(w->seen[1].drained, 0);
    answer(w, 0, "first");
    turn(w);
    assert_int_equal(w->seen[1].drained, 1);
    wire_free(w);
}

static void a_stream_whose_client_left_has_room_for_nothing(void **state) {
    (void)state;
    wire *w = wire_opened();
    feed(w, GET("/a"));
    begin_stream(w, 0);
    end_input(w, RL_ERESET);
    assert_true(w->seen[0].is_gone && rl_request_has_room(w->seen[0].request));
    assert_false(rl_request_write(w->seen[0].request, RL_LIT("x")));
    rl_request_end(w->seen[0].request);
    release(w, 0);
    assert_true(rl_server_is_idle(w->server));
    wire_free(w);
}

static void stream(void) {
    wire *w = wire_new();
    if (wire_open(w)) {
        w->takes = 20;
        feed(w, GET("/a") GET("/b"));
        char block[3000] = "";
        for (size_t i = w->count; i-- > 0;) {
            rl_request *request = w->seen[i].request;
            (void)rl_request_begin(request, &(rl_answer){.status = 200});
            for (int n = 0; n < 5; n++) {
                (void)rl_request_write(request, rl_slice_of(block, sizeof block));
                turn(w);
                wire_drain(w, 5000);
            }
            rl_request_end(request);
            release(w, i);
            turn(w);
        }
    }
    wire_free(w);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(stream);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_socket_does_not_take_is_sent_when_it_can),
        cmocka_unit_test(newer_answers_wait_behind_a_write),
        cmocka_unit_test(a_big_answer_is_written_in_portions),
        cmocka_unit_test(a_write_that_fails_ends_the_connection),
        cmocka_unit_test(a_write_under_way_that_fails_ends_the_connection),
        cmocka_unit_test(a_stream_is_told_when_there_is_room_again),
        cmocka_unit_test(a_stream_is_told_too_when_the_socket_took_all_at_once),
        cmocka_unit_test(a_stream_that_waits_for_its_turn_has_bounded_room),
        cmocka_unit_test(a_stream_whose_client_left_has_room_for_nothing),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
