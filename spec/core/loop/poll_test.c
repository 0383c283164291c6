#include "loop/poll.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "mem.h"

typedef struct watch {
    rl_loop *loop;
    rl_poll *poll;
    int fds[2];
    int calls, ready;
    bool closes;
} watch;

static void on_ready(void *owner, int ready) {
    watch *w = owner;
    w->calls++;
    w->ready = ready;
    if (w->closes)
        rl_poll_close(w->poll);
}

static void open_watch(watch *w) {
    *w = (watch){.calls = 0};
    assert_int_equal(rl_loop_new(&w->loop), RL_OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, w->fds), 0);
    assert_int_equal(rl_poll_open(w->loop, w->fds[0], on_ready, w, &w->poll), RL_OK);
}

static void close_watch(watch *w) {
    if (!w->closes)
        rl_poll_close(w->poll);
    close(w->fds[0]);
    if (w->fds[1] >= 0)
        close(w->fds[1]);
    rl_loop_free(w->loop);
}

static void nothing_is_told_before_it_is_asked_for(void **state) {
    (void)state;
    watch w;
    open_watch(&w);
    assert_int_equal(write(w.fds[1], "x", 1), 1);
    rl_loop_turn(w.loop, false);
    assert_int_equal(w.calls, 0);
    close_watch(&w);
}

static void it_tells_what_holds_of_what_is_watched(void **state) {
    (void)state;
    watch w;
    open_watch(&w);
    rl_poll_watch(w.poll, RL_POLL_WRITE);
    rl_loop_turn(w.loop, true);
    assert_int_equal(w.ready, RL_POLL_WRITE);
    assert_int_equal(write(w.fds[1], "x", 1), 1);
    rl_poll_watch(w.poll, RL_POLL_READ);
    rl_loop_turn(w.loop, true);
    assert_int_equal(w.ready, RL_POLL_READ);
    rl_poll_watch(w.poll, RL_POLL_READ | RL_POLL_WRITE);
    rl_loop_turn(w.loop, true);
    assert_int_equal(w.ready, RL_POLL_READ | RL_POLL_WRITE);
    close_watch(&w);
}

static void a_pause_and_another_watch(void **state) {
    (void)state;
    watch w;
    open_watch(&w);
    rl_poll_watch(w.poll, RL_POLL_WRITE);
    rl_poll_watch(w.poll, 0);
    rl_loop_turn(w.loop, false);
    assert_int_equal(w.calls, 0);
    rl_poll_watch(w.poll, RL_POLL_WRITE);
    rl_loop_turn(w.loop, true);
    assert_int_equal(w.calls, 1);
    close_watch(&w);
}

static void the_other_ends_leaving_shows_as_something_to_read(void **state) {
    (void)state;
    watch w;
    open_watch(&w);
    rl_poll_watch(w.poll, RL_POLL_READ);
    close(w.fds[1]);
    w.fds[1] = -1;
    rl_loop_turn(w.loop, true);
    assert_true(w.ready & RL_POLL_READ);
    close_watch(&w);
}

/* The other end left with bytes of ours unread: the error comes before its last bytes were read. */
static void an_error_behind_the_last_bytes_is_told_of_again(void **state) {
    (void)state;
    watch w;
    char byte;
    open_watch(&w);
    assert_int_equal(write(w.fds[0], "unread", 6), 6);
    assert_int_equal(write(w.fds[1], "x", 1), 1);
    close(w.fds[1]);
    w.fds[1] = -1;
    rl_poll_watch(w.poll, RL_POLL_READ);
    rl_loop_turn(w.loop, false);
    assert_int_equal(w.calls, 1);
    assert_int_equal(read(w.fds[0], &byte, 1), 1);
    rl_loop_turn(w.loop, false);
    assert_int_equal(w.calls, 2);
    assert_true(w.ready & RL_POLL_READ);
    close_watch(&w);
}

static void it_may_be_closed_from_its_own_call(void **state) {
    (void)state;
    watch w;
    open_watch(&w);
    w.closes = true;
    rl_poll_watch(w.poll, RL_POLL_WRITE);
    rl_loop_run(w.loop);
    assert_int_equal(w.calls, 1);
    close_watch(&w);
}

static void open_and_close(void) {
    rl_loop *loop;
    if (rl_loop_new(&loop) != RL_OK)
        return;
    int fds[2];
    rl_poll *poll;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    if (rl_poll_open(loop, fds[0], on_ready, NULL, &poll) == RL_OK)
        rl_poll_close(poll);
    close(fds[0]); /* at once: the watch is off it */
    close(fds[1]);
    rl_loop_free(loop);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(open_and_close);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_told_before_it_is_asked_for),
        cmocka_unit_test(it_tells_what_holds_of_what_is_watched),
        cmocka_unit_test(a_pause_and_another_watch),
        cmocka_unit_test(the_other_ends_leaving_shows_as_something_to_read),
        cmocka_unit_test(an_error_behind_the_last_bytes_is_told_of_again),
        cmocka_unit_test(it_may_be_closed_from_its_own_call),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
