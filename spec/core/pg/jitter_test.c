#include "pg/jitter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MANY = 1000 };

static void waits_longer_up_to_the_most_after_each_failure(void **state) {
    (void)state;
    rl_jitter jitter;
    rl_jitter_init(&jitter);
    static const uint64_t most[] = {20, 40, 80, 160, 320, 500, 500};
    for (uint32_t i = 0; i < sizeof most / sizeof *most; i++)
        for (int k = 0; k < MANY; k++)
            assert_in_range(rl_jitter_backoff_ms(&jitter, i, RL_BACKOFF_MOST_MS), most[i] / 2, most[i]);
    assert_in_range(rl_jitter_backoff_ms(&jitter, UINT32_MAX, RL_BACKOFF_MOST_MS), 250, 500);
    assert_int_equal(rl_jitter_backoff_ms(&jitter, 3, 0), 0);
}

static void spreads_what_it_shortens(void **state) {
    (void)state;
    rl_jitter jitter;
    rl_jitter_init(&jitter);
    int early = 0;
    for (int i = 0; i < MANY; i++)
        early += rl_jitter_backoff_ms(&jitter, 9, 500) < 375;
    assert_in_range(early, MANY / 4, MANY * 3 / 4);
}

static void lives_a_tenth_more_or_less(void **state) {
    (void)state;
    rl_jitter jitter;
    rl_jitter_init(&jitter);
    int shorter = 0;
    for (int i = 0; i < MANY; i++) {
        uint64_t ms = rl_jitter_about_ms(&jitter, 10000);
        assert_in_range(ms, 9000, 11000);
        shorter += ms < 10000;
    }
    assert_in_range(shorter, MANY / 4, MANY * 3 / 4);
}

static void stays_below_its_bound(void **state) {
    (void)state;
    rl_jitter jitter;
    rl_jitter_init(&jitter);
    int seen[3] = {0};
    for (int i = 0; i < MANY; i++)
        seen[rl_jitter_below(&jitter, 3)]++;
    assert_true(seen[0] > 0 && seen[1] > 0 && seen[2] > 0);
    assert_int_equal(rl_jitter_below(&jitter, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_longer_up_to_the_most_after_each_failure),
        cmocka_unit_test(spreads_what_it_shortens),
        cmocka_unit_test(lives_a_tenth_more_or_less),
        cmocka_unit_test(stays_below_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
