/* file -- open files for Lua: a handle that lua/rille/file.lua reads from. */
#ifndef RL_VM_FILE_H
#define RL_VM_FILE_H

#include "vm/vm.h"

/* Push a handle of the file that `fd`, borrowed, stands for; raises when memory
 * or descriptors ran out. */
void rl_file_push(lua_State *L, int fd);

#endif
