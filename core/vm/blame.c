#include "vm/blame.h"

#include <stdio.h>
#include <string.h>

/* The framework's own functions, and C's. */
static int is_of_the_house(const lua_Debug *ar) {
    static const char framework[] = "@lua/rille/";
    return ar->linedefined < 0 || strncmp(ar->source, framework, sizeof framework - 1) == 0;
}

void rl_blame_push(lua_State *L, char *call, size_t cap) {
    lua_Debug ar;
    for (int level = 0; lua_getstack(L, level, &ar) != 0; level++) {
        lua_getinfo(L, "Snl", &ar);
        if (!is_of_the_house(&ar)) {
            lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
            return;
        }
        if (call != NULL && *ar.what != 'C' && ar.name != NULL)
            snprintf(call, cap, "'%s'", ar.name);
    }
    lua_pushliteral(L, "");
}

int rl_blame_raise(lua_State *L, const char *message) {
    rl_blame_push(L, NULL, 0);
    lua_pushstring(L, message);
    lua_concat(L, 2);
    return lua_error(L);
}
