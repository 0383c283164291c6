/* timer -- how long a wait may last; `sleep`, and the clocks, for Lua. */
#include <math.h>

#include "loop/clock.h"
#include "vm/task.h"

enum { CASE_DUE = 1 };

static void stop(rl_case *due) {
    rl_task *task = RL_CONTAINER(due, rl_task, other);
    rl_timer_stop(task->vm->loop, &task->timer);
}

static void on_due(rl_timer *timer) {
    rl_task *task = RL_CONTAINER(timer, rl_task, timer);
    if (rl_waiter_claim(&task->waiter, task->other.number))
        rl_waiter_wake(&task->waiter);
}

void rl_task_limit_wait(rl_task *task, uint32_t number, uint64_t delay_ms) {
    rl_loop *loop = task->vm->loop;
    rl_timer_init(&task->timer, on_due);
    rl_timer_start(loop, &task->timer, delay_ms + rl_loop_lag_ms(loop)); /* Lua may have run for long in this turn */
    rl_waiter_add(&task->waiter, &task->other, number, stop);
}

/* sleep(ms) -> case */
static int sleep_ms(lua_State *L) {
    lua_Number ms = luaL_checknumber(L, 1);
    luaL_argcheck(L, ms >= 0 && ms < 1e15, 1, "a time from 0 on, in milliseconds");
    rl_task *task = rl_task_may_wait(L);
    rl_task_limit_wait(task, CASE_DUE, (uint64_t)ceil(ms));
    return rl_task_wait(L, task, "sleep");
}

/* yield(PARK) -> case: once all who can run have run. The mark comes from the caller, as in vm/line.c */
static int yield(lua_State *L) {
    return rl_task_stand_back(L, rl_task_may_wait(L));
}

/* A finalizer may ask for the time while the VM closes: then there is no VM to be found. */

/* wall() -> seconds since 1970, with microseconds */
static int wall(lua_State *L) {
    const rl_vm *vm = rl_vm_of(L);
    lua_pushnumber(L, (lua_Number)(vm == NULL ? rl_clock_wall_us() : rl_loop_wall_us(vm->loop)) / 1e6);
    return 1;
}

/* uptime() -> seconds of the monotonic clock */
static int uptime(lua_State *L) {
    const rl_vm *vm = rl_vm_of(L);
    lua_pushnumber(L, (lua_Number)(vm == NULL ? rl_clock_ns() : rl_loop_read_ns(vm->loop)) / 1e9);
    return 1;
}

void rl_vm_open_timer(lua_State *L) {
    const luaL_Reg functions[] = {{"sleep", sleep_ms}, {"yield", yield}, {"wall", wall}, {"uptime", uptime}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
