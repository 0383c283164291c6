#include "pg/demoted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const uint64_t second = 1000 * 1000 * 1000;

static void makes_stale_what_was_made_to_that_host_before(void **state) {
    (void)state;
    rl_demoted demoted = {.epoch = 0};
    assert_false(rl_demoted_is_stale(&demoted, 7, 0));
    assert_true(rl_demoted_note(&demoted, 7, 100 * second));
    assert_true(rl_demoted_is_stale(&demoted, 7, 0));
    assert_false(rl_demoted_is_stale(&demoted, 7, demoted.epoch));
    assert_false(rl_demoted_is_stale(&demoted, 8, 0));
    assert_true(rl_demoted_note(&demoted, 8, 100 * second));
    assert_true(rl_demoted_is_stale(&demoted, 8, 1));
    assert_false(rl_demoted_is_stale(&demoted, 7, 1));
}

static void hears_of_a_host_once_a_second(void **state) {
    (void)state;
    rl_demoted demoted = {.epoch = 0};
    assert_true(rl_demoted_note(&demoted, 7, 0));
    assert_false(rl_demoted_note(&demoted, 7, second - 1));
    assert_true(rl_demoted_note(&demoted, 8, second - 1));
    assert_true(rl_demoted_note(&demoted, 7, second));
    assert_true(rl_demoted_is_stale(&demoted, 7, 2));
}

static void errs_to_the_safe_side_with_too_many_hosts(void **state) {
    (void)state;
    rl_demoted demoted = {.epoch = 0};
    for (uint64_t host = 1; host <= RL_DEMOTED_MOST + 2; host++)
        assert_true(rl_demoted_note(&demoted, host, 0));
    assert_true(rl_demoted_is_stale(&demoted, 1, 0)); /* forgotten, and so was this */
    assert_true(rl_demoted_is_stale(&demoted, 99, 1));
    assert_false(rl_demoted_is_stale(&demoted, 99, 2));
    assert_false(rl_demoted_is_stale(&demoted, 1, 2));
    assert_true(rl_demoted_is_stale(&demoted, 3, 2));
}

static void tells_each_once_in_their_order(void **state) {
    (void)state;
    rl_demoted demoted = {.epoch = 0};
    uint64_t seen = 0;
    assert_int_equal(rl_demoted_next(&demoted, &seen), 0);
    (void)rl_demoted_note(&demoted, 7, 0);
    (void)rl_demoted_note(&demoted, 8, 0);
    (void)rl_demoted_note(&demoted, 7, second);
    assert_int_equal(rl_demoted_next(&demoted, &seen), 8);
    assert_int_equal(rl_demoted_next(&demoted, &seen), 7);
    assert_int_equal(rl_demoted_next(&demoted, &seen), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_stale_what_was_made_to_that_host_before),
        cmocka_unit_test(hears_of_a_host_once_a_second),
        cmocka_unit_test(errs_to_the_safe_side_with_too_many_hosts),
        cmocka_unit_test(tells_each_once_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
