#include "vm/refusal.h"

#include <string.h>

int rl_task_raise(lua_State *L, rl_err why) {
    /* lua/rille/error.lua puts the two error tables here */
    lua_getfield(L, LUA_REGISTRYINDEX, why == RL_ETIMEOUT ? "rille.timeout" : "rille.cancelled");
    if (lua_isnil(L, -1))
        return luaL_error(L, "%s", rl_err_name(why));
    return lua_error(L);
}

/* The framework's own functions, and LuaJIT's that are written in Lua (table.remove). */
static bool is_of_the_house(lua_State *L, lua_Debug *ar) {
    static const char framework[] = "@lua/rille/";
    lua_getinfo(L, "S", ar);
    return ar->linedefined < 0 || strncmp(ar->source, framework, sizeof framework - 1) == 0;
}

/* A task that catches its cancellation and goes on, for ever perhaps, holds the worker
 * and what was lent to it. From now on each instruction of the app's raises in it, so
 * that no pcall keeps it; the framework still tells those who await its end. */
static void give_up(lua_State *L, lua_Debug *ar) {
    const rl_task *task = rl_task_current(L);
    if (task != NULL && task->refusals > RL_MOST_REFUSALS && !is_of_the_house(L, ar))
        luaL_error(L, "given up: it was cancelled, and has caught that %d times (let it pass through pcall)",
                   RL_MOST_REFUSALS);
}

void rl_task_refuse(lua_State *L, rl_task *task) {
    if (++task->refusals > RL_MOST_REFUSALS)
        lua_sethook(L, give_up, LUA_MASKCOUNT, 1);
    rl_task_raise(L, task->scope.why);
}
