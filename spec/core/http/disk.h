/* disk -- disks for tests: one that stands still, one that is full. */
#ifndef RL_SPEC_HTTP_DISK_H
#define RL_SPEC_HTTP_DISK_H

#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "loop/job.h"

enum { DISK_THREADS = 4 /* that libuv runs jobs on */ };

typedef struct disk_stop {
    rl_job job;
    sem_t *go_on;
} disk_stop;

/* A disk that stands still, once: all threads that would use it wait, and may be
 * on their way out long after it goes on. In the test's own storage, until its
 * loop has ended. */
typedef struct disk {
    disk_stop stops[DISK_THREADS];
    sem_t go_on;
} disk;

static inline void disk_wait(rl_job *job) {
    while (sem_wait(RL_CONTAINER(job, disk_stop, job)->go_on) != 0)
        ;
}

static inline void disk_waited(rl_job *job) {
    (void)job;
}

static inline void disk_stall(disk *d, rl_loop *loop) {
    sem_init(&d->go_on, 0, 0);
    for (int i = 0; i < DISK_THREADS; i++) {
        d->stops[i] = (disk_stop){.job = {.work = disk_wait, .done = disk_waited}, .go_on = &d->go_on};
        assert_int_equal(rl_job_submit(loop, &d->stops[i].job), RL_OK);
    }
}

static inline void disk_go_on(disk *d) {
    for (int i = 0; i < DISK_THREADS; i++)
        sem_post(&d->go_on);
}

/* No file grows beyond `len` bytes, until disk_empty. */
static inline void disk_fill(rlim_t len) {
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN); /* which a write beyond it would raise */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = len;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static inline void disk_empty(void) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#endif
