/* arena -- memory that dies all at once.
 *
 *   newest                      oldest
 *   +--------------+   +--------------+
 *   |####|         |-->|###########|  |-->
 *   +--------------+   +--------------+
 *
 * A request's copied bytes live here and end with it, so nothing in a request
 * is freed piece by piece. No memory is taken before the first allocation. */
#ifndef RL_BASE_ARENA_H
#define RL_BASE_ARENA_H

#include "base/err.h"
#include "base/slice.h"

typedef struct rl_arena_chunk rl_arena_chunk;

typedef struct rl_arena {
    rl_arena_chunk *newest;
    size_t taken;   /* bytes of all chunks */
    size_t ceiling; /* and their bound */
} rl_arena;

void rl_arena_init(rl_arena *arena, size_t ceiling);
/* Frees every chunk; the arena is as after rl_arena_init. */
void rl_arena_clear(rl_arena *arena);
/* `size` bytes, aligned for any type; NULL past the ceiling or without memory. */
RL_MUST_USE void *rl_arena_alloc(rl_arena *arena, size_t size);
/* A copy of `bytes` that lives as long as the arena. */
RL_MUST_USE rl_err rl_arena_copy(rl_arena *arena, rl_slice bytes, rl_slice *out);

#endif
