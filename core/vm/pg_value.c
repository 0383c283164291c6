#include "vm/pg_value.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "vm/json.h"

enum { LONGEST_FLOAT = 40, MAX_DEPTH = 6 /* of arrays: PostgreSQL's MAXDIM */ };

#define LARGEST_EXACT 9007199254740992 /* 2^53: above it doubles skip integers */

static bool refuse(rl_pg_value_reader *r, const char *why) {
    rl_slice name = rl_result_name(r->result, r->column);
    snprintf(r->message, r->message_cap, "column \"%.*s\": %s", (int)name.len, name.ptr, why);
    return false;
}

static bool push_integer(rl_pg_value_reader *r, rl_slice text) {
    bool negative = text.len > 0 && text.ptr[0] == '-';
    uint64_t value = 0; /* without its sign: the least int8 has no positive */
    for (size_t i = negative; i < text.len; i++)
        value = value * 10 + (uint64_t)(text.ptr[i] - '0');
    if (value <= LARGEST_EXACT) {
        lua_Number exact = (lua_Number)(int64_t)value;
        lua_pushnumber(r->L, negative ? -exact : exact);
        return true;
    }
    if (!r->bigint_is_string) {
        char why[128];
        snprintf(why, sizeof why, "%.*s is beyond 2^53, more than a Lua number holds: select it ::text",
                 (int)(text.len < 24 ? text.len : 24), text.ptr);
        return refuse(r, why);
    }
    lua_pushlstring(r->L, text.ptr, text.len);
    return true;
}

double rl_pg_value_float(rl_slice text) {
    char copy[LONGEST_FLOAT]; /* an array's element has no NUL behind it */
    size_t len = text.len < sizeof copy - 1 ? text.len : sizeof copy - 1;
    memcpy(copy, text.ptr, len);
    copy[len] = '\0';
    return strtod(copy, NULL);
}

static bool is_digit(char ch) {
    return ch >= '0' && ch <= '9';
}

/* Years BC and "infinity" have no such form. */
rl_slice rl_pg_value_timestamp(rl_slice text, char out[RL_PG_TIMESTAMP_CAP]) {
    const char *space = memchr(text.ptr, ' ', text.len);
    size_t day_len = space == NULL ? 0 : (size_t)(space - text.ptr);
    size_t rest = space == NULL ? 0 : text.len - day_len - 1;
    if (rest < 8 || day_len > 20 || memchr(space + 1, ' ', rest) != NULL)
        return text;
    char digits[7] = "000000";
    const char *clock = space + 1;
    if (rest > 8 && clock[8] == '.')
        for (size_t i = 0; i < 6 && 9 + i < rest && is_digit(clock[9 + i]); i++)
            digits[i] = clock[9 + i];
    int len = snprintf(out, RL_PG_TIMESTAMP_CAP, "%.*sT%.8s.%sZ", (int)day_len, text.ptr, clock, digits);
    return rl_slice_of(out, (size_t)len);
}

static bool push_timestamp(rl_pg_value_reader *r, rl_slice text) {
    char iso[RL_PG_TIMESTAMP_CAP];
    rl_slice made = rl_pg_value_timestamp(text, iso);
    lua_pushlstring(r->L, made.ptr, made.len);
    return true;
}

static unsigned nibble(char ch) {
    return is_digit(ch) ? (unsigned)(ch - '0') : (unsigned)(ch - 'a' + 10) & 15;
}

static bool push_bytes(rl_pg_value_reader *r, rl_slice text) {
    if (text.len < 2 || text.ptr[0] != '\\' || text.ptr[1] != 'x') {
        lua_pushlstring(r->L, text.ptr, text.len);
        return true;
    }
    luaL_Buffer bytes;
    luaL_buffinit(r->L, &bytes);
    for (size_t i = 2; i + 1 < text.len; i += 2)
        luaL_addchar(&bytes, (char)(nibble(text.ptr[i]) << 4 | nibble(text.ptr[i + 1])));
    luaL_pushresult(&bytes);
    return true;
}

static bool push_json(rl_pg_value_reader *r, rl_slice text) {
    rl_vm_json_options options = RL_VM_JSON_OPTIONS_DEFAULT;
    rl_json_error error;
    options.bigint_is_string = r->bigint_is_string;
    options.last_duplicate_wins = true; /* the type json keeps them; jsonb has none */
    options.limits.max_bytes = text.len + 1;
    options.limits.max_values = text.len + 1; /* our own data, of a size that arrived already */
    if (rl_vm_json_decode(r->L, text, &options, &error) == RL_OK)
        return true;
    char why[RL_VM_JSON_MESSAGE_CAP];
    rl_json_error_print(&error, why, sizeof why);
    return refuse(r, why);
}

/* ---- arrays ------------------------------------------------------------- */

typedef struct array {
    rl_pg_value_reader *r;
    const char *at, *end;
    uint32_t element;
    char *scratch; /* of a Lua userdata: an element without its escapes */
    int meta;      /* stack index of the array metatable */
} array;

static bool push_list(array *a, int depth);

/* `at` is at the opening quote; the scratch is as long as the whole text. */
static rl_slice take_quoted(array *a) {
    size_t len = 0;
    for (a->at++; a->at < a->end && *a->at != '"'; a->at++) {
        if (*a->at == '\\' && a->at + 1 < a->end)
            a->at++;
        a->scratch[len++] = *a->at;
    }
    a->at++;
    return rl_slice_of(a->scratch, len);
}

static rl_slice take_bare(array *a) {
    const char *begin = a->at;
    while (a->at < a->end && *a->at != ',' && *a->at != '}')
        a->at++;
    return rl_slice_of(begin, (size_t)(a->at - begin));
}

static bool push_element(array *a, int depth) {
    if (*a->at == '{')
        return push_list(a, depth + 1);
    if (*a->at == '"')
        return rl_pg_value_push(a->r, a->element, take_quoted(a));
    rl_slice text = take_bare(a);
    if (!rl_slice_eq(text, RL_LIT("NULL")))
        return rl_pg_value_push(a->r, a->element, text);
    lua_pushlightuserdata(a->r->L, NULL);
    return true;
}

static bool push_list(array *a, int depth) {
    lua_State *L = a->r->L;
    if (depth > MAX_DEPTH)
        return refuse(a->r, "an array that nests too deep");
    lua_newtable(L);
    lua_pushvalue(L, a->meta);
    lua_setmetatable(L, -2);
    a->at++; /* { */
    for (int i = 1; a->at < a->end && *a->at != '}'; i++) {
        if (*a->at == ',')
            a->at++;
        if (!push_element(a, depth))
            return false;
        lua_rawseti(L, -2, i);
    }
    a->at++; /* } */
    return true;
}

static bool push_array(rl_pg_value_reader *r, uint32_t element, rl_slice text) {
    lua_State *L = r->L;
    luaL_checkstack(L, MAX_DEPTH + LUA_MINSTACK, "a nested array");
    array a = {.r = r, .at = text.ptr, .end = text.ptr + text.len, .element = element};
    /* Bounds other than from 1 stand in front: "[0:2]={1,2,3}". */
    while (a.at < a.end && *a.at != '{')
        a.at++;
    a.scratch = lua_newuserdata(L, text.len + 1);
    rl_vm_push_array_meta(L);
    a.meta = lua_gettop(L);
    if (!push_list(&a, 1))
        return false;
    lua_replace(L, a.meta - 1);
    lua_settop(L, a.meta - 1);
    return true;
}

static bool push_other(rl_pg_value_reader *r, uint32_t oid, rl_slice text) {
    uint32_t element;
    switch (oid) {
    case RL_OID_FLOAT4:
    case RL_OID_FLOAT8: lua_pushnumber(r->L, rl_pg_value_float(text)); return true;
    case RL_OID_BOOL: lua_pushboolean(r->L, text.ptr[0] == 't'); return true;
    case RL_OID_TIMESTAMP:
    case RL_OID_TIMESTAMPTZ: return push_timestamp(r, text);
    case RL_OID_JSON:
    case RL_OID_JSONB: return push_json(r, text);
    case RL_OID_BYTEA: return push_bytes(r, text);
    default: break;
    }
    element = rl_oid_element(oid);
    if (element != 0)
        return push_array(r, element, text);
    lua_pushlstring(r->L, text.ptr, text.len);
    return true;
}

bool rl_pg_value_push(rl_pg_value_reader *r, uint32_t oid, rl_slice text) {
    bool is_integer = oid == RL_OID_INT4 || oid == RL_OID_INT8 || oid == RL_OID_INT2 || oid == RL_OID_OID;
    return is_integer ? push_integer(r, text) : push_other(r, oid, text);
}
