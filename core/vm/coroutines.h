/* coroutines -- those that no task has, for the next tasks.
 *
 *     acquire --> a task's --> returned --> reuse --> acquire ...
 *                          `-> failed, abandoned --> drop
 *
 * A used one is cheaper than a new one. Only one whose function returned is used
 * again: one that failed keeps upvalues open, and a closure of the dead request
 * would read the next request's arguments. */
#ifndef RL_VM_COROUTINES_H
#define RL_VM_COROUTINES_H

#include "vm/vm.h"

typedef struct rl_coroutine {
    lua_State *co;
    int ref; /* keeps it from the collector */
} rl_coroutine;

enum { RL_MOST_IDLE_COROUTINES = 1024 /* the collector walks each one's stack */ };

typedef struct rl_coroutines {
    rl_vm *vm;
    size_t idle_count;
    rl_coroutine idle[RL_MOST_IDLE_COROUTINES]; /* the last one that came back is the next to go: its stack is in the cache */
} rl_coroutines;

void rl_coroutines_init(rl_coroutines *all, rl_vm *vm);
/* One with an empty stack; RL_ENOMEM when none was idle and none could be made. */
RL_MUST_USE rl_err rl_coroutines_acquire(rl_coroutines *all, rl_coroutine *out);
/* Its function has returned. */
void rl_coroutines_reuse(rl_coroutines *all, rl_coroutine one);
/* It is never resumed again: the collector may have it. */
void rl_coroutines_drop(rl_coroutines *all, rl_coroutine one);

#endif
