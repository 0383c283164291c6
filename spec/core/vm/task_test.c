#include "vm/task.h"

#include "vm/rig.h"

static void a_spawned_function_runs_in_a_later_turn(void **state) {
    (void)state;
    rig *r = rig_opened();
    run(r, "seen = 'nothing'; core.spawn(true, function(...) seen = select('#', ...) end)\n"
           "before = seen");
    assert_string_equal(global(r, "before"), "nothing");
    assert_string_equal(global(r, "seen"), "0");
    assert_failed(run(r, "core.spawn(true, 'no function')"), "function expected");
    rig_free(r);
}

static void a_spawned_table_is_run_by_what_was_registered(void **state) {
    (void)state;
    rig *r = rig_opened();
    run(r, "tasks = core.register_tasks(function(task) seen, found = task.name, tasks[core.here()] == task end, print)\n"
           "id, maker, line = core.spawn(false, { name = 'one' }, 0)");
    turns(r, 2);
    assert_string_equal(global(r, "seen"), "one");
    assert_result(run(r, "return tostring(found) .. type(maker) .. line"), "truefunction-1");
    assert_result(run(r, "for slot, task in pairs(tasks) do if task then return slot end end return 'none'"), "none");
    rig_free(r);
}

static int spawn_two(lua_State *L, void *arg) {
    (void)arg;
    return luaL_dostring(L, "core.spawn(true, { name = 'one' }) core.spawn(true, { name = 'the other' })");
}

/* Of two tasks the second finds no idle coroutine. */
static void what_has_no_memory_for_a_coroutine_is_refused(void **state) {
    (void)state;
    rig *r = rig_opened();
    run(r, "ran, refused, why = 'nobody', 'nobody', ''\n"
           "core.register_tasks(function(task) ran = task.name core.sleep(1) end, function(task, err) refused, why = task.name, err end)");
    assert_int_equal(rl_vm_protect(r->vm, spawn_two, NULL, NULL, 0), RL_OK);
    refuse_growth(r, 1, false);
    turns(r, 3);
    refuse_growth(r, 0, false);
    drive(r, 100);
    assert_string_equal(global(r, "ran"), "one");
    assert_string_equal(global(r, "refused"), "the other");
    assert_string_equal(global(r, "why"), "not enough memory");
    rig_free(r);
}

static void children_end_with_their_parent(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *one = run(r, "core.spawn(false, function()\n"
                          "  core.spawn(false, function() grandchild = core.sleep(1e9) end)\n"
                          "  child = core.sleep(1e9)\n"
                          "end)\n"
                          "core.sleep(1); return 'parent'");
    assert_result(one, "parent");
    assert_true(one->is_over);
    assert_string_equal(global(r, "child"), "0"); /* the case of a cancellation */
    assert_string_equal(global(r, "grandchild"), "0");
    rig_free(r);
}

static void a_parent_is_not_over_before_its_children(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *one =
        start(r, "core.spawn(false, function() core.sleep(1e9); ended = 'yes' end); core.sleep(0)");
    while (!one->has_ended)
        rl_loop_turn(r->loop, true);
    assert_true(!one->is_over || strcmp(global(r, "ended"), "yes") == 0);
    drive(r, 100);
    assert_true(one->is_over);
    rig_free(r);
}

static void a_child_that_never_ran_ends_with_its_parent(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *one =
        run(r, "core.spawn(false, function() why = core.why(); core.sleep(1) end) return 'at once'");
    assert_result(one, "at once");
    assert_true(one->is_over);
    assert_string_equal(global(r, "why"), "cancelled");
    rig_free(r);
}

static void a_detached_task_outlives_its_maker(void **state) {
    (void)state;
    rig *r = rig_opened();
    run(r, "core.spawn(true, function() core.sleep(2); seen = 'outlived' end)");
    assert_string_equal(global(r, "seen"), "outlived");
    rig_free(r);
}

/* ---- cancelling ------------------------------------------------------------------ */

static void cancelling_ends_every_kind_of_wait(void **state) {
    (void)state;
    const char *waits[] = {"return core.sleep(1e9)", "return core.line_wait(core.line())",
                           "return core.line_wait(core.line(), 1e9)"};
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        rig *r = rig_opened();
        rig_run *one = start(r, waits[i]);
        turns(r, 3);
        assert_false(one->has_ended);
        rl_scope_cancel(&one->task.scope, RL_ECANCELLED);
        turns(r, 3);
        assert_result(one, "0");
        rig_free(r);
    }
}

static void after_a_cancellation_every_wait_raises_it(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *one =
        start(r, "core.register_errors('timed out', 'was cancelled')\n"
                 "core.sleep(1e9); count = 0\n"
                 "for i = 1, 3 do local ok, err = pcall(core.sleep, 1); count = count + (ok and 0 or 1)\n"
                 "  seen = err end\n"
                 "core.line_wait(core.line())");
    turns(r, 3);
    rl_scope_cancel(&one->task.scope, RL_ECANCELLED);
    turns(r, 3);
    assert_failed(one, "was cancelled");
    assert_string_equal(global(r, "count"), "3");
    assert_string_equal(global(r, "seen"), "was cancelled");
    rig_free(r);
}

static void the_first_reason_stays(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *one = start(r, "core.set_deadline(0.001); core.sleep(1e9); return core.why()");
    drive(r, 100);
    assert_result(one, "timeout");
    one = run(r, "local h = core.spawn(false, function() core.sleep(1e9); why = core.why() end)\n"
                 "core.sleep(1); core.cancel(h); core.cancel(h); core.sleep(1); core.cancel(h); return why");
    assert_result(one, "cancelled");
    rig_free(r);
}

static void a_task_cancelled_before_it_ran_finds_out_at_its_first_wait(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *one = start(r, "began = 'yes'; core.sleep(1)");
    rl_scope_cancel(&one->task.scope, RL_ECANCELLED);
    drive(r, 10);
    assert_true(one->has_ended && one->status != 0);
    assert_string_equal(global(r, "began"), "yes");
    rig_free(r);
}

static void a_shielded_task_waits_on_until_its_shield_ends(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *one = start(r, "core.shield(1e6); first = core.sleep(3); second = core.sleep(1); core.unshield()\n"
                            "core.sleep(1); third = 'reached'");
    turns(r, 2);
    rl_scope_cancel(&one->task.scope, RL_ECANCELLED);
    drive(r, 100);
    assert_true(one->has_ended && one->status != 0);
    assert_string_equal(global(r, "first"), "1");
    assert_string_equal(global(r, "second"), "1");
    assert_string_equal(global(r, "third"), "nil");
    rig_free(r);
}

static void a_shield_holds_for_a_bounded_time(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *one = start(r, "core.shield(3); return core.sleep(1e9)");
    turns(r, 2);
    rl_scope_cancel(&one->task.scope, RL_ECANCELLED);
    turns(r, 2);
    assert_false(one->has_ended);
    drive(r, 100);
    assert_result(one, "0");
    rig_free(r);
}

static void all_shields_after_a_cancellation_share_one_time(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *one = start(r, "shields = 0\n"
                            "while true do core.shield(20); shields = shields + 1\n"
                            "  if core.sleep(5) == 0 then break end core.unshield() end");
    turns(r, 2);
    rl_scope_cancel(&one->task.scope, RL_ECANCELLED);
    drive(r, 100);
    assert_true(one->has_ended);
    assert_in_range(atoi(global(r, "shields")), 2, 6);
    rig_free(r);
}

typedef struct loan {
    rl_lent lent;
    bool is_released;
} loan;

static void on_release(rl_lent *lent) {
    RL_CONTAINER(lent, loan, lent)->is_released = true;
}

static void a_task_that_goes_on_after_its_cancellation_is_given_up(void **state) {
    (void)state;
    const char *stubborn[] = {
        "while true do pcall(core.sleep, 1) end",
        "while true do pcall(pcall, pcall, core.sleep, 1) end",
        "local function again() while true do pcall(core.sleep, 1) end end\n"
        "while true do pcall(again) end",
        "while true do xpcall(core.sleep, function() return 'so what' end, 1) end",
        "local inner = coroutine.wrap(function() while true do pcall(core.sleep, 1) end end)\n"
        "while true do pcall(inner) end",
        "table.sort({ 2, 1, 3 }, function() while true do pcall(core.line_wait, core.line()) end end)",
    };
    for (size_t i = 0; i < sizeof stubborn / sizeof *stubborn; i++) {
        rig *r = rig_opened();
        rig_run *one = start(r, stubborn[i]);
        loan held = {.is_released = false};
        rl_scope_lend(&one->task.scope, &held.lent, "loan", on_release);
        if (i == 0)
            turns(r, 2); /* this one is parked already */
        rl_scope_cancel(&one->task.scope, RL_ECANCELLED);
        drive(r, 20);
        assert_failed(one, "given up: it was cancelled");
        assert_true(held.is_released);
        assert_result(run(r, "for i = 1, 1000 do end return 'others run as before'"), "others run as before");
        rig_free(r);
    }
}

static void a_cancelled_task_may_try_a_few_waits_while_it_cleans_up(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *one = start(r, "for i = 1, 1000 do pcall(core.sleep, 1) end return 'cleaned up'");
    rl_scope_cancel(&one->task.scope, RL_ECANCELLED);
    drive(r, 20);
    assert_result(one, "cleaned up");
    rig_free(r);
}

static void a_deadline_holds_for_children_too(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *one = run(
        r, "core.set_deadline(0.003)\n"
           "core.spawn(false, function() left = core.remaining(); core.sleep(1e9); why = core.why() end)\n"
           "core.sleep(1e9); core.sleep = nil; return core.why()");
    assert_result(one, "timeout");
    assert_string_equal(global(r, "why"), "timeout");
    assert_true(atof(global(r, "left")) <= 0.003);
    rig_free(r);
}

static void a_deadline_is_a_time(void **state) {
    (void)state;
    rig *r = rig_opened();
    const char *bad[] = {"core.set_deadline(-1)", "core.set_deadline(0/0)", "core.set_deadline(1e300)",
                         "core.set_deadline('soon')"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_failed(run(r, bad[i]), "bad argument");
    assert_result(run(r, "return core.remaining()"), "nil");
    assert_result(
        run(r,
            "core.set_deadline(100); return core.remaining() > 99 and core.remaining() <= 100 and 'about 100'"),
        "about 100");
    rig_free(r);
}

/* ---- ids --------------------------------------------------------------------------- */

static void an_id_outlives_its_task_and_means_no_other(void **state) {
    (void)state;
    rig *r = rig_opened();
    assert_result(run(r, "local old = core.spawn(true, function() end); core.sleep(2)\n"
                         "local new = core.spawn(true, function() core.sleep(3); seen = 'ran on' end)\n"
                         "core.cancel(old); return old ~= new and 'harmless'"),
                  "harmless");
    drive(r, 100);
    assert_string_equal(global(r, "seen"), "ran on");
    rig_free(r);
}

static void what_is_no_id_cancels_nobody(void **state) {
    (void)state;
    rig *r = rig_opened();
    assert_result(run(r, "for _, id in ipairs { -1, 0.5, 1e300, 2^53, 2^52, 1e6, 0/0, 1/0 } do core.cancel(id) end\n"
                         "core.sleep(1) return 'nobody'"),
                  "nobody");
    rig_free(r);
}

static void ten_thousand_tasks_leave_no_memory_taken(void **state) {
    (void)state;
    rig *r = rig_opened();
    const char *code = "for i = 1, 100 do core.spawn(false, function() core.sleep(0) end) end; core.sleep(2)";
    run(r, code);
    size_t before = mem_live();
    for (int i = 0; i < 20; i++) {
        r->count = 0;
        r->runs[0] = (rig_run){.rig = r};
        run(r, code);
    }
    assert_int_equal(mem_live(), before);
    rig_free(r);
}

static void spawn_some(void) {
    rig *r = rig_new();
    if (rig_open(r, RIG_CEILING)) {
        start(r, "for i = 1, 3 do core.spawn(i == 2, function() core.sleep(0) end) end core.sleep(1)");
        drive(r, 100);
    }
    rig_free(r);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(spawn_some);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_spawned_function_runs_in_a_later_turn),
        cmocka_unit_test(a_spawned_table_is_run_by_what_was_registered),
        cmocka_unit_test(what_has_no_memory_for_a_coroutine_is_refused),
        cmocka_unit_test(children_end_with_their_parent),
        cmocka_unit_test(a_parent_is_not_over_before_its_children),
        cmocka_unit_test(a_child_that_never_ran_ends_with_its_parent),
        cmocka_unit_test(a_detached_task_outlives_its_maker),
        cmocka_unit_test(cancelling_ends_every_kind_of_wait),
        cmocka_unit_test(after_a_cancellation_every_wait_raises_it),
        cmocka_unit_test(the_first_reason_stays),
        cmocka_unit_test(a_task_cancelled_before_it_ran_finds_out_at_its_first_wait),
        cmocka_unit_test(a_shielded_task_waits_on_until_its_shield_ends),
        cmocka_unit_test(a_shield_holds_for_a_bounded_time),
        cmocka_unit_test(all_shields_after_a_cancellation_share_one_time),
        cmocka_unit_test(a_task_that_goes_on_after_its_cancellation_is_given_up),
        cmocka_unit_test(a_cancelled_task_may_try_a_few_waits_while_it_cleans_up),
        cmocka_unit_test(a_deadline_holds_for_children_too),
        cmocka_unit_test(a_deadline_is_a_time),
        cmocka_unit_test(an_id_outlives_its_task_and_means_no_other),
        cmocka_unit_test(what_is_no_id_cancels_nobody),
        cmocka_unit_test(ten_thousand_tasks_leave_no_memory_taken),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
