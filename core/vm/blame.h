/* blame -- errors at the app's line, wherever below it the mistake came to light.
 *
 *   app.lua:12 --> lua/rille/context.lua --> a C function: raises "app.lua:12: …"
 *
 * luaL_error blames its caller, which for the framework's own calls is a line that the
 * app's author has never seen. */
#ifndef RL_VM_BLAME_H
#define RL_VM_BLAME_H

#include <stddef.h>

#include <lua.h>

/* Push "app.lua:12: ", or "" where no line of the app's is on the stack. `call` (`cap`
 * bytes, or NULL) gets the name by which the app called the framework, if that is known,
 * and is left as it is if not. */
void rl_blame_push(lua_State *L, char *call, size_t cap);

/* Raise `message` at the app's line. Does not return. */
int rl_blame_raise(lua_State *L, const char *message);

#endif
