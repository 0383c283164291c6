/* pg_listen -- notifications, for lua/rille/db/listen.lua. */
#include <lauxlib.h>

#include "vm/pg_call.h"

#define EAR_META "rille.pg.ear"

enum { CASE_NEWS = 1 };

typedef struct ear {
    rl_lent lent; /* in the task's scope */
    rl_subscription subscription;
    rl_signal news;
    bool is_open;
} ear;

static void on_news(rl_subscription *subscription) {
    rl_signal_all(&RL_CONTAINER(subscription, ear, subscription)->news);
}

static void leave(ear *at) {
    if (!at->is_open)
        return;
    at->is_open = false;
    rl_subscription_leave(&at->subscription);
    rl_signal_all(&at->news);
}

static void on_scope_end(rl_lent *lent) {
    leave(RL_CONTAINER(lent, ear, lent));
}

/* pg_listen(pool, url, connect_timeout_ms, channel) -> ear */
static int join(lua_State *L) {
    rl_audience *audience = rl_pg_check_audience(L);
    size_t len;
    const char *name = luaL_checklstring(L, 4, &len);
    rl_task *task = rl_task_may_wait(L);
    ear *at = lua_newuserdata(L, sizeof *at);
    at->is_open = false;
    rl_signal_init(&at->news);
    luaL_getmetatable(L, EAR_META);
    lua_setmetatable(L, -2);
    rl_err err = rl_subscription_join(&at->subscription, audience, rl_slice_of(name, len), on_news);
    if (err == RL_EINVAL)
        return luaL_error(L, "a channel's name has 1 to 63 bytes, and no NUL");
    if (err != RL_OK)
        return luaL_error(L, "not enough memory");
    at->is_open = true;
    rl_scope_lend(&task->scope, &at->lent, "listener", on_scope_end);
    return 1;
}

static ear *check_ear(lua_State *L) {
    return luaL_checkudata(L, 1, EAR_META);
}

/* pg_unlisten(ear): it hears no more. Its collector's function, too. */
static int close_ear(lua_State *L) {
    ear *at = check_ear(L);
    if (at->is_open)
        rl_lent_return(&at->lent);
    leave(at);
    return 0;
}

/* Nobody can wait at it any more: whoever did has a reference. */
static int collect(lua_State *L) {
    ear *at = lua_touserdata(L, 1);
    close_ear(L);
    while (rl_list_pop_front(&at->news.waiting) != NULL)
        ;
    return 0;
}

static rl_hearing hearing_of(ear *at) {
    return at->is_open ? rl_subscription_hearing(&at->subscription) : RL_HEARING_OVER;
}

/* pg_ear_state(ear) -> whether it hears, or will again by itself; whether the
 * server has confirmed it once */
static int state(lua_State *L) {
    rl_hearing hearing = hearing_of(check_ear(L));
    lua_pushboolean(L, hearing != RL_HEARING_OVER);
    lua_pushboolean(L, hearing == RL_HEARING);
    return 2;
}

/* pg_ear_wait(ear[, timeout_ms]) -> case: 1 there is news, 2 the time has passed.
 * Only when pg_ear_take has nothing. */
static int wait_for_news(lua_State *L) {
    ear *at = check_ear(L);
    lua_Number timeout_ms = luaL_optnumber(L, 2, -1);
    rl_task *task = rl_task_may_wait(L);
    if (hearing_of(at) == RL_HEARING_OVER) {
        lua_pushinteger(L, CASE_NEWS);
        return 1;
    }
    bool is_limited = timeout_ms >= 0 && timeout_ms < 1e15;
    return rl_signal_wait(L, task, &at->news, is_limited ? (uint64_t)timeout_ms : UINT64_MAX, "notes");
}

/* pg_ear_take(ear) -> payload, pid, how many were dropped before it; or true when
 * the connection was away meanwhile; or nothing */
static int take(lua_State *L) {
    ear *at = check_ear(L);
    rl_subscription *subscription = &at->subscription;
    if (!at->is_open)
        return 0;
    rl_heard heard = rl_subscription_peek(subscription);
    if (heard == RL_HEARD_NOTHING)
        return 0;
    if (heard == RL_HEARD_GAP) {
        rl_subscription_shift(subscription);
        lua_pushboolean(L, true);
        return 1;
    }
    const rl_note *next = subscription->current;
    lua_pushlstring(L, next->payload, next->payload_len); /* may raise: it is still the next one */
    lua_pushinteger(L, next->pid);
    lua_pushnumber(L, (lua_Number)subscription->missed);
    rl_subscription_shift(subscription);
    return 3;
}

/* pg_listen_error(pool, url, connect_timeout_ms) -> why it is not connected, or "" */
static int why(lua_State *L) {
    char error[RL_PG_MESSAGE_CAP];
    rl_audience_read_error(rl_pg_check_audience(L), error, sizeof error);
    lua_pushstring(L, error);
    return 1;
}

void rl_vm_open_pg_listen(lua_State *L) {
    const luaL_Reg functions[] = {{"pg_listen", join},         {"pg_unlisten", close_ear},
                                  {"pg_ear_state", state},     {"pg_ear_wait", wait_for_news},
                                  {"pg_ear_take", take},       {"pg_listen_error", why},
                                  {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    luaL_newmetatable(L, EAR_META);
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
