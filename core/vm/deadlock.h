/* deadlock -- noticing that every task waits for another.
 *
 *   the loop is about to wait --> can nothing but a task wake any task? --> lua/rille/deadlock.lua writes
 *                                                                          the report, and one task raises it
 *
 * A task is bound when its wait has places in lines alone (vm/line.c), or in those of channels that only this worker
 * has (sync/party.h), and no deadline is above it. The cases of the wait say that themselves, so that no wait pays for it.
 * When all are bound, nothing happens any more.
 *
 * For commands, specs among them: what a server's tasks wait for, its next request may bring. Of a server's request,
 * though, it can be told when its deadline passes: where all its tasks waited for others, that is what made it late. It is
 * looked at before the first of them is cancelled, and in development and in specs alone.
 *
 *   deadline passes --> rl_deadlock_look_at_late --> lua/rille/deadlock.lua notes what they wait for --> the handler
 *                                                                     raises `timeout`: the report is told in its place */
#ifndef RL_VM_DEADLOCK_H
#define RL_VM_DEADLOCK_H

#include "vm/task.h"

/* Look whenever the VM's loop is about to wait, until the VM is freed. */
RL_MUST_USE rl_err rl_deadlock_watch(rl_vm *vm);
/* Have the task that answers for all raise a report of them, because of `why`: "deadlock", or the words for something
 * else. False when it is in no wait, or the report could not be written, which is logged. */
bool rl_deadlock_raise(rl_vm *vm, const char *why);

/* The task is about to hear that its scope was cancelled. */
void rl_deadlock_look_at_late(rl_task *task);

#endif
