#include "loop/job.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "mem.h"

typedef struct errand {
    rl_job job;
    pthread_t worked_on, done_on;
    int works, dones;
} errand;

static void work(rl_job *job) {
    errand *one = RL_CONTAINER(job, errand, job);
    one->works++;
    one->worked_on = pthread_self();
}

static void done(rl_job *job) {
    errand *one = RL_CONTAINER(job, errand, job);
    one->dones++;
    one->done_on = pthread_self();
}

static void work_is_done_elsewhere_and_its_end_is_told_on_the_loop(void **state) {
    (void)state;
    rl_loop *loop;
    assert_int_equal(rl_loop_new(&loop), RL_OK);
    errand errands[20];
    for (int i = 0; i < 20; i++) {
        errands[i] = (errand){.job = {.work = work, .done = done}};
        assert_int_equal(rl_job_submit(loop, &errands[i].job), RL_OK);
    }
    rl_loop_run(loop);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(errands[i].works, 1);
        assert_int_equal(errands[i].dones, 1);
        assert_true(pthread_equal(errands[i].done_on, pthread_self()));
        assert_false(pthread_equal(errands[i].worked_on, pthread_self()));
    }
    rl_loop_free(loop);
}

static void done_and_free(rl_job *job) {
    rl_mem_free(job);
}

static void submit_one(void) {
    rl_loop *loop;
    if (rl_loop_new(&loop) != RL_OK)
        return;
    errand *one = rl_mem_zalloc(1, sizeof *one);
    if (one != NULL) {
        one->job = (rl_job){.work = work, .done = done_and_free};
        if (rl_job_submit(loop, &one->job) != RL_OK)
            rl_mem_free(one); /* refused: it is still ours */
    }
    rl_loop_run(loop);
    rl_loop_free(loop);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(submit_one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_is_done_elsewhere_and_its_end_is_told_on_the_loop),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
