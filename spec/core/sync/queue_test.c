#include "sync/queue.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "mem.h"

static rl_slice filled(char *room, size_t len, int n) {
    memset(room, n & 0xff, len);
    return rl_slice_of(room, len);
}

static void write_one(rl_queue *queue, size_t len, int n) {
    static _Thread_local char room[100000];
    assert_int_equal(rl_queue_write(queue, filled(room, len, n)), RL_OK);
}

static void expect_one(rl_queue *queue, size_t len, int n) {
    rl_message message = {.parcel = NULL};
    assert_true(rl_queue_readable(queue, 0) > 0);
    rl_queue_read(queue, &message);
    rl_slice bytes = rl_message_bytes(&message);
    assert_int_equal(bytes.len, len);
    if (len > 0) {
        static char room[100000];
        assert_memory_equal(bytes.ptr, filled(room, len, n).ptr, len);
    }
    rl_message_clear(&message);
}

static size_t len_of(int n) {
    static const size_t lens[] = {0, 1, 9, 30, 200, RL_MESSAGE_ROOM, RL_MESSAGE_ROOM + 1, 40000};
    return lens[n * 7 % 8];
}

static void what_is_written_is_read_in_order(void **state) {
    (void)state;
    rl_queue queue;
    rl_queue_init(&queue);
    int written = 0, read = 0;
    for (int depth = 1; depth < 400; depth += 13) {
        for (int i = 0; i < depth; i++, written++)
            write_one(&queue, len_of(written), written);
        assert_int_equal(rl_queue_count(&queue), written - read);
        for (int i = 0; i < depth - depth / 3; i++, read++)
            expect_one(&queue, len_of(read), read);
    }
    for (; read < written; read++)
        expect_one(&queue, len_of(read), read);
    assert_int_equal(rl_queue_count(&queue), 0);
    assert_int_equal(rl_queue_bytes(&queue), 0);
    assert_int_equal(rl_queue_readable(&queue, 0), 0);
    rl_queue_clear(&queue);
}

static void it_knows_when_it_is_below_a_bound(void **state) {
    (void)state;
    rl_queue queue;
    rl_queue_init(&queue);
    write_one(&queue, 10, 1);
    write_one(&queue, 10, 2);
    assert_true(rl_queue_is_below(&queue, 3, 21));
    assert_false(rl_queue_is_below(&queue, 2, 21));
    assert_false(rl_queue_is_below(&queue, 3, 20));
    expect_one(&queue, 10, 1);
    assert_true(rl_queue_is_below(&queue, 2, 20));
    rl_queue_clear(&queue);
}

static void a_parcel_passes_without_a_copy(void **state) {
    (void)state;
    rl_queue queue;
    rl_queue_init(&queue);
    rl_parcel *parcel = rl_parcel_new(RL_LIT("shared"));
    assert_int_equal(rl_queue_reserve(&queue), RL_OK);
    rl_queue_write_parcel_take(&queue, rl_parcel_ref(parcel));
    rl_message message = {.parcel = NULL};
    rl_queue_read(&queue, &message);
    assert_ptr_equal(message.parcel, parcel);
    rl_message_clear(&message);
    rl_parcel_unref(parcel);
    rl_queue_clear(&queue);
}

static void what_is_left_is_freed(void **state) {
    (void)state;
    size_t before = mem_live();
    rl_queue queue;
    rl_queue_init(&queue);
    rl_queue_clear(&queue);
    for (int i = 0; i < 100; i++)
        write_one(&queue, len_of(i), i);
    for (int i = 0; i < 30; i++)
        expect_one(&queue, len_of(i), i);
    rl_queue_clear(&queue);
    for (int i = 0; i < 24; i++) /* so that what was reserved lies in a segment of its own */
        write_one(&queue, 8, i);
    assert_int_equal(rl_queue_reserve(&queue), RL_OK);
    rl_queue_clear(&queue);
    assert_int_equal(mem_live(), before);
}

enum { MANY = 20000 };

static void *write_many(void *arg) {
    for (int i = 0; i < MANY; i++)
        write_one(arg, (size_t)i % 50, i);
    return NULL;
}

static void two_threads_need_no_lock(void **state) {
    (void)state;
    rl_queue queue;
    rl_queue_init(&queue);
    pthread_t writer;
    pthread_create(&writer, NULL, write_many, &queue);
    for (int i = 0; i < MANY; i++) {
        while (rl_queue_readable(&queue, 0) == 0)
            sched_yield();
        expect_one(&queue, (size_t)i % 50, i);
    }
    pthread_join(writer, NULL);
    rl_queue_clear(&queue);
}

static void write_and_read_some(void) {
    char room[1000];
    rl_queue queue;
    rl_queue_init(&queue);
    int written[40], count = 0, read = 0;
    for (int i = 0; i < 40; i++) {
        rl_err err = rl_queue_write(&queue, filled(room, i % 5 == 0 ? sizeof room : 50, i));
        assert_true(err == RL_OK || err == RL_ENOMEM);
        if (err == RL_OK)
            written[count++] = i;
    }
    for (; read < count - 5; read++)
        expect_one(&queue, written[read] % 5 == 0 ? sizeof room : 50, written[read]);
    rl_queue_clear(&queue);
}

static void each_refusal_is_survived(void **state) {
    (void)state;
    each_allocation_fails(write_and_read_some);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_in_order), cmocka_unit_test(it_knows_when_it_is_below_a_bound),
        cmocka_unit_test(a_parcel_passes_without_a_copy),   cmocka_unit_test(what_is_left_is_freed),
        cmocka_unit_test(two_threads_need_no_lock),         cmocka_unit_test(each_refusal_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
