#include "pg/trail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void knows_nothing_at_first(void **state) {
    (void)state;
    rl_trail trail = {0};
    assert_int_equal(rl_trail_reached(&trail, UINT64_MAX), 0);
    assert_int_equal(rl_trail_newest_ns(&trail), 0);
}

static void tells_up_to_when_a_position_is_complete(void **state) {
    (void)state;
    rl_trail trail = {0};
    rl_trail_add(&trail, 700, 100);
    rl_trail_add(&trail, 740, 200);
    rl_trail_add(&trail, 910, 300);
    const struct {
        uint64_t position, reached_ns;
    } cases[] = {{699, 0}, {700, 100}, {739, 100}, {740, 200}, {820, 200}, {910, 300}, {5000, 300}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(rl_trail_reached(&trail, cases[i].position), cases[i].reached_ns);
    assert_int_equal(rl_trail_newest_ns(&trail), 300);
}

static void keeps_the_last_moment_of_a_primary_that_is_idle(void **state) {
    (void)state;
    rl_trail trail = {0};
    for (uint64_t ns = 1; ns <= 3 * RL_TRAIL_MOST; ns++)
        rl_trail_add(&trail, 700, ns);
    rl_trail_add(&trail, 701, 1000);
    assert_int_equal(rl_trail_reached(&trail, 700), 3 * RL_TRAIL_MOST);
}

static void forgets_the_oldest_steps(void **state) {
    (void)state;
    rl_trail trail = {0};
    for (uint64_t i = 1; i <= RL_TRAIL_MOST + 2; i++)
        rl_trail_add(&trail, i, i * 10);
    assert_int_equal(rl_trail_reached(&trail, 2), 0);
    assert_int_equal(rl_trail_reached(&trail, 3), 30);
    assert_int_equal(rl_trail_reached(&trail, RL_TRAIL_MOST + 2), (RL_TRAIL_MOST + 2) * 10);
}

static void believes_the_newest_of_a_log_that_went_back(void **state) {
    (void)state;
    rl_trail trail = {0};
    rl_trail_add(&trail, 900, 100);
    rl_trail_add(&trail, 800, 200);
    assert_int_equal(rl_trail_reached(&trail, 850), 200);
    assert_int_equal(rl_trail_reached(&trail, 900), 200);
    assert_int_equal(rl_trail_reached(&trail, 799), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_nothing_at_first),
        cmocka_unit_test(tells_up_to_when_a_position_is_complete),
        cmocka_unit_test(keeps_the_last_moment_of_a_primary_that_is_idle),
        cmocka_unit_test(forgets_the_oldest_steps),
        cmocka_unit_test(believes_the_newest_of_a_log_that_went_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
