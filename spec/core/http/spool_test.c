#include "http/spool.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "http/disk.h"
#include "mem.h"

/* A spool, and what it told. */
typedef struct written {
    rl_loop *loop;
    rl_spool *spool;
    rl_buf bytes;
    size_t len;
    int times, status;
} written;

static void on_written(void *owner, size_t len, int status) {
    written *w = owner;
    w->len += len;
    w->times++;
    w->status = status;
}

static bool written_open(written *w) {
    *w = (written){.status = 0};
    rl_buf_init(&w->bytes, 1 << 20);
    if (rl_loop_new(&w->loop) != RL_OK)
        return false;
    w->spool = rl_spool_open(w->loop, on_written, w);
    return w->spool != NULL;
}

static void written_free(written *w) {
    if (w->spool != NULL)
        rl_spool_close(w->spool);
    if (w->loop != NULL)
        rl_loop_free(w->loop);
    rl_buf_clear(&w->bytes);
}

static void put(written *w, const char *text) {
    assert_int_equal(rl_buf_append(&w->bytes, rl_slice_str(text)), RL_OK);
    assert_int_equal(rl_spool_write(w->spool, &w->bytes), RL_OK);
}

static void await_disk(written *w) {
    while (w->status == 0 && rl_spool_pending(w->spool) > 0)
        rl_loop_turn(w->loop, true);
}

static void what_is_written_stands_in_its_order(void **state) {
    (void)state;
    written w;
    assert_true(written_open(&w));
    put(&w, "hello");
    assert_int_equal(rl_spool_pending(w.spool), 5);
    assert_int_equal(rl_buf_len(&w.bytes), 0);
    await_disk(&w);
    put(&w, " world");
    await_disk(&w);
    assert_int_equal(w.len, 11);
    char copy[12] = "";
    assert_int_equal(pread(rl_spool_file(w.spool), copy, 12, 0), 11);
    assert_string_equal(copy, "hello world");
    written_free(&w);
}

static void a_long_one_is_written_in_pieces(void **state) {
    (void)state;
    written w;
    assert_true(written_open(&w));
    char *block = NULL;
    assert_int_equal(rl_buf_reserve(&w.bytes, 1 << 20, &block), RL_OK);
    memset(block, 'x', 1 << 20);
    rl_buf_commit(&w.bytes, 1 << 20);
    assert_int_equal(rl_spool_write(w.spool, &w.bytes), RL_OK);
    await_disk(&w);
    assert_int_equal(w.len, 1 << 20);
    assert_true(w.times >= 4);
    written_free(&w);
}

static void a_disk_that_takes_no_more_is_507(void **state) {
    (void)state;
    written w;
    assert_true(written_open(&w));
    disk_fill(6);
    put(&w, "0123");
    await_disk(&w);
    assert_int_equal(w.status, 0);
    put(&w, "4567");
    await_disk(&w);
    disk_empty();
    assert_int_equal(w.status, 507);
    assert_int_equal(w.len, 6);
    written_free(&w);
}

static void a_file_that_no_descriptor_is_left_for_is_503(void **state) {
    (void)state;
    written w;
    assert_true(written_open(&w));
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = 0, .rlim_max = old.rlim_max}), 0);
    put(&w, "0123");
    await_disk(&w);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(w.status, 503);
    written_free(&w);
}

static void one_that_is_closed_ends_with_its_job(void **state) {
    (void)state;
    written w;
    assert_true(written_open(&w));
    put(&w, "hello");
    await_disk(&w);
    int file = rl_spool_file(w.spool);
    disk_stall(w.loop);
    put(&w, "never");
    rl_spool_close(w.spool);
    w.spool = NULL;
    assert_int_not_equal(fcntl(file, F_GETFD), -1);
    disk_go_on();
    while (rl_loop_turn(w.loop, true))
        ;
    assert_int_equal(fcntl(file, F_GETFD), -1);
    assert_int_equal(w.times, 1);
    written_free(&w);
}

static void write_two(void) {
    written w;
    if (written_open(&w))
        for (int i = 0; i < 2 && w.status == 0; i++) {
            if (rl_buf_append(&w.bytes, RL_LIT("hello")) != RL_OK || rl_spool_write(w.spool, &w.bytes) != RL_OK)
                break;
            await_disk(&w);
        }
    written_free(&w);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(write_two);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_stands_in_its_order),
        cmocka_unit_test(a_long_one_is_written_in_pieces),
        cmocka_unit_test_teardown(a_disk_that_takes_no_more_is_507, disk_mend),
        cmocka_unit_test(a_file_that_no_descriptor_is_left_for_is_503),
        cmocka_unit_test_teardown(one_that_is_closed_ends_with_its_job, disk_mend),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
