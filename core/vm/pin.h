/* pin -- what keeps a coroutine from being left: a C function that is to be called back.
 *
 *   handler --> table.sort (C) --> comparison --> rille.sleep: cannot yield past table.sort
 *
 * LuaJIT says of such a yield where it is, not what to do about it. */
#ifndef RL_VM_PIN_H
#define RL_VM_PIN_H

#include <lua.h>

/* For a C function of ours that would wait where lua_isyieldable says no: raises an
 * error that begins with the app's line, and names the call, what pins it, and what to
 * write instead. What a handler of xpcall raises is lost in LuaJIT ("error in error
 * handling"), so from there it goes to the log as well. Does not return. */
int rl_pin_raise(lua_State *L);

#endif
