#include "vm/json.h"

#include <limits.h>
#include <lua.h>
#include <stdio.h>

#include "json/encode.h"
#include "json/path.h"
#include "vm/kind.h"

enum {
    SLOTS_PER_LEVEL = 6, /* a table's key and value, a metatable and three values of work */
    FREE_LEVELS = 3,     /* what LUA_MINSTACK has room for, in any case */
    KEYS_KEPT = 16       /* a table of more columns is rare */
};

/* The columns of the row before, which the next one mostly has as well. */
typedef struct columns {
    const void *meta; /* whose they are; NULL before the first row */
    int count;
    rl_slice keys[KEYS_KEPT];
} columns;

typedef struct writer {
    lua_State *L;
    rl_buf *out;
    char *message;
    size_t message_cap;
    columns known;
} writer;

/* One open table, linked to the one it lies in: the way back to the root. */
typedef struct level {
    const struct level *up;
    size_t depth;
    rl_slice key; /* of the field being written, when index is 0 */
    size_t index;
} level;

/* May leave more on the stack than it found. */
static rl_err write_value(writer *w, int at, level *up);

/* ---- failing ---------------------------------------------------------------- */

static void write_path(rl_json_path *path, const level *at) {
    if (at == NULL)
        return;
    write_path(path, at->up);
    if (at->index > 0)
        rl_json_path_index(path, at->index);
    else if (at->key.ptr != NULL)
        rl_json_path_key(path, at->key);
}

static __attribute__((cold)) rl_err fail(const writer *w, const level *at, const char *what) {
    char text[RL_JSON_PATH_CAP];
    rl_json_path path;
    rl_json_path_init(&path, text, sizeof text);
    write_path(&path, at);
    if (w->message_cap > 0)
        snprintf(w->message, w->message_cap, "%s%s%s", text, path.len > 0 ? ": " : "", what);
    return RL_EINVAL;
}

/* A failure that concerns the table of `at`, not one of its fields. */
static __attribute__((cold)) rl_err fail_table(const writer *w, level *at, const char *what) {
    at->index = 0;
    at->key = (rl_slice){NULL, 0};
    return fail(w, at, what);
}

/* ---- tables ----------------------------------------------------------------- */

/* One message for every such table: which of its keys a walk meets first, and so
 * what the table looks like, is chance. */
static const char bad_keys[] = "a table must have the keys 1 to n or only strings as keys";

static rl_err append_string(writer *w, int at, const level *up) {
    rl_slice text;
    text.ptr = lua_tolstring(w->L, at, &text.len);
    rl_err err = rl_json_append_string(w->out, text);
    return err == RL_EINVAL ? fail(w, up, "the string is not valid UTF-8") : err;
}

/* The value at `at` must be a string already: lua_tolstring would turn a number
 * that lua_next relies on into one. */
static rl_err append_key(writer *w, char separator, int at, level *here) {
    rl_slice key;
    key.ptr = lua_tolstring(w->L, at, &key.len);
    here->key = key;
    rl_err err = rl_json_append_key(w->out, separator, key);
    return err == RL_EINVAL ? fail_table(w, here, "a key is not valid UTF-8") : err;
}

/* As it stands before the value; without a pointer for a name that is no UTF-8. */
static rl_slice read_key(const writer *w, int meta, int at) {
    rl_slice key = {0};
    lua_rawgeti(w->L, meta, at);
    if (lua_type(w->L, -1) == LUA_TSTRING)
        key.ptr = lua_tolstring(w->L, -1, &key.len);
    lua_pop(w->L, 1); /* the metatable holds it, and nothing is collected meanwhile */
    return key;
}

static void know_columns(writer *w, int meta, const void *id) {
    columns *known = &w->known;
    known->meta = id;
    known->count = (int)(lua_objlen(w->L, meta) / 2);
    for (int i = 0; i < known->count && i < KEYS_KEPT; i++)
        known->keys[i] = read_key(w, meta, known->count + i + 1);
}

/* `id` is the metatable's address. */
static rl_err write_row(writer *w, int row, int meta, const void *id, level *here) {
    int i = 0;
    for (;; i++) {
        if (w->known.meta != id) /* or the value was a row, of other columns */
            know_columns(w, meta, id);
        if (i == w->known.count)
            break;
        rl_slice key = i < KEYS_KEPT ? w->known.keys[i] : read_key(w, meta, w->known.count + i + 1);
        if (key.ptr == NULL)
            return fail_table(w, here, "a key is not valid UTF-8");
        here->key = rl_slice_of(key.ptr + 2, key.len - 4); /* {"id": */
        rl_err err = rl_buf_append(w->out, key);
        lua_rawgeti(w->L, meta, i + 1);
        lua_rawget(w->L, row);
        if (err == RL_OK)
            err = write_value(w, meta + 1, here);
        if (err != RL_OK)
            return err;
        lua_settop(w->L, meta);
    }
    return rl_buf_append(w->out, i == 0 ? RL_LIT("{}") : RL_LIT("}"));
}

/* What stands behind a model's columns: things of its set that were asked for, by name. */
static rl_err write_beside(writer *w, int row, bool has_columns, level *here) {
    int set = lua_gettop(w->L) + 1, list = set + 1, value = set + 2;
    lua_rawgeti(w->L, row, 0);
    if (lua_istable(w->L, set))
        lua_rawgeti(w->L, set, 1);
    else
        lua_pushnil(w->L);
    int count = lua_istable(w->L, list) ? (int)lua_objlen(w->L, list) : 0;
    for (int i = 1; i < count; i += 2) {
        lua_rawgeti(w->L, list, i + 1);
        rl_slice text;
        text.ptr = lua_tolstring(w->L, value, &text.len);
        lua_pop(w->L, 1); /* the list holds it */
        here->key = rl_slice_of(text.ptr + 2, text.len - 4);
        rl_err err = has_columns || i > 1 ? RL_OK : rl_buf_append_byte(w->out, '{');
        if (err == RL_OK)
            err = rl_buf_append(w->out, has_columns || i > 1 ? text : rl_slice_of(text.ptr + 1, text.len - 1));
        lua_rawgeti(w->L, list, i);
        lua_rawget(w->L, row);
        if (err == RL_OK)
            err = write_value(w, value, here);
        lua_settop(w->L, list);
        if (err != RL_OK)
            return err;
    }
    lua_settop(w->L, set - 1);
    return rl_buf_append(w->out, has_columns || count > 0 ? RL_LIT("}") : RL_LIT("{}"));
}

static rl_err write_model(writer *w, int row, int meta, level *here) {
    int count = (int)(lua_objlen(w->L, meta) / 2), key = meta + 1, value = meta + 2;
    bool has_columns = false;
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(w->L, meta, count + i);
        bool is_text = lua_type(w->L, key) == LUA_TSTRING;
        if (!is_text && !lua_toboolean(w->L, key))
            return fail_table(w, here, "a key is not valid UTF-8");
        if (is_text) { /* else it is left out */
            rl_slice text;
            text.ptr = lua_tolstring(w->L, key, &text.len);
            here->key = rl_slice_of(text.ptr + 2, text.len - 4);
            rl_err err = rl_buf_append(w->out, text);
            lua_rawgeti(w->L, row, i);
            if (err == RL_OK)
                err = write_value(w, value, here);
            if (err != RL_OK)
                return err;
            has_columns = true;
        }
        lua_settop(w->L, meta);
    }
    return write_beside(w, row, has_columns, here);
}

static rl_err write_object(writer *w, int table, level *here) {
    /* The first key is on the stack already. */
    int value = lua_gettop(w->L);
    char separator = '{';
    do {
        if (lua_type(w->L, value - 1) != LUA_TSTRING)
            return fail_table(w, here, bad_keys);
        rl_err err = append_key(w, separator, value - 1, here);
        if (err == RL_OK)
            err = write_value(w, value, here);
        if (err != RL_OK)
            return err;
        separator = ',';
        lua_settop(w->L, value - 1);
    } while (lua_next(w->L, table) != 0);
    return rl_buf_append_byte(w->out, '}');
}

/* Whether the keys of `table` are exactly 1..n, whatever their order. */
static bool is_list(lua_State *L, int table, size_t *count) {
    double largest = 0;
    *count = 0;
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        lua_pop(L, 1);
        double key = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
        if (!(key >= 1 && key <= INT_MAX) || (double)(int)key != key) {
            lua_pop(L, 1);
            return false;
        }
        largest = key > largest ? key : largest;
        ++*count;
    }
    return largest == (double)*count;
}

/* A list whose elements do not lie in the table's array part in order, so that
 * lua_next meets them in the order of their hashes. */
static rl_err write_scattered(writer *w, int table, level *here) {
    size_t count;
    int value = lua_gettop(w->L) + 1;
    if (!is_list(w->L, table, &count))
        return fail_table(w, here, bad_keys);
    for (size_t i = 1; i <= count; i++) {
        here->index = i;
        rl_err err = rl_buf_append_byte(w->out, i == 1 ? '[' : ',');
        lua_rawgeti(w->L, table, (int)i);
        if (err == RL_OK)
            err = write_value(w, value, here);
        lua_settop(w->L, value - 1);
        if (err != RL_OK)
            return err;
    }
    return rl_buf_append_byte(w->out, ']');
}

/* A walk with lua_next sees every key, so nothing of a table is ever left out
 * in silence; it meets a list's elements in order as long as they lie in its
 * array part, which is nearly always. */
static rl_err write_list(writer *w, int table, level *here) {
    size_t begin = rl_buf_len(w->out);
    int value = lua_gettop(w->L);
    size_t expected = 1;
    do {
        if (lua_type(w->L, value - 1) != LUA_TNUMBER || lua_tonumber(w->L, value - 1) != (double)expected) {
            rl_buf_truncate(w->out, begin);
            lua_pop(w->L, 2);
            return write_scattered(w, table, here);
        }
        here->index = expected;
        rl_err err = rl_buf_append_byte(w->out, expected++ == 1 ? '[' : ',');
        if (err == RL_OK)
            err = write_value(w, value, here);
        if (err != RL_OK)
            return err;
        lua_settop(w->L, value - 1);
    } while (lua_next(w->L, table) != 0);
    return rl_buf_append_byte(w->out, ']');
}

/* Grow the stack for the deepest nesting there may be, at once. lua_checkstack
 * raises when it cannot, so it is called where Lua catches that; the encoder
 * makes no garbage, so no collection can shrink the stack again meanwhile. */
static int grow_stack(lua_State *L) {
    if (!lua_checkstack(L, (RL_JSON_MAX_DEPTH + 1) * SLOTS_PER_LEVEL))
        return lua_error(L);
    return 0;
}

static __attribute__((cold)) rl_err refuse_sealed(const writer *w, int table, const level *up) {
    lua_getmetatable(w->L, table);
    lua_rawgeti(w->L, -1, 1);
    return fail(w, up, lua_type(w->L, -1) == LUA_TSTRING ? lua_tostring(w->L, -1) : "this cannot be encoded");
}

/* Whether it has the metatable of the row before, which then is on the stack. */
static bool is_like_last_row(const writer *w, int table) {
    if (!lua_getmetatable(w->L, table))
        return false;
    if (lua_topointer(w->L, -1) == w->known.meta)
        return true;
    lua_pop(w->L, 1);
    return false;
}

static rl_err write_table(writer *w, int table, level *up) {
    level here = {.up = up, .depth = up == NULL ? 1 : up->depth + 1};
    if (here.depth > RL_JSON_MAX_DEPTH)
        return fail(w, up, "more than 512 levels deep, or a cycle");
    if (here.depth == FREE_LEVELS && lua_cpcall(w->L, grow_stack, NULL) != 0)
        return RL_ENOMEM;
    if (w->known.meta != NULL && is_like_last_row(w, table))
        return write_row(w, table, lua_gettop(w->L), w->known.meta, &here);
    int kind = rl_kind_of(w->L, table);
    if (kind == RL_KIND_ROW)
        return write_row(w, table, lua_gettop(w->L), lua_topointer(w->L, -1), &here);
    if (kind == RL_KIND_MODEL)
        return write_model(w, table, lua_gettop(w->L), &here);
    if (kind == RL_KIND_ANSWER)
        return fail(w, up, "an answer cannot be encoded");
    if (kind == RL_KIND_SEALED)
        return refuse_sealed(w, table, up);
    if (kind == RL_KIND_JSONB) {
        lua_rawgeti(w->L, table, 1);
        return write_value(w, lua_gettop(w->L), &here);
    }
    lua_pushnil(w->L);
    if (lua_next(w->L, table) == 0)
        return rl_buf_append(w->out, kind == RL_KIND_ARRAY ? RL_LIT("[]") : RL_LIT("{}"));
    if (kind == RL_KIND_ARRAY || lua_type(w->L, -2) != LUA_TSTRING)
        return write_list(w, table, &here);
    return write_object(w, table, &here);
}

/* ---- values ----------------------------------------------------------------- */

static rl_err append_number(writer *w, double value, const level *up) {
    rl_err err = rl_json_append_number(w->out, value);
    if (err != RL_EINVAL)
        return err;
    return fail(w, up, value != value ? "NaN cannot be encoded" : "infinity cannot be encoded");
}

static rl_err fail_type(const writer *w, int at, const level *up) {
    char what[64];
    snprintf(what, sizeof what, "a %s cannot be encoded", lua_typename(w->L, lua_type(w->L, at)));
    return fail(w, up, what);
}

static rl_err write_other(writer *w, int at, int type, level *up) {
    switch (type) {
    case LUA_TBOOLEAN:
        return rl_buf_append(w->out, lua_toboolean(w->L, at) ? RL_LIT("true") : RL_LIT("false"));
    case LUA_TNIL: return rl_buf_append(w->out, RL_LIT("null"));
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(w->L, at) != NULL)
            return fail_type(w, at, up);
        return rl_buf_append(w->out, RL_LIT("null"));
    case LUA_TTABLE: return write_table(w, at, up);
    default: return fail_type(w, at, up);
    }
}

/* Short, because nearly all values are one of these two. */
static rl_err write_value(writer *w, int at, level *up) {
    int type = lua_type(w->L, at);
    if (RL_LIKELY(type == LUA_TNUMBER))
        return append_number(w, lua_tonumber(w->L, at), up);
    if (type == LUA_TSTRING)
        return append_string(w, at, up);
    return write_other(w, at, type, up);
}

rl_err rl_vm_json_encode(lua_State *L, int index, rl_buf *out, char *message, size_t message_cap) {
    writer w;
    w.L = L;
    w.out = out;
    w.message = message;
    w.message_cap = message_cap;
    w.known.meta = NULL;
    size_t begin = rl_buf_len(out);
    int top = lua_gettop(L);
    int at = index < 0 && index > LUA_REGISTRYINDEX ? top + 1 + index : index;
    rl_err err = write_value(&w, at, NULL);
    lua_settop(L, top);
    if (err != RL_OK)
        rl_buf_truncate(out, begin);
    return err;
}
