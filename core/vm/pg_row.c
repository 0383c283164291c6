#include "vm/pg_row.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "vm/json.h"

#define SHAPES "rille.pg.shapes"
#define NEW_SHAPE "rille.pg.new_shape"

enum { MOST_SHAPES = 1000 /* an app writes fewer; beyond it somebody composes column lists */ };

int rl_vm_pg_set_shape(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, NEW_SHAPE);
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, SHAPES);
    return 0;
}

/* The names with a NUL behind each: no name holds one. */
static void push_signature(lua_State *L, const rl_result *result) {
    luaL_Buffer signature;
    luaL_buffinit(L, &signature);
    for (uint32_t i = 0; i < rl_result_columns(result); i++) {
        rl_slice name = rl_result_name(result, i);
        luaL_addlstring(&signature, name.ptr, name.len + 1);
    }
    luaL_pushresult(&signature);
}

static void push_names(lua_State *L, const rl_result *result) {
    int count = (int)rl_result_columns(result);
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        rl_slice name = rl_result_name(result, (uint32_t)i);
        lua_pushlstring(L, name.ptr, name.len);
        lua_rawseti(L, -2, i + 1);
    }
}

/* The shapes known so far, and who makes new ones: the mold's, at its index, or everybody's. */
static void push_shapes(lua_State *L, int mold) {
    lua_getfield(L, mold == 0 ? LUA_REGISTRYINDEX : mold, mold == 0 ? SHAPES : "shapes");
}

static void push_maker(lua_State *L, int mold) {
    lua_getfield(L, mold == 0 ? LUA_REGISTRYINDEX : mold, mold == 0 ? NEW_SHAPE : "make");
}

static void forget_shapes(lua_State *L, int mold) {
    lua_newtable(L);
    lua_setfield(L, mold == 0 ? LUA_REGISTRYINDEX : mold, mold == 0 ? SHAPES : "shapes");
}

/* Stack: shapes, signature. Leaves shapes, metatable. */
static bool make_shape(lua_State *L, int mold, const rl_result *result, char *message, size_t message_cap) {
    int shapes = lua_gettop(L) - 1;
    push_maker(L, mold);
    push_names(L, result);
    lua_call(L, 1, 2);
    if (lua_isnil(L, -2)) {
        snprintf(message, message_cap, "two columns are called \"%s\": name them with AS",
                 lua_tostring(L, -1));
        return false;
    }
    lua_pop(L, 1);
    lua_rawgeti(L, shapes, 0); /* how many there are; no signature is a number */
    lua_Integer count = lua_tointeger(L, -1) + 1;
    lua_pop(L, 1);
    if (count > MOST_SHAPES) {
        forget_shapes(L, mold);
        push_shapes(L, mold);
        lua_replace(L, shapes);
        count = 1;
    }
    lua_pushinteger(L, count);
    lua_rawseti(L, shapes, 0);
    lua_insert(L, -2); /* metatable, signature */
    lua_pushvalue(L, -2);
    lua_rawset(L, shapes);
    return true;
}

/* Pushes one value: the metatable of the result's rows. */
static bool push_shape(lua_State *L, int mold, const rl_result *result, char *message, size_t message_cap) {
    int top = lua_gettop(L);
    push_shapes(L, mold);
    push_signature(L, result);
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    if (!lua_isnil(L, -1)) {
        lua_replace(L, top + 1);
        lua_settop(L, top + 1);
        return true;
    }
    lua_pop(L, 1);
    if (!make_shape(L, mold, result, message, message_cap))
        return false;
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
    return true;
}

void rl_vm_pg_rows_begin(rl_vm_pg_rows *rows, lua_State *L, bool bigint_is_string, char *message, size_t message_cap) {
    *rows = (rl_vm_pg_rows){.value = {.L = L,
                                      .bigint_is_string = bigint_is_string,
                                      .message = message,
                                      .message_cap = message_cap}};
    rl_vm_push_array_meta(L);
    rows->array_meta = lua_gettop(L);
    lua_pushnil(L);
    rows->meta = rows->array_meta + 1;
}

void rl_vm_pg_rows_mold(rl_vm_pg_rows *rows, int mold) {
    if (rows->mold != 0 || mold != 0)
        rows->like = NULL; /* another model's columns may have the same names */
    rows->mold = mold;
}

bool rl_vm_pg_rows_know(rl_vm_pg_rows *rows, const rl_result *result) {
    lua_State *L = rows->value.L;
    if (rows->like != NULL && rl_result_is_alike(rows->like, result))
        return true;
    if (!push_shape(L, rows->mold, result, rows->value.message, rows->value.message_cap))
        return false;
    lua_replace(L, rows->meta);
    rows->like = result;
    return true;
}

static bool push_model_row(rl_vm_pg_rows *rows, const rl_result *result, uint32_t row, int set) {
    lua_State *L = rows->value.L;
    uint32_t columns = rl_result_columns(result);
    lua_createtable(L, (int)columns, 0);
    for (uint32_t i = 0; i < columns; i++) {
        rl_slice text;
        if (!rl_result_cell(result, row, i, &text))
            continue;
        rows->value.column = i;
        if (!rl_pg_value_push(&rows->value, rl_result_oid(result, i), text))
            return false;
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_pushvalue(L, set);
    lua_rawseti(L, -2, 0);
    lua_pushvalue(L, rows->meta);
    lua_setmetatable(L, -2);
    return true;
}

/* Pushes the set of the list below it. */
static void push_set(rl_vm_pg_rows *rows) {
    lua_State *L = rows->value.L;
    lua_createtable(L, 0, 4);
    lua_getfield(L, rows->mold, "model");
    lua_setfield(L, -2, "model");
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "rows");
    lua_createtable(L, 0, 0);
    lua_setfield(L, -2, "loaded");
}

static bool push_row(rl_vm_pg_rows *rows, const rl_result *result, uint32_t row) {
    lua_State *L = rows->value.L;
    uint32_t columns = rl_result_columns(result);
    lua_createtable(L, 0, (int)columns);
    for (uint32_t i = 0; i < columns; i++) {
        rl_slice text;
        if (!rl_result_cell(result, row, i, &text))
            continue;
        lua_rawgeti(L, rows->meta, (int)i + 1);
        rows->value.column = i;
        if (!rl_pg_value_push(&rows->value, rl_result_oid(result, i), text))
            return false;
        lua_rawset(L, -3);
    }
    lua_pushvalue(L, rows->meta);
    lua_setmetatable(L, -2);
    return true;
}

bool rl_vm_pg_push_rows(rl_vm_pg_rows *rows, const rl_result *result, uint32_t most) {
    lua_State *L = rows->value.L;
    int top = lua_gettop(L);
    uint32_t count = result == NULL ? 0 : rl_result_rows(result);
    count = count < most ? count : most;
    if (count > 0 && !rl_vm_pg_rows_know(rows, result)) {
        lua_settop(L, top);
        return false;
    }
    rows->value.result = result;
    lua_createtable(L, (int)count, 0);
    lua_pushvalue(L, rows->array_meta);
    lua_setmetatable(L, -2);
    if (rows->mold != 0 && count > 0)
        push_set(rows);
    for (uint32_t row = 0; row < count; row++) {
        bool is_made = rows->mold == 0 ? push_row(rows, result, row) : push_model_row(rows, result, row, top + 2);
        if (!is_made) {
            lua_settop(L, top);
            return false;
        }
        lua_rawseti(L, top + 1, (int)row + 1);
    }
    if (rows->mold != 0 && count > 0)
        lua_pop(L, 1); /* the set */
    return true;
}

enum { MOST_OF_SERVER = 16 * 1024 };

static void set_text(lua_State *L, const char *key, const char *text) {
    if (text == NULL || text[0] == '\0')
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
}

/* FACE rule 3: a unique violation is a conflict, a statement that was stopped a
 * timeout, a pool without a connection an overloaded service; the rest is our own fault until an app maps it. */
static int status_of(const rl_failure *failure) {
    bool was_not_sent = failure->lost && !failure->sent;
    if (was_not_sent || failure->err == RL_EFULL || failure->err == RL_ECLOSED ||
        strcmp(failure->sqlstate, "08001") == 0 || failure->sqlstate[0] == '\0')
        return 503;
    if (strcmp(failure->sqlstate, "57014") == 0)
        return 504;
    return strcmp(failure->sqlstate, "23505") == 0 ? 409 : 500;
}

static bool is_about_the_connection(const rl_failure *failure) {
    return failure->err == RL_ERESET || strncmp(failure->sqlstate, "08", 2) == 0 ||
           strncmp(failure->sqlstate, "57P", 3) == 0;
}

/* A function may raise megabytes: they would stand in the log, and in whatever else is made of an error. */
static void set_server_text(lua_State *L, const char *key, const char *text) {
    if (text == NULL || text[0] == '\0')
        return;
    size_t len = strnlen(text, MOST_OF_SERVER + 1);
    bool is_cut = len > MOST_OF_SERVER;
    if (is_cut)
        for (len = MOST_OF_SERVER; len > 0 && (text[len] & 0xc0) == 0x80;)
            len--; /* not within a character */
    lua_pushlstring(L, text, len);
    lua_pushstring(L, is_cut ? "…" : "");
    lua_concat(L, 2);
    lua_setfield(L, -2, key);
}

static void push_server_fields(lua_State *L, const rl_server_error *server) {
    static const struct {
        rl_field_code code;
        const char *key;
    } fields[] = {
        {RL_FIELD_SEVERITY, "severity"}, {RL_FIELD_MESSAGE, "message"},       {RL_FIELD_DETAIL, "detail"},
        {RL_FIELD_HINT, "hint"},         {RL_FIELD_SCHEMA, "schema"},         {RL_FIELD_TABLE, "table"},
        {RL_FIELD_COLUMN, "column"},     {RL_FIELD_CONSTRAINT, "constraint"}, {RL_FIELD_CONTEXT, "context"},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        set_server_text(L, fields[i].key, rl_server_error_field(server, fields[i].code));
    const char *position = rl_server_error_field(server, RL_FIELD_POSITION);
    if (position != NULL) {
        lua_pushinteger(L, atoi(position)); /* in characters, from 1 */
        lua_setfield(L, -2, "position");
    }
}

void rl_vm_pg_push_failure(lua_State *L, const rl_failure *failure, const char *sql) {
    lua_createtable(L, 0, 12);
    if (failure->sqlstate[0] == '\0')
        lua_pushliteral(L, "overloaded");
    else
        lua_pushfstring(L, "db.%s", failure->sqlstate);
    lua_setfield(L, -2, "code");
    lua_pushinteger(L, status_of(failure));
    lua_setfield(L, -2, "status");
    set_text(L, "message", rl_failure_message(failure));
    set_text(L, "sql", sql);
    if (failure->server != NULL)
        push_server_fields(L, failure->server);
    if (is_about_the_connection(failure)) {
        lua_pushboolean(L, failure->sent);
        lua_setfield(L, -2, "sent");
    }
    if (failure->of_replica) {
        lua_pushboolean(L, true);
        lua_setfield(L, -2, "of_replica");
    }
    if (failure->of_plan) {
        lua_pushboolean(L, true);
        lua_setfield(L, -2, "of_plan");
    }
}
