#include "vm/rig.h"

static rig *with_line(void) {
    rig *r = rig_opened();
    run(r, "line = core.line()");
    return r;
}

static void who_waits_is_woken_once(void **state) {
    (void)state;
    rig *r = with_line();
    rig_run *one = start(r, "return core.line_wait(line)");
    turns(r, 2);
    assert_result(run(r, "return tostring(core.line_first(line))"), "true");
    assert_result(run(r, "return tostring(core.line_wake(line)) .. tostring(core.line_wake(line))"), "truefalse");
    assert_result(run(r, "return tostring(core.line_first(line))"), "false");
    turns(r, 2);
    assert_result(one, "1");
    rig_free(r);
}

static void the_first_to_come_is_the_first_to_go(void **state) {
    (void)state;
    rig *r = with_line();
    for (int i = 0; i < 3; i++)
        start(r, "n = (n or 0) + 1; local mine = n; core.line_wait(line); order = (order or '') .. mine");
    turns(r, 2);
    run(r, "core.line_wake(line)");
    run(r, "core.line_wake_all(line)");
    assert_result(run(r, "return order"), "123");
    rig_free(r);
}

static void what_the_one_brings_and_the_other_gives_changes_hands_in_the_wake(void **state) {
    (void)state;
    rig *r = with_line();
    rig_run *one = start(r, "local case, gift = core.line_wait(line, nil, core.PARK, 'brought') return case .. gift");
    rig_run *other = start(r, "local case, gift = core.line_wait(line, nil, core.PARK, false) return case .. tostring(gift)");
    turns(r, 2);
    assert_result(run(r, "return select(2, core.line_first(line))"), "brought");
    assert_result(run(r, "return tostring(core.line_give(line, 'given'))"), "true");
    rl_scope_cancel(&one->task.scope, RL_ECANCELLED); /* too late for this wait: nothing that was given is lost */
    assert_result(run(r, "return tostring(select(2, core.line_wake(line)))"), "false");
    turns(r, 2);
    assert_result(one, "1given");
    assert_result(other, "1nil");
    assert_result(run(r, "return tostring(core.line_give(line, 'nobody'))"), "false");
    rig_free(r);
}

static void both_pass_through_a_coroutine_of_the_users_own(void **state) {
    (void)state;
    rig *r = with_line();
    rig_run *one = start(r, "local co = coroutine.create(function()\n"
                            "  return select(2, core.line_wait(line, nil, core.PARK, 'brought')) end)\n"
                            "local function on(_, first, ...)\n"
                            "  if first == core.PARK then return on(coroutine.resume(co, coroutine.yield(first, ...))) end\n"
                            "  return first end\n"
                            "return on(coroutine.resume(co))");
    turns(r, 2);
    assert_result(run(r, "return select(2, core.line_first(line))"), "brought");
    run(r, "core.line_give(line, 'given')");
    turns(r, 2);
    assert_result(one, "given");
    rig_free(r);
}

static void a_timeout_is_another_case_and_leaves_the_line(void **state) {
    (void)state;
    rig *r = with_line();
    rig_run *one = start(r, "return core.line_wait(line, 5)");
    drive(r, 100);
    assert_result(one, "2");
    assert_result(run(r, "return tostring(core.line_wake(line))"), "false");
    one = start(r, "return core.line_wait(line, 0/0)"); /* as without one */
    turns(r, 3);
    assert_false(one->has_ended);
    rig_free(r);
}

static void a_cancelled_task_is_not_woken_any_more(void **state) {
    (void)state;
    rig *r = with_line();
    rig_run *one = start(r, "return core.line_wait(line)");
    turns(r, 2);
    rl_scope_cancel(&one->task.scope, RL_ECANCELLED);
    assert_result(run(r, "return tostring(core.line_wake(line))"), "false");
    turns(r, 2);
    assert_result(one, "0");
    rig_free(r);
}

static const char IN_TWO[] = "two = two or core.line()\n"
                             "local case, gift = core.line_wait_any({ line, two }, ms, core.PARK, { 'a', 'b' })\n"
                             "return case .. tostring(gift)";

static void of_several_lines_one_wakes_and_the_others_are_left(void **state) {
    (void)state;
    rig *r = with_line();
    rig_run *one = start(r, IN_TWO);
    turns(r, 2);
    assert_result(run(r, "return select(2, core.line_first(line)) .. select(2, core.line_first(two))"), "ab");
    assert_result(run(r, "return tostring(core.line_give(two, 'x')) .. tostring(core.line_wake(line))"), "truefalse");
    turns(r, 2);
    assert_result(one, "2x");
    one = start(r, IN_TWO);
    turns(r, 2);
    assert_result(run(r, "return select(2, core.line_wake(line))"), "a");
    turns(r, 2);
    assert_result(one, "1nil");
    rig_free(r);
}

static void several_lines_have_a_timeout_too_and_there_may_be_none(void **state) {
    (void)state;
    rig *r = with_line();
    run(r, "ms = 50");
    rig_run *one = start(r, IN_TWO), *none = start(r, "return core.line_wait_any({}, 5, core.PARK, {})");
    drive(r, 100);
    assert_result(one, "3nil");
    assert_result(none, "1");
    assert_result(run(r, "return tostring(core.line_wake(line) or core.line_wake(two))"), "false");
    one = start(r, IN_TWO);
    turns(r, 2);
    rl_scope_cancel(&one->task.scope, RL_ECANCELLED);
    turns(r, 2);
    assert_result(one, "0nil");
    rig_free(r);
}

/* The wait was made in a coroutine whose owner went on without it. */
static void nothing_is_handed_to_a_wait_that_was_left_behind(void **state) {
    (void)state;
    rig *r = with_line();
    rig_run *one = start(r, "coroutine.resume(coroutine.create(function() core.line_wait(line) end))\n"
                            "return tostring(core.line_give(line, 'lost'))");
    drive(r, 100);
    assert_result(one, "false");
    run(r, "coroutine.resume(coroutine.create(function() core.line_wait(line) end))");
    rig_run *other = start(r, "return core.line_wait(core.line(), 5)"); /* in the first one's coroutine */
    turns(r, 2);
    assert_result(run(r, "return tostring(core.line_wake(line))"), "false");
    drive(r, 100);
    assert_result(other, "2");
    rig_free(r);
}

static void a_line_collected_while_somebody_waits_does_no_harm(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *one = start(r, "coroutine.resume(coroutine.create(function() core.line_wait(core.line(), 10) end))\n"
                            "collectgarbage() collectgarbage() return 'through'");
    rig_run *other = start(r, "return core.line_wait(core.line(), 10)"); /* this one's own stack keeps it */
    turns(r, 2);
    run(r, "collectgarbage() collectgarbage()");
    drive(r, 100);
    assert_result(one, "through");
    assert_result(other, "2");
    rig_free(r);
}

static void what_is_no_line_is_refused(void **state) {
    (void)state;
    rig *r = with_line();
    assert_failed(run(r, "core.line_wake(7)"), "line expected");
    assert_failed(run(r, "core.line_wait(io.stdout)"), "line expected");
    assert_failed(run(r, "core.line_wait_any({ line, {} }, nil, core.PARK, {})"), "line expected");
    assert_failed(run(r, "core.line_wait_any({}, nil, core.PARK)"), "table expected");
    assert_failed(run(r, "core.line_give(line)"), "value expected");
    rig_free(r);
}

static void wait_and_wake(void) {
    rig *r = rig_new();
    if (rig_open(r, RIG_CEILING)) {
        start(r, "line, two = core.line(), core.line() core.line_wait(line, 5) core.line_wait_any({ line, two }, 5, core.PARK, {})");
        start(r, "core.sleep(1) core.line_wake(line) core.sleep(1) core.line_give(two, 1)");
        drive(r, 100);
    }
    rig_free(r);
}

static void each_refused_allocation_is_survived(void **state) {
    (void)state;
    each_allocation_fails(wait_and_wake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_is_woken_once),
        cmocka_unit_test(the_first_to_come_is_the_first_to_go),
        cmocka_unit_test(what_the_one_brings_and_the_other_gives_changes_hands_in_the_wake),
        cmocka_unit_test(both_pass_through_a_coroutine_of_the_users_own),
        cmocka_unit_test(a_timeout_is_another_case_and_leaves_the_line),
        cmocka_unit_test(a_cancelled_task_is_not_woken_any_more),
        cmocka_unit_test(of_several_lines_one_wakes_and_the_others_are_left),
        cmocka_unit_test(several_lines_have_a_timeout_too_and_there_may_be_none),
        cmocka_unit_test(nothing_is_handed_to_a_wait_that_was_left_behind),
        cmocka_unit_test(a_line_collected_while_somebody_waits_does_no_harm),
        cmocka_unit_test(what_is_no_line_is_refused),
        cmocka_unit_test(each_refused_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
