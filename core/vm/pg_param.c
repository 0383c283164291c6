#include "vm/pg_param.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "json/number.h"
#include "vm/json.h"
#include "vm/kind.h"

enum {
    MAX_DEPTH = 6,   /* of an array: PostgreSQL's own MAXDIM */
    NUMBER_CAP = RL_NUMBER_TEXT_CAP + 1,
    LUA_TCDATA_ = 10 /* LuaJIT's type number of FFI values, in no header */
};

/* Its address is the registry key of bytea's metatable. */
static const char bytea_key;

typedef struct sender {
    lua_State *L;
    rl_query *query;
    int number; /* of the parameter at hand, from 1 */
    char *message;
    size_t message_cap;
} sender;

static void push_bytea_meta(lua_State *L) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)&bytea_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
}

int rl_vm_pg_bytea(lua_State *L) {
    luaL_checktype(L, 1, LUA_TSTRING);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    push_bytea_meta(L);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushlightuserdata(L, (void *)(uintptr_t)&bytea_key);
        lua_pushvalue(L, -2);
        lua_rawset(L, LUA_REGISTRYINDEX);
    }
    lua_setmetatable(L, -2);
    return 1;
}

static bool is_bytea(lua_State *L, int index) {
    if (!lua_getmetatable(L, index))
        return false;
    push_bytea_meta(L);
    bool same = lua_rawequal(L, -1, -2) == 1;
    lua_pop(L, 2);
    return same;
}

static int kind_of(lua_State *L, int index) {
    int kind = rl_kind_of(L, index);
    if (kind == RL_KIND_ROW || kind == RL_KIND_MODEL)
        lua_pop(L, 1); /* its metatable */
    return kind;
}

static rl_err refuse(sender *s, const char *why) {
    snprintf(s->message, s->message_cap, "parameter $%d: %s", s->number, why);
    return RL_EINVAL;
}

static rl_err append(sender *s, const char *text) {
    return rl_buf_append(s->query->text, rl_slice_str(text));
}

/* Beyond 2^53, where JSON has an exponent: a bigint is to be digits as long as it can. */
static void print_large(double value, char out[NUMBER_CAP]) {
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, NUMBER_CAP, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
}

/* The fewest digits that read back as the same double. */
static rl_err append_number(sender *s, double value) {
    char *room;
    rl_err err = rl_buf_reserve(s->query->text, NUMBER_CAP, &room);
    if (err != RL_OK)
        return err;
    if (fabs(value) <= RL_NUMBER_MAX_INTEGER) {
        rl_buf_commit(s->query->text, rl_number_write(value == 0 ? 0 : value, room)); /* as text, -0 would show */
        return RL_OK;
    }
    if (isnan(value))
        strcpy(room, "NaN");
    else if (isinf(value))
        strcpy(room, value > 0 ? "Infinity" : "-Infinity");
    else
        print_large(value, room);
    rl_buf_commit(s->query->text, strlen(room));
    return RL_OK;
}

/* A quoted element: only the quote and the backslash mean anything inside. */
static rl_err append_quoted(sender *s, rl_slice text) {
    rl_buf *out = s->query->text;
    rl_err err = rl_buf_append_byte(out, '"');
    size_t from = 0;
    for (size_t i = 0; i < text.len && err == RL_OK; i++) {
        if (text.ptr[i] != '"' && text.ptr[i] != '\\')
            continue;
        err = rl_buf_append(out, rl_slice_of(text.ptr + from, i - from));
        if (err == RL_OK)
            err = rl_buf_append_byte(out, '\\');
        from = i;
    }
    if (err == RL_OK)
        err = rl_buf_append(out, rl_slice_of(text.ptr + from, text.len - from));
    return err == RL_OK ? rl_buf_append_byte(out, '"') : err;
}

static rl_slice string_at(lua_State *L, int index) {
    size_t len = 0;
    const char *ptr = lua_tolstring(L, index, &len);
    return rl_slice_of(ptr, len);
}

static rl_slice wrapped_bytes(lua_State *L, int index) {
    lua_rawgeti(L, index, 1);
    rl_slice bytes = string_at(L, -1);
    lua_pop(L, 1); /* the wrapper holds it */
    return bytes;
}

static rl_err append_hex_element(sender *s, rl_slice bytes) {
    static const char digits[] = "0123456789abcdef";
    char *at = NULL;
    rl_err err = rl_buf_reserve(s->query->text, bytes.len * 2 + 5, &at);
    if (err != RL_OK)
        return err;
    char *begin = at;
    memcpy(at, "\"\\\\x", 4); /* the array's own quoting doubles the backslash */
    at += 4;
    for (size_t i = 0; i < bytes.len; i++) {
        *at++ = digits[(unsigned char)bytes.ptr[i] >> 4];
        *at++ = digits[(unsigned char)bytes.ptr[i] & 15];
    }
    *at++ = '"';
    rl_buf_commit(s->query->text, (size_t)(at - begin));
    return RL_OK;
}

/* JSON text of the value on the top, into `out`. */
static rl_err encode_json(sender *s, rl_buf *out) {
    char why[RL_VM_JSON_MESSAGE_CAP];
    rl_err err = rl_vm_json_encode(s->L, -1, out, why, sizeof why);
    return err == RL_EINVAL ? refuse(s, why) : err;
}

static rl_err append_json_element(sender *s, int index) {
    rl_buf text;
    rl_buf_init(&text, s->query->text->ceiling);
    lua_rawgeti(s->L, index, 1);
    rl_err err = encode_json(s, &text);
    lua_pop(s->L, 1);
    if (err == RL_OK)
        err = append_quoted(s, rl_buf_live(&text));
    rl_buf_clear(&text);
    return err;
}

static rl_err append_array(sender *s, int index, int depth);

static rl_err append_table_element(sender *s, int index, int depth) {
    if (is_bytea(s->L, index))
        return append_hex_element(s, wrapped_bytes(s->L, index));
    switch (kind_of(s->L, index)) {
    case RL_KIND_ARRAY: return append_array(s, index, depth + 1);
    case RL_KIND_JSONB: return append_json_element(s, index);
    default: return refuse(s, "a plain table inside an array: it must be rille.array or rille.jsonb itself");
    }
}

static rl_err append_element(sender *s, int index, int depth) {
    lua_State *L = s->L;
    switch (lua_type(L, index)) {
    case LUA_TNIL: return append(s, "NULL");
    case LUA_TLIGHTUSERDATA:
        return lua_touserdata(L, index) == NULL ? append(s, "NULL") : refuse(s, "a userdata inside an array");
    case LUA_TBOOLEAN: return append(s, lua_toboolean(L, index) ? "t" : "f");
    case LUA_TNUMBER: return append_number(s, lua_tonumber(L, index));
    case LUA_TSTRING: {
        rl_slice text = string_at(L, index);
        if (memchr(text.ptr, '\0', text.len) != NULL)
            return refuse(s, "a text inside an array holds a NUL byte (rille.bytea is for bytes)");
        return append_quoted(s, text);
    }
    case LUA_TTABLE: return append_table_element(s, index, depth);
    default: return refuse(s, "an array of such values cannot be sent");
    }
}

static rl_err append_array(sender *s, int index, int depth) {
    lua_State *L = s->L;
    if (depth > MAX_DEPTH)
        return refuse(s, "an array nests deeper than PostgreSQL allows (6)");
    int count = (int)lua_objlen(L, index);
    rl_err err = rl_buf_append_byte(s->query->text, '{');
    for (int i = 1; i <= count && err == RL_OK; i++) {
        if (i > 1)
            err = rl_buf_append_byte(s->query->text, ',');
        if (err != RL_OK)
            break;
        lua_rawgeti(L, index, i);
        err = append_element(s, lua_gettop(L), depth);
        lua_pop(L, 1);
    }
    return err == RL_OK ? rl_buf_append_byte(s->query->text, '}') : err;
}

static rl_err add_number(sender *s, double value) {
    rl_err err = rl_query_begin_param(s->query, RL_PARAM_TEXT);
    if (err == RL_OK)
        err = append_number(s, value);
    return err == RL_OK ? rl_query_end_param(s->query) : err;
}

static rl_err add_array(sender *s, int index) {
    rl_err err = rl_query_begin_param(s->query, RL_PARAM_TEXT);
    if (err == RL_OK)
        err = append_array(s, index, 1);
    return err == RL_OK ? rl_query_end_param(s->query) : err;
}

static rl_err add_json(sender *s, int index) {
    rl_err err = rl_query_begin_param(s->query, RL_PARAM_TEXT);
    if (err != RL_OK)
        return err;
    lua_rawgeti(s->L, index, 1);
    err = encode_json(s, s->query->text);
    lua_pop(s->L, 1);
    return err == RL_OK ? rl_query_end_param(s->query) : err;
}

static rl_err add_table(sender *s, int index) {
    if (is_bytea(s->L, index))
        return rl_query_add(s->query, RL_PARAM_BYTES, wrapped_bytes(s->L, index));
    switch (kind_of(s->L, index)) {
    case RL_KIND_ARRAY: return add_array(s, index);
    case RL_KIND_JSONB: return add_json(s, index);
    default: return refuse(s, "a table must be rille.array{...} or rille.jsonb(t), to say what it is");
    }
}

static rl_err add_param(sender *s, int index) {
    lua_State *L = s->L;
    switch (lua_type(L, index)) {
    case LUA_TNIL: return rl_query_add(s->query, RL_PARAM_NULL, rl_slice_of(NULL, 0));
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, index) != NULL)
            return refuse(s, "a userdata cannot be sent");
        return rl_query_add(s->query, RL_PARAM_NULL, rl_slice_of(NULL, 0));
    case LUA_TBOOLEAN:
        return rl_query_add(s->query, RL_PARAM_TEXT, lua_toboolean(L, index) ? RL_LIT("t") : RL_LIT("f"));
    case LUA_TNUMBER: return add_number(s, lua_tonumber(L, index));
    case LUA_TSTRING: return rl_query_add(s->query, RL_PARAM_STRING, string_at(L, index));
    case LUA_TTABLE: return add_table(s, index);
    case LUA_TCDATA_: return refuse(s, "an FFI value cannot be sent: tostring() or tonumber() it");
    default: {
        char why[64];
        snprintf(why, sizeof why, "a %s cannot be sent", lua_typename(L, lua_type(L, index)));
        return refuse(s, why);
    }
    }
}

rl_err rl_vm_pg_add_params(lua_State *L, int first, rl_query *query, char *message, size_t message_cap) {
    sender s = {.L = L, .query = query, .message = message, .message_cap = message_cap};
    int top = lua_gettop(L);
    for (int index = first; index <= top; index++) {
        s.number = index - first + 1;
        rl_err err = add_param(&s, index);
        if (err == RL_EINVAL)
            return err;
        if (err != RL_OK)
            snprintf(message, message_cap, "parameter $%d: %s", s.number,
                     err == RL_EFULL ? "the statement's values are too large together, or too many"
                                     : "out of memory");
        if (err != RL_OK)
            return err;
    }
    return RL_OK;
}
