/* pg_replicas -- the servers that follow the primary, for lua/rille/db.lua. */
#include "vm/pg_call.h"

rl_replicas_options rl_vm_pg_read_replicas(lua_State *L) {
    rl_replicas_options options = {.count = 0};
    lua_getfield(L, 1, "replicas");
    size_t count = lua_istable(L, -1) ? lua_objlen(L, -1) : 0;
    if (count > RL_REPLICAS_MOST)
        luaL_error(L, "there may be %d replicas at most: got %d", RL_REPLICAS_MOST, (int)count);
    for (; options.count < count; options.count++) {
        lua_rawgeti(L, -1, (int)options.count + 1);
        options.urls[options.count] = luaL_checkstring(L, -1);
        lua_pop(L, 1);
    }
    lua_getfield(L, 1, "max_lag_ms");
    options.max_lag_ms = count == 0 ? 0 : (uint64_t)luaL_checknumber(L, -1);
    lua_pop(L, 2);
    return options;
}

static void push_replica(lua_State *L, const rl_replica *replica) {
    rl_replica_stats now = rl_replica_stats_of(replica);
    lua_createtable(L, 0, 6);
    lua_pushstring(L, now.name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, rl_replica_state_name(now.state));
    lua_setfield(L, -2, "state");
    if (now.is_lag_known) {
        lua_pushnumber(L, (lua_Number)now.lag_ms / 1000);
        lua_setfield(L, -2, "lag");
    }
    lua_pushnumber(L, now.running);
    lua_setfield(L, -2, "running");
    lua_pushnumber(L, (lua_Number)now.queries);
    lua_setfield(L, -2, "queries");
    lua_pushnumber(L, (lua_Number)now.sent_home);
    lua_setfield(L, -2, "sent_home");
}

int rl_vm_pg_replicas(lua_State *L) {
    const rl_replicas *replicas = rl_pool_replicas(rl_pg_check_pool(L));
    uint32_t count = replicas == NULL ? 0 : rl_replicas_count(replicas);
    lua_createtable(L, (int)count, 0);
    for (uint32_t i = 0; i < count; i++) {
        push_replica(L, rl_replicas_at(replicas, i));
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}
