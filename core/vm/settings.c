#include "vm/settings.h"

#include <lauxlib.h>

#define SETTINGS "rille.settings"
#define SOURCES "rille.sources"
#define READER "rille.settings reader"

enum { MESSAGE_MOST = 16384 };

typedef struct call {
    const rl_vm_setting *settings;
    size_t count;
    const rl_vm_sources *sources;
} call;

static void push_setting(lua_State *L, const rl_vm_setting *one) {
    if (one->text != NULL)
        lua_pushstring(L, one->text);
    else if (one->is_switch)
        lua_pushboolean(L, one->number != 0);
    else
        lua_pushnumber(L, one->number);
}

static void set_text(lua_State *L, const char *name, const char *text) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static void push_rows(lua_State *L, const call *given) {
    lua_newtable(L);
    for (size_t i = 0, row = 0; i < given->count; i++) {
        const rl_vm_setting *one = &given->settings[i];
        if (one->shown == NULL)
            continue;
        lua_createtable(L, 0, 3);
        set_text(L, "name", one->name);
        set_text(L, "shown", one->shown);
        set_text(L, "place", one->place);
        lua_rawseti(L, -2, (int)++row);
    }
}

static void push_pair(lua_State *L, const rl_config_pair *pair) {
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, (lua_Integer)pair->depth);
    lua_setfield(L, -2, "depth");
    if (pair->key.ptr != NULL)
        set_text(L, "key", pair->key.ptr);
    if (pair->line > 0) {
        lua_pushinteger(L, (lua_Integer)pair->line);
        lua_setfield(L, -2, "line");
    }
    switch (pair->type) {
    case RL_CONFIG_STRING: lua_pushlstring(L, pair->text.ptr, pair->text.len); break;
    case RL_CONFIG_NUMBER: lua_pushnumber(L, pair->number); break;
    case RL_CONFIG_BOOLEAN: lua_pushboolean(L, rl_slice_eq(pair->text, RL_LIT("true"))); break;
    case RL_CONFIG_TABLE: lua_pushnil(L); break;
    }
    lua_setfield(L, -2, "value");
}

static void push_sources(lua_State *L, const call *given) {
    const rl_vm_sources *sources = given->sources;
    lua_createtable(L, 0, 5);
    push_rows(L, given);
    lua_setfield(L, -2, "rows");
    lua_createtable(L, (int)sources->rest_count, 0);
    for (size_t i = 0; i < sources->rest_count; i++) {
        push_pair(L, &sources->rest[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_setfield(L, -2, "rest");
    set_text(L, "file", sources->file);
    set_text(L, "problems", sources->problems);
    set_text(L, "warnings", sources->warnings);
}

static int set_settings(lua_State *L, void *arg) {
    const call *given = arg;
    lua_createtable(L, 0, (int)given->count);
    for (size_t i = 0; i < given->count; i++) {
        push_setting(L, &given->settings[i]);
        lua_setfield(L, -2, given->settings[i].name);
    }
    lua_setfield(L, LUA_REGISTRYINDEX, SETTINGS);
    if (given->sources != NULL) {
        push_sources(L, given);
        lua_setfield(L, LUA_REGISTRYINDEX, SOURCES);
    }
    return 0;
}

rl_err rl_vm_set_settings(rl_vm *vm, const rl_vm_setting *settings, size_t count, const rl_vm_sources *sources) {
    call given = {settings, count, sources};
    return rl_vm_protect(vm, set_settings, &given, NULL, 0);
}

static int set_reader(lua_State *L, void *reader) {
    lua_pushlightuserdata(L, reader);
    lua_setfield(L, LUA_REGISTRYINDEX, READER);
    return 0;
}

rl_err rl_vm_set_settings_reader(rl_vm *vm, rl_vm_settings_reader *reader) {
    return rl_vm_protect(vm, set_reader, reader, NULL, 0);
}

/* settings_of(app_dir) -> settings, sources; or nil and what is wrong with them */
static int settings_of(lua_State *L) {
    const char *app_dir = luaL_checkstring(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, READER);
    rl_vm_settings_reader *reader = lua_touserdata(L, -1);
    if (reader == NULL)
        return luaL_error(L, "settings_of: only `rille spec` reads settings again");
    char message[MESSAGE_MOST] = "";
    rl_err err = reader->read(reader, rl_vm_of(L), app_dir, message, sizeof message);
    if (err != RL_OK) {
        lua_pushnil(L);
        lua_pushstring(L, message[0] == '\0' ? rl_err_name(err) : message);
        return 2;
    }
    lua_getfield(L, LUA_REGISTRYINDEX, SETTINGS);
    lua_getfield(L, LUA_REGISTRYINDEX, SOURCES);
    return 2;
}

void rl_vm_open_settings(lua_State *L) {
    lua_pushcfunction(L, settings_of);
    lua_setfield(L, -2, "settings_of");
    lua_getfield(L, LUA_REGISTRYINDEX, SETTINGS);
    lua_setfield(L, -2, "settings");
    lua_getfield(L, LUA_REGISTRYINDEX, SOURCES);
    lua_setfield(L, -2, "sources");
}
