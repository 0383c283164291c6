/* refusal -- what a task meets that waits although it was cancelled.
 *
 * The cancellation is raised at each of its waits, so that it can clean up on its way out. One that
 * catches that and goes on is given up after RL_MOST_REFUSALS of them: it would hold the worker, and
 * what was lent to it, for ever. */
#ifndef RL_VM_REFUSAL_H
#define RL_VM_REFUSAL_H

#include "vm/task.h"

enum { RL_MOST_REFUSALS = 1000 };

/* Raises why the task's scope was cancelled; past the last refusal, each further instruction of the
 * app's raises in it, until its coroutine is left (the scheduler takes the hook back then). */
void rl_task_refuse(lua_State *L, rl_task *task);

#endif
