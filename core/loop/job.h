/* job -- blocking work on another thread, its end reported on the loop. */
#ifndef RL_LOOP_JOB_H
#define RL_LOOP_JOB_H

#include "loop/loop.h"

typedef struct rl_job rl_job;
struct rl_job {
    void (*work)(rl_job *job); /* on some thread: touches nothing of the loop */
    void (*done)(rl_job *job); /* on the loop, once; may free the job */
};

/* The job must live until `done`. Runs on libuv's pool of four threads: for
 * short work only; what may block for long brings a thread of its own. */
RL_MUST_USE rl_err rl_job_submit(rl_loop *loop, rl_job *job);

#endif
