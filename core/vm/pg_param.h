/* pg_param -- Lua values to a statement's parameters.
 *
 *   nil, rille.null        NULL
 *   number                 its digits; integers without ".0"
 *   boolean                t, f
 *   string                 text, or bytes where the statement wants bytea
 *   rille.bytea(s)         bytes
 *   rille.array{...}       an array literal, nested ones too, quoted here
 *   rille.jsonb(v)         its JSON text
 *
 * Any other table is refused: whether {} is a list, a document or a mistake is
 * for the caller to say. */
#ifndef RL_VM_PG_PARAM_H
#define RL_VM_PG_PARAM_H

#include <lua.h>

#include "pg/query.h"

/* Add the values from stack index `first` to the top. Never raises, needs
 * LUA_MINSTACK free slots. RL_EINVAL with `message` naming the parameter, or
 * RL_EFULL, RL_ENOMEM with it saying so. */
RL_MUST_USE rl_err rl_vm_pg_add_params(lua_State *L, int first, rl_query *query, char *message,
                                       size_t message_cap);

/* bytea(s) -> a value that is sent as bytes whatever the statement wants */
int rl_vm_pg_bytea(lua_State *L);

#endif
