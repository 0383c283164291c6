#include "base/mem.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_KEPT = 32 << 20,
    LEAST_MAPPED = 4 << 20 /* bytes of a block that lies apart, and goes back at once; the library no more finds it out itself */
};

void rl_mem_keep_freed(void) {
    mallopt(M_TRIM_THRESHOLD, MOST_KEPT);
    mallopt(M_MMAP_THRESHOLD, LEAST_MAPPED);
}

void *rl_mem_alloc(size_t size) {
    return malloc(size);
}

void *rl_mem_zalloc(size_t count, size_t size) {
    return calloc(count, size);
}

void *rl_mem_realloc(void *ptr, size_t size) {
    return realloc(ptr, size);
}

void rl_mem_free(void *ptr) {
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
