/* pg_batch -- several statements at once, for lua/rille/db/batch.lua. */
#include <stdio.h>

#include "base/mem.h"
#include "pg/batch.h"
#include "vm/pg_call.h"
#include "vm/pg_param.h"
#include "vm/pg_row.h"

typedef struct batch_call {
    rl_pg_call call;
    rl_batch batch;
} batch_call;

static void on_freed(rl_errand *errand) {
    batch_call *call = RL_CONTAINER(RL_CONTAINER(errand, rl_pg_call, errand), batch_call, call);
    rl_batch_clear(&call->batch);
    rl_mem_free(call);
}

typedef struct last_sql {
    const char *sql; /* Lua's */
    const rl_query *query;
} last_sql;

/* The SQL of the item on the top; that of the item before, mostly: then Lua has one string for both. */
static rl_err fill_sql(lua_State *L, int item, rl_query *query, last_sql *last) {
    size_t len;
    lua_rawgeti(L, item, 1);
    const char *sql = lua_tolstring(L, -1, &len);
    lua_pop(L, 1); /* the item holds it */
    if (sql == last->sql) {
        rl_query_set_same_sql(query, last->query);
        return RL_OK;
    }
    *last = (last_sql){.sql = sql, .query = query};
    return rl_query_set_sql(query, rl_slice_of(sql, len));
}

/* Fill one query from the { sql, value, ... } on the top. Values that are nil
 * inside count, those at the end cannot be seen: the caller pads them. */
static rl_err fill(lua_State *L, rl_query *query, int width, last_sql *last, char *message, size_t message_cap) {
    int item = lua_gettop(L);
    rl_err err = fill_sql(L, item, query, last);
    if (err != RL_OK) {
        snprintf(message, message_cap, "the text of a statement holds a NUL byte, or is too large");
        return err;
    }
    for (int i = 2; i <= width; i++)
        lua_rawgeti(L, item, i);
    err = rl_vm_pg_add_params(L, item + 1, query, message, message_cap);
    lua_settop(L, item);
    return err;
}

enum { MOST_VALUES = 4000 /* of one statement here: they all stand on Lua's stack */ };

static rl_err fill_all(lua_State *L, rl_batch *batch, char *message, size_t message_cap) {
    last_sql last = {0};
    for (uint32_t i = 0; i < batch->count; i++) {
        lua_rawgeti(L, 3, (int)i + 1);
        lua_rawgeti(L, 5, (int)i + 1);
        int width = (int)lua_tointeger(L, -1);
        lua_pop(L, 1);
        char why[RL_PG_MESSAGE_CAP / 2] = "";
        rl_err err = fill(L, &batch->items[i].query, width, &last, why, sizeof why);
        lua_pop(L, 1);
        if (err != RL_OK) {
            snprintf(message, message_cap, "statement %u: %s", i + 1, why);
            return err;
        }
    }
    return RL_OK;
}

/* Its place in the list, and its entries. */
static int find_widest(lua_State *L, int count, int *width) {
    int widest = 0;
    *width = 0;
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, 5, i);
        int one = (int)luaL_checkinteger(L, -1);
        if (one > *width) {
            *width = one;
            widest = i;
        }
        lua_pop(L, 1);
    }
    return widest;
}

static int refuse_width(lua_State *L, int i, int width) {
    lua_pushinteger(L, RL_PG_CASE_REFUSED);
    lua_pushfstring(L, "statement %d of the batch has %d values, and may have %d: rille.array makes one of many", i,
                    width - 1, MOST_VALUES);
    return 2;
}

/* pg_batch(pool, how, list, is_atomic, widths) -> case; or 3 and why. Each item
 * is { sql, value, ... } with widths[i] entries, nils included. */
static int run_batch(lua_State *L) {
    rl_pool *pool = rl_pg_check_pool(L);
    rl_pg_check_how(L);
    luaL_checktype(L, 3, LUA_TTABLE);
    luaL_checktype(L, 5, LUA_TTABLE);
    uint32_t count = (uint32_t)lua_objlen(L, 3);
    int width;
    int widest = find_widest(L, (int)count, &width);
    if (width - 1 > MOST_VALUES)
        return refuse_width(L, widest, width);
    luaL_checkstack(L, width + 2 * LUA_MINSTACK, "too many values");
    rl_task *task = rl_task_may_wait(L);
    batch_call *made = rl_mem_zalloc(1, sizeof *made);
    if (made == NULL)
        return luaL_error(L, "not enough memory");
    rl_pg_call_init(&made->call, task, RL_ERRAND_STATEMENT, pool, on_freed);
    rl_errand *errand = &made->call.errand;
    rl_pg_apply_how(L, errand);
    char message[RL_PG_MESSAGE_CAP] = "a batch holds 1,000 statements at most";
    rl_err err = rl_query_set_sql(&errand->query, RL_LIT("a batch"));
    if (err == RL_OK)
        err = rl_batch_init(&made->batch, errand, count);
    made->batch.is_atomic = lua_toboolean(L, 4);
    for (uint32_t i = 0; err == RL_OK && i < count; i++)
        made->batch.items[i].query.unprepared = errand->query.unprepared;
    if (err == RL_OK)
        err = fill_all(L, &made->batch, message, sizeof message);
    return err == RL_OK ? rl_pg_call_start(L, task, &made->call) : rl_pg_call_refuse(L, &made->call, message);
}

/* Pushes rows, a count, or an error; false for the last. */
static bool push_result(lua_State *L, const rl_query *query, rl_vm_pg_rows *rows, const rl_failure *odd) {
    const rl_failure *failure = &query->failure;
    if (failure->err == RL_OK && (query->result == NULL || rl_result_columns(query->result) == 0)) {
        lua_pushnumber(L, query->result == NULL ? 0 : (lua_Number)rl_result_affected(query->result));
        return true;
    }
    if (failure->err == RL_OK) {
        if (rl_vm_pg_push_rows(rows, query->result, UINT32_MAX))
            return true;
        failure = odd;
    }
    rl_vm_pg_push_failure(L, failure, rl_query_sql(query));
    return false;
}

/* Have the next result's rows be of the model that the statement's item names, if any, by its `mold`.
 * Leaves one value on the stack. */
static void choose_mold(lua_State *L, rl_vm_pg_rows *rows, uint32_t i) {
    lua_rawgeti(L, 2, (int)i + 1);
    lua_getfield(L, -1, "mold");
    lua_remove(L, -2);
    rl_vm_pg_rows_mold(rows, lua_istable(L, -1) ? lua_gettop(L) : 0);
}

/* pg_batch_results(bigint_is_string[, list]) -> a list of rows, counts and errors in the
 * statements' order, and the place of the first error; or nil and an error. The list is pg_batch's,
 * wanted where one of its items has a mold. */
static int results(lua_State *L) {
    bool bigint_is_string = lua_toboolean(L, 1);
    lua_settop(L, 2);
    bool has_molds = lua_istable(L, 2);
    rl_errand *errand = rl_pg_check_answer(L);
    if (errand->batch == NULL)
        return luaL_error(L, "no batch has been answered here");
    if (rl_pg_push_if_failed(L, errand))
        return 2;
    const rl_batch *batch = errand->batch;
    char why[RL_FAILURE_MESSAGE_CAP];
    rl_failure odd = {.err = RL_EINVAL, .sqlstate = "22000", .message = why}; /* a value that Lua cannot hold */
    rl_vm_pg_rows rows;
    rl_vm_pg_rows_begin(&rows, L, bigint_is_string, why, sizeof why);
    lua_createtable(L, (int)batch->count, 0);
    int list = lua_gettop(L);
    uint32_t first_failed = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (has_molds)
            choose_mold(L, &rows, i);
        if (!push_result(L, &batch->items[i].query, &rows, &odd) && first_failed == 0)
            first_failed = i + 1;
        lua_rawseti(L, list, (int)i + 1);
        lua_settop(L, list);
    }
    rl_errand_drop(errand);
    if (first_failed == 0)
        return 1;
    lua_pushinteger(L, (lua_Integer)first_failed);
    return 2;
}

void rl_vm_open_pg_batch(lua_State *L) {
    const luaL_Reg functions[] = {{"pg_batch", run_batch}, {"pg_batch_results", results}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
