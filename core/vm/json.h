/* json -- Lua values from and to JSON texts, without a tree in between.
 *
 *   JSON      Lua
 *   null      rille.null, which is lightuserdata NULL
 *   number    number; an integer beyond 2^53 fails, or becomes a string on request
 *   array     table with the array metatable, so that [] stays []
 *   object    table
 *
 * The other way, a plain table is an array when its keys are 1..n with n >= 1,
 * an object when they are strings, {} when it is empty; RL_KIND_ROW,
 * RL_KIND_MODEL, RL_KIND_ARRAY and RL_KIND_JSONB (core/vm/kind.h) say of themselves
 * what they are. No metamethod is ever called. */
#ifndef RL_VM_JSON_H
#define RL_VM_JSON_H

#include <lua.h>

#include "base/buf.h"
#include "json/error.h"

typedef struct rl_vm_json_options {
    rl_json_limits limits;
    bool bigint_is_string;    /* integers beyond 2^53 become strings of their digits */
    bool last_duplicate_wins; /* as browsers do; otherwise a duplicate key is an error */
} rl_vm_json_options;

#define RL_VM_JSON_OPTIONS_DEFAULT ((rl_vm_json_options){.limits = RL_JSON_LIMITS_DEFAULT})

/* Decode `text`, which no Lua call may free or move meanwhile, and push the
 * value. RL_EINVAL for malformed text, RL_EFULL past a limit; nothing is pushed
 * then, and `error` says why. Raises when Lua's memory runs out, so the caller
 * is protected and holds nothing of its own. */
RL_MUST_USE rl_err rl_vm_json_decode(lua_State *L, rl_slice text, const rl_vm_json_options *options,
                                     rl_json_error *error);

enum { RL_VM_JSON_MESSAGE_CAP = 320 /* room for every message, whose path is the longest part */ };

/* Append the value at `index` to `out`. RL_EINVAL for a value that JSON cannot
 * hold: then `message` names it, with a path whose indexes count as Lua's do,
 * from 1 ("items[3].price: NaN cannot be encoded"). RL_EFULL and RL_ENOMEM as
 * rl_buf_append. On failure `out` is as it was.
 * Never raises, and leaves the stack as it was. Needs LUA_MINSTACK free slots:
 * a C function called from Lua has them, and a coroutine that has returned. */
RL_MUST_USE rl_err rl_vm_json_encode(lua_State *L, int index, rl_buf *out, char *message, size_t message_cap);

/* Push the metatable of arrays, one for the whole VM. May raise out of memory. */
void rl_vm_push_array_meta(lua_State *L);

#endif
