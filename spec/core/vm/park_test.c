#include "vm/rig.h"

/* What lua/rille/line.lua does, without its lines: `node` is where others find who waits. */
static rig *with_node(void) {
    rig *r = rig_opened();
    run(r, "node = {}");
    return r;
}

static void who_parked_is_woken_once(void **state) {
    (void)state;
    rig *r = with_node();
    rig_run *one = start(r, "return core.park(node)");
    turns(r, 2);
    assert_result(run(r, "return tostring(core.is_parked(node))"), "true");
    assert_result(run(r, "return tostring(core.wake(node)) .. tostring(core.wake(node)) .. tostring(core.is_parked(node))"),
                  "truefalsefalse");
    turns(r, 2);
    assert_result(one, "1");
    rig_free(r);
}

static void a_timeout_is_another_case(void **state) {
    (void)state;
    rig *r = with_node();
    rig_run *one = start(r, "return core.park(node, 5)");
    drive(r, 100);
    assert_result(one, "2");
    assert_result(run(r, "return tostring(core.wake(node))"), "false");
    rig_free(r);
}

static void a_cancelled_task_is_not_woken_any_more(void **state) {
    (void)state;
    rig *r = with_node();
    rig_run *one = start(r, "return core.park(node)");
    turns(r, 2);
    rl_scope_cancel(&one->task.scope, RL_ECANCELLED);
    assert_result(run(r, "return tostring(core.wake(node))"), "false");
    turns(r, 2);
    assert_result(one, "0");
    rig_free(r);
}

static void what_was_woken_first_is_not_cancelled_in_that_wait(void **state) {
    (void)state;
    rig *r = with_node();
    rig_run *one = start(r, "return core.park(node)");
    turns(r, 2);
    assert_result(run(r, "return tostring(core.wake(node))"), "true");
    rl_scope_cancel(&one->task.scope, RL_ECANCELLED);
    turns(r, 2);
    assert_result(one, "1");
    rig_free(r);
}

/* The wait was made in a coroutine whose owner went on without it, and ended: its node
 * stays where it was, and the task's coroutine comes to run another task. */
static void a_node_left_behind_wakes_nobody_else(void **state) {
    (void)state;
    rig *r = with_node();
    run(r, "coroutine.resume(coroutine.create(function() core.park(node) end))");
    rig_run *other = start(r, "return core.park({}, 5)");
    turns(r, 2);
    assert_result(run(r, "return tostring(core.wake(node))"), "false");
    drive(r, 100);
    assert_result(other, "2");
    rig_free(r);
}

static void what_is_no_node_wakes_nobody(void **state) {
    (void)state;
    rig *r = with_node();
    assert_result(run(r, "return tostring(core.wake({}) or core.wake({ 'x' }) or core.wake({ -1 }) or core.wake({ 1e18 }))"),
                  "false");
    assert_failed(run(r, "core.wake(7)"), "table expected");
    assert_failed(run(r, "core.park()"), "table expected");
    rig_free(r);
}

static void park_and_wake(void) {
    rig *r = rig_new();
    if (rig_open(r, RIG_CEILING)) {
        start(r, "n = {} core.park(n, 5)");
        start(r, "core.sleep(1) core.wake(n)");
        drive(r, 100);
    }
    rig_free(r);
}

static void each_refused_allocation_is_survived(void **state) {
    (void)state;
    each_allocation_fails(park_and_wake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_parked_is_woken_once),
        cmocka_unit_test(a_timeout_is_another_case),
        cmocka_unit_test(a_cancelled_task_is_not_woken_any_more),
        cmocka_unit_test(what_was_woken_first_is_not_cancelled_in_that_wait),
        cmocka_unit_test(a_node_left_behind_wakes_nobody_else),
        cmocka_unit_test(what_is_no_node_wakes_nobody),
        cmocka_unit_test(each_refused_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
