#include "vm/rig.h"

/* What waits until its scope is cancelled. */
#define WAIT "core.sleep(1e9)"

static void a_mark_holds_for_what_is_spawned_after_it(void **state) {
    (void)state;
    rig *r = rig_opened();
    assert_result(run(r, "local out = {}\n"
                         "local function note() out[#out + 1] = tostring(core.test_marked()) end\n"
                         "note()\n"
                         "core.spawn(false, function() core.sleep(1) note() end)\n"
                         "core.test_mark(1)\n"
                         "note()\n"
                         "core.spawn(false, function() note() core.test_mark(2) note() core.test_unmark(2) note() end)\n"
                         "core.sleep(5)\n"
                         "core.test_unmark(1)\n"
                         "note()\n"
                         "return table.concat(out, ' ')"),
                  "nil 1 1 2 1 nil nil");
    assert_failed(run(r, "core.test_unmark(1)"), "no such mark");
    rig_free(r);
}

static void background_tasks_end_with_the_example(void **state) {
    (void)state;
    rig *r = rig_opened();
    run(r, "core.test_enter() core.spawn(true, function() " WAIT " ended = 'ended' end) core.sleep(1)");
    assert_string_equal(global(r, "ended"), "ended");
    assert_ptr_equal(r->vm->base, &r->vm->scope);
    rig_free(r);
}

static void an_example_that_ends_late_leaves_the_next_ones_alone(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *first = start(r, "core.test_enter() core.spawn(false, function() " WAIT " end)");
    rig_run *second = start(r, "core.test_enter() core.sleep(5) return 'second'");
    turns(r, 3);
    assert_true(first->is_over);
    assert_ptr_equal(r->vm->base, &second->task.scope);
    drive(r, 1000);
    assert_result(second, "second");
    rig_free(r);
}

static void a_frozen_clock_jumps_where_all_wait_until_it_is_thawed(void **state) {
    (void)state;
    rig *r = rig_opened();
    rl_loop_thaw(r->loop);
    assert_result(run(r, "core.test_freeze()\n"
                         "local began, order = core.uptime(), ''\n"
                         "core.spawn(false, function() core.sleep(3.6e6) order = order .. 'b' end)\n"
                         "core.spawn(false, function() core.sleep(1) order = order .. 'a' end)\n"
                         "core.sleep(7.2e6)\n"
                         "return ('%.3f %s'):format(core.uptime() - began, order)"),
                  "7200.000 ab");
    uint64_t now_ms = rl_loop_now_ms(r->loop);
    rl_loop_turn(r->loop, false);
    assert_int_equal(rl_loop_now_ms(r->loop), now_ms);
    run(r, "core.test_thaw() core.test_thaw()");
    while (rl_loop_now_ms(r->loop) == now_ms)
        rl_loop_turn(r->loop, false);
    rig_free(r);
}

static void settling_cancels_what_runs_below(void **state) {
    (void)state;
    rig *r = rig_opened();
    assert_result(run(r, "core.test_enter()\n"
                         "core.spawn(true, function() " WAIT " end)\n"
                         "if core.test_settle() then return 'at once' end\n"
                         "for _ = 1, 100 do\n"
                         "  core.sleep(0)\n"
                         "  if core.test_settle() then return 'settled' end\n"
                         "end"),
                  "settled");
    rig_free(r);
}

static void mark(void) {
    rig *r = rig_new();
    if (rig_open(r, RIG_CEILING) && start(r, "core.test_enter() core.test_mark(1) core.sleep(0)") != NULL)
        drive(r, 100);
    rig_free(r);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(mark);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_holds_for_what_is_spawned_after_it),
        cmocka_unit_test(background_tasks_end_with_the_example),
        cmocka_unit_test(an_example_that_ends_late_leaves_the_next_ones_alone),
        cmocka_unit_test(a_frozen_clock_jumps_where_all_wait_until_it_is_thawed),
        cmocka_unit_test(settling_cancels_what_runs_below),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
