#include "vm/pin.h"

#include "base/log.h"
#include "vm/blame.h"
#include "vm/vm.h"

static const char HANDLER[] = "a handler of xpcall";

static const struct pin {
    const char *library, *name, *shown, *way_out;
} PINS[] = {
    {"table", "sort", "table.sort", "read what the order needs first, then sort"},
    {"string", "gsub", "string.gsub",
     "go through string.gmatch, where calls may wait, then replace from a table"},
    {"string", "format", "string.format", "make the text with tostring first, where calls may wait"},
    {"_G", "error", HANDLER, "wait behind the xpcall, with what the handler returned"},
    {"_G", "xpcall", HANDLER, "wait behind the xpcall, with what the handler returned"},
    {NULL, NULL, "a callback of C", "wait before it or behind it"},
};

/* Whether the function on the top of the stack is that one, under whatever name. */
static bool is_function(lua_State *L, const char *library, const char *name) {
    int top = lua_gettop(L);
    bool is_it = false;
    lua_getfield(L, LUA_GLOBALSINDEX, library);
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, name);
        is_it = lua_rawequal(L, top, -1) != 0;
    }
    lua_settop(L, top);
    return is_it;
}

/* The first of C's functions from `level` outward, but for pcall, which can be left. */
static const struct pin *find_pin(lua_State *L, int level) {
    lua_Debug ar;
    for (; lua_getstack(L, level, &ar) != 0; level++) {
        lua_getinfo(L, "Sf", &ar);
        if (*ar.what == 'C' && !is_function(L, "_G", "pcall")) {
            const struct pin *pin = PINS;
            while (pin->name != NULL && !is_function(L, pin->library, pin->name))
                pin++;
            lua_pop(L, 1);
            return pin;
        }
        lua_pop(L, 1);
    }
    return &PINS[sizeof PINS / sizeof *PINS - 1];
}

static void log_lost(lua_State *L) {
    size_t len;
    const char *text = lua_tolstring(L, -1, &len);
    const rl_log_field field = rl_log_str("error", rl_slice_of(text, len));
    rl_log_write(rl_vm_of(L)->log, RL_LOG_ERROR, "a handler of xpcall failed", &field, 1);
}

int rl_pin_raise(lua_State *L) {
    char call[64] = "this call";
    rl_blame_push(L, call, sizeof call);
    const struct pin *pin = find_pin(L, 1); /* 0 is the function that would wait */
    lua_pushfstring(L, "%s waits, and nothing can wait inside %s: %s", call, pin->shown, pin->way_out);
    lua_concat(L, 2);
    if (pin->shown == HANDLER)
        log_lost(L);
    return lua_error(L);
}
