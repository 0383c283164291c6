/* The Lua functions around the decoder (vm/json_decode.c) and the encoder
 * (vm/json_encode.c). */
#include "vm/json.h"

#include <lauxlib.h>
#include <lua.h>

#include "vm/kind.h"
#include "vm/task.h"

enum {
    MAX_TEXT = 64 << 20, /* bytes of one encoded text: a value of more is a mistake */
    KEPT_CAP = 64 << 10  /* the scratch keeps so much memory between calls */
};

/* Addresses as registry keys: nothing else can have them. */
static const char array_meta_key;
static const char jsonb_meta_key;

/* Push the metatable of `kind`, made at its first use. */
static void push_meta(lua_State *L, const char *key, int kind) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    if (!lua_isnil(L, -1))
        return;
    lua_pop(L, 1);
    lua_createtable(L, 1, 0);
    lua_pushinteger(L, kind);
    lua_rawseti(L, -2, 0);
    lua_pushlightuserdata(L, (void *)(uintptr_t)key);
    lua_pushvalue(L, -2);
    lua_rawset(L, LUA_REGISTRYINDEX);
}

void rl_vm_push_array_meta(lua_State *L) {
    push_meta(L, &array_meta_key, RL_KIND_ARRAY);
}

/* ---- decoding --------------------------------------------------------------- */

/* options[name], a positive integer of at most `largest`, or `otherwise` when
 * it is absent. */
static size_t limit_option(lua_State *L, const char *name, size_t largest, size_t otherwise) {
    lua_getfield(L, 2, name);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return otherwise;
    }
    double value = lua_tonumber(L, -1);
    if (lua_type(L, -1) != LUA_TNUMBER || !(value >= 1 && value <= (double)largest))
        luaL_error(L, "option %s must be a number from 1 to %d", name, (int)largest);
    lua_pop(L, 1);
    return (size_t)value;
}

/* Whether options[name] is `word`, the one value it may have. */
static bool word_option(lua_State *L, const char *name, const char *word) {
    lua_getfield(L, 2, name);
    bool is_set = !lua_isnil(L, -1);
    if (is_set && (lua_type(L, -1) != LUA_TSTRING || strcmp(lua_tostring(L, -1), word) != 0))
        luaL_error(L, "option %s must be \"%s\" or nil", name, word);
    lua_pop(L, 1);
    return is_set;
}

static rl_vm_json_options check_options(lua_State *L) {
    rl_vm_json_options options = RL_VM_JSON_OPTIONS_DEFAULT;
    if (lua_isnoneornil(L, 2))
        return options;
    luaL_checktype(L, 2, LUA_TTABLE);
    options.limits.max_bytes = limit_option(L, "max_bytes", INT32_MAX, options.limits.max_bytes);
    options.limits.max_values = limit_option(L, "max_values", INT32_MAX, options.limits.max_values);
    options.limits.max_depth = limit_option(L, "max_depth", RL_JSON_MAX_DEPTH, options.limits.max_depth);
    options.bigint_is_string = word_option(L, "bigint", "string");
    options.last_duplicate_wins = word_option(L, "duplicates", "last");
    return options;
}

static rl_err decode_argument(lua_State *L, rl_json_error *error) {
    luaL_checktype(L, 1, LUA_TSTRING);
    rl_slice text;
    text.ptr = lua_tolstring(L, 1, &text.len);
    rl_vm_json_options options = check_options(L);
    return rl_vm_json_decode(L, text, &options, error);
}

/* json_decode(text [, options]) -> value; raises the error's text. */
static int json_decode(lua_State *L) {
    rl_json_error error;
    if (decode_argument(L, &error) == RL_OK)
        return 1;
    char message[RL_VM_JSON_MESSAGE_CAP];
    rl_json_error_print(&error, message, sizeof message);
    return luaL_error(L, "%s", message);
}

/* json_try_decode(text [, options]) -> value | nil, {message, reason, line,
 * column, path, limit}: for texts that others wrote. `limit` is true when the
 * text may be valid JSON but is more than we take. */
static int json_try_decode(lua_State *L) {
    rl_json_error error;
    rl_err err = decode_argument(L, &error);
    if (err == RL_OK)
        return 1;
    char message[RL_VM_JSON_MESSAGE_CAP];
    rl_json_error_print(&error, message, sizeof message);
    lua_pushnil(L);
    lua_createtable(L, 0, 6);
    lua_pushstring(L, message);
    lua_setfield(L, -2, "message");
    lua_pushstring(L, error.reason);
    lua_setfield(L, -2, "reason");
    lua_pushinteger(L, (lua_Integer)error.line);
    lua_setfield(L, -2, "line");
    lua_pushinteger(L, (lua_Integer)error.column);
    lua_setfield(L, -2, "column");
    lua_pushstring(L, error.path);
    lua_setfield(L, -2, "path");
    lua_pushboolean(L, err == RL_EFULL);
    lua_setfield(L, -2, "limit");
    return 2;
}

/* ---- encoding --------------------------------------------------------------- */

/* json_encode(value) -> text; raises with the path of what cannot be encoded.
 * The scratch belongs to the VM, not to the call: lua_pushlstring may raise. */
static int json_encode(lua_State *L) {
    rl_buf *scratch = lua_touserdata(L, lua_upvalueindex(1));
    char message[RL_VM_JSON_MESSAGE_CAP];
    luaL_checkany(L, 1);
    rl_buf_reset(scratch);
    rl_err err = rl_vm_json_encode(L, 1, scratch, message, sizeof message);
    if (err == RL_EINVAL)
        return luaL_error(L, "%s", message);
    if (err == RL_EFULL)
        return luaL_error(L, "the JSON text is longer than %d MB", MAX_TEXT >> 20);
    if (err != RL_OK)
        return luaL_error(L, "%s", rl_err_name(err));
    rl_slice text = rl_buf_live(scratch);
    lua_pushlstring(L, text.ptr, text.len);
    if (scratch->cap > KEPT_CAP)
        rl_buf_clear(scratch);
    return 1;
}

static int free_scratch(lua_State *L) {
    rl_buf_clear(lua_touserdata(L, 1));
    return 0;
}

static void push_scratch(lua_State *L) {
    rl_buf *scratch = lua_newuserdata(L, sizeof *scratch);
    rl_buf_init(scratch, MAX_TEXT);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, free_scratch);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
}

/* ---- marking values --------------------------------------------------------- */

/* array(t) -> t, which is a list from now on, also when it is empty. */
static int mark_array(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    int kind = rl_kind_of(L, 1);
    lua_settop(L, 1);
    if (kind == RL_KIND_ARRAY)
        return 1;
    if (lua_getmetatable(L, 1))
        return luaL_argerror(L, 1, "has a metatable already");
    rl_vm_push_array_meta(L);
    lua_setmetatable(L, 1);
    return 1;
}

/* jsonb(value) -> a wrapper that the database gets as jsonb, whatever it is. */
static int wrap_jsonb(lua_State *L) {
    luaL_checkany(L, 1);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    push_meta(L, &jsonb_meta_key, RL_KIND_JSONB);
    lua_setmetatable(L, -2);
    return 1;
}

void rl_vm_open_json(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"json_decode", json_decode}, {"json_try_decode", json_try_decode}, {"array", mark_array},
        {"jsonb", wrap_jsonb},        {NULL, NULL}};
    luaL_register(L, NULL, functions);
    push_scratch(L);
    lua_pushcclosure(L, json_encode, 1);
    lua_setfield(L, -2, "json_encode");
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
}
