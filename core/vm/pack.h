/* pack -- a Lua value as bytes, and back, for what passes from one VM to another.
 *
 *   nil     none: nothing carries it        boolean, number, string   as they are
 *   null    rille.null                      table   list part, then pairs; rille.array stays one
 *   row     a plain table of its columns    anything else   refused, by its path and type
 *
 * A copy: what is shared within a value is there twice behind it. The bytes are for this
 * process alone, and never leave it: numbers lie in them as in memory. No metamethod is called. */
#ifndef RL_VM_PACK_H
#define RL_VM_PACK_H

#include <lua.h>

#include "base/buf.h"

enum {
    RL_PACK_MOST = 1 << 20,      /* bytes of a message: more is a file, or a table of the database */
    RL_PACK_MOST_JOB = 1 << 28,  /* bytes of what a thread is given, or gives back */
    RL_PACK_DEPTH = 64,          /* tables within tables; or it is a cycle */
    RL_PACK_MESSAGE_CAP = 320
};

/* Append the value at `index`; the ceiling of `out` bounds it. RL_EINVAL and RL_EFULL: `message`
 * says what cannot be packed, and where in the value it is; RL_ENOMEM. May raise when Lua's stack
 * cannot grow, so the caller holds nothing of its own. */
RL_MUST_USE rl_err rl_vm_pack(lua_State *L, int index, rl_buf *out, char message[RL_PACK_MESSAGE_CAP]);
/* Push the value that `bytes` are; they must stay where they are meanwhile. May raise out of memory, and
 * raises for bytes that no value was packed into. */
void rl_vm_unpack(lua_State *L, rl_slice bytes);

#endif
