#include "vm/deadlock.h"

#include "sync/commons.h"
#include "vm/served.h"

enum { HOUR_MS = 3600 * 1000 };

/* Instead of lua/rille/deadlock.lua: notes what it is asked, and has the first task answer. */
static const char REPORT[] =
    "line, reports = core.line(), ''\n"
    "package.loaded['rille.deadlock'] = { report = function(why)\n"
    "    local list, count = core.tasks()\n"
    "    reports = reports .. why .. ' ' .. count .. '; '\n"
    "    return answers or list[1].here\n"
    "end }";

static rig *watched(void) {
    rig *r = rig_opened();
    rl_loop_hold(r->loop);
    run(r, REPORT);
    assert_int_equal(rl_deadlock_watch(r->vm), RL_OK);
    return r;
}

static void when_every_task_waits_for_another_one_of_them_hears_of_it(void **state) {
    (void)state;
    rig *r = watched();
    rig_run *first = start(r, "return core.line_wait(line)");
    rig_run *second = start(r, "return core.line_wait_any({ line, core.line() }, nil, core.PARK, {})");
    drive(r, 10);
    assert_result(first, "0"); /* the cancelled case, although its scope is not */
    assert_result(second, "0");
    assert_string_equal(global(r, "reports"), "deadlock 2; deadlock 1; ");
    rig_free(r);
}

static void who_heard_of_it_can_go_on_and_wait(void **state) {
    (void)state;
    rig *r = watched();
    rig_run *one = start(r, "local case = core.line_wait(line) core.sleep(5) return case .. core.sleep(5)");
    drive(r, 20);
    assert_result(one, "01");
    rig_free(r);
}

static void a_task_that_time_or_a_deadline_will_wake_may_wake_the_others(void **state) {
    (void)state;
    rig *r = watched();
    rig_run *one = start(r, "return core.line_wait(line)");
    rig_run *two = start(r, "core.sleep(5) core.line_wake(line)");
    drive(r, 20);
    assert_result(one, "1");
    assert_result(two, "");
    one = start(r, "return core.line_wait(line, 3600000)");
    drive(r, 20);
    assert_result(one, "2");
    one = start(r, "core.set_deadline(3600) return core.line_wait(line)");
    drive(r, 20);
    assert_result(one, "0");
    one = start(r, "core.set_deadline(3600)\n"
                   "core.spawn(false, function() child = core.line_wait(line) core.line_wake_all(line) end)\n"
                   "return core.line_wait(line)");
    drive(r, 20);
    assert_string_equal(global(r, "reports"), "");
    rig_free(r);
}

static void what_is_shared_counts_where_this_worker_is_the_only_one(void **state) {
    (void)state;
    rig *r = watched();
    const char *waits = "local seat = core.shared_seat(1)\n"
                        "core.shared_sit(seat, 1, (core.shared_open('orders', 0)))\n"
                        "return core.shared_park(seat)";
    rig_run *one = start(r, waits);
    drive(r, 10);
    assert_result(one, "0");
    assert_string_equal(global(r, "reports"), "deadlock 1; ");
    rl_commons *commons;
    assert_int_equal(rl_commons_new(&commons), RL_OK);
    r->vm->commons = commons; /* as in a server, whose workers share one */
    one = start(r, waits);
    for (int i = 0; i < 5; i++)
        rl_loop_turn(r->loop, false);
    assert_false(one->has_ended);
    assert_string_equal(global(r, "reports"), "deadlock 1; ");
    rl_scope_cancel(&one->task.scope, RL_ECANCELLED);
    drive(r, 10);
    rig_free(r);
    rl_commons_free(commons);
}

static void end_giver(rl_task *task, int status, int count) {
    (void)count;
    assert_int_equal(status, 0);
    rl_scope_end(&task->scope);
}

static void do_nothing(rl_timer *timer) {
    (void)timer;
}

static void it_comes_before_a_jump_of_the_clock(void **state) {
    (void)state;
    rig *r = watched();
    rl_timer upkeep; /* nobody's who waits */
    rl_timer_init(&upkeep, do_nothing);
    rl_timer_start(r->loop, &upkeep, HOUR_MS);
    uint64_t began_ms = rl_loop_now_ms(r->loop);
    assert_result(run(r, "return core.line_wait(line)"), "0");
    assert_int_equal(rl_loop_now_ms(r->loop), began_ms);
    rl_timer_stop(r->loop, &upkeep);
    rig_free(r);
}

static void who_was_woken_and_has_not_run_since_hears_of_it_too(void **state) {
    (void)state;
    rig *r = watched();
    rl_loop_freeze(r->loop, RL_FREEZE_STANDS);
    rig_run *one = start(r, "return core.sleep(5) .. core.sleep(0)");
    assert_false(rl_deadlock_raise(r->vm, "too long")); /* it is in no wait: it has not begun */
    turns(r, 3);
    rl_loop_advance(r->loop, 5);
    assert_true(rl_deadlock_raise(r->vm, "too long"));
    turns(r, 5);
    assert_result(one, "01");
    one = start(r, "local case, gift = core.line_wait(line, nil, core.PARK, 1) return case .. tostring(gift)");
    turns(r, 3);
    rl_task giver;
    assert_int_equal(rl_task_init(&giver, r->vm, &r->vm->scope, end_giver), RL_OK);
    assert_int_equal(luaL_loadstring(giver.co, "core.line_give(line, 'lost')"), 0);
    rl_task_run(&giver, 0);
    assert_true(rl_deadlock_raise(r->vm, "too long"));
    turns(r, 3);
    assert_result(one, "0nil");
    rig_free(r);
}

static void a_report_that_cannot_be_written_leaves_the_tasks_as_they_are(void **state) {
    (void)state;
    rig *r = watched();
    run(r, "package.loaded['rille.deadlock'].report = function() calls = (calls or 0) + 1 error 'no words' end");
    rig_run *one = start(r, "return core.line_wait(line)");
    turns(r, 3);
    assert_false(rl_deadlock_raise(r->vm, "deadlock"));
    assert_string_equal(global(r, "calls"), "1");
    start(r, "package.loaded['rille.deadlock'].report = function() return 99 end"); /* nobody's slot */
    turns(r, 3);
    assert_false(rl_deadlock_raise(r->vm, "deadlock"));
    assert_false(one->has_ended);
    rl_scope_cancel(&one->task.scope, RL_ECANCELLED);
    rig_free(r);
}

static void it_tells_of_each_task_that_has_begun(void **state) {
    (void)state;
    rig *r = watched();
    start(r, "core.sleep(5)");
    assert_result(run(r, "core.spawn(false, function() end)\n" /* has not */
                         "local list, count = core.tasks()\n"
                         "local me = list[2].here == core.here() and not list[2].is_parked\n"
                         "return count .. tostring(list[1].is_parked) .. tostring(me) .. type(list[1].co)"),
                  "2truetruethread");
    rig_free(r);
}

/* ---- one request ------------------------------------------------------------------ */

/* Instead of lua/rille/deadlock.lua; `stuck(ms)` waits for what nobody does, that long at most. */
#define LATE \
    "local line = core.line()\n" \
    "noted = ''\n" \
    "package.loaded['rille.deadlock'] = { note_late = function(slot, epoch, here, list, count)\n" \
    "    for _, task in ipairs(list) do\n" \
    "        noted = noted .. (task.here == here and task.route or 'task') .. (task.is_parked and ' ' or '?')\n" \
    "    end\n" \
    "    noted = noted .. core.path(slot, epoch) .. ' ' .. count .. '; '\n" \
    "end }\n" \
    "core.watch_late()\n" \
    "function stuck(ms) core.set_deadline(ms / 1000) return 'case ' .. core.line_wait(line) end\n"

static const char *noted_of(const served *s) {
    return global(s->r, "noted");
}

static void a_late_request_is_told_of_whose_tasks_all_waited_for_others(void **state) {
    (void)state;
    served *s = served_opened(LATE "route('GET', '/stuck', function()\n"
                                   "  local waiting = 0\n"
                                   "  local function wait() waiting = waiting + 1 stuck(1e6) end\n"
                                   "  for _ = 1, 2 do core.spawn(false, wait) end\n"
                                   "  while waiting < 2 do core.sleep(1) end\n"
                                   "  return stuck(2)\n"
                                   "end)");
    feed(s->w, GET("/stuck"));
    await_answers(s, 1);
    assert_true(has(s->w, "case 0")); /* it hears of its deadline all the same */
    assert_true(strstr(noted_of(s), "/stuck ") != NULL && strstr(noted_of(s), "task ") != NULL);
    assert_string_equal(strstr(noted_of(s), "/stuck 3;"), "/stuck 3; "); /* once, and before any of them was woken */
    assert_null(strchr(noted_of(s), '?'));
    served_free(s);
}

static void a_request_is_not_told_of_for_which_time_was_at_work_or_another_task(void **state) {
    (void)state;
    served *s = served_opened(LATE "route('GET', '/sleeps', function()\n"
                                   "  core.spawn(false, function() core.sleep(1000) end)\n"
                                   "  return stuck(2)\n"
                                   "end)\n"
                                   "route('GET', '/inner', function()\n"
                                   "  local over = core.line()\n"
                                   "  core.spawn(false, function() stuck(2) core.line_wake(over) end)\n"
                                   "  return 'case ' .. core.line_wait(over)\n"
                                   "end)");
    feed(s->w, GET("/sleeps") GET("/inner"));
    await_answers(s, 2);
    assert_true(has(s->w, "case 0") && has(s->w, "case 1"));
    assert_string_equal(noted_of(s), "");
    served_free(s);
}

static void a_late_request_that_cannot_be_told_of_is_cancelled_all_the_same(void **state) {
    (void)state;
    served *s = served_opened(LATE "package.loaded['rille.deadlock'].note_late = function() error 'no words' end\n"
                                   "route('GET', '/stuck', function() return stuck(2) end)");
    feed(s->w, GET("/stuck"));
    await_answers(s, 1);
    assert_true(has(s->w, "case 0"));
    served_free(s);
}

static void report(void) {
    rig *r = rig_new();
    if (rig_open(r, RIG_CEILING) && start(r, REPORT) != NULL) {
        drive(r, 10);
        if (rl_deadlock_watch(r->vm) == RL_OK) {
            start(r, "return core.line_wait(line)");
            turns(r, 5);
            (void)rl_deadlock_raise(r->vm, "because");
        }
    }
    rig_free(r);
}

static void each_refused_allocation_is_survived(void **state) {
    (void)state;
    each_allocation_fails(report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when_every_task_waits_for_another_one_of_them_hears_of_it),
        cmocka_unit_test(who_heard_of_it_can_go_on_and_wait),
        cmocka_unit_test(a_task_that_time_or_a_deadline_will_wake_may_wake_the_others),
        cmocka_unit_test(what_is_shared_counts_where_this_worker_is_the_only_one),
        cmocka_unit_test(it_comes_before_a_jump_of_the_clock),
        cmocka_unit_test(who_was_woken_and_has_not_run_since_hears_of_it_too),
        cmocka_unit_test(a_report_that_cannot_be_written_leaves_the_tasks_as_they_are),
        cmocka_unit_test(it_tells_of_each_task_that_has_begun),
        cmocka_unit_test(a_late_request_is_told_of_whose_tasks_all_waited_for_others),
        cmocka_unit_test(a_request_is_not_told_of_for_which_time_was_at_work_or_another_task),
        cmocka_unit_test(a_late_request_that_cannot_be_told_of_is_cancelled_all_the_same),
        cmocka_unit_test(each_refused_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
