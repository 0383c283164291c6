/* crew -- a few threads for libpq's blocking calls.
 *
 *    loop:  submit --> queue --> a thread: work --> finished --> loop: done
 *
 * PQconnectdb may resolve names for ten seconds and PQcancel may hang on a
 * stopped server for ever, so neither may run on the loop, nor on libuv's four
 * threads where it would hold up everybody's files. Threads are started when
 * there is work and leave after a while without any.
 * A crew can be closed while a thread is stuck inside a call: that thread then
 * owns its job, drops it whenever the call returns, and touches nothing else. */
#ifndef RL_PG_CREW_H
#define RL_PG_CREW_H

#include <stdint.h>

#include "base/list.h"
#include "loop/loop.h"

typedef struct rl_crew rl_crew;
typedef struct rl_crew_job rl_crew_job;

struct rl_crew_job {
    rl_list link;
    void (*work)(rl_crew_job *job); /* on a thread; may block */
    void (*done)(rl_crew_job *job); /* on the loop, once, after `work`; frees the job */
    void (*drop)(rl_crew_job *job); /* instead of `done`, on any thread, after a close; frees it too */
};

RL_MUST_USE rl_err rl_crew_new(rl_loop *loop, uint32_t max_threads, uint32_t max_queue, rl_crew **out);
/* The job belongs to the crew until `done` or `drop`. RL_EFULL when too many
 * wait already, RL_EIO when no thread could be started: it is still yours then. */
RL_MUST_USE rl_err rl_crew_submit(rl_crew *crew, rl_crew_job *job);
/* No `done` comes after this. Waits for the threads that are between jobs, not
 * for those inside one. */
void rl_crew_close(rl_crew *crew);

#endif
