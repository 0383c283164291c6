#include "sync/store.h"

#include <pthread.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "mem.h"

enum { NOW = 1000 };

static rl_store *new_store(uint64_t bytes) {
    rl_store *store;
    assert_int_equal(rl_store_new(bytes, &store), RL_OK);
    return store;
}

static rl_stored number(double value) {
    return (rl_stored){.number = value};
}

static rl_stored text(const char *value) {
    rl_parcel *parcel = rl_parcel_new(rl_slice_str(value));
    assert_non_null(parcel);
    return (rl_stored){.parcel = parcel};
}

static void expect_number(rl_store *store, const char *key, uint64_t now_ms, double value) {
    rl_stored got;
    assert_int_equal(rl_store_get(store, rl_slice_str(key), now_ms, &got), RL_OK);
    assert_null(got.parcel);
    assert_true(got.number == value);
}

static void expect_nothing(rl_store *store, const char *key, uint64_t now_ms) {
    rl_stored got;
    assert_int_equal(rl_store_get(store, rl_slice_str(key), now_ms, &got), RL_ENOTFOUND);
}

static rl_err put(rl_store *store, const char *key, rl_stored value, rl_store_rule rule, uint64_t ttl_ms) {
    return rl_store_put_take(store, rl_slice_str(key), value, rule, ttl_ms, NOW);
}

static void values_are_kept_by_their_rule(void **state) {
    (void)state;
    rl_store *store = new_store(RL_STORE_LEAST);
    assert_int_equal(put(store, "a", number(1), RL_STORE_IF_PRESENT, 0), RL_ENOTFOUND);
    assert_int_equal(put(store, "a", number(1), RL_STORE_IF_ABSENT, 0), RL_OK);
    assert_int_equal(put(store, "a", text("no"), RL_STORE_IF_ABSENT, 0), RL_EEXIST);
    assert_int_equal(put(store, "a", number(2), RL_STORE_IF_PRESENT, 0), RL_OK);
    expect_number(store, "a", NOW, 2);
    assert_int_equal(put(store, "a", text("tea"), RL_STORE_ALWAYS, 0), RL_OK);
    rl_stored got;
    assert_int_equal(rl_store_get(store, RL_LIT("a"), NOW, &got), RL_OK);
    assert_true(rl_slice_eq(rl_parcel_bytes(got.parcel), RL_LIT("tea")));
    assert_true(rl_store_delete(store, RL_LIT("a"), NOW)); /* whoever reads it has a use of his own */
    assert_true(rl_slice_eq(rl_parcel_bytes(got.parcel), RL_LIT("tea")));
    rl_parcel_unref(got.parcel);
    assert_false(rl_store_delete(store, RL_LIT("a"), NOW));
    rl_store_free(store);
}

static void what_is_over_is_not_there(void **state) {
    (void)state;
    rl_store *store = new_store(RL_STORE_LEAST);
    assert_int_equal(put(store, "a", number(1), RL_STORE_ALWAYS, 10), RL_OK);
    assert_int_equal(put(store, "b", number(2), RL_STORE_ALWAYS, 10), RL_OK);
    assert_int_equal(put(store, "c", number(3), RL_STORE_ALWAYS, 0), RL_OK);
    expect_number(store, "a", NOW + 9, 1);
    expect_nothing(store, "a", NOW + 10);
    assert_int_equal(rl_store_stats_of(store).count, 2);
    rl_store_sweep(store, 1, NOW + 10);
    rl_store_stats stats = rl_store_stats_of(store);
    assert_int_equal(stats.count, 1);
    assert_int_equal(stats.expired, 2);
    expect_number(store, "c", NOW + 1000000, 3);
    rl_store_free(store);
}

static void the_least_recently_used_makes_room(void **state) {
    (void)state;
    rl_store *store = new_store(RL_STORE_LEAST);
    char key[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "key %d", i);
        assert_int_equal(put(store, key, i % 2 == 0 ? number(i) : text("some text that takes room"), RL_STORE_ALWAYS, 0),
                         RL_OK);
        expect_number(store, "key 0", NOW, 0);
        assert_true(rl_store_stats_of(store).bytes <= RL_STORE_LEAST);
    }
    expect_nothing(store, "key 2", NOW);
    expect_number(store, "key 4998", NOW, 4998);
    rl_store_stats stats = rl_store_stats_of(store);
    assert_int_equal(stats.count + stats.evicted, 5000);
    rl_store_free(store);
}

static void what_leaves_gives_its_bytes_back(void **state) {
    (void)state;
    rl_store *store = new_store(RL_STORE_LEAST);
    uint64_t empty = rl_store_stats_of(store).bytes;
    assert_int_equal(put(store, "a", text("text"), RL_STORE_ALWAYS, 0), RL_OK);
    assert_int_equal(put(store, "a", number(1), RL_STORE_ALWAYS, 5), RL_OK);
    assert_int_equal(put(store, "b", text("more"), RL_STORE_ALWAYS, 0), RL_OK);
    assert_true(rl_store_delete(store, RL_LIT("b"), NOW));
    expect_nothing(store, "a", NOW + 5);
    assert_int_equal(rl_store_stats_of(store).bytes, empty);
    static char big[RL_STORE_LEAST];
    memset(big, 'x', sizeof big - 1);
    assert_int_equal(put(store, "c", text(big), RL_STORE_ALWAYS, 0), RL_EFULL);
    assert_int_equal(rl_store_stats_of(store).bytes, empty);
    rl_store_free(store);
}

static void it_adds(void **state) {
    (void)state;
    rl_store *store = new_store(RL_STORE_LEAST);
    const double init = 10;
    double sum;
    assert_int_equal(rl_store_add(store, RL_LIT("n"), 1, NULL, 0, NOW, &sum), RL_ENOTFOUND);
    assert_int_equal(rl_store_add(store, RL_LIT("n"), 1, &init, 5, NOW, &sum), RL_OK);
    assert_true(sum == 11);
    assert_int_equal(rl_store_add(store, RL_LIT("n"), -2, &init, 500, NOW, &sum), RL_OK);
    assert_true(sum == 9);
    expect_nothing(store, "n", NOW + 5);
    assert_int_equal(put(store, "n", text("9"), RL_STORE_ALWAYS, 0), RL_OK);
    assert_int_equal(rl_store_add(store, RL_LIT("n"), 1, &init, 0, NOW, &sum), RL_EINVAL);
    rl_store_free(store);
}

static void it_compares_and_swaps(void **state) {
    (void)state;
    rl_store *store = new_store(RL_STORE_LEAST);
    rl_stored one = number(1), two = number(2), word = text("two");
    assert_int_equal(rl_store_swap_take(store, RL_LIT("n"), &one, &two, 0, NOW), RL_ENOTFOUND);
    assert_int_equal(rl_store_swap_take(store, RL_LIT("n"), NULL, &one, 0, NOW), RL_OK);
    assert_int_equal(rl_store_swap_take(store, RL_LIT("n"), NULL, &two, 0, NOW), RL_EEXIST);
    assert_int_equal(rl_store_swap_take(store, RL_LIT("n"), &word, &two, 0, NOW), RL_EEXIST);
    rl_parcel_ref(word.parcel);
    assert_int_equal(rl_store_swap_take(store, RL_LIT("n"), &one, &word, 0, NOW), RL_OK);
    assert_int_equal(rl_store_swap_take(store, RL_LIT("n"), &word, NULL, 0, NOW), RL_OK);
    expect_nothing(store, "n", NOW);
    rl_parcel_unref(word.parcel);
    rl_store_free(store);
}

typedef struct seen {
    int count, most;
} seen;

static bool see_key(void *owner, rl_slice key) {
    seen *at = owner;
    assert_true(rl_slice_has_prefix(key, RL_LIT("a:")));
    return ++at->count < at->most;
}

static void keys_are_shown_by_their_prefix(void **state) {
    (void)state;
    rl_store *store = new_store(16 << 20);
    char key[32];
    for (int i = 0; i < 600; i++) {
        snprintf(key, sizeof key, "%c:%d", "ab"[i % 2], i);
        assert_int_equal(put(store, key, number(i), RL_STORE_ALWAYS, i == 0 ? 1 : 0), RL_OK);
    }
    seen all = {.most = 1000}, some = {.most = 7};
    rl_store_keys(store, RL_LIT("a:"), NOW + 1, see_key, &all);
    rl_store_keys(store, RL_LIT("a:"), NOW + 1, see_key, &some);
    assert_int_equal(all.count, 299);
    assert_int_equal(some.count, 7);
    rl_store_free(store);
}

/* ---- threads ----------------------------------------------------------------------------- */

enum { THREADS = 8, ROUNDS = 3000 };

static void *use(void *arg) {
    rl_store *store = arg;
    const double init = 0;
    char key[32];
    double sum;
    rl_stored got;
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(rl_store_add(store, RL_LIT("sum"), 1, &init, 0, NOW, &sum), RL_OK);
        snprintf(key, sizeof key, "key %d", i % 97);
        assert_int_equal(put(store, key, text("a text of everybody's"), RL_STORE_ALWAYS, (uint64_t)i % 5), RL_OK);
        if (rl_store_get(store, rl_slice_str(key), NOW + (uint64_t)i % 7, &got) == RL_OK)
            rl_parcel_unref(got.parcel);
        if (i % 50 == 0)
            rl_store_sweep(store, 4, NOW + 2);
        if (i % 9 == 0)
            rl_store_delete(store, rl_slice_str(key), NOW);
    }
    return NULL;
}

static void eight_threads_share_it(void **state) {
    (void)state;
    rl_store *store = new_store(16 << 20);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, use, store);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    expect_number(store, "sum", NOW, THREADS * ROUNDS);
    rl_store_free(store);
}

/* ---- each allocation fails ------------------------------------------------------------------ */

static void put_some(void) {
    rl_store *store;
    if (rl_store_new(RL_STORE_LEAST, &store) != RL_OK)
        return;
    const double init = 0;
    double sum;
    for (int i = 0; i < 4; i++) {
        char key[] = {(char)('a' + i), 0};
        rl_parcel *parcel = rl_parcel_new(RL_LIT("value"));
        if (parcel == NULL)
            continue;
        rl_stored value = {.parcel = parcel};
        rl_err err = rl_store_put_take(store, rl_slice_str(key), value, RL_STORE_ALWAYS, 0, NOW);
        assert_true(err == RL_OK || err == RL_ENOMEM);
        assert_int_equal(rl_store_delete(store, rl_slice_str(key), NOW), err == RL_OK);
        err = rl_store_add(store, RL_LIT("n"), 1, &init, 0, NOW, &sum);
        assert_true(err == RL_OK || err == RL_ENOMEM);
    }
    rl_store_free(store);
}

static void each_refusal_is_survived(void **state) {
    (void)state;
    each_allocation_fails(put_some);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_kept_by_their_rule),      cmocka_unit_test(what_is_over_is_not_there),
        cmocka_unit_test(the_least_recently_used_makes_room), cmocka_unit_test(what_leaves_gives_its_bytes_back),
        cmocka_unit_test(it_adds),                            cmocka_unit_test(it_compares_and_swaps),
        cmocka_unit_test(keys_are_shown_by_their_prefix),     cmocka_unit_test(eight_threads_share_it),
        cmocka_unit_test(each_refusal_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
