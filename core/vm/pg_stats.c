/* pg_stats -- what the connections of a pool's database do, in all of the process. */
#include "vm/pg_call.h"

static void set_figure(void *owner, const char *name, double value) {
    lua_State *L = owner;
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

int rl_pg_stats(lua_State *L) {
    rl_pool *pool = rl_pg_check_pool(L);
    rl_audience *audience = rl_pg_audience(L);
    rl_budget_stats exclusive = rl_pool_stats_of(pool);
    rl_lane_stats shared = rl_pool_lanes_of(pool);
    rl_pg_listener_stats listener = {0};
    if (audience != NULL)
        listener = rl_audience_stats(audience);
    lua_createtable(L, 0, 18);
    rl_budget_stats_tell(&exclusive, set_figure, L);
    lua_createtable(L, 0, 14);
    rl_lane_stats_tell(&shared, set_figure, L);
    lua_setfield(L, -2, "shared");
    lua_createtable(L, 0, 8);
    lua_pushboolean(L, listener.is_connected != 0);
    lua_setfield(L, -2, "connected");
    rl_pg_listener_stats_tell(&listener, set_figure, L);
    lua_setfield(L, -2, "listener");
    return 1;
}
