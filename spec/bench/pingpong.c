/* pingpong -- two threads that wake each other through eventfds: what a message between workers
 * cannot cost less than on this machine. Prints half of a round trip. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "clock.h"

enum { ROUNDS = 20000 };

static int there, back;

static void *echo(void *arg) {
    eventfd_t count;
    for (int i = 0; i < ROUNDS; i++) {
        eventfd_read(there, &count);
        eventfd_write(back, 1);
    }
    return arg;
}

static int by_size(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(void) {
    static double times[ROUNDS];
    pthread_t thread;
    eventfd_t count;
    there = eventfd(0, 0);
    back = eventfd(0, 0);
    pthread_create(&thread, NULL, echo, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t began_ns = clock_now_ns();
        eventfd_write(there, 1);
        eventfd_read(back, &count);
        times[i] = (double)(clock_now_ns() - began_ns) / 1e3 / 2;
    }
    pthread_join(thread, NULL);
    qsort(times, ROUNDS, sizeof *times, by_size);
    printf("eventfds   p50 %.1f us, p99 %.1f us\n", times[ROUNDS / 2], times[ROUNDS * 99 / 100]);
    return 0;
}
