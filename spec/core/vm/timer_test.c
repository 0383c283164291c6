#include "vm/rig.h"
#include "vm/task.h"

typedef struct counted_post {
    rl_post post;
    int runs;
} counted_post;

/* cancel(): the task of the upvalue */
static int cancel_upvalue(lua_State *L) {
    rl_task *task = lua_touserdata(L, lua_upvalueindex(1));
    rl_scope_cancel(&task->scope, RL_ECANCELLED);
    return 0;
}

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

/* With a seed it is drawn who runs next, but among others: who yields comes behind them all. */
static void a_yield_lets_all_who_can_run_go_first(void **state) {
    (void)state;
    rig *r = rig_opened();
    for (uint64_t seed = 0; seed < 12; seed++) {
        rl_sched_shuffle(r->vm->sched, seed);
        run(r, "order, line, woken = '', core.line(), false\n"
               "core.spawn(false, function() if not woken then core.line_wait(line) end order = order .. 'c' end)\n"
               "core.spawn(false, function() order = order .. 'a' end)\n"
               "core.spawn(false, function() order = order .. 'b' woken = true core.line_wake_all(line) end)\n"
               "core.yield(core.PARK) order = order .. 'd' core.yield(core.PARK) order = order .. 'e'");
        const char *order = global(r, "order");
        assert_int_equal(strlen(order), 5);
        assert_string_equal(order + 3, "de");
    }
    rig_free(r);
}

static void a_yield_takes_no_time(void **state) {
    (void)state;
    rig *r = rig_opened();
    uint64_t from_ms = rl_loop_now_ms(r->loop);
    start(r, "core.sleep(1) slept = 'yes'");
    assert_result(run(r, "local case; for i = 1, 5000 do case = core.yield(core.PARK) end\n"
                         "return ('%d %s'):format(case, tostring(slept))"),
                  "1 nil");
    assert_int_equal(rl_loop_now_ms(r->loop), from_ms + 1); /* only then it jumped: to the sleep's end */
    rig_free(r);
}

static void a_cancellation_ends_a_yield(void **state) {
    (void)state;
    rig *r = rig_opened();
    rig_run *one = start(r, "before = true; local case = core.yield(core.PARK)\n"
                            "return case .. ' ' .. tostring(core.why()) .. ' ' .. tostring(pcall(core.yield, core.PARK))");
    start(r, "while not before do core.yield(core.PARK) end cancel()");
    lua_pushlightuserdata(r->vm->L, &one->task);
    lua_pushcclosure(r->vm->L, cancel_upvalue, 1);
    lua_setglobal(r->vm->L, "cancel");
    drive(r, 100);
    assert_result(one, "0 cancelled false");
    rig_free(r);
}

static void count_post(rl_post *post) {
    RL_CONTAINER(post, counted_post, post)->runs++;
}

/* Two that wake each other for ever, and two that yield to each other for ever. */
static void a_yield_starves_nobody_and_nobody_starves_it(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        rig *r = rig_opened();
        rl_sched_shuffle(r->vm->sched, seed);
        rl_loop_freeze(r->loop, RL_FREEZE_STANDS); /* no jump: none of them is ever done */
        start(r, "ping, pong, yields = core.line(), core.line(), 0\n"
                 "while not stop do core.line_wake_all(pong) core.line_wait(ping) end core.line_wake_all(pong)");
        start(r, "while not stop do core.line_wake_all(ping) core.line_wait(pong) end core.line_wake_all(ping)");
        for (int i = 0; i < 2; i++)
            start(r, "while not stop do core.yield(core.PARK) yields = yields + 1 end");
        rig_run *slept = start(r, "core.sleep(5) stop = true return yields > 10 and 'yielded' or yields");
        counted_post one = {.post.run = count_post};
        turns(r, 20);
        rl_loop_post(r->loop, &one.post);
        turns(r, 3);
        assert_int_equal(one.runs, 1);
        rl_loop_advance(r->loop, 5);
        turns(r, 3);
        assert_result(slept, "yielded");
        drive(r, 100);
        rig_free(r);
    }
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
        cmocka_unit_test(a_yield_lets_all_who_can_run_go_first),
        cmocka_unit_test(a_yield_takes_no_time),
        cmocka_unit_test(a_cancellation_ends_a_yield),
        cmocka_unit_test(a_yield_starves_nobody_and_nobody_starves_it),
        cmocka_unit_test(a_time_is_a_number_from_0_on),
        cmocka_unit_test(clocks_go_with_the_loops),
        cmocka_unit_test(a_sleep_counts_from_when_it_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
