/* park -- a wait that ends when other Lua code says so: lua/rille/line.lua makes
 * channels and locks of it.
 *
 *   park(node) --> node[1] = the task's id --> yields
 *   wake(node) --> the task of that id, if it still is and still waits
 *
 * A node may stay where others find it longer than its task lives. */
#include <math.h>

#include "vm/task.h"

enum { CASE_WOKEN = 1, CASE_TIMEOUT = 2 };

#define MOST_MS 1e15 /* no timer is due then: 30,000 years */

/* park(node[, timeout_ms]) -> case: 1 woken, 2 the timeout */
static int park(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Number timeout_ms = luaL_optnumber(L, 2, -1);
    rl_task *task = rl_task_may_wait(L);
    lua_pushnumber(L, rl_task_id(task));
    lua_rawseti(L, 1, 1);
    if (timeout_ms >= 0 && timeout_ms < MOST_MS)
        rl_task_limit_wait(task, CASE_TIMEOUT, (uint64_t)ceil(timeout_ms));
    return rl_task_wait(L, task);
}

/* The task that parked with the node at 1; NULL when it has ended, or never did. */
static rl_task *parked_with(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_rawgeti(L, 1, 1);
    rl_vm *vm = rl_vm_of(L);
    return vm == NULL ? NULL : rl_task_of_id(vm, lua_tonumber(L, -1));
}

/* wake(node) -> whether its task waited, and was woken by this */
static int wake(lua_State *L) {
    rl_task *task = parked_with(L);
    bool woken = task != NULL && rl_waiter_claim(&task->waiter, CASE_WOKEN);
    if (woken)
        rl_waiter_wake(&task->waiter);
    lua_pushboolean(L, woken);
    return 1;
}

/* is_parked(node) -> whether its task waits still */
static int is_parked(lua_State *L) {
    rl_task *task = parked_with(L);
    lua_pushboolean(L, task != NULL && rl_waiter_is_parked(&task->waiter));
    return 1;
}

void rl_vm_open_park(lua_State *L) {
    const luaL_Reg functions[] = {{"park", park}, {"wake", wake}, {"is_parked", is_parked}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
