#include "vm/coroutines.h"

void rl_coroutines_init(rl_coroutines *all, rl_vm *vm) {
    all->vm = vm;
    all->idle_count = 0;
}

static int make(lua_State *L, void *arg) {
    rl_coroutine *made = arg;
    made->co = lua_newthread(L);
    made->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

rl_err rl_coroutines_acquire(rl_coroutines *all, rl_coroutine *out) {
    if (RL_UNLIKELY(all->idle_count == 0))
        return rl_vm_protect(all->vm, make, out, NULL, 0);
    *out = all->idle[--all->idle_count];
    return RL_OK;
}

static int unref(lua_State *L, void *arg) {
    luaL_unref(L, LUA_REGISTRYINDEX, *(int *)arg); /* may make the list of free references, so it may raise */
    return 0;
}

void rl_coroutines_drop(rl_coroutines *all, rl_coroutine one) {
    (void)!rl_vm_protect(all->vm, unref, &one.ref, NULL, 0); /* without memory even for that it stays */
}

void rl_coroutines_reuse(rl_coroutines *all, rl_coroutine one) {
    if (all->idle_count == RL_MOST_IDLE_COROUTINES) {
        rl_coroutines_drop(all, one);
        return;
    }
    lua_settop(one.co, 0);
    all->idle[all->idle_count++] = one;
}
