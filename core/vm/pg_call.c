#include "vm/pg_call.h"

#include "vm/waits.h"

#include <lauxlib.h>

#include "vm/pg_row.h"

#define HOW_META "rille.pg.how"

typedef struct how {
    bool is_exclusive, is_unprepared, is_cancellable, is_stream;
    uint64_t timeout_ms;
    rl_errand_place place;
} how;

int rl_pg_new_how(lua_State *L) {
    lua_Number timeout_ms = luaL_checknumber(L, 4);
    how *made = lua_newuserdata(L, sizeof *made);
    *made = (how){.is_exclusive = lua_toboolean(L, 1),
                  .is_unprepared = lua_toboolean(L, 2),
                  .is_cancellable = lua_toboolean(L, 3),
                  .timeout_ms = (uint64_t)timeout_ms,
                  .place = (rl_errand_place)luaL_optinteger(L, 5, RL_ERRAND_PRIMARY),
                  .is_stream = lua_toboolean(L, 6)};
    luaL_newmetatable(L, HOW_META);
    lua_setmetatable(L, -2);
    return 1;
}

void rl_pg_check_how(lua_State *L) {
    if (!lua_isnil(L, 2))
        luaL_checkudata(L, 2, HOW_META);
}

void rl_pg_apply_how(lua_State *L, rl_errand *errand) {
    const how *asked = lua_touserdata(L, 2);
    if (asked == NULL)
        return;
    errand->is_exclusive = asked->is_exclusive;
    errand->is_cancellable = asked->is_cancellable;
    errand->is_stream = asked->is_stream;
    errand->timeout_ms = asked->timeout_ms;
    errand->place = asked->place;
    errand->query.unprepared = asked->is_unprepared;
}

void rl_pg_call_tell(rl_pg_call *call) {
    if (!call->is_waiting || !rl_waiter_claim(call->one.waiter, RL_PG_CASE_ANSWER))
        return;
    call->is_told = true;
    const rl_task *task = RL_CONTAINER(call->one.waiter, rl_task, waiter);
    if (RL_UNLIKELY(task->event != 0))
        rl_waits_answer_statement(task, &call->errand);
    rl_waiter_wake(call->one.waiter);
}

static void on_done(rl_errand *errand) {
    rl_pg_call_tell(RL_CONTAINER(errand, rl_pg_call, errand));
}

void rl_pg_call_init(rl_pg_call *call, rl_task *task, rl_errand_kind kind, rl_pool *pool,
                     void (*freed)(rl_errand *errand)) {
    rl_errand_init(&call->errand, kind, pool, &task->scope, on_done, freed);
}

/* The wait is over; when it was not for news, nobody will come for the answer. */
static void unlink_call(rl_case *one) {
    rl_pg_call *call = RL_CONTAINER(one, rl_pg_call, one);
    call->is_waiting = false;
    if (!call->is_told && call->errand.state != RL_ERRAND_DONE)
        rl_errand_drop(&call->errand);
}

int rl_pg_call_wait(lua_State *L, rl_task *task, rl_pg_call *call) {
    call->is_waiting = true;
    call->is_told = false;
    rl_waiter_add(&task->waiter, &call->one, RL_PG_CASE_ANSWER, unlink_call);
    if (RL_UNLIKELY(task->entry != NULL))
        rl_waits_begin_statement(L, task, &call->errand);
    return rl_task_wait(L, task, "sql");
}

int rl_pg_call_start(lua_State *L, rl_task *task, rl_pg_call *call) {
    rl_errand_start(&call->errand);
    if (call->errand.state != RL_ERRAND_DONE)
        return rl_pg_call_wait(L, task, call);
    lua_pushinteger(L, RL_PG_CASE_ANSWER);
    return 1;
}

int rl_pg_call_refuse(lua_State *L, rl_pg_call *call, const char *message) {
    rl_errand_drop(&call->errand);
    lua_pushinteger(L, RL_PG_CASE_REFUSED);
    lua_pushstring(L, message);
    return 2;
}

rl_errand *rl_pg_check_answer(lua_State *L) {
    rl_task *task = rl_task_current(L);
    rl_errand *errand = task == NULL ? NULL : rl_errand_newest_done(&task->scope);
    if (errand == NULL)
        luaL_error(L, "no statement has been answered here");
    return errand;
}

bool rl_pg_push_if_failed(lua_State *L, rl_errand *errand) {
    const rl_query *query = &errand->query;
    if (query->failure.err == RL_OK)
        return false;
    lua_pushnil(L);
    rl_vm_pg_push_failure(L, &query->failure, rl_query_sql(query));
    rl_errand_drop(errand);
    return true;
}
