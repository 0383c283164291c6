#include "vm/rig.h"
#include "vm/task.h"

static int wait_at(lua_State *L) {
    rl_signal *signal = lua_touserdata(L, lua_upvalueindex(1));
    return rl_signal_wait(L, rl_task_may_wait(L), signal, (uint64_t)luaL_optnumber(L, 1, 1e18), "news");
}

static int set_wait(lua_State *L, void *arg) {
    lua_pushlightuserdata(L, arg);
    lua_pushcclosure(L, wait_at, 1);
    lua_setglobal(L, "wait");
    return 0;
}

static rig *with_signal(rl_signal *signal) {
    rig *r = rig_opened();
    rl_signal_init(signal);
    assert_int_equal(rl_vm_protect(r->vm, set_wait, signal, NULL, 0), RL_OK);
    return r;
}

static void it_wakes_the_oldest_waiter_first(void **state) {
    (void)state;
    rl_signal signal;
    rig *r = with_signal(&signal);
    rig_run *one = start(r, "wait()"), *other = start(r, "wait()");
    turns(r, 2);
    assert_true(rl_signal_one(&signal));
    turns(r, 2);
    assert_true(one->has_ended && !other->has_ended);
    assert_true(rl_signal_one(&signal));
    assert_false(rl_signal_one(&signal));
    turns(r, 2);
    assert_true(other->has_ended);
    rig_free(r);
}

static void all_wakes_all_who_waited_until_now(void **state) {
    (void)state;
    rl_signal signal;
    rig *r = with_signal(&signal);
    for (int i = 0; i < 5; i++)
        start(r, "wait() wait()");
    turns(r, 2);
    rl_signal_all(&signal);
    turns(r, 2);
    assert_false(r->runs[0].has_ended);
    rl_signal_all(&signal);
    turns(r, 2);
    for (int i = 0; i < 5; i++)
        assert_true(r->runs[i].has_ended);
    rig_free(r);
}

static void a_timeout_is_another_case_and_leaves_the_signal(void **state) {
    (void)state;
    rl_signal signal;
    rig *r = with_signal(&signal);
    rig_run *one = start(r, "return wait(2)");
    drive(r, 100);
    assert_result(one, "2");
    assert_false(rl_signal_one(&signal));
    one = start(r, "return wait(1e6)");
    turns(r, 2);
    rl_signal_all(&signal);
    drive(r, 100); /* the timer was stopped, or this would wait for it */
    assert_result(one, "1");
    rig_free(r);
}

static void of_two_events_at_once_one_wins(void **state) {
    (void)state;
    rl_signal signal;
    rig *r = with_signal(&signal);
    rig_run *one = start(r, "return wait(1e6)");
    turns(r, 2);
    rl_signal_all(&signal);
    rl_scope_cancel(&one->task.scope, RL_ECANCELLED);
    turns(r, 2);
    assert_result(one, "1"); /* the news was delivered; the next wait raises the cancellation */
    one = start(r, "return wait(1e6)");
    turns(r, 2);
    rl_scope_cancel(&one->task.scope, RL_ECANCELLED);
    assert_false(rl_signal_one(&signal));
    turns(r, 2);
    assert_result(one, "0");
    rig_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_wakes_the_oldest_waiter_first),
        cmocka_unit_test(all_wakes_all_who_waited_until_now),
        cmocka_unit_test(a_timeout_is_another_case_and_leaves_the_signal),
        cmocka_unit_test(of_two_events_at_once_one_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
