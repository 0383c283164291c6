/* Streams are tested here, on real sockets: stream.h only forwards. */
#include "loop/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/clock.h"
#include "loop/timer.h"
#include "mem.h"

enum { MOST_CONNS = 16, TURNS = 2000 };

/* The server's side of one connection. */
typedef struct side {
    rl_stream *stream;
    char in[64];
    size_t in_len, total;
    rl_err why;
    int written, closed;
    rl_err write_err;
} side;

typedef struct bench {
    rl_loop *loop;
    rl_listener *listener;
    uint16_t port;
    side sides[MOST_CONNS];
    int count;
} bench;

static void on_read(void *owner, rl_slice bytes) {
    side *one = owner;
    size_t room = sizeof one->in - one->in_len;
    size_t len = bytes.len < room ? bytes.len : room;
    memcpy(one->in + one->in_len, bytes.ptr, len);
    one->in_len += len;
    one->total += bytes.len;
}

static void on_ended(void *owner, rl_err why) {
    ((side *)owner)->why = why;
}

static void on_written(void *owner, rl_err err) {
    side *one = owner;
    one->written++;
    one->write_err = err;
}

static void on_closed(void *owner) {
    ((side *)owner)->closed++;
}

static const rl_stream_events EVENTS = {
    .read = on_read, .ended = on_ended, .written = on_written, .closed = on_closed};

static void on_accept(void *owner, rl_stream *stream) {
    bench *b = owner;
    assert_true(b->count < MOST_CONNS);
    side *one = &b->sides[b->count++];
    one->stream = stream;
    rl_stream_own(stream, &EVENTS, one);
    rl_stream_resume(stream);
}

/* False when memory ran out. */
static bool open_bench(bench *b) {
    *b = (bench){.port = 0};
    if (rl_loop_new(&b->loop) != RL_OK)
        return false;
    int fd;
    char message[128];
    assert_int_equal(rl_tcp_bind("127.0.0.1", &b->port, &fd, 1, message, sizeof message), RL_OK);
    return rl_listener_open(b->loop, fd, on_accept, b, &b->listener) == RL_OK;
}

static void close_bench(bench *b) {
    if (b->listener != NULL)
        rl_listener_close(b->listener);
    for (int i = 0; i < b->count; i++)
        if (b->sides[i].closed == 0 && b->sides[i].stream != NULL)
            rl_stream_close(b->sides[i].stream);
    if (b->loop != NULL) {
        rl_loop_run(b->loop);
        rl_loop_free(b->loop);
    }
    for (int i = 0; i < b->count; i++)
        assert_int_equal(b->sides[i].closed, 1);
}

static int dial(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    return fd;
}

/* One connection: the client's descriptor; the server's side is sides[0]. */
static int open_connected(bench *b) {
    assert_true(open_bench(b));
    int fd = dial(b->port);
    for (int i = 0; i < TURNS && b->count == 0; i++)
        rl_loop_turn(b->loop, true);
    assert_int_equal(b->count, 1);
    return fd;
}

#define AWAIT(b, condition)                                         \
    do {                                                            \
        for (int turn_ = 0; turn_ < TURNS && !(condition); turn_++) \
            rl_loop_turn((b)->loop, true);                          \
        assert_true(condition);                                     \
    } while (0)

/* ---- binding ---------------------------------------------------------------------- */

static void a_second_server_finds_the_address_in_use(void **state) {
    (void)state;
    uint16_t port = 0;
    int fds[2], other[1];
    char message[128];
    assert_int_equal(rl_tcp_bind("127.0.0.1", &port, fds, 2, message, sizeof message), RL_OK);
    assert_int_not_equal(port, 0);
    assert_int_equal(listen(fds[0], 1), 0);
    assert_int_equal(listen(fds[1], 1), 0);
    assert_int_equal(rl_tcp_bind("127.0.0.1", &port, other, 1, message, sizeof message), RL_EINUSE);
    assert_non_null(strstr(message, "in use"));
    close(fds[0]);
    close(fds[1]);
}

static void a_bad_address_is_said_in_words(void **state) {
    (void)state;
    uint16_t port = 0;
    int fd;
    char message[128] = "";
    assert_int_equal(rl_tcp_bind("no host at all", &port, &fd, 1, message, sizeof message), RL_ENOTFOUND);
    assert_non_null(strstr(message, "no host at all"));
    assert_int_equal(rl_tcp_bind("192.0.2.1", &port, &fd, 1, message, sizeof message), RL_EIO);
}

/* ---- streams ------------------------------------------------------------------------- */

static void bytes_go_both_ways(void **state) {
    (void)state;
    bench b;
    int fd = open_connected(&b);
    side *one = &b.sides[0];
    assert_int_equal(send(fd, "ping", 4, 0), 4);
    AWAIT(&b, one->in_len == 4);
    assert_memory_equal(one->in, "ping", 4);
    size_t written;
    assert_int_equal(rl_stream_try_write(one->stream, RL_LIT("pong"), &written), RL_OK);
    assert_int_equal(written, 4);
    char got[8];
    assert_int_equal(recv(fd, got, sizeof got, 0), 4);
    char peer[64];
    assert_int_equal(rl_stream_peer(one->stream, peer, sizeof peer), 9);
    assert_memory_equal(peer, "127.0.0.1", 9);
    close(fd);
    AWAIT(&b, one->why == RL_EOF);
    close_bench(&b);
}

static void a_paused_stream_reads_nothing(void **state) {
    (void)state;
    bench b;
    int fd = open_connected(&b);
    side *one = &b.sides[0];
    rl_stream_pause(one->stream);
    rl_stream_pause(one->stream);
    assert_int_equal(send(fd, "ping", 4, 0), 4);
    rl_loop_turn(b.loop, false);
    rl_loop_turn(b.loop, false);
    assert_int_equal(one->in_len, 0);
    rl_stream_resume(one->stream);
    AWAIT(&b, one->in_len == 4);
    close(fd);
    close_bench(&b);
}

static void a_clients_end_leaves_our_side_open(void **state) {
    (void)state;
    bench b;
    int fd = open_connected(&b);
    side *one = &b.sides[0];
    shutdown(fd, SHUT_WR);
    AWAIT(&b, one->why == RL_EOF);
    size_t written;
    const rl_slice text = RL_LIT("late");
    assert_int_equal(rl_stream_try_write(one->stream, text, &written), RL_OK);
    rl_stream_shutdown(one->stream);
    char got[8];
    assert_int_equal(recv(fd, got, sizeof got, 0), 4);
    assert_int_equal(recv(fd, got, sizeof got, 0), 0);
    close(fd);
    close_bench(&b);
}

static void a_clients_reset_is_told_as_one(void **state) {
    (void)state;
    bench b;
    int fd = open_connected(&b);
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
    AWAIT(&b, b.sides[0].why == RL_ERESET);
    size_t written;
    const rl_slice text = RL_LIT("x");
    assert_int_equal(rl_stream_try_write(b.sides[0].stream, text, &written), RL_ERESET);
    close_bench(&b);
}

static void a_reset_of_ours_reaches_the_client(void **state) {
    (void)state;
    bench b;
    int fd = open_connected(&b);
    rl_stream_reset(b.sides[0].stream);
    AWAIT(&b, b.sides[0].closed == 1);
    char got[8];
    assert_int_equal(recv(fd, got, sizeof got, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close(fd);
    close_bench(&b);
}

static void a_long_write_reports_its_progress_and_its_end(void **state) {
    (void)state;
    bench b;
    int fd = open_connected(&b);
    side *one = &b.sides[0];
    size_t len = 32 << 20; /* more than both sockets hold */
    char *big = calloc(1, len);
    assert_non_null(big);
    assert_int_equal(rl_stream_write(one->stream, rl_slice_of(big, len)), RL_OK);
    size_t queued = rl_stream_queued(one->stream);
    assert_true(queued > 0 && queued <= len);
    static char got[1 << 20];
    for (size_t have = 0; have < len;) {
        ssize_t part = recv(fd, got, sizeof got, MSG_DONTWAIT);
        if (part > 0)
            have += (size_t)part;
        rl_loop_turn(b.loop, false);
        assert_true(rl_stream_queued(one->stream) <= queued);
        queued = rl_stream_queued(one->stream);
    }
    AWAIT(&b, one->written == 1);
    assert_int_equal(one->write_err, RL_OK);
    free(big);
    close(fd);
    close_bench(&b);
}

static void a_write_under_way_is_told_of_before_the_close(void **state) {
    (void)state;
    bench b;
    int fd = open_connected(&b);
    size_t len = 32 << 20;
    char *big = calloc(1, len);
    assert_int_equal(rl_stream_write(b.sides[0].stream, rl_slice_of(big, len)), RL_OK);
    rl_stream_close(b.sides[0].stream);
    AWAIT(&b, b.sides[0].closed == 1);
    assert_int_equal(b.sides[0].written, 1);
    assert_int_not_equal(b.sides[0].write_err, RL_OK);
    free(big);
    close(fd);
    close_bench(&b);
}

/* ---- listeners ------------------------------------------------------------------------ */

static void closing_accepts_what_waits_in_the_queue(void **state) {
    (void)state;
    bench b;
    assert_true(open_bench(&b));
    int fds[8];
    for (int i = 0; i < 8; i++)
        fds[i] = dial(b.port);
    assert_int_equal(b.count, 0);
    rl_listener_close(b.listener);
    b.listener = NULL;
    assert_int_equal(b.count, 8);
    assert_int_equal(send(fds[7], "ping", 4, 0), 4);
    AWAIT(&b, b.sides[7].in_len == 4 || b.sides[0].in_len == 4);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    close_bench(&b);
}

static void a_stream_nobody_owns_yet_may_be_closed(void **state) {
    (void)state;
    bench b;
    int fd = open_connected(&b);
    rl_stream_own(b.sides[0].stream, NULL, NULL);
    rl_stream_pause(b.sides[0].stream);
    rl_stream_close(b.sides[0].stream);
    b.sides[0].closed = 1;
    close(fd);
    close_bench(&b);
}

static void ignore_timer(rl_timer *timer) {
    (void)timer;
}

static void frozen_time_does_not_jump_past_an_open_connection(void **state) {
    (void)state;
    bench b;
    rl_timer timer;
    int fd = open_connected(&b);
    rl_loop_freeze(b.loop, RL_FREEZE_JUMPS);
    rl_timer_init(&timer, ignore_timer);
    rl_timer_start(b.loop, &timer, 1);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(send(fd, "x", 1, 0), 1);
        AWAIT(&b, b.sides[0].total == (size_t)i);
        assert_true(rl_timer_is_running(&timer));
    }
    rl_stream_close(b.sides[0].stream);
    AWAIT(&b, !rl_timer_is_running(&timer));
    close(fd);
    close_bench(&b);
}

/* Connections that find no memory are closed, and those behind them served. */
static void accept_several(void) {
    bench b;
    int fds[6];
    int dialled = 0;
    if (open_bench(&b)) {
        for (; dialled < 6; dialled++)
            fds[dialled] = dial(b.port);
        for (int i = 0; i < 50 && b.count < 6; i++)
            rl_loop_turn(b.loop, false);
        assert_true(b.count >= 5); /* one was refused at most */
        size_t written;
        const rl_slice text = RL_LIT("x");
        for (int i = 0; i < b.count; i++)
            (void)!rl_stream_try_write(b.sides[i].stream, text, &written);
        rl_err err = rl_stream_write(b.sides[0].stream, RL_LIT("y"));
        assert_true(err == RL_OK || err == RL_ENOMEM);
    }
    close_bench(&b);
    while (dialled > 0)
        close(fds[--dialled]);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(accept_several);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_server_finds_the_address_in_use),
        cmocka_unit_test(a_bad_address_is_said_in_words),
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(a_paused_stream_reads_nothing),
        cmocka_unit_test(a_clients_end_leaves_our_side_open),
        cmocka_unit_test(a_clients_reset_is_told_as_one),
        cmocka_unit_test(a_reset_of_ours_reaches_the_client),
        cmocka_unit_test(a_long_write_reports_its_progress_and_its_end),
        cmocka_unit_test(a_write_under_way_is_told_of_before_the_close),
        cmocka_unit_test(closing_accepts_what_waits_in_the_queue),
        cmocka_unit_test(a_stream_nobody_owns_yet_may_be_closed),
        cmocka_unit_test(frozen_time_does_not_jump_past_an_open_connection),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
