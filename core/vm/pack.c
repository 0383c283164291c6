#include "vm/pack.h"

#include <lauxlib.h>
#include <stdio.h>

#include "json/path.h"
#include "vm/json.h"
#include "vm/kind.h"

enum { IS_NULL, IS_FALSE, IS_TRUE, IS_NUMBER, IS_SHORT, IS_LONG, IS_TABLE, IS_ARRAY };

enum { SLOTS_PER_LEVEL = 6, MOST_SHORT = UINT8_MAX };

/* ---- packing ------------------------------------------------------------------- */

/* One open table, linked to the one it lies in: the way back to the root. */
typedef struct level {
    const struct level *up;
    int depth;
    int key; /* the stack slot of the key whose value is being packed */
} level;

typedef struct packer {
    lua_State *L;
    rl_buf *out;
    char *message;
} packer;

static rl_err pack_value(packer *p, int at, const level *up);

static void write_path(lua_State *L, rl_json_path *path, const level *at) {
    if (at == NULL)
        return;
    write_path(L, path, at->up);
    if (at->key == 0)
        return;
    rl_slice key;
    if (lua_type(L, at->key) == LUA_TSTRING) {
        key.ptr = lua_tolstring(L, at->key, &key.len);
        rl_json_path_key(path, key);
    } else if (lua_type(L, at->key) == LUA_TNUMBER && lua_tonumber(L, at->key) >= 1) {
        rl_json_path_index(path, (size_t)lua_tonumber(L, at->key));
    }
}

static __attribute__((cold)) rl_err fail(const packer *p, const level *at, const char *what) {
    char text[RL_JSON_PATH_CAP];
    rl_json_path path;
    rl_json_path_init(&path, text, sizeof text);
    write_path(p->L, &path, at);
    snprintf(p->message, RL_PACK_MESSAGE_CAP, "%s%s%s", text, path.len > 0 ? ": " : "", what);
    return RL_EINVAL;
}

/* A tag, and room for `len` bytes behind it, which the caller writes. */
static rl_err begin(packer *p, uint8_t tag, size_t len, char **out) {
    char *at;
    rl_err err = rl_buf_reserve(p->out, 1 + len, &at);
    if (RL_UNLIKELY(err != RL_OK)) {
        if (err == RL_EFULL)
            snprintf(p->message, RL_PACK_MESSAGE_CAP, "the value takes more than %zu MB", p->out->ceiling >> 20);
        return err;
    }
    *at = (char)tag;
    *out = at + 1;
    rl_buf_commit(p->out, 1 + len);
    return RL_OK;
}

static rl_err append(packer *p, uint8_t tag, const void *bytes, size_t len) {
    char *at;
    rl_err err = begin(p, tag, len, &at);
    if (err == RL_OK && len > 0)
        memcpy(at, bytes, len);
    return err;
}

static rl_err pack_string(packer *p, int index) {
    size_t len;
    const char *text = lua_tolstring(p->L, index, &len);
    uint32_t long_len = (uint32_t)len;
    bool is_short = len <= MOST_SHORT;
    size_t head_len = is_short ? sizeof(uint8_t) : sizeof long_len;
    char *at;
    rl_err err = begin(p, is_short ? IS_SHORT : IS_LONG, head_len + len, &at);
    if (err != RL_OK)
        return err;
    if (is_short)
        *at = (char)len;
    else
        memcpy(at, &long_len, sizeof long_len);
    memcpy(at + head_len, text, len);
    return RL_OK;
}

static rl_err pack_number(packer *p, double number) {
    return append(p, IS_NUMBER, &number, sizeof number);
}

/* How many of each follow; known when they have been written. */
typedef struct counts {
    uint32_t list, pairs;
} counts;

static rl_err pack_pair(packer *p, level *here, int key) {
    int type = lua_type(p->L, key);
    if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN) {
        char what[80];
        here->key = 0;
        snprintf(what, sizeof what, "a key that is a %s cannot be copied to another worker or thread", lua_typename(p->L, type));
        return fail(p, here, what);
    }
    here->key = key;
    rl_err err = pack_value(p, key, here);
    return err == RL_OK ? pack_value(p, key + 1, here) : err;
}

/* lua_next meets a list's elements first, in order, where they lie in the table's array part; those that
 * it meets later are pairs like any other. */
static rl_err pack_fields(packer *p, int table, level *here, counts *count) {
    lua_State *L = p->L;
    int key = lua_gettop(L) + 1;
    bool in_list = true;
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        in_list = in_list && lua_type(L, key) == LUA_TNUMBER && lua_tonumber(L, key) == count->list + 1.0;
        here->key = key;
        rl_err err = in_list ? pack_value(p, key + 1, here) : pack_pair(p, here, key);
        if (err != RL_OK)
            return err;
        count->list += in_list;
        count->pairs += !in_list;
        lua_settop(L, key);
    }
    return RL_OK;
}

/* Its columns alone: what else it carries belongs to its VM. */
static rl_err pack_row(packer *p, int row, int meta, level *here, counts *count) {
    lua_State *L = p->L;
    int columns = (int)(lua_objlen(L, meta) / 2), key = lua_gettop(L) + 1;
    for (int i = 1; i <= columns; i++) {
        lua_rawgeti(L, meta, i);
        lua_pushvalue(L, key);
        lua_rawget(L, row);
        rl_err err = lua_isnil(L, key + 1) ? RL_OK : pack_pair(p, here, key);
        if (err != RL_OK)
            return err;
        count->pairs += !lua_isnil(L, key + 1);
        lua_settop(L, key - 1);
    }
    return RL_OK;
}

static __attribute__((cold)) rl_err refuse(const packer *p, int table, const level *up) {
    lua_getmetatable(p->L, table);
    lua_pushliteral(p->L, "__name");
    lua_rawget(p->L, -2);
    char what[160];
    snprintf(what, sizeof what, "a table with a metatable%s%s%s cannot be copied to another worker or thread: send its fields",
             lua_type(p->L, -1) == LUA_TSTRING ? " (" : "", lua_type(p->L, -1) == LUA_TSTRING ? lua_tostring(p->L, -1) : "",
             lua_type(p->L, -1) == LUA_TSTRING ? ")" : "");
    return fail(p, up, what);
}

static rl_err pack_table(packer *p, int table, const level *up) {
    lua_State *L = p->L;
    level here = {.up = up, .depth = up == NULL ? 1 : up->depth + 1};
    if (here.depth > RL_PACK_DEPTH)
        return fail(p, up, "more than 64 levels deep, or a cycle");
    luaL_checkstack(L, SLOTS_PER_LEVEL, "a value of many levels");
    int kind = rl_kind_of(L, table);
    int meta = lua_gettop(L); /* of a row */
    if (kind == RL_KIND_NONE && lua_getmetatable(L, table))
        return refuse(p, table, up);
    if (kind != RL_KIND_NONE && kind != RL_KIND_ROW && kind != RL_KIND_ARRAY)
        return refuse(p, table, up);
    counts count = {0, 0};
    rl_err err = append(p, kind == RL_KIND_ARRAY ? IS_ARRAY : IS_TABLE, &count, sizeof count);
    size_t at = rl_buf_len(p->out) - sizeof count;
    if (err == RL_OK)
        err = kind == RL_KIND_ROW ? pack_row(p, table, meta, &here, &count) : pack_fields(p, table, &here, &count);
    if (err == RL_OK)
        memcpy(p->out->base + p->out->head + at, &count, sizeof count);
    return err;
}

static __attribute__((cold)) rl_err fail_type(const packer *p, int at, const level *up) {
    char what[80];
    snprintf(what, sizeof what, "a %s cannot be copied to another worker or thread", lua_typename(p->L, lua_type(p->L, at)));
    return fail(p, up, what);
}

static rl_err pack_value(packer *p, int at, const level *up) {
    switch (lua_type(p->L, at)) {
    case LUA_TNUMBER: return pack_number(p, lua_tonumber(p->L, at));
    case LUA_TSTRING: return pack_string(p, at);
    case LUA_TBOOLEAN: return append(p, lua_toboolean(p->L, at) ? IS_TRUE : IS_FALSE, NULL, 0);
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(p->L, at) == NULL)
            return append(p, IS_NULL, NULL, 0);
        return fail_type(p, at, up);
    case LUA_TTABLE: {
        int top = lua_gettop(p->L);
        rl_err err = pack_table(p, at, up);
        lua_settop(p->L, top);
        return err;
    }
    default: return fail_type(p, at, up);
    }
}

rl_err rl_vm_pack(lua_State *L, int index, rl_buf *out, char message[RL_PACK_MESSAGE_CAP]) {
    packer p = {.L = L, .out = out, .message = message};
    return pack_value(&p, index, NULL);
}

/* ---- unpacking ------------------------------------------------------------------- */

typedef struct unpacker {
    lua_State *L;
    rl_slice left;
    int depth;
} unpacker;

static __attribute__((cold)) void refuse_pack(const unpacker *u) {
    luaL_error(u->L, "these bytes are no packed value");
}

/* So many of the bytes. */
static const char *take(unpacker *u, size_t len) {
    if (RL_UNLIKELY(u->left.len < len))
        refuse_pack(u);
    const char *bytes = u->left.ptr;
    u->left = rl_slice_of(bytes + len, u->left.len - len);
    return bytes;
}

static void unpack_value(unpacker *u);

/* A list's value takes a byte at least, a pair's two: no table is made that the bytes could not fill. */
static counts take_counts(unpacker *u) {
    counts count;
    memcpy(&count, take(u, sizeof count), sizeof count);
    if (RL_UNLIKELY((uint64_t)count.list + (uint64_t)count.pairs * 2 > u->left.len || u->depth == RL_PACK_DEPTH))
        refuse_pack(u);
    return count;
}

static void unpack_table(unpacker *u, bool is_array) {
    lua_State *L = u->L;
    counts count = take_counts(u);
    u->depth++;
    luaL_checkstack(L, SLOTS_PER_LEVEL, "a value of many levels");
    lua_createtable(L, (int)count.list, (int)count.pairs);
    int table = lua_gettop(L);
    for (uint32_t i = 1; i <= count.list; i++) {
        unpack_value(u);
        lua_rawseti(L, table, (int)i);
    }
    for (uint32_t i = 0; i < count.pairs; i++) {
        unpack_value(u);
        unpack_value(u);
        lua_rawset(L, table);
    }
    u->depth--;
    if (!is_array)
        return;
    rl_vm_push_array_meta(L);
    lua_setmetatable(L, table);
}

static void unpack_value(unpacker *u) {
    double number;
    uint32_t long_len;
    size_t len;
    uint8_t tag = (uint8_t)*take(u, 1);
    switch (tag) {
    case IS_NULL: lua_pushlightuserdata(u->L, NULL); return;
    case IS_FALSE:
    case IS_TRUE: lua_pushboolean(u->L, tag == IS_TRUE); return;
    case IS_NUMBER:
        memcpy(&number, take(u, sizeof number), sizeof number);
        lua_pushnumber(u->L, number);
        return;
    case IS_SHORT:
        len = (uint8_t)*take(u, 1);
        lua_pushlstring(u->L, take(u, len), len);
        return;
    case IS_LONG:
        memcpy(&long_len, take(u, sizeof long_len), sizeof long_len);
        lua_pushlstring(u->L, take(u, long_len), long_len);
        return;
    case IS_TABLE:
    case IS_ARRAY: unpack_table(u, tag == IS_ARRAY); return;
    default: refuse_pack(u);
    }
}

void rl_vm_unpack(lua_State *L, rl_slice bytes) {
    unpacker u = {.L = L, .left = bytes};
    unpack_value(&u);
    if (RL_UNLIKELY(u.left.len > 0))
        refuse_pack(&u);
}
