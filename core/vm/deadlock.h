/* deadlock -- noticing that every task waits for another.
 *
 *   the loop is about to wait --> can nothing but a task wake any task? --> lua/rille/deadlock.lua writes
 *                                                                          the report, and one task raises it
 *
 * A task is bound when its wait has places in lines alone (vm/line.c), or in those of channels that only this worker
 * has (sync/party.h), and no deadline is above it. The cases of the wait say that themselves, so that no wait pays for it.
 * When all are bound, nothing happens any more.
 *
 * For commands, specs among them: what a server's tasks wait for, its next request may bring. */
#ifndef RL_VM_DEADLOCK_H
#define RL_VM_DEADLOCK_H

#include "vm/vm.h"

/* Look whenever the VM's loop is about to wait, until the VM is freed. */
RL_MUST_USE rl_err rl_deadlock_watch(rl_vm *vm);
/* Have the task that answers for all raise a report of them, because of `why`: "deadlock", or the words for something
 * else. False when it is in no wait, or the report could not be written, which is logged. */
bool rl_deadlock_raise(rl_vm *vm, const char *why);

#endif
