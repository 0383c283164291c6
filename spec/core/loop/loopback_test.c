#include "loop/loopback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"

enum { CEILING = 1 << 20 };

/* Both sides of one loopback, and what each has heard. */
typedef struct pair {
    rl_loop *loop;
    rl_loopback *loopback;
    rl_stream *stream;
    char read[CEILING];
    size_t read_len, reads, longest;
    int ended, written, closed, news;
    rl_err why;
    bool closes_in_read, echoes;
} pair;

static void on_read(void *owner, rl_slice bytes) {
    pair *p = owner;
    memcpy(p->read + p->read_len, bytes.ptr, bytes.len);
    p->read_len += bytes.len;
    p->reads++;
    p->longest = bytes.len > p->longest ? bytes.len : p->longest;
    size_t written;
    if (p->echoes)
        assert_int_equal(rl_stream_try_write(p->stream, bytes, &written), RL_OK);
    if (p->closes_in_read)
        rl_stream_close(p->stream);
}

static void on_ended(void *owner, rl_err why) {
    pair *p = owner;
    p->ended++;
    p->why = why;
}

static void on_written(void *owner, rl_err err) {
    assert_int_equal(err, RL_OK);
    ((pair *)owner)->written++;
}

static void on_closed(void *owner) {
    ((pair *)owner)->closed++;
}

static void on_news(void *peer) {
    ((pair *)peer)->news++;
}

static const rl_stream_events EVENTS = {
    .read = on_read, .ended = on_ended, .written = on_written, .closed = on_closed};

static bool open_pair(pair *p) {
    if (rl_loop_new(&p->loop) != RL_OK)
        return false;
    if (rl_loopback_open(p->loop, CEILING, on_news, p, &p->loopback) != RL_OK)
        return false;
    p->stream = rl_loopback_stream(p->loopback);
    rl_stream_own(p->stream, &EVENTS, p);
    return true;
}

static pair *opened(void) {
    pair *p = calloc(1, sizeof *p);
    assert_non_null(p);
    assert_true(open_pair(p));
    return p;
}

static void turn(pair *p) {
    for (int i = 0; i < 40; i++)
        rl_loop_turn(p->loop, false);
}

static void close_both(pair *p) {
    if (p->closed == 0)
        rl_stream_close(p->stream);
    if (p->loopback != NULL)
        rl_loopback_close(p->loopback);
    turn(p);
    assert_int_equal(p->closed, 1);
    rl_loop_free(p->loop);
    free(p);
}

static void carries_bytes_both_ways(void **state) {
    (void)state;
    pair *p = opened();
    rl_stream_resume(p->stream);
    assert_int_equal(rl_loopback_send(p->loopback, RL_LIT("question")), RL_OK);
    assert_int_equal(p->reads, 0); /* never in the sender's stack */
    turn(p);
    assert_memory_equal(p->read, "question", 8);
    size_t written;
    assert_int_equal(rl_stream_try_write(p->stream, RL_LIT("answer"), &written), RL_OK);
    assert_int_equal(written, 6);
    assert_int_equal(p->news, 1);
    rl_slice got = rl_loopback_got(p->loopback);
    assert_int_equal(got.len, 6);
    assert_memory_equal(got.ptr, "answer", 6);
    rl_loopback_drop(p->loopback, 2);
    assert_memory_equal(rl_loopback_got(p->loopback).ptr, "swer", 4);
    assert_ptr_equal(rl_loopback_peer(p->stream), p);
    close_both(p);
}

static void brings_no_more_at_once_than_a_socket_would(void **state) {
    (void)state;
    pair *p = opened();
    static char block[200000];
    memset(block, 'x', sizeof block);
    p->echoes = true;
    rl_stream_resume(p->stream);
    assert_int_equal(rl_loopback_send(p->loopback, rl_slice_of(block, sizeof block)), RL_OK);
    turn(p);
    assert_int_equal(p->read_len, sizeof block);
    assert_int_equal(p->longest, 65536);
    assert_int_equal(rl_loopback_got(p->loopback).len, sizeof block);
    close_both(p);
}

static void a_paused_owner_hears_nothing(void **state) {
    (void)state;
    pair *p = opened();
    assert_int_equal(rl_loopback_send(p->loopback, RL_LIT("early")), RL_OK);
    turn(p);
    assert_int_equal(p->reads, 0);
    rl_stream_resume(p->stream);
    turn(p);
    assert_int_equal(p->read_len, 5);
    rl_stream_pause(p->stream);
    assert_int_equal(rl_loopback_send(p->loopback, RL_LIT("late")), RL_OK);
    turn(p);
    assert_int_equal(p->read_len, 5);
    close_both(p);
}

static void a_write_is_reported_in_a_later_turn(void **state) {
    (void)state;
    pair *p = opened();
    assert_int_equal(rl_stream_write(p->stream, RL_LIT("all of it")), RL_OK);
    assert_int_equal(p->written, 0);
    assert_int_equal(rl_stream_queued(p->stream), 0);
    turn(p);
    assert_int_equal(p->written, 1);
    assert_int_equal(rl_loopback_got(p->loopback).len, 9);
    close_both(p);
}

static void an_owner_reads_what_was_sent_before_its_peer_went(void **state) {
    (void)state;
    pair *p = opened();
    rl_stream_resume(p->stream);
    assert_int_equal(rl_loopback_send(p->loopback, RL_LIT("last words")), RL_OK);
    rl_loopback_close(p->loopback);
    p->loopback = NULL;
    assert_null(rl_loopback_peer(p->stream));
    turn(p);
    assert_int_equal(p->read_len, 10);
    assert_int_equal(p->ended, 1);
    assert_int_equal(p->why, RL_EOF);
    rl_slice piece = RL_LIT("x");
    size_t written;
    assert_int_equal(rl_stream_try_write(p->stream, piece, &written), RL_ERESET);
    assert_int_equal(rl_stream_write(p->stream, piece), RL_ERESET);
    assert_int_equal(p->news, 0);
    close_both(p);
}

static void a_peer_reads_what_was_written_before_the_owner_went(void **state) {
    (void)state;
    pair *p = opened();
    rl_slice piece = RL_LIT("answer");
    size_t written;
    assert_int_equal(rl_stream_try_write(p->stream, piece, &written), RL_OK);
    assert_false(rl_loopback_has_ended(p->loopback));
    rl_stream_shutdown(p->stream);
    assert_true(rl_loopback_has_ended(p->loopback));
    rl_stream_close(p->stream);
    turn(p);
    assert_int_equal(p->closed, 1);
    assert_int_equal(rl_loopback_got(p->loopback).len, 6);
    assert_int_equal(rl_loopback_send(p->loopback, RL_LIT("more")), RL_ECLOSED);
    close_both(p);
}

static void may_be_closed_while_it_is_read(void **state) {
    (void)state;
    pair *p = opened();
    p->closes_in_read = true;
    rl_stream_resume(p->stream);
    assert_int_equal(rl_loopback_send(p->loopback, RL_LIT("bye")), RL_OK);
    turn(p);
    assert_int_equal(p->reads, 1);
    assert_int_equal(p->closed, 1);
    close_both(p);
}

static void refuses_what_is_beyond_its_ceiling(void **state) {
    (void)state;
    pair *p = opened();
    static char block[CEILING];
    assert_int_equal(rl_loopback_send(p->loopback, rl_slice_of(block, sizeof block)), RL_OK);
    assert_int_equal(rl_loopback_send(p->loopback, RL_LIT("x")), RL_EFULL);
    size_t written;
    assert_int_equal(rl_stream_try_write(p->stream, rl_slice_of(block, sizeof block), &written), RL_OK);
    assert_int_equal(rl_stream_try_write(p->stream, RL_LIT("x"), &written), RL_ERESET);
    close_both(p);
}

static void says_where_its_peer_is(void **state) {
    (void)state;
    pair *p = opened();
    char text[16];
    assert_int_equal(rl_stream_peer(p->stream, text, sizeof text), 9);
    assert_string_equal(text, "127.0.0.1");
    assert_int_equal(rl_stream_peer(p->stream, text, 4), 0);
    close_both(p);
}

static void talk(void) {
    pair *p = calloc(1, sizeof *p);
    assert_non_null(p);
    if (open_pair(p)) {
        rl_stream_resume(p->stream);
        bool sent = rl_loopback_send(p->loopback, RL_LIT("question")) == RL_OK;
        turn(p);
        assert_int_equal(p->read_len, sent ? 8 : 0);
        (void)!rl_stream_write(p->stream, RL_LIT("answer"));
        turn(p);
        rl_stream_close(p->stream);
        rl_loopback_close(p->loopback);
        turn(p);
        assert_int_equal(p->closed, 1);
    }
    if (p->loop != NULL)
        rl_loop_free(p->loop);
    free(p);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(talk);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_bytes_both_ways),
        cmocka_unit_test(brings_no_more_at_once_than_a_socket_would),
        cmocka_unit_test(a_paused_owner_hears_nothing),
        cmocka_unit_test(a_write_is_reported_in_a_later_turn),
        cmocka_unit_test(an_owner_reads_what_was_sent_before_its_peer_went),
        cmocka_unit_test(a_peer_reads_what_was_written_before_the_owner_went),
        cmocka_unit_test(may_be_closed_while_it_is_read),
        cmocka_unit_test(refuses_what_is_beyond_its_ceiling),
        cmocka_unit_test(says_where_its_peer_is),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
