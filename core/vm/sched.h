/* sched -- whose coroutine runs next.
 *
 *   start/woken --> run queue --> resume --> returned   (coroutine reused)
 *                      ^             |-----> parked     (waits for its waiter)
 *                      +-------------+-----> failed     (coroutine dropped)
 *
 * The queue is drained after each poll, for at most one millisecond or 1,000
 * resumes: then the loop polls, so that tasks that wake each other for ever
 * do not starve the sockets. It is first come, first served, but in specs that are
 * to show that nobody relies on that: there a seed draws who is next. Who stands back
 * is no part of it until it is empty, or the next turn has come. */
#ifndef RL_VM_SCHED_H
#define RL_VM_SCHED_H

#include "vm/task.h"

typedef struct rl_sched rl_sched;

enum { RL_SLOW_TURN_NS = 50 * 1000 * 1000 /* longer without a wait delays everybody on the worker */ };

RL_MUST_USE rl_err rl_sched_new(rl_vm *vm, rl_sched **out);
void rl_sched_free(rl_sched *sched);

/* Make `task` ready for a first resume: parent scope, loop and end are set, and
 * it has a coroutine from the pool, on which the caller pushes the function and
 * its arguments (at most 16 values without growing the stack, nothing that allocates).
 * RL_ENOMEM when no coroutine could be made. */
RL_MUST_USE rl_err rl_task_init(rl_task *task, rl_vm *vm, rl_scope *parent,
                                void (*ended)(rl_task *task, int status, int count));
/* The same for one that gets its coroutine when it first runs, and needs none before: `begin` pushes the function and
 * its arguments onto that, allocating nothing, and returns how many these are. Should there be no memory then, it ends
 * with LUA_ERRMEM and without one: `task->co` is NULL in `ended`. */
RL_MUST_USE rl_err rl_task_init_late(rl_task *task, rl_vm *vm, rl_scope *parent, int (*begin)(rl_task *task),
                                     void (*ended)(rl_task *task, int status, int count));
/* Run it now, in the caller's stack, with `argc` arguments above the function.
 * Not from within another task. It may be over when this returns. */
void rl_task_run(rl_task *task, int argc);
/* Run it in the next turn; `argc` means nothing for one that gets its coroutine then. */
void rl_task_start(rl_task *task, int argc);
/* From now on `seed` draws whom of those that are ready runs next; 0: who has been for longest. */
void rl_sched_shuffle(rl_sched *sched, uint64_t seed);
/* The slot of the task that is initialized next. */
uint32_t rl_sched_next_slot(const rl_sched *sched);
/* All tasks that have not ended. */
const struct rl_ids *rl_sched_ids(const rl_sched *sched);
/* Log that `who` held the worker for `took_ns`. */
void rl_sched_report_slow(const rl_vm *vm, const char *who, uint64_t took_ns);
/* Give up a task that does not run: releases all it holds. `ended` is not
 * called, its coroutine is never resumed again. */
void rl_task_abandon(rl_task *task);

#endif
