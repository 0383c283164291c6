#include "base/histogram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void is_empty_at_first(void **state) {
    (void)state;
    rl_histogram h = {0};
    assert_int_equal(rl_histogram_quantile(&h, 0.99), 0);
}

/* Every length on its own, from a nanosecond to four minutes: what is read is near what was told. */
static void is_near_the_truth_at_every_length(void **state) {
    (void)state;
    for (double ns = 1; ns < 240e9; ns *= 1.01) {
        rl_histogram h = {0};
        rl_histogram_add(&h, (uint64_t)ns);
        rl_histogram_add(&h, UINT64_MAX / 4); /* else the longest one bounds it */
        double read = (double)rl_histogram_quantile(&h, 0.5);
        assert_true(fabs(read - ns) <= fmax(ns / 16 + 1, 512));
    }
}

static void a_share_of_them_took_no_longer(void **state) {
    (void)state;
    rl_histogram h = {0};
    for (uint64_t ms = 1; ms <= 1000; ms++)
        rl_histogram_add(&h, ms * 1000000);
    const double shares[] = {0.5, 0.95, 0.99};
    for (size_t i = 0; i < 3; i++) {
        double ns = (double)rl_histogram_quantile(&h, shares[i]);
        assert_true(fabs(ns / 1e6 - shares[i] * 1000) <= shares[i] * 1000 / 16);
    }
    assert_int_equal(h.count, 1000);
    assert_int_equal(h.max_ns, 1000000000);
    assert_int_equal(h.sum_ns, 500500ull * 1000000);
}

static void one_alone_is_no_longer_than_it_was(void **state) {
    (void)state;
    rl_histogram h = {0};
    rl_histogram_add(&h, 1001);
    assert_in_range(rl_histogram_quantile(&h, 0.99), 1, 1001);
    rl_histogram_add(&h, UINT64_MAX);
    assert_true(rl_histogram_quantile(&h, 1) > 240000000000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_empty_at_first),
        cmocka_unit_test(is_near_the_truth_at_every_length),
        cmocka_unit_test(a_share_of_them_took_no_longer),
        cmocka_unit_test(one_alone_is_no_longer_than_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
