/* shared -- what the bindings of channels, topics and stores between workers have in
 * common: the process's commons, and room for a value on its way.
 *
 *   Lua value --pack--> scratch --> channel, topic, store --> got --unpack--> Lua value
 *
 * Both are the VM's own, and outlive an error that Lua raises in between. */
#ifndef RL_VM_SHARED_H
#define RL_VM_SHARED_H

#include "sync/commons.h"
#include "sync/party.h"
#include "vm/pack.h"
#include "vm/task.h"

#define RL_SHARED_HANDLE_META "rille.shared.handle"

typedef struct rl_desk {
    rl_vm *vm;
    rl_buf scratch;
    rl_message got;
} rl_desk;

/* A channel, or a subscription to a topic: whoever waits at either waits at a channel. */
typedef struct rl_shared_handle {
    rl_channel *channel;       /* a use of it; NULL: over */
    rl_shared_channel *shared; /* held; NULL for a subscription */
    rl_lent lent;              /* a subscription's, in the task's scope */
    rl_subscriber subscriber;
} rl_shared_handle;

/* What one task waits for between workers: its parties. */
typedef struct rl_seat rl_seat;
/* Raises when it is none. */
rl_seat *rl_seat_check(lua_State *L, int arg);
/* rl_parties_wait with all of them. */
RL_MUST_USE bool rl_seat_wait(rl_seat *seat, rl_waiter *waiter, uint32_t first);

/* Of a function whose first upvalue it is. */
static inline rl_desk *rl_desk_of(lua_State *L) {
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* The process's, or the VM's own, made at the first call. Raises without memory, and in a VM that
 * is being closed. */
rl_commons *rl_desk_commons(lua_State *L, rl_desk *desk);
/* Raises unless there are 1 to RL_NAME_MAX bytes at `arg`. */
rl_slice rl_shared_check_name(lua_State *L, int arg);
/* A new handle, which is all zero, on the stack. */
rl_shared_handle *rl_shared_push_handle(lua_State *L);
/* The handle at `arg`, which Lua's own classes hold. */
rl_shared_handle *rl_shared_check_handle(lua_State *L, int arg);

/* Pack the value at `index` into the scratch, `most` bytes at most. False: what was wrong with it is on the stack, a text.
 * Raises without memory. */
RL_MUST_USE bool rl_desk_pack(lua_State *L, rl_desk *desk, int index, size_t most, rl_slice *out);
/* The same as a parcel, a message, a use of the caller's; NULL for false. */
RL_MUST_USE rl_parcel *rl_desk_parcel(lua_State *L, rl_desk *desk, int index);
/* Push the value of what was received. */
void rl_desk_unpack(lua_State *L, rl_desk *desk);

/* Adds functions to the table on top of the stack, each with the desk at `desk_at` as its upvalue. */
void rl_shared_add_functions(lua_State *L, const luaL_Reg *functions, int desk_at);
void rl_vm_open_topics(lua_State *L, int desk_at);
void rl_vm_open_stores(lua_State *L, int desk_at);

#endif
