#include "loop/alarm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/clock.h"
#include "mem.h"

static void count(void *owner) {
    ++*(int *)owner;
}

static void it_rings_by_the_real_clock_while_the_loops_is_frozen(void **state) {
    (void)state;
    rl_loop *loop;
    rl_alarm *alarm;
    int rings = 0;
    assert_int_equal(rl_loop_new(&loop), RL_OK);
    rl_loop_hold(loop);
    rl_loop_freeze(loop, RL_FREEZE_STANDS);
    uint64_t now_ms = rl_loop_now_ms(loop);
    assert_int_equal(rl_alarm_open(loop, 2, count, &rings, &alarm), RL_OK);
    while (rings < 3)
        rl_loop_turn(loop, false);
    assert_int_equal(rl_loop_now_ms(loop), now_ms);
    rl_alarm_close(alarm);
    rl_loop_turn(loop, false);
    int last = rings;
    for (uint64_t from_ns = rl_clock_ns(); rl_clock_ns() < from_ns + 5000000;)
        rl_loop_turn(loop, false);
    assert_int_equal(rings, last);
    rl_loop_free(loop);
}

static void it_keeps_no_loop_running(void **state) {
    (void)state;
    rl_loop *loop;
    rl_alarm *alarm;
    int rings = 0;
    assert_int_equal(rl_loop_new(&loop), RL_OK);
    assert_int_equal(rl_alarm_open(loop, 1000000, count, &rings, &alarm), RL_OK);
    rl_loop_run(loop);
    assert_int_equal(rings, 0);
    rl_alarm_close(alarm);
    rl_loop_free(loop);
}

static void open_and_close(void) {
    rl_loop *loop;
    rl_alarm *alarm;
    int rings = 0;
    if (rl_loop_new(&loop) != RL_OK)
        return;
    if (rl_alarm_open(loop, 1, count, &rings, &alarm) == RL_OK)
        rl_alarm_close(alarm);
    rl_loop_free(loop);
}

static void each_refused_allocation_is_survived(void **state) {
    (void)state;
    each_allocation_fails(open_and_close);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_rings_by_the_real_clock_while_the_loops_is_frozen),
        cmocka_unit_test(it_keeps_no_loop_running),
        cmocka_unit_test(each_refused_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
