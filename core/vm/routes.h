/* routes -- which Lua function a request leads to.
 *
 *   method + path --router of its door--> number --> route { function, pattern }
 *
 * Registered once, while the app loads; only read afterwards. */
#ifndef RL_VM_ROUTES_H
#define RL_VM_ROUTES_H

#include <lua.h>

#include "http/request.h"

typedef struct rl_route {
    int ref; /* the composed function, in the registry */
    char *pattern;
} rl_route;

typedef struct rl_routes {
    rl_router *routers[RL_DOOR_COUNT];
    rl_route *list; /* by number */
    uint32_t count, cap;
} rl_routes;

RL_MUST_USE rl_err rl_routes_init(rl_routes *routes);
void rl_routes_clear(rl_routes *routes);
/* For Lua: (method, pattern, fn, where[, "admin"]) at 1 to 5 -> the number of the route,
 * from 1; the method "ANY" is every one; "admin" routes are those of the admin listener. Raises, naming both places, when the
 * route is taken. */
int rl_routes_add(lua_State *L, rl_routes *routes);

#endif
