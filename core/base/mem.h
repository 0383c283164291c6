/* mem -- the only door to the heap.
 *
 * Everything above asks here, so that the C tests can link another mem.c that
 * refuses each allocation in turn (spec/core/mem.c) and show that every caller
 * survives the refusal. All return NULL when memory ran out. */
#ifndef RL_BASE_MEM_H
#define RL_BASE_MEM_H

#include <stddef.h>

#include "base/err.h"

/* Once, when the program begins: have freed memory kept for whoever asks next, up to 32 MB of it at the end of each heap.
 * By itself the C library gives it back to the system in small pieces: a worker that had a hundred thousand tasks, again
 * and again, spent a third of its time on getting the same pages anew. */
void rl_mem_keep_freed(void);

RL_MUST_USE void *rl_mem_alloc(size_t size);
/* `count` things of `size` bytes, all zero; NULL also when the product overflows. */
RL_MUST_USE void *rl_mem_zalloc(size_t count, size_t size);
/* As realloc: on failure the old block stays as it was. */
RL_MUST_USE void *rl_mem_realloc(void *ptr, size_t size);
/* NULL is allowed and does nothing. */
void rl_mem_free(void *ptr);
/* A NUL-terminated copy of `len` bytes. */
RL_MUST_USE char *rl_mem_strndup(const char *text, size_t len);

#endif
