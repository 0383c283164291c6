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

typedef struct filling {
    lua_State *L;
    rl_batch *batch;
    const char *last_sql; /* Lua's */
    const rl_query *last_query;
    char *message; /* of RL_PG_MESSAGE_CAP bytes */
} filling;

enum { LIST = 3, WIDTHS = 5 /* places of arguments */ };

/* The SQL at `index`; that of the item before, mostly: then Lua has one string for both. */
static rl_err fill_sql(filling *f, int index, rl_query *query) {
    size_t len;
    const char *sql = lua_tolstring(f->L, index, &len);
    if (sql == f->last_sql) {
        rl_query_set_same_sql(query, f->last_query);
        return RL_OK;
    }
    f->last_sql = sql;
    f->last_query = query;
    return rl_query_set_sql(query, rl_slice_of(sql, len));
}

/* Fill the batch's query `i` from the sql, value, ... on the stack from `first` on. */
static rl_err fill(filling *f, uint32_t i, int first) {
    rl_query *query = &f->batch->items[i].query;
    rl_err err = fill_sql(f, first, query);
    if (err != RL_OK) {
        snprintf(f->message, RL_PG_MESSAGE_CAP, "statement %u: its text holds a NUL byte, or is too large", i + 1);
        return err;
    }
    char why[RL_PG_MESSAGE_CAP / 2];
    err = rl_vm_pg_add_params(f->L, first + 1, query, why, sizeof why);
    if (err != RL_OK)
        snprintf(f->message, RL_PG_MESSAGE_CAP, "statement %u: %s", i + 1, why);
    return err;
}

enum { MOST_PLAIN = LUA_MINSTACK /* entries: what there is room for in any case */ };

/* Push what the table on the top holds; false when its keys are other than 1, 2, 3, ... in this order. */
static bool push_entries(lua_State *L) {
    int table = lua_gettop(L);
    lua_pushnil(L);
    for (int i = 1; lua_next(L, table) != 0; i++) {
        if (i > MOST_PLAIN || lua_type(L, -2) != LUA_TNUMBER || lua_tonumber(L, -2) != i)
            return false;
        lua_insert(L, -2);
    }
    return true;
}

/* From a list of nothing but { sql, value, ... } without a gap, as nearly all are: seen and sent in one walk.
 * RL_ENOTFOUND when this one is of another kind, and somebody has to look closer. */
static rl_err fill_plain(filling *f) {
    lua_State *L = f->L;
    uint32_t i = 0;
    for (lua_pushnil(L); lua_next(L, LIST) != 0; i++) {
        int item = lua_gettop(L);
        bool is_next = lua_type(L, item - 1) == LUA_TNUMBER && lua_tonumber(L, item - 1) == i + 1;
        if (!is_next || !lua_istable(L, item) || !push_entries(L) || lua_type(L, item + 1) != LUA_TSTRING)
            return RL_ENOTFOUND;
        rl_err err = fill(f, i, item + 1);
        if (err != RL_OK)
            return err;
        lua_settop(L, item - 1);
    }
    return i > 0 ? RL_OK : RL_ENOTFOUND;
}

enum { MOST_VALUES = 4000 /* of one statement here: they all stand on Lua's stack */ };

/* Values that are nil inside count, those at the end cannot be seen: the widths tell. */
static rl_err fill_wide(filling *f) {
    lua_State *L = f->L;
    int item = lua_gettop(L) + 1;
    for (uint32_t i = 0; i < f->batch->count; i++) {
        lua_rawgeti(L, WIDTHS, (int)i + 1);
        int width = (int)lua_tointeger(L, -1);
        lua_pop(L, 1);
        lua_rawgeti(L, LIST, (int)i + 1);
        for (int entry = 1; entry <= width; entry++)
            lua_rawgeti(L, item, entry);
        rl_err err = fill(f, i, item + 1);
        if (err != RL_OK)
            return err;
        lua_settop(L, item - 1);
    }
    return RL_OK;
}

/* Its place in the list, and its entries. */
static int find_widest(lua_State *L, int count, int *width) {
    int widest = 0;
    *width = 0;
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, WIDTHS, i);
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
 * is { sql, value, ... } with widths[i] entries, nils included. Without widths: the same, or
 * nothing when they are needed, for a gap or a name in an item or beside them. */
static int run_batch(lua_State *L) {
    rl_pool *pool = rl_pg_check_pool(L);
    rl_pg_check_how(L);
    luaL_checktype(L, LIST, LUA_TTABLE);
    lua_settop(L, WIDTHS);
    bool is_plain = lua_isnil(L, WIDTHS);
    uint32_t count = (uint32_t)lua_objlen(L, LIST);
    int width = MOST_PLAIN;
    int widest = is_plain ? 0 : find_widest(L, (int)count, &width);
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
    filling f = {.L = L, .batch = &made->batch, .message = message};
    if (err == RL_OK)
        err = is_plain ? fill_plain(&f) : fill_wide(&f);
    if (err == RL_OK)
        return rl_pg_call_start(L, task, &made->call);
    if (err != RL_ENOTFOUND)
        return rl_pg_call_refuse(L, &made->call, message);
    rl_errand_drop(errand);
    return 0;
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
        if (has_molds)
            lua_pop(L, 1);
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
