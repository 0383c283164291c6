/* hiccup.h -- when the machine stood still.
 *
 *     core 0   . . . . .                . . . . . . . .    looks at the clock, every 100 us
 *     core 1   . . . . . . . . . . . . . . . . . . .  .
 *                 |---|-- a hiccup ----|------------|
 *               before                     after           what was due here is spoiled
 *
 * A virtual machine's host takes its cores away, a hundredth of the time and for
 * milliseconds each: then the slowest hundredth of all answers is the host's, whoever
 * the server is. A thread of realtime priority on each core is kept from the clock by
 * no program here, so that what does keep it is somebody else's. Or the kernel's: one that
 * is not preempted keeps it waiting to the end of a system call, which for small
 * answers is microseconds, and for megabytes may be a hiccup that the server made
 * itself. So this is for small answers only. After jHiccup by G. Tene, which tells of
 * hiccups and leaves it at that. */
#ifndef RL_BENCH_HICCUP_H
#define RL_BENCH_HICCUP_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/sysinfo.h>

#include "clock.h"

enum {
    HICCUP_CORES = 2, /* the first: the bench gives one to the server and one to the client */
    HICCUP_LOOK_NS = 100 * 1000,
    HICCUP_LEAST_NS = 500 * 1000,       /* a look that is later than this is a hiccup */
    HICCUP_BEFORE_NS = 5 * 1000 * 1000, /* what was asked in them may not be answered yet */
    HICCUP_AFTER_NS = 5 * 1000 * 1000,  /* afterwards caches are cold, */
    HICCUP_AFTER_TIMES = 10,            /* and what waited is worked off: 9 times as long at 0.9 of the rate */
    HICCUPS_MAX = 1 << 14               /* of a core */
};

typedef struct hiccup {
    uint64_t from_ns, to_ns; /* CLOCK_MONOTONIC */
} hiccup;

typedef struct hiccup_watcher {
    pthread_t thread;
    _Atomic bool is_over;
    size_t count;
    hiccup seen[HICCUPS_MAX];
} hiccup_watcher;

static hiccup_watcher hiccup_watchers[HICCUP_CORES];
static unsigned hiccup_watcher_count;

static void *hiccup_look(void *arg) {
    hiccup_watcher *at = arg;
    uint64_t due = clock_now_ns() + HICCUP_LOOK_NS;
    while (!atomic_load(&at->is_over) && at->count < HICCUPS_MAX) {
        clock_sleep_until(due);
        uint64_t now = clock_now_ns();
        if (now > due + HICCUP_LEAST_NS)
            at->seen[at->count++] = (hiccup){.from_ns = due, .to_ns = now};
        due = now + HICCUP_LOOK_NS;
    }
    return NULL;
}

static int hiccup_watch_core(unsigned core) {
    pthread_attr_t as;
    cpu_set_t there;
    CPU_ZERO(&there);
    CPU_SET(core, &there);
    pthread_attr_init(&as);
    pthread_attr_setaffinity_np(&as, sizeof there, &there);
    pthread_attr_setinheritsched(&as, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&as, SCHED_FIFO);
    struct sched_param least = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};
    pthread_attr_setschedparam(&as, &least);
    int error = pthread_create(&hiccup_watchers[core].thread, &as, hiccup_look, &hiccup_watchers[core]);
    pthread_attr_destroy(&as);
    return error;
}

static void hiccup_stop(void) {
    for (unsigned core = 0; core < hiccup_watcher_count; core++) {
        atomic_store(&hiccup_watchers[core].is_over, true);
        pthread_join(hiccup_watchers[core].thread, NULL);
    }
}

/* Begin to look. 0, or why nobody does: an error number, EPERM where realtime priority is not
 * allowed (CAP_SYS_NICE). */
static int hiccup_start(void) {
    unsigned cores = (unsigned)get_nprocs();
    for (unsigned core = 0; core < HICCUP_CORES && core < cores; core++) {
        int error = hiccup_watch_core(core);
        if (error != 0) {
            hiccup_stop();
            hiccup_watcher_count = 0;
            return error;
        }
        hiccup_watcher_count++;
    }
    return 0;
}

/* Mark the slots of time, `slot_ns` each from `start_ns` on, that a hiccup spoiled. */
static void hiccup_spoil(const hiccup *one, bool *spoiled, size_t slots, uint64_t start_ns,
                         uint64_t slot_ns) {
    uint64_t from_ns = one->from_ns - HICCUP_BEFORE_NS;
    uint64_t to_ns = one->to_ns + HICCUP_AFTER_NS + HICCUP_AFTER_TIMES * (one->to_ns - one->from_ns);
    if (to_ns < start_ns)
        return;
    size_t slot = from_ns > start_ns ? (size_t)((from_ns - start_ns) / slot_ns) : 0;
    for (; slot < slots && slot <= (to_ns - start_ns) / slot_ns; slot++)
        spoiled[slot] = true;
}

/* Stop, and mark what all hiccups spoiled. How long the cores stood still, in nanoseconds,
 * each for itself. */
static uint64_t hiccup_stop_and_mark(bool *spoiled, size_t slots, uint64_t start_ns, uint64_t slot_ns) {
    uint64_t still_ns = 0;
    hiccup_stop();
    for (unsigned core = 0; core < hiccup_watcher_count; core++) {
        hiccup_watcher *at = &hiccup_watchers[core];
        for (size_t i = 0; i < at->count; i++) {
            if (i == HICCUPS_MAX - 1)
                at->seen[i].to_ns = start_ns + slots * slot_ns; /* nobody looked any more */
            still_ns += at->seen[i].to_ns - at->seen[i].from_ns;
            hiccup_spoil(&at->seen[i], spoiled, slots, start_ns, slot_ns);
        }
    }
    return still_ns;
}

#endif
