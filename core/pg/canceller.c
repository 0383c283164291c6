#include "pg/canceller.h"

#include "base/mem.h"

enum {
    THREADS = 2,
    MAX_WAITING = 64 /* cancels take a millisecond: a longer queue means a server that hangs */
};

rl_err rl_canceller_new(rl_loop *loop, rl_crew **out) {
    return rl_crew_new(loop, THREADS, MAX_WAITING, out);
}

static void cancel_on_thread(rl_crew_job *job) {
    char ignored[256]; /* a refusal changes nothing: the connection's grace period decides */
    PQcancel(RL_CONTAINER(job, rl_cancel, job)->request, ignored, sizeof ignored);
}

static void drop(rl_crew_job *job) {
    rl_cancel *cancel = RL_CONTAINER(job, rl_cancel, job);
    PQfreeCancel(cancel->request);
    rl_mem_free(cancel);
}

static void report(rl_crew_job *job) {
    rl_cancel *cancel = RL_CONTAINER(job, rl_cancel, job);
    void (*done)(void *owner) = cancel->done;
    void *owner = cancel->owner;
    drop(job);
    if (done != NULL)
        done(owner);
}

rl_err rl_cancel_start(rl_crew *crew, PGconn *pg, void (*done)(void *owner), void *owner, rl_cancel **out) {
    rl_cancel *cancel = rl_mem_alloc(sizeof *cancel);
    if (cancel == NULL)
        return RL_ENOMEM;
    *cancel = (rl_cancel){.done = done, .owner = owner, .request = PQgetCancel(pg)};
    cancel->job = (rl_crew_job){.work = cancel_on_thread, .done = report, .drop = drop};
    rl_err err = cancel->request == NULL ? RL_ERESET : rl_crew_submit(crew, &cancel->job);
    if (err == RL_OK)
        *out = cancel;
    else
        drop(&cancel->job);
    return err;
}
