/* thread -- one OS thread with a VM of its own: one job at a time, for the loop that opened it.
 *
 *   home loop --rl_thread_run--> [ job ] --> rl_thread: lua/rille/thread.lua, in its VM
 *       ^                                       |
 *       +------- post: heard ----- [ notes ] <--+ progress, and the end
 *
 * Only bytes cross: what a job is given, each note of its progress (the newest few
 * are kept), and what came of it. Both sides hold the thread; it goes when both have
 * let go of it, so one that does not end can be left behind and keeps what it uses.
 *
 * A job that is to end is interrupted: by a signal to its thread alone, whose handler
 * sets Lua's hook there and has the VM's memory refuse to grow. Interpreted code ends at
 * its next instruction, compiled code where it next asks for memory or leaves its
 * trace; a compiled loop that does neither, and a call that blocks in C, do not end. */
#ifndef RL_VM_THREAD_H
#define RL_VM_THREAD_H

#include "base/log.h"
#include "loop/loop.h"
#include "vm/vm.h"

typedef struct rl_thread rl_thread;

enum { RL_THREAD_MOST_NOTES = 64 /* kept of a job's progress, the newest */ };

typedef struct rl_thread_options {
    size_t memory;       /* its VM's ceiling */
    const char *lua_dir; /* as rl_vm_new's; must outlive the thread */
    rl_log *log;         /* the same; may be NULL */
    const struct rl_sources *sources; /* held as long as the thread is; NULL: what the disk has */
    rl_slice setup;      /* copied: what lua/rille/thread.lua is begun with */
    void (*heard)(void *owner); /* on the home loop: there are notes */
    void *owner;
} rl_thread_options;

/* Something that a job said; freed with rl_thread_free_note. */
typedef struct rl_thread_note {
    rl_list link;
    bool is_end; /* what came of the job; else how far it is */
    size_t len;
    char bytes[];
} rl_thread_note;

/* RL_EIO when the system gives no thread. */
RL_MUST_USE rl_err rl_thread_open(rl_loop *home, const rl_thread_options *options, rl_thread **out);
/* Begin a job with a copy of `input`; none may run. */
RL_MUST_USE rl_err rl_thread_run(rl_thread *thread, rl_slice input);
bool rl_thread_is_running(rl_thread *thread);
/* The oldest note, which the caller frees; NULL when there is none. After one that is the end, no job runs. */
rl_thread_note *rl_thread_take(rl_thread *thread);
void rl_thread_free_note(rl_thread_note *note);
/* Have the running job end, if it can: again, as long as it has not. */
void rl_thread_interrupt(rl_thread *thread);
/* The home side lets go: nothing is heard any more. A thread with a job goes when that has ended. */
void rl_thread_close(rl_thread *thread);

/* ---- in the thread: for its Lua ---- */

/* Tell of the progress of the running job. RL_ENOMEM; a note that nobody wants any more is dropped. */
RL_MUST_USE rl_err rl_thread_tell(rl_thread *thread, rl_slice bytes);
/* Whether the running job is to end. */
bool rl_thread_must_end(const rl_thread *thread);

#endif
