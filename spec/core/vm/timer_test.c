#include "vm/rig.h"
#include "vm/task.h"

static void sleep_waits_that_long(void **state) {
    (void)state;
    rig *r = rig_opened();
    uint64_t from_ms = rl_loop_now_ms(r->loop);
    assert_result(run(r, "return core.sleep(10)"), "1");
    assert_int_equal(rl_loop_now_ms(r->loop), from_ms + 10);
    rig_free(r);
}

static void sleepers_wake_in_the_order_of_their_times(void **state) {
    (void)state;
    rig *r = rig_opened();
    start(r, "order = ''; core.sleep(6); order = order .. 'c'");
    start(r, "core.sleep(2); order = order .. 'a'");
    start(r, "core.sleep(4); order = order .. 'b'");
    drive(r, 100);
    assert_string_equal(global(r, "order"), "abc");
    rig_free(r);
}

static void sleeping_no_time_lets_others_run(void **state) {
    (void)state;
    rig *r = rig_opened();
    start(r, "order = 'a'; core.sleep(0); order = order .. 'c'");
    start(r, "order = order .. 'b'");
    drive(r, 100);
    assert_string_equal(global(r, "order"), "abc");
    rig_free(r);
}

static void a_time_is_a_number_from_0_on(void **state) {
    (void)state;
    rig *r = rig_opened();
    const char *bad[] = {"core.sleep(-1)", "core.sleep(0/0)", "core.sleep(1e15)", "core.sleep()",
                         "core.sleep({})"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_failed(run(r, bad[i]), "bad argument");
    rig_free(r);
}

static void clocks_go_with_the_loops(void **state) {
    (void)state;
    rig *r = rig_opened();
    assert_result(run(r, "return core.wall() > 1.7e9 and core.uptime() > 0 and 'since when'"), "since when");
    assert_result(run(r, "local u, w = core.uptime(), core.wall(); core.sleep(2500)\n"
                         "return ('%.3f %.3f'):format(core.uptime() - u, core.wall() - w)"),
                  "2.500 2.500");
    rl_loop_thaw(r->loop);
    assert_result(run(r, "local u, w = core.uptime(), core.wall(); core.sleep(2)\n"
                         "return core.uptime() - u >= 0.001 and core.wall() >= w and 'forward'"),
                  "forward");
    rig_free(r);
}

/* The loop reads its clock once a turn: what ran before the sleep takes nothing from it. */
static void a_sleep_counts_from_when_it_begins(void **state) {
    (void)state;
    rig *r = rig_opened();
    rl_loop_thaw(r->loop);
    assert_result(run(r, "local u = core.uptime(); while core.uptime() - u < 0.01 do end\n"
                         "u = core.uptime(); core.sleep(10); return core.uptime() - u >= 0.009 and 'whole'"),
                  "whole");
    rig_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sleep_waits_that_long),
        cmocka_unit_test(sleepers_wake_in_the_order_of_their_times),
        cmocka_unit_test(sleeping_no_time_lets_others_run),
        cmocka_unit_test(a_time_is_a_number_from_0_on),
        cmocka_unit_test(clocks_go_with_the_loops),
        cmocka_unit_test(a_sleep_counts_from_when_it_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
