#include "loop/job.h"

#include "base/mem.h"
#include "loop/uv.h"

static void on_work(uv_work_t *work) {
    rl_job *job = work->data;
    job->work(job);
}

static void on_done(uv_work_t *work, int status) {
    (void)status; /* jobs are never cancelled once submitted */
    rl_job *job = work->data;
    rl_loop_heard(RL_CONTAINER(work->loop, rl_loop, uv));
    rl_mem_free(work);
    job->done(job);
}

rl_err rl_job_submit(rl_loop *loop, rl_job *job) {
    uv_work_t *work = rl_mem_alloc(sizeof *work);
    if (work == NULL)
        return RL_ENOMEM;
    work->data = job;
    int status = uv_queue_work(&loop->uv, work, on_work, on_done);
    if (status == 0)
        rl_loop_expect(loop);
    else
        rl_mem_free(work);
    return rl_err_from_uv(status);
}
