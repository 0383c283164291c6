/* pg_copy -- COPY for lua/rille/db/copy.lua.
 *
 *    pg_copy -> handle -> pg_copy_wait until it begins
 *       IN:   pg_copy_put, pg_copy_wait for room, ... pg_copy_finish
 *       OUT:  pg_copy_take, pg_copy_wait for more, ...
 *    pg_copy_wait until it is over -> pg_affected: what became of it
 *
 * The errand belongs to the task's scope; the handle is Lua's, and lasts no
 * longer than the errand. */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "pg/copy.h"
#include "vm/pg_call.h"
#include "vm/pg_param.h"

#define COPY_META "rille.pg.copy"

enum { ROW_CEILING = 64 * 1024 * 1024 };

typedef struct handle handle;

typedef struct copy_call {
    rl_pg_call call;
    rl_copy copy;
    handle *handle; /* NULL once collected */
} copy_call;

struct handle {
    copy_call *copying; /* NULL once the errand is gone */
};

static void on_freed(rl_errand *errand) {
    copy_call *made = RL_CONTAINER(RL_CONTAINER(errand, rl_pg_call, errand), copy_call, call);
    if (made->handle != NULL)
        made->handle->copying = NULL;
    rl_copy_clear(&made->copy);
    rl_mem_free(made);
}

static void on_news(rl_copy *copy) {
    rl_pg_call_tell(&RL_CONTAINER(copy, copy_call, copy)->call);
}

/* pg_copy(pool, how, sql, patience_ms) -> handle: the statement is on its way, and fails when the server is
 * silent for so long (or for the how's own time) while it owes something */
static int begin_copy(lua_State *L) {
    rl_pool *pool = rl_pg_check_pool(L);
    rl_pg_check_how(L);
    size_t len;
    const char *sql = luaL_checklstring(L, 3, &len);
    lua_Number patience_ms = luaL_checknumber(L, 4);
    rl_task *task = rl_task_may_wait(L);
    handle *at = lua_newuserdata(L, sizeof *at);
    at->copying = NULL;
    luaL_getmetatable(L, COPY_META);
    lua_setmetatable(L, -2);
    copy_call *made = rl_mem_zalloc(1, sizeof *made);
    if (made == NULL)
        return luaL_error(L, "not enough memory");
    rl_pg_call_init(&made->call, task, RL_ERRAND_STATEMENT, pool, on_freed);
    rl_copy_init(&made->copy, on_news);
    rl_errand *errand = &made->call.errand;
    rl_pg_apply_how(L, errand);
    errand->is_exclusive = errand->is_cancellable = true;
    if (errand->timeout_ms == 0)
        errand->timeout_ms = (uint64_t)patience_ms;
    errand->query.copy = &made->copy;
    if (rl_query_set_sql(&errand->query, rl_slice_of(sql, len)) != RL_OK) {
        rl_errand_drop(errand);
        return luaL_error(L, "the text of a statement holds a NUL byte, or is too large");
    }
    made->handle = at;
    at->copying = made;
    rl_errand_start(errand);
    return 1;
}

static copy_call *check_copy(lua_State *L) {
    handle *at = luaL_checkudata(L, 1, COPY_META);
    if (at->copying == NULL)
        luaL_error(L, "this COPY is over");
    return at->copying;
}

/* Whether there is something to do before the next wait. */
static bool has_news(const copy_call *made) {
    const rl_copy *copy = &made->copy;
    if (made->call.errand.state == RL_ERRAND_DONE || rl_copy_peek(copy).len > 0)
        return true;
    return copy->state == RL_COPY_IN && rl_copy_has_room(copy);
}

/* pg_copy_wait(handle) -> case: it has begun, has room or rows, or is over */
static int wait_for_news(lua_State *L) {
    copy_call *made = check_copy(L);
    rl_task *task = rl_task_may_wait(L);
    if (!has_news(made))
        return rl_pg_call_wait(L, task, &made->call);
    lua_pushinteger(L, RL_PG_CASE_ANSWER);
    return 1;
}

/* pg_copy_state(handle) -> "in", "out", or nil before it began and after its end; the direction that it began
 * in, or nil */
static int state(lua_State *L) {
    const rl_copy *copy = &check_copy(L)->copy;
    if (copy->state == RL_COPY_IN)
        lua_pushliteral(L, "in");
    else if (copy->state == RL_COPY_OUT)
        lua_pushliteral(L, "out");
    else
        lua_pushnil(L);
    if (copy->has_begun)
        lua_pushstring(L, copy->is_input ? "in" : "out");
    else
        lua_pushnil(L);
    return 2;
}

/* pg_copy_put(handle, bytes) -> whether it still takes rows */
static int put(lua_State *L) {
    copy_call *made = check_copy(L);
    size_t len;
    const char *bytes = luaL_checklstring(L, 2, &len);
    luaL_argcheck(L, len <= INT32_MAX, 2, "too many bytes at once");
    lua_pushboolean(L, rl_copy_put(&made->copy, rl_slice_of(bytes, len)) == RL_OK);
    return 1;
}

/* COPY's text format: what separates rows and columns stands behind a backslash. */
static rl_err append_escaped(rl_buf *line, rl_slice text) {
    static const char special[] = "\\\t\n\r", letters[] = "\\tnr";
    rl_err err = RL_OK;
    const char *plain = text.ptr, *end = text.ptr + text.len;
    for (const char *at = plain; at < end && err == RL_OK; at++) {
        const char *found = *at == '\0' ? NULL : strchr(special, *at);
        if (found == NULL)
            continue;
        char escape[2] = {'\\', letters[found - special]};
        err = rl_buf_append(line, rl_slice_of(plain, (size_t)(at - plain)));
        if (err == RL_OK)
            err = rl_buf_append(line, rl_slice_of(escape, sizeof escape));
        plain = at + 1;
    }
    return err == RL_OK ? rl_buf_append(line, rl_slice_of(plain, (size_t)(end - plain))) : err;
}

static rl_err append_hex(rl_buf *line, rl_slice bytes) {
    rl_err err = rl_buf_append(line, RL_LIT("\\\\x"));
    for (size_t i = 0; i < bytes.len && err == RL_OK; i++) {
        char hex[3];
        snprintf(hex, sizeof hex, "%02x", (unsigned char)bytes.ptr[i]);
        err = rl_buf_append(line, rl_slice_of(hex, 2));
    }
    return err;
}

static rl_err append_row(rl_buf *line, const rl_query *row) {
    rl_err err = RL_OK;
    for (uint32_t i = 0; i < row->param_count && err == RL_OK; i++) {
        const rl_param *param = &row->params[i];
        rl_slice value = rl_slice_of(rl_query_sql(row) + param->offset, param->len);
        if (i > 0)
            err = rl_buf_append_byte(line, '\t');
        if (err != RL_OK)
            return err;
        if (param->kind == RL_PARAM_NULL)
            err = rl_buf_append(line, RL_LIT("\\N"));
        else if (param->kind == RL_PARAM_BYTES)
            err = append_hex(line, value);
        else
            err = append_escaped(line, value);
    }
    return err == RL_OK ? rl_buf_append_byte(line, '\n') : err;
}

/* pg_copy_row(handle, row) -> whether it still takes rows; or nil and why the
 * values cannot be sent. The row has as many as the COPY has columns, nils too. */
static int put_row(lua_State *L) {
    copy_call *made = check_copy(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    int columns = (int)made->copy.columns;
    luaL_checkstack(L, columns + 2 * LUA_MINSTACK, "too many columns");
    for (int i = 1; i <= columns; i++)
        lua_rawgeti(L, 2, i);
    char message[RL_PG_MESSAGE_CAP] = "the row is too large";
    rl_query row; /* the same values as a statement's, encoded by the same code */
    rl_buf line;
    rl_query_init(&row, NULL);
    rl_buf_init(&line, ROW_CEILING);
    rl_err err = rl_query_set_sql(&row, RL_LIT(""));
    if (err == RL_OK)
        err = rl_vm_pg_add_params(L, 3, &row, message, sizeof message);
    if (err == RL_OK)
        err = append_row(&line, &row);
    bool is_taken = err == RL_OK && rl_copy_put(&made->copy, rl_buf_live(&line)) == RL_OK;
    rl_query_clear(&row);
    rl_buf_clear(&line);
    if (err != RL_OK) {
        lua_pushnil(L);
        lua_pushstring(L, message);
        return 2;
    }
    lua_pushboolean(L, is_taken);
    return 1;
}

/* pg_copy_finish(handle[, why]): that was the last row; with `why`, all are refused */
static int finish(lua_State *L) {
    rl_copy_finish(&check_copy(L)->copy, luaL_optstring(L, 2, NULL));
    return 0;
}

/* pg_copy_take(handle) -> the rows that have come, or nil when none have */
static int take(lua_State *L) {
    copy_call *made = check_copy(L);
    rl_slice rows = rl_copy_peek(&made->copy);
    if (rows.len == 0)
        return 0;
    lua_pushlstring(L, rows.ptr, rows.len);
    rl_copy_taken(&made->copy);
    return 1;
}

/* pg_copy_drop(handle): nobody wants the rest of it */
static int drop(lua_State *L) {
    handle *at = luaL_checkudata(L, 1, COPY_META);
    copy_call *made = at->copying;
    if (made == NULL)
        return 0;
    at->copying = made->handle->copying = NULL;
    made->handle = NULL;
    rl_errand_drop(&made->call.errand);
    return 0;
}

void rl_vm_open_pg_copy(lua_State *L) {
    const luaL_Reg functions[] = {{"pg_copy", begin_copy},      {"pg_copy_wait", wait_for_news},
                                  {"pg_copy_state", state},     {"pg_copy_put", put},
                                  {"pg_copy_finish", finish},   {"pg_copy_take", take},
                                  {"pg_copy_drop", drop},
                                  {"pg_copy_row", put_row},     {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    luaL_newmetatable(L, COPY_META);
    lua_pushcfunction(L, drop);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
