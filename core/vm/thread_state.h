/* thread_state -- what both sides of a thread know: thread.c is the home side, thread_serve.c the thread's. */
#ifndef RL_VM_THREAD_STATE_H
#define RL_VM_THREAD_STATE_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "vm/sources.h"
#include "vm/thread.h"

enum {
    /* Nobody else's: the system sends it for urgent bytes alone, to whoever asked, and it is ignored by itself. */
    RL_THREAD_INTERRUPT = SIGURG
};

struct rl_thread {
    pthread_mutex_t lock;
    pthread_cond_t wanted;
    /* under the lock */
    int holders; /* the home side, the thread, a post that is under way */
    rl_loop *home; /* NULL once that side has let go */
    rl_thread_note *input;
    bool has_job, is_posted;
    rl_list notes;
    int note_count;
    /* the home loop's */
    pthread_t id;
    bool is_running;
    void (*heard)(void *owner);
    void *owner;
    rl_post post;
    /* the thread's own */
    size_t memory;
    const char *lua_dir;
    rl_log *log;
    const rl_sources *sources;
    rl_thread_note *setup;
    rl_loop *loop; /* never runs: a VM has one */
    rl_vm *vm;
    int run_ref, finish_ref;
    volatile sig_atomic_t is_armed; /* an app's function runs: a signal may end it */
    /* both sides' */
    atomic_bool must_end;
};

/* NULL without memory. */
rl_thread_note *rl_thread_new_note(rl_slice bytes, bool is_end);
/* For the home side; nobody wants it when that has gone. */
void rl_thread_tell_take(rl_thread *thread, rl_thread_note *note);
/* One of the holders goes; the lock is held, and let go of. */
void rl_thread_unlock_and_leave(rl_thread *thread);

/* What a thread does; `arg` is the rl_thread. */
void *rl_thread_serve(void *arg);
/* The handler of the interrupt. */
void rl_thread_on_interrupt(int number, siginfo_t *info, void *context);

#endif
