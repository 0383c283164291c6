#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { PATIENCE_S = 30 };

static _Atomic long refuse_in; /* the allocation that many from now fails; 0: none */
static atomic_size_t live;
static atomic_bool refused;

static bool refuse(void) {
    if (atomic_load(&refuse_in) == 0 || atomic_fetch_sub(&refuse_in, 1) != 1)
        return false;
    atomic_store(&refused, true);
    return true;
}

static void *counted(void *ptr) {
    if (ptr != NULL)
        atomic_fetch_add(&live, 1);
    return ptr;
}

void *rl_mem_alloc(size_t size) {
    return refuse() ? NULL : counted(malloc(size));
}

void *rl_mem_zalloc(size_t count, size_t size) {
    return refuse() ? NULL : counted(calloc(count, size));
}

void *rl_mem_realloc(void *ptr, size_t size) {
    if (refuse())
        return NULL;
    return ptr == NULL ? counted(malloc(size)) : realloc(ptr, size);
}

void rl_mem_free(void *ptr) {
    if (ptr != NULL)
        atomic_fetch_sub(&live, 1);
    free(ptr);
}

char *rl_mem_strndup(const char *text, size_t len) {
    char *copy = rl_mem_alloc(len + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

size_t mem_live(void) {
    return atomic_load(&live);
}

void mem_await(size_t count) {
    const struct timespec pause = {.tv_nsec = 1000 * 1000};
    size_t now;
    for (time_t until = time(NULL) + PATIENCE_S; (now = mem_live()) != count && time(NULL) < until;)
        nanosleep(&pause, NULL);
    assert_int_equal(now, count);
}

void each_allocation_fails(void (*body)(void)) {
    for (long n = 1; n < 100000; n++) {
        size_t before = mem_live();
        atomic_store(&refused, false);
        atomic_store(&refuse_in, n);
        body();
        atomic_store(&refuse_in, 0);
        mem_await(before);
        if (!atomic_load(&refused))
            return;
    }
    fail_msg("the body allocates without end");
}
