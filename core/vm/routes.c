#include "vm/routes.h"

#include <lauxlib.h>

#include "base/mem.h"

rl_err rl_routes_init(rl_routes *routes) {
    *routes = (rl_routes){.routers = {rl_router_new(), rl_router_new()}};
    if (routes->routers[RL_DOOR_PUBLIC] != NULL && routes->routers[RL_DOOR_ADMIN] != NULL)
        return RL_OK;
    rl_routes_clear(routes);
    return RL_ENOMEM;
}

void rl_routes_clear(rl_routes *routes) {
    for (uint32_t i = 0; i < routes->count; i++)
        rl_mem_free(routes->list[i].pattern);
    rl_mem_free(routes->list);
    for (size_t i = 0; i < RL_DOOR_COUNT; i++)
        if (routes->routers[i] != NULL)
            rl_router_free(routes->routers[i]);
    *routes = (rl_routes){.list = NULL};
}

static bool grow(rl_routes *routes) {
    if (routes->count < routes->cap)
        return true;
    uint32_t cap = routes->cap == 0 ? 32 : routes->cap * 2;
    rl_route *list = rl_mem_realloc(routes->list, cap * sizeof *list);
    if (list == NULL)
        return false;
    routes->list = list;
    routes->cap = cap;
    return true;
}

int rl_routes_add(lua_State *L, rl_routes *routes) {
    size_t method_len, pattern_len, where_len;
    const char *method = luaL_checklstring(L, 1, &method_len);
    const char *pattern = luaL_checklstring(L, 2, &pattern_len);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    const char *where = luaL_checklstring(L, 4, &where_len);
    rl_router *router = routes->routers[lua_isnoneornil(L, 5) ? RL_DOOR_PUBLIC : RL_DOOR_ADMIN];
    rl_method which = strcmp(method, "ANY") == 0 ? RL_METHOD_ANY : rl_method_of(rl_slice_of(method, method_len));
    if (which == RL_METHOD_OTHER && strcmp(method, "ANY") != 0)
        return luaL_error(L, "there is no method '%s'", method);
    lua_pushvalue(L, 3);
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    char message[512] = ""; /* and so it stays without memory */
    if (grow(routes)) {
        int number = (int)routes->count;
        char *copy = rl_mem_strndup(pattern, pattern_len);
        if (copy != NULL && rl_router_add(router, which, rl_slice_of(pattern, pattern_len), number,
                                          rl_slice_of(where, where_len), message, sizeof message) == RL_OK) {
            routes->list[routes->count++] = (rl_route){ref, copy};
            lua_pushinteger(L, number + 1);
            return 1;
        }
        rl_mem_free(copy);
    }
    luaL_unref(L, LUA_REGISTRYINDEX, ref);
    lua_pushstring(L, message[0] == '\0' ? "not enough memory" : message); /* it names the app's lines itself */
    return lua_error(L);
}
