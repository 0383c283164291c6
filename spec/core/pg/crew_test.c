#include "pg/crew.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"
#include "mem.h"
#include "pg/turn.h"

/* A job that ends when a byte arrives in its pipe. */
typedef struct held {
    rl_crew_job job;
    int gate[2];
    atomic_bool began, *dropped;
    bool *done;
} held;

static void wait_for_byte(rl_crew_job *job) {
    held *one = RL_CONTAINER(job, held, job);
    char byte;
    atomic_store(&one->began, true);
    while (read(one->gate[0], &byte, 1) != 1) {
    }
}

static void free_held(held *one) {
    close(one->gate[0]);
    close(one->gate[1]);
    rl_mem_free(one);
}

static void on_done(rl_crew_job *job) {
    held *one = RL_CONTAINER(job, held, job);
    *one->done = true;
    free_held(one);
}

static void on_drop(rl_crew_job *job) {
    held *one = RL_CONTAINER(job, held, job);
    atomic_bool *dropped = one->dropped;
    close(one->gate[0]);
    rl_mem_free(one);
    atomic_store(dropped, true);
}

static held *new_held(bool *done, atomic_bool *dropped) {
    held *one = rl_mem_zalloc(1, sizeof *one);
    assert_non_null(one);
    assert_int_equal(pipe(one->gate), 0);
    one->job = (rl_crew_job){.work = wait_for_byte, .done = on_done, .drop = on_drop};
    one->done = done;
    one->dropped = dropped;
    return one;
}

static void let_go(int fd) {
    assert_int_equal(write(fd, "x", 1), 1);
}

static void runs_jobs_beside_each_other(void **state) {
    (void)state;
    rl_loop *loop;
    rl_crew *crew;
    bool first = false, second = false;
    atomic_bool dropped = false;
    assert_int_equal(rl_loop_new(&loop), RL_OK);
    assert_int_equal(rl_crew_new(loop, 2, 8, &crew), RL_OK);
    held *a = new_held(&first, &dropped), *b = new_held(&second, &dropped);
    int gate_a = a->gate[1];
    assert_int_equal(rl_crew_submit(crew, &a->job), RL_OK);
    assert_int_equal(rl_crew_submit(crew, &b->job), RL_OK);
    let_go(b->gate[1]);
    turn_until_set(loop, &second);
    assert_false(first);
    let_go(gate_a);
    turn_until_set(loop, &first);
    rl_crew_close(crew);
    rl_loop_free(loop);
}

static void refuses_more_than_the_queue_holds(void **state) {
    (void)state;
    rl_loop *loop;
    rl_crew *crew;
    bool done[4] = {false};
    atomic_bool dropped = false;
    int gates[4];
    assert_int_equal(rl_loop_new(&loop), RL_OK);
    assert_int_equal(rl_crew_new(loop, 1, 1, &crew), RL_OK);
    held *jobs[3];
    for (int i = 0; i < 3; i++) {
        jobs[i] = new_held(&done[i], &dropped);
        gates[i] = jobs[i]->gate[1];
    }
    assert_int_equal(rl_crew_submit(crew, &jobs[0]->job), RL_OK);
    while (!atomic_load(&jobs[0]->began))
        rl_loop_turn(loop, false);
    assert_int_equal(rl_crew_submit(crew, &jobs[1]->job), RL_OK);
    assert_int_equal(rl_crew_submit(crew, &jobs[2]->job), RL_EFULL);
    free_held(jobs[2]);
    let_go(gates[0]);
    let_go(gates[1]);
    turn_until_set(loop, &done[1]);
    rl_crew_close(crew);
    rl_loop_free(loop);
}

static void closes_around_a_stuck_thread(void **state) {
    (void)state;
    rl_loop *loop;
    rl_crew *crew;
    bool done = false, queued_done = false;
    atomic_bool dropped = false, queued_dropped = false;
    size_t before = mem_live();
    assert_int_equal(rl_loop_new(&loop), RL_OK);
    assert_int_equal(rl_crew_new(loop, 1, 8, &crew), RL_OK);
    held *stuck = new_held(&done, &dropped), *queued = new_held(&queued_done, &queued_dropped);
    int gate = stuck->gate[1], queued_gate = queued->gate[1];
    assert_int_equal(rl_crew_submit(crew, &stuck->job), RL_OK);
    while (!atomic_load(&stuck->began))
        rl_loop_turn(loop, false);
    assert_int_equal(rl_crew_submit(crew, &queued->job), RL_OK);
    rl_crew_close(crew);
    assert_true(atomic_load(&queued_dropped));
    rl_loop_free(loop);
    assert_false(atomic_load(&dropped));
    let_go(gate);
    mem_await(before); /* the thread frees the job, then the crew; nothing on a loop tells of it */
    assert_true(atomic_load(&dropped));
    close(gate);
    close(queued_gate);
    assert_false(done || queued_done);
}

static rl_loop *shared_loop;

static void no_work(rl_crew_job *job) {
    (void)job;
}

typedef struct quick {
    rl_crew_job job;
    bool *done;
} quick;

static void quick_done(rl_crew_job *job) {
    *RL_CONTAINER(job, quick, job)->done = true;
}

static void run_one(void) {
    rl_crew *crew;
    bool done = false;
    quick one = {.job = {.work = no_work, .done = quick_done, .drop = no_work}, .done = &done};
    if (rl_crew_new(shared_loop, 1, 1, &crew) != RL_OK)
        return;
    if (rl_crew_submit(crew, &one.job) == RL_OK)
        turn_until_set(shared_loop, &done);
    rl_crew_close(crew);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    assert_int_equal(rl_loop_new(&shared_loop), RL_OK);
    each_allocation_fails(run_one);
    rl_loop_free(shared_loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_jobs_beside_each_other),
        cmocka_unit_test(refuses_more_than_the_queue_holds),
        cmocka_unit_test(closes_around_a_stuck_thread),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
