/* run -- one Lua module's function as a task: loading an app, or a command. */
#ifndef RL_VM_RUN_H
#define RL_VM_RUN_H

#include "vm/vm.h"

/* `status` is the function's first result as a number, 0 when it is none;
 * `failure` is NULL, or the text of the error that it raised. */
typedef void rl_run_ended_fn(void *owner, int status, const char *failure);

/* Run `require(module)(argv...)` in the next turn, as a task: it may wait. */
RL_MUST_USE rl_err rl_run_start(rl_vm *vm, const char *module, const char *const *argv, size_t argc,
                                rl_run_ended_fn *ended, void *owner);

#endif
