/* kind -- how C tells Rille's own tables from an app's.
 *
 *     value --metatable--> { [0] = kind, ... }
 *
 * A metatable that Rille makes carries a number at key 0: one raw read in the
 * array part, where a name would cost a hash, and a set of known metatables a
 * lookup in the registry for each of them. */
#ifndef RL_VM_KIND_H
#define RL_VM_KIND_H

#include <lua.h>

enum {
    RL_KIND_NONE = 0,
    RL_KIND_ROW = 1,    /* a database row; its metatable's [1..n] are the column names, in order,
                         * [n+1..2n] the same as JSON: {"id": for the first, ,"name": for the others */
    RL_KIND_ARRAY = 2,  /* a list, also when it is empty */
    RL_KIND_ANSWER = 3, /* what a handler may return besides text and data */
    RL_KIND_JSONB = 4,  /* [1] is a value to be sent to the database as jsonb */
    RL_KIND_SEALED = 5, /* more, or other, than it looks: not to be encoded; its metatable's [1] says why */
    RL_KIND_MODEL = 6   /* a model's row: [0] is its set, [1..n] its values; its metatable as a row's, but with
                         * true for a column that JSON leaves out; the set's [1], when there is one, lists what
                         * JSON has behind the columns: a name, the same as JSON, the next name, … */
};

/* The kind of the value at `index`. A row, a model's too, leaves its metatable on the
 * stack, as its columns are what the caller wants next; nothing else leaves anything.
 * Needs two free stack slots; never raises. */
static inline int rl_kind_of(lua_State *L, int index) {
    if (!lua_getmetatable(L, index))
        return RL_KIND_NONE;
    if (!lua_istable(L, -1)) {
        lua_pop(L, 1);
        return RL_KIND_NONE;
    }
    lua_rawgeti(L, -1, 0);
    int kind = lua_type(L, -1) == LUA_TNUMBER ? (int)lua_tointeger(L, -1) : RL_KIND_NONE;
    lua_pop(L, kind == RL_KIND_ROW || kind == RL_KIND_MODEL ? 1 : 2);
    return kind;
}

#endif
