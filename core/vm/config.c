#include "vm/config.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <luajit.h>
#include <lualib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "vm/config_line.h"

enum {
    FILE_CEILING = 1024 * 1024, /* a configuration, not a data file */
    MEMORY_CEILING = 10 * 1024 * 1024,
    DEPTH_MOST = 16, /* settings are for people */
    STEPS = 10 * 1000 * 1000 /* some tenths of a second of interpreted code */
};

typedef struct reading {
    const char *path;
    const char *const *environment;
    rl_config_fn *each;
    void *owner;
    rl_buf text;
    lua_Alloc alloc; /* LuaJIT's own, which ours wraps */
    void *alloc_ud;
    size_t used;  /* bytes of the state, which begins with what the birth took */
    bool is_full; /* the state asked for more than it may have */
    rl_err err;   /* what `each` returned */
} reading;

static void *alloc_below_ceiling(void *ud, void *ptr, size_t old_size, size_t new_size) {
    reading *r = ud;
    if (new_size > old_size && r->used + (new_size - old_size) > MEMORY_CEILING) {
        r->is_full = true;
        return NULL;
    }
    void *block = r->alloc(r->alloc_ud, ptr, old_size, new_size);
    if (block != NULL || new_size == 0)
        r->used += new_size - old_size; /* wraps round when it shrinks, which adds up */
    return block;
}

/* ---- what the file may call ----------------------------------------------- */

static void on_steps(lua_State *L, lua_Debug *record) {
    (void)record;
    luaL_where(L, 0);
    lua_pushstring(L, "runs too long: is this an endless loop?");
    lua_concat(L, 2);
    lua_error(L);
}

static int l_getenv(lua_State *L) {
    size_t len;
    const char *name = luaL_checklstring(L, 1, &len);
    const char *const *at = lua_touserdata(L, lua_upvalueindex(1));
    for (; at != NULL && *at != NULL; at++) {
        if (strncmp(*at, name, len) == 0 && (*at)[len] == '=') {
            lua_pushstring(L, *at + len + 1);
            return 1;
        }
    }
    return 0;
}

static void open_library(lua_State *L, const char *name, lua_CFunction open) {
    lua_pushcfunction(L, open);
    lua_pushstring(L, name);
    lua_call(L, 1, 0);
}

/* Moves the functions `names` of the table on the top to the table below it. */
static void keep(lua_State *L, const char *const *names) {
    for (; *names != NULL; names++) {
        lua_getfield(L, -1, *names);
        lua_setfield(L, -3, *names);
    }
    lua_pop(L, 1);
}

/* A setting that is written as a global would be none, and nobody would hear of it. */
static int refuse_global(lua_State *L) {
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
    return luaL_error(L, "assigning the global '%s': a setting belongs into the table that is returned, "
                         "and all else is written `local %s`", name, name);
}

/* The globals of the file. There is no pcall, whose loop could outlive the
 * bound on steps, and nothing that loads code or touches files. */
static void push_environment(lua_State *L, const reading *r) {
    static const char *const basics[] = {"assert", "error", "ipairs", "pairs", "next", "select", "type",
                                         "unpack", "tonumber", "tostring", "table", "string", "math", NULL};
    static const char *const clocks[] = {"time", "date", NULL};
    open_library(L, "", luaopen_base);
    open_library(L, LUA_STRLIBNAME, luaopen_string);
    open_library(L, LUA_TABLIBNAME, luaopen_table);
    open_library(L, LUA_MATHLIBNAME, luaopen_math);
    open_library(L, LUA_OSLIBNAME, luaopen_os);
    lua_newtable(L);
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    keep(L, basics);
    lua_newtable(L);
    lua_getglobal(L, LUA_OSLIBNAME);
    keep(L, clocks);
    lua_pushlightuserdata(L, (void *)(uintptr_t)r->environment);
    lua_pushcclosure(L, l_getenv, 1);
    lua_setfield(L, -2, "getenv");
    lua_setfield(L, -2, "os");
    lua_newtable(L);
    lua_pushcfunction(L, refuse_global);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
}

/* ---- what it returned ----------------------------------------------------- */

/* A table being handed on. */
typedef struct level {
    unsigned depth;
    const char *name;     /* its own, or that of the table around it */
    rl_config_line where; /* where it seems to be set; line 0 when that cannot be told */
} level;

static void hand_on_all(lua_State *L, reading *r, const level *at);

static rl_config_line line_of(const reading *r, const level *at, rl_slice key) {
    if (key.ptr == NULL || (at->depth > 0 && at->where.line == 0))
        return at->where;
    return rl_config_line_find(rl_buf_live(&r->text), at->depth == 0 ? NULL : &at->where, key);
}

static int refuse(lua_State *L, const reading *r, unsigned line, const char *what) {
    if (line > 0)
        lua_pushfstring(L, "%s:%d: %s", r->path, (int)line, what);
    else
        lua_pushfstring(L, "%s: %s", r->path, what);
    return lua_error(L);
}

static rl_slice write_number(lua_Number value, char out[32]) {
    bool is_whole = floor(value) == value && fabs(value) < 1e18;
    int len = snprintf(out, 32, is_whole ? "%.0f" : "%.14g", value);
    return rl_slice_of(out, (size_t)len);
}

/* Hands on one value, which is on the top. `key` without a pointer: an item. */
static void hand_on(lua_State *L, reading *r, const level *at, rl_slice key) {
    char number[32];
    const char *name = key.ptr == NULL ? at->name : key.ptr;
    rl_config_line where = line_of(r, at, key);
    rl_config_pair pair = {.depth = at->depth, .key = key, .line = where.line, .text = RL_LIT("")};
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        pair.type = RL_CONFIG_STRING;
        pair.text.ptr = lua_tolstring(L, -1, &pair.text.len);
        break;
    case LUA_TNUMBER:
        pair.type = RL_CONFIG_NUMBER;
        pair.number = lua_tonumber(L, -1);
        pair.text = write_number(pair.number, number);
        break;
    case LUA_TBOOLEAN:
        pair.type = RL_CONFIG_BOOLEAN;
        pair.text = lua_toboolean(L, -1) ? RL_LIT("true") : RL_LIT("false");
        break;
    case LUA_TTABLE: pair.type = RL_CONFIG_TABLE; break;
    default:
        refuse(L, r, where.line,
               lua_pushfstring(L, "'%s' %s a %s: expected a string, a number, a boolean or a table", name,
                               key.ptr == NULL ? "holds" : "is", luaL_typename(L, -1)));
    }
    r->err = r->each(r->owner, &pair);
    if (r->err == RL_OK && pair.type == RL_CONFIG_TABLE)
        hand_on_all(L, r, &(level){.depth = at->depth + 1, .name = name, .where = where});
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys of the table at `table`, sorted, as one block on the stack. */
static const char **sorted_keys(lua_State *L, const reading *r, const level *at, int table, size_t *count) {
    size_t keys = 0;
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            refuse(L, r, at->where.line,
                   lua_pushfstring(L, "expected name = value%s, found a key that is a %s",
                                   at->depth > 0 ? " or a list without gaps" : "", luaL_typename(L, -2)));
        keys++;
    }
    const char **names = lua_newuserdata(L, (keys + 1) * sizeof *names);
    *count = keys;
    keys = 0;
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1))
        names[keys++] = lua_tostring(L, -2);
    qsort(names, keys, sizeof *names, by_bytes);
    return names;
}

/* How many items the list at `table` has; 0 when it has names or gaps. */
static size_t count_items(lua_State *L, int table) {
    size_t keys = 0;
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1))
        keys++;
    return keys == lua_objlen(L, table) ? keys : 0;
}

static void hand_on_items(lua_State *L, reading *r, const level *at, int table, size_t count) {
    for (size_t i = 1; i <= count && r->err == RL_OK; i++) {
        lua_rawgeti(L, table, (int)i);
        hand_on(L, r, at, (rl_slice){0});
        lua_pop(L, 1);
    }
}

static void hand_on_names(lua_State *L, reading *r, const level *at, int table) {
    size_t count;
    const char **names = sorted_keys(L, r, at, table, &count);
    for (size_t i = 0; i < count && r->err == RL_OK; i++) {
        lua_getfield(L, table, names[i]);
        hand_on(L, r, at, rl_slice_str(names[i]));
        lua_pop(L, 1);
    }
}

/* Hands on what the table on the top holds. */
static void hand_on_all(lua_State *L, reading *r, const level *at) {
    int table = lua_gettop(L);
    if (at->depth > DEPTH_MOST)
        refuse(L, r, at->where.line, "tables are nested more than 16 deep: does one hold itself?");
    luaL_checkstack(L, 8, "nested too deep");
    size_t items = at->depth > 0 ? count_items(L, table) : 0;
    if (items > 0)
        hand_on_items(L, r, at, table, items);
    else
        hand_on_names(L, r, at, table);
    lua_settop(L, table);
}

static int run(lua_State *L) {
    reading *r = lua_touserdata(L, 1);
    /* The hook that counts steps does not see compiled loops. */
    luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    rl_slice text = rl_buf_live(&r->text);
    lua_pushfstring(L, "@%s", r->path);
    if (luaL_loadbufferx(L, text.ptr, text.len, lua_tostring(L, -1), "t") != 0)
        return lua_error(L);
    push_environment(L, r);
    lua_setfenv(L, -2);
    lua_sethook(L, on_steps, LUA_MASKCOUNT, STEPS);
    lua_call(L, 0, 1);
    lua_sethook(L, NULL, 0, 0);
    if (!lua_istable(L, -1))
        return luaL_error(L, "%s: expected `return { name = value, ... }`, got %s", r->path,
                          luaL_typename(L, -1));
    hand_on_all(L, r, &(level){0});
    return 0;
}

/* ---- reading -------------------------------------------------------------- */

static void say(char *message, size_t cap, const char *path, const char *what) {
    if (message != NULL && cap > 0)
        snprintf(message, cap, "%s%s%s", path == NULL ? "" : path, path == NULL ? "" : ": ", what);
}

static rl_err read_file(reading *r) {
    FILE *file = fopen(r->path, "re");
    if (file == NULL)
        return errno == ENOENT || errno == ENOTDIR ? RL_ENOTFOUND : RL_EIO;
    rl_err err = RL_OK;
    size_t got = 1;
    while (err == RL_OK && got > 0) {
        char block[4096];
        got = fread(block, 1, sizeof block, file);
        err = rl_buf_append(&r->text, rl_slice_of(block, got));
    }
    if (err == RL_OK && ferror(file))
        err = RL_EIO; /* a folder of that name, for one */
    fclose(file);
    return err;
}

static rl_err run_protected(reading *r, char *message, size_t cap) {
    /* LuaJIT does not survive a refusal while it makes a state, so that the
     * ceiling comes afterwards. */
    lua_State *L = luaL_newstate();
    if (L == NULL)
        return RL_ENOMEM;
    r->alloc = lua_getallocf(L, &r->alloc_ud);
    r->used = (size_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024;
    lua_setallocf(L, alloc_below_ceiling, r);
    rl_err err = RL_OK;
    int status = lua_cpcall(L, run, r);
    if (status == LUA_ERRMEM) {
        say(message, cap, r->path, "needs more than 10 MB of memory");
        err = r->is_full ? RL_EINVAL : RL_ENOMEM;
    } else if (status != 0) {
        if (lua_type(L, -1) == LUA_TSTRING)
            say(message, cap, NULL, lua_tostring(L, -1)); /* Lua has put the place before it */
        else
            say(message, cap, r->path, "raised something that is no text");
        err = RL_EINVAL;
    } else {
        err = r->err;
    }
    lua_setallocf(L, r->alloc, r->alloc_ud);
    lua_close(L);
    return err;
}

rl_err rl_config_read(const char *path, const char *const *environment, rl_config_fn *each, void *owner,
                      char *message, size_t message_cap) {
    reading r = {.path = path, .environment = environment, .each = each, .owner = owner};
    rl_buf_init(&r.text, FILE_CEILING);
    rl_err err = read_file(&r);
    if (err == RL_EIO)
        say(message, message_cap, path, strerror(errno));
    if (err == RL_EFULL) {
        say(message, message_cap, path, "is larger than 1 MB");
        err = RL_EINVAL;
    }
    if (err == RL_OK)
        err = run_protected(&r, message, message_cap);
    rl_buf_clear(&r.text);
    return err;
}
