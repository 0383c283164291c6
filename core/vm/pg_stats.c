/* pg_stats -- what the connections of a pool's database do, in all of the process. */
#include "vm/pg_call.h"

static void set_count(lua_State *L, const char *name, uint64_t count) {
    lua_pushnumber(L, (lua_Number)count);
    lua_setfield(L, -2, name);
}

static void set_seconds(lua_State *L, const char *name, double seconds) {
    lua_pushnumber(L, seconds);
    lua_setfield(L, -2, name);
}

static void add_exclusive(lua_State *L, const rl_pool_stats *now) {
    set_count(L, "in_use", now->in_use);
    set_count(L, "idle", now->idle);
    set_count(L, "connecting", now->connecting);
    set_count(L, "waiting", now->waiting);
    set_count(L, "acquired", now->acquired);
    set_count(L, "timeouts", now->timeouts);
    set_count(L, "refused", now->refused);
    set_seconds(L, "waited", (double)now->waited_ms / 1000);
    set_count(L, "connects", now->connects);
    set_count(L, "connect_failures", now->connect_failures);
    set_count(L, "lost", now->lost);
    set_count(L, "reconnects", now->reconnects);
    set_count(L, "queries", now->queries);
    set_count(L, "resets", now->resets);
    set_count(L, "leaked", now->leaked);
    set_count(L, "handovers", now->handovers);
    set_count(L, "streams", now->streams);
}

static void add_shared(lua_State *L, const rl_lane_stats *now) {
    lua_createtable(L, 0, 14);
    set_count(L, "in_use", now->busy);
    set_count(L, "idle", now->wires - now->busy);
    set_count(L, "connecting", now->connecting);
    set_count(L, "in_flight", now->in_flight);
    set_count(L, "waiting", now->waiting);
    set_seconds(L, "waited", (double)now->waited_ns / 1e9);
    set_count(L, "queries", now->queries);
    set_count(L, "turned_away", now->turned_away);
    set_count(L, "timeouts", now->timeouts);
    set_count(L, "connects", now->connects);
    set_count(L, "connect_failures", now->connect_failures);
    set_count(L, "lost", now->lost);
    set_count(L, "reconnects", now->reconnects);
    set_count(L, "expelled", now->expelled);
    lua_setfield(L, -2, "shared");
}

static void add_listener(lua_State *L, const rl_pg_listener_stats *now) {
    lua_createtable(L, 0, 8);
    lua_pushboolean(L, now->is_connected != 0);
    lua_setfield(L, -2, "connected");
    set_count(L, "channels", now->channels);
    set_count(L, "subscriptions", now->subscriptions);
    set_count(L, "notes", now->notes);
    set_count(L, "dropped", now->dropped);
    set_count(L, "connects", now->connects);
    set_count(L, "connect_failures", now->connect_failures);
    set_count(L, "lost", now->lost);
    lua_setfield(L, -2, "listener");
}

int rl_pg_stats(lua_State *L) {
    rl_pool *pool = rl_pg_check_pool(L);
    rl_audience *audience = rl_pg_audience(L);
    rl_pool_stats exclusive = rl_pool_stats_of(pool);
    rl_lane_stats shared = rl_pool_lanes_of(pool);
    rl_pg_listener_stats listener = {0};
    if (audience != NULL)
        listener = rl_audience_stats(audience);
    lua_createtable(L, 0, 18);
    add_exclusive(L, &exclusive);
    add_shared(L, &shared);
    add_listener(L, &listener);
    return 1;
}
