/* The named channels and stores, too: core/sync/channels.c, stores.c. */
#include "sync/commons.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "mem.h"

static rl_shared_channel *hold(rl_commons *commons, size_t capacity) {
    rl_shared_channel *shared;
    size_t there;
    assert_int_equal(rl_shared_channel_hold(commons->channels, RL_LIT("orders"), capacity, &shared, &there), RL_OK);
    return shared;
}

static rl_commons *new_commons(void) {
    rl_commons *commons;
    assert_int_equal(rl_commons_new(&commons), RL_OK);
    return commons;
}

static void a_channel_is_found_by_its_name(void **state) {
    (void)state;
    rl_commons *commons = new_commons();
    rl_shared_channel *a = hold(commons, 2), *b = hold(commons, 2), *c;
    size_t there = 0;
    assert_ptr_equal(a, b);
    assert_int_equal(rl_shared_channel_hold(commons->channels, RL_LIT("orders"), 3, &c, &there), RL_EEXIST);
    assert_int_equal(there, 2);
    rl_shared_channel_let_go(a);
    rl_shared_channel_let_go(b);
    rl_shared_channel_let_go(hold(commons, 3)); /* nothing was in it: it is another one */
    rl_commons_free(commons);
}

static void a_channel_with_something_in_it_waits_for_the_next_holder(void **state) {
    (void)state;
    rl_commons *commons = new_commons();
    rl_message message = {.parcel = NULL};
    rl_shared_channel *shared = hold(commons, 2);
    assert_int_equal(rl_channel_send(shared->channel, RL_LIT("kept"), NULL), RL_OK);
    rl_shared_channel_let_go(shared);
    shared = hold(commons, 2);
    assert_int_equal(rl_channel_receive(shared->channel, &message, NULL), RL_OK);
    assert_int_equal(rl_channel_send(shared->channel, RL_LIT("lost"), NULL), RL_OK);
    assert_int_equal(rl_channel_close(shared->channel, NULL), RL_OK);
    rl_shared_channel_let_go(shared);
    shared = hold(commons, 7);
    assert_int_equal(rl_channel_receive(shared->channel, &message, NULL), RL_ENOTFOUND);
    assert_int_equal(rl_channel_send(shared->channel, RL_LIT("left"), NULL), RL_OK);
    rl_shared_channel_let_go(shared);
    rl_commons_free(commons);
}

static void a_store_stays(void **state) {
    (void)state;
    rl_commons *commons = new_commons();
    rl_store *a, *b;
    uint64_t there = 0;
    assert_int_equal(rl_stores_open(commons->stores, RL_LIT("s"), RL_STORE_LEAST, &a, &there), RL_OK);
    assert_int_equal(rl_stores_open(commons->stores, RL_LIT("s"), RL_STORE_LEAST, &b, &there), RL_OK);
    assert_ptr_equal(a, b);
    assert_int_equal(rl_stores_open(commons->stores, RL_LIT("s"), RL_STORE_LEAST + 1, &b, &there), RL_EEXIST);
    assert_int_equal(there, RL_STORE_LEAST);
    assert_int_equal(rl_store_put_take(a, RL_LIT("k"), (rl_stored){.number = 1}, RL_STORE_ALWAYS, 5, 100), RL_OK);
    rl_stores_sweep(commons->stores, 1, 105);
    assert_int_equal(rl_store_stats_of(a).count, 0);
    rl_commons_free(commons);
}

static void count_one(void *owner, const char *name, const rl_channel_stats *stats) {
    assert_string_equal(name, "orders");
    assert_int_equal(stats->capacity, 4);
    ++*(int *)owner;
}

static void they_are_shown(void **state) {
    (void)state;
    rl_commons *commons = new_commons();
    rl_shared_channel *shared = hold(commons, 4);
    int count = 0;
    rl_channels_look(commons->channels, count_one, &count);
    assert_int_equal(count, 1);
    rl_shared_channel_let_go(shared);
    rl_commons_free(commons);
}

static void open_all(void) {
    rl_commons *commons;
    rl_shared_channel *shared;
    rl_store *store;
    size_t capacity;
    uint64_t bytes;
    if (rl_commons_new(&commons) != RL_OK)
        return;
    if (rl_shared_channel_hold(commons->channels, RL_LIT("orders"), 1, &shared, &capacity) == RL_OK)
        rl_shared_channel_let_go(shared);
    (void)!rl_stores_open(commons->stores, RL_LIT("s"), RL_STORE_LEAST, &store, &bytes);
    rl_commons_free(commons);
}

static void each_refusal_is_survived(void **state) {
    (void)state;
    each_allocation_fails(open_all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_channel_is_found_by_its_name),
        cmocka_unit_test(a_channel_with_something_in_it_waits_for_the_next_holder),
        cmocka_unit_test(a_store_stays),
        cmocka_unit_test(they_are_shown),
        cmocka_unit_test(each_refusal_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
