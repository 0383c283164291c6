#include "vm/sched.h"

#include <unistd.h>

#include "base/log.h"
#include "vm/rig.h"

static void a_task_returns_its_results(void **state) {
    (void)state;
    rig *r = rig_opened();
    assert_result(run(r, "return 'done'"), "done");
    assert_result(run(r, "return 1 + 1"), "2");
    rig_free(r);
}

static void a_task_that_fails_says_why(void **state) {
    (void)state;
    rig *r = rig_opened();
    assert_failed(run(r, "error('oh no')"), "oh no");
    assert_failed(run(r, "error({})"), "table");
    assert_failed(run(r, "local x = nil; return x.y"), "attempt to index");
    rig_free(r);
}

static void only_a_coroutine_whose_function_returned_is_used_again(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *one = run(r, "return 1");
    lua_State *co = one->task.co;
    one = run(r, "error('x')");
    assert_ptr_equal(one->task.co, co);
    one = run(r, "return 1");
    assert_ptr_not_equal(one->task.co, co);
    rig_free(r);
}

static void a_failed_coroutine_leaves_its_closures_alone(void **state) {
    (void)state;
    rig *r = rig_opened();
    run(r, "local mine = 'mine'; function get() return mine end; error('x')");
    run(r, "local other = 'other'; local another = 'another'; return other .. another");
    assert_result(run(r, "return get()"), "mine");
    rig_free(r);
}

static void coroutine_yield_in_a_task_is_an_error_that_says_so(void **state) {
    (void)state;
    rig *r = rig_opened();
    assert_failed(run(r, "coroutine.yield()"), "coroutine.yield");
    assert_failed(run(r, "coroutine.yield(1, 2, 3)"), "coroutine.yield");
    rig_free(r);
}

static void two_tasks_that_wake_each_other_do_not_starve_a_timer(void **state) {
    (void)state;
    rig *r = rig_opened();
    rl_loop_freeze(r->loop, RL_FREEZE_STANDS); /* no jump: these two are never done */
    start(r, "ping, pong = core.line(), core.line(); count = 0\n"
             "while not stop do count = count + 1; core.line_wake_all(pong); core.line_wait(ping) end\n"
             "core.line_wake_all(pong)");
    start(r, "while not stop do core.line_wake_all(ping); core.line_wait(pong) end core.line_wake_all(ping)");
    rig_run *slept = start(r, "core.sleep(5); stop = true; return count > 10 and 'alternated' or count");
    turns(r, 50);
    rl_loop_advance(r->loop, 5);
    turns(r, 3);
    assert_result(slept, "alternated");
    drive(r, 100);
    rig_free(r);
}

static bool first_hook(rl_turn *turn) {
    (void)turn;
    return false;
}

static void one_turn_resumes_a_bounded_number_of_tasks(void **state) {
    (void)state;
    rig *r = rig_opened();
    rl_turn hook = {.run = first_hook};
    rl_loop_add_turn(r->loop, &hook);
    start(
        r,
        "count = 0; local function again() count = count + 1; if not stop then core.spawn(true, again) end end\n"
        "again()");
    rl_loop_turn(r->loop, false);
    assert_in_range(atoi(global(r, "count")), 1, 2500); /* the hooks run at most twice in a turn */
    run(r, "stop = true");
    rl_loop_remove_turn(r->loop, &hook);
    rig_free(r);
}

/* Eight tasks that become ready one behind the other, in the order in which they run. */
static const char *order_of_eight(rig *r, uint64_t seed) {
    rl_sched_shuffle(r->vm->sched, seed);
    start(r, "order = ''; for i = 1, 8 do core.spawn(true, function() order = order .. i end) end");
    drive(r, 100);
    return global(r, "order");
}

static void a_seed_draws_the_order_in_which_tasks_run(void **state) {
    (void)state;
    rig *r = rig_opened();
    assert_string_equal(order_of_eight(r, 0), "12345678");
    char first[16], drawn[16];
    snprintf(first, sizeof first, "%s", order_of_eight(r, 1));
    assert_int_equal(strlen(first), 8);
    int others = 0;
    for (uint64_t seed = 2; seed < 12; seed++) {
        snprintf(drawn, sizeof drawn, "%s", order_of_eight(r, seed));
        for (char task = '1'; task <= '8'; task++)
            assert_non_null(strchr(drawn, task));
        others += strcmp(drawn, first) != 0;
    }
    assert_in_range(others, 9, 10);
    assert_string_equal(order_of_eight(r, 1), first);
    assert_string_equal(order_of_eight(r, 0), "12345678");
    rig_free(r);
}

static void what_runs_long_without_a_wait_is_told_by_its_name(void **state) {
    (void)state;
    char name[] = "/tmp/rille-log-XXXXXX", text[1024];
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    unlink(name);
    rl_log *log;
    assert_int_equal(rl_log_open(fd, RL_LOG_JSON, RL_LOG_INFO, &log), RL_OK);
    rig *r = rig_opened();
    r->vm->log = log;
    start(r, "return 'has no name, and is not timed'");
    /* That much of the processor, whatever else runs on the machine: ten more than is slow, as the clock is a coarse one. */
    start(r, "local begin = os.clock() repeat until os.clock() - begin > 0.06")->task.name = "/slow";
    drive(r, 100);
    rig_free(r);
    rl_log_close(log);
    ssize_t len = pread(fd, text, sizeof text - 1, 0);
    close(fd);
    assert_true(len > 0);
    text[len] = '\0';
    assert_non_null(strstr(text, "Lua ran long without a wait"));
    assert_non_null(strstr(text, "\"route\":\"/slow\""));
}

static void an_abandoned_coroutine_is_never_resumed(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *one = start(r, "signal = core.line(); core.line_wait(signal); resumed = 'yes'");
    turns(r, 3);
    rl_task_abandon(&one->task);
    run(r, "core.line_wake_all(signal)");
    turns(r, 3);
    assert_false(one->has_ended);
    assert_string_equal(global(r, "resumed"), "nil");
    rig_free(r);
}

static void a_task_may_be_abandoned_before_its_first_resume(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *one = start(r, "resumed = 'yes'");
    rl_task_abandon(&one->task);
    turns(r, 3);
    assert_string_equal(global(r, "resumed"), "nil");
    rig_free(r);
}

static void a_task_may_be_abandoned_in_the_run_queue(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *one = start(r, "signal = core.line(); core.line_wait(signal); resumed = 'yes'");
    turns(r, 3);
    rl_scope_cancel(&one->task.scope, RL_ECANCELLED); /* woken, not run yet */
    rl_task_abandon(&one->task);
    turns(r, 3);
    assert_string_equal(global(r, "resumed"), "nil");
    rig_free(r);
}

typedef struct loan {
    rl_lent lent;
    int released;
} loan;

static void take_back(rl_lent *lent) {
    RL_CONTAINER(lent, loan, lent)->released++;
}

static void what_was_lent_is_released_when_the_task_ends_or_is_abandoned(void **state) {
    (void)state;
    rig *r = rig_opened();
    const char *codes[] = {"return 1", "error('x')", "core.sleep(1e9)"};
    for (int i = 0; i < 3; i++) {
        rig_run *one = start(r, codes[i]);
        loan thing = {.released = 0};
        rl_scope_lend(&one->task.scope, &thing.lent, "thing", take_back);
        turns(r, 3);
        if (i == 2)
            rl_task_abandon(&one->task);
        assert_int_equal(thing.released, 1);
    }
    rig_free(r);
}

/* A coroutine library that does not know of waits sees them as values. */
static void a_wait_left_behind_in_a_foreign_coroutine_does_no_harm(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *one =
        run(r, "coroutine.resume(coroutine.create(function() core.sleep(1) end)); return 'went on'");
    assert_result(one, "went on");
    assert_failed(run(r, "coroutine.resume(coroutine.create(function() core.sleep(1) end)); core.sleep(0)"),
                  "waits already");
    run(r, "core.sleep(3)");
    rig_free(r);
}

static void waiting_where_it_is_impossible_names_the_way_out(void **state) {
    (void)state;
    rig *r = rig_opened();
    assert_failed(run(r, "table.sort({3, 1, 2}, function(a, b) core.sleep(1); return a < b end)"),
                  "table.sort");
    assert_failed(run(r, "string.gsub('abc', '%a', function() core.sleep(1) end)"), "string.gsub");
    assert_result(run(r, "return select(2, pcall(function() core.sleep(1); return 'in pcall' end))"),
                  "in pcall");
    rig_free(r);
}

static void open_run_and_close(void) {
    rig *r = rig_new();
    if (rig_open(r, RIG_CEILING)) {
        start(r, "core.sleep(1) return 1");
        start(r, "error('x')");
        start(r, "core.spawn(false, function() core.sleep(1) end)");
        drive(r, 100);
    }
    rig_free(r);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(open_run_and_close);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_returns_its_results),
        cmocka_unit_test(a_task_that_fails_says_why),
        cmocka_unit_test(only_a_coroutine_whose_function_returned_is_used_again),
        cmocka_unit_test(a_failed_coroutine_leaves_its_closures_alone),
        cmocka_unit_test(coroutine_yield_in_a_task_is_an_error_that_says_so),
        cmocka_unit_test(two_tasks_that_wake_each_other_do_not_starve_a_timer),
        cmocka_unit_test(one_turn_resumes_a_bounded_number_of_tasks),
        cmocka_unit_test(a_seed_draws_the_order_in_which_tasks_run),
        cmocka_unit_test(what_runs_long_without_a_wait_is_told_by_its_name),
        cmocka_unit_test(an_abandoned_coroutine_is_never_resumed),
        cmocka_unit_test(a_task_may_be_abandoned_before_its_first_resume),
        cmocka_unit_test(a_task_may_be_abandoned_in_the_run_queue),
        cmocka_unit_test(what_was_lent_is_released_when_the_task_ends_or_is_abandoned),
        cmocka_unit_test(a_wait_left_behind_in_a_foreign_coroutine_does_no_harm),
        cmocka_unit_test(waiting_where_it_is_impossible_names_the_way_out),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
