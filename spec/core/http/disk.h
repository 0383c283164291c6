/* disk -- what may befall the disk in a test: it stands still, or it is full.
 *
 *     cmocka_unit_test_teardown(test, disk_mend) */
#ifndef RL_SPEC_HTTP_DISK_H
#define RL_SPEC_HTTP_DISK_H

#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "loop/job.h"

enum { DISK_THREADS = 4 /* that libuv runs jobs on */ };

typedef struct disk disk;

typedef struct disk_stop {
    rl_job job;
    disk *disk;
} disk_stop;

/* It goes when the last of its threads has come out, which may be long after it was let go on. */
struct disk {
    disk_stop stops[DISK_THREADS];
    sem_t go_on;
    int left;
};

static disk *disk_standing; /* NULL: none is */

static inline void disk_wait(rl_job *job) {
    while (sem_wait(&RL_CONTAINER(job, disk_stop, job)->disk->go_on) != 0)
        ;
}

static inline void disk_waited(rl_job *job) {
    disk *self = RL_CONTAINER(job, disk_stop, job)->disk;
    if (--self->left > 0)
        return;
    sem_destroy(&self->go_on);
    free(self);
}

/* All threads that would use the disk wait. */
static inline void disk_stall(rl_loop *loop) {
    assert_null(disk_standing);
    disk_standing = malloc(sizeof *disk_standing);
    assert_non_null(disk_standing);
    sem_init(&disk_standing->go_on, 0, 0);
    disk_standing->left = DISK_THREADS;
    for (int i = 0; i < DISK_THREADS; i++) {
        disk_stop *stop = &disk_standing->stops[i];
        *stop = (disk_stop){.job = {.work = disk_wait, .done = disk_waited}, .disk = disk_standing};
        assert_int_equal(rl_job_submit(loop, &stop->job), RL_OK);
    }
}

static inline void disk_go_on(void) {
    for (int i = 0; i < DISK_THREADS; i++)
        sem_post(&disk_standing->go_on);
    disk_standing = NULL;
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

/* A teardown: what follows a test that has failed finds the disk as it was. */
static inline int disk_mend(void **state) {
    (void)state;
    if (disk_standing != NULL)
        disk_go_on();
    disk_empty();
    return 0;
}

#endif
