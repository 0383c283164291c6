#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>

#include "base/mem.h"

enum { FIRST_CHUNK = 2048, /* a typical request head, copied */ MOST_CHUNK = 65536 };

struct rl_arena_chunk {
    rl_arena_chunk *older;
    size_t used, cap;
    alignas(max_align_t) char bytes[];
};

void rl_arena_init(rl_arena *arena, size_t ceiling) {
    *arena = (rl_arena){.ceiling = ceiling};
}

void rl_arena_clear(rl_arena *arena) {
    rl_arena_chunk *chunk = arena->newest;
    while (chunk != NULL) {
        rl_arena_chunk *older = chunk->older;
        rl_mem_free(chunk);
        chunk = older;
    }
    rl_arena_init(arena, arena->ceiling);
}

static rl_arena_chunk *add_chunk(rl_arena *arena, size_t size) {
    size_t cap = arena->newest == NULL ? FIRST_CHUNK : arena->newest->cap * 2;
    if (cap > MOST_CHUNK)
        cap = MOST_CHUNK;
    if (cap < size)
        cap = size;
    if (cap > arena->ceiling - arena->taken)
        cap = size;
    if (cap > arena->ceiling - arena->taken)
        return NULL;
    rl_arena_chunk *chunk = rl_mem_alloc(sizeof *chunk + cap);
    if (chunk == NULL)
        return NULL;
    *chunk = (rl_arena_chunk){.older = arena->newest, .cap = cap};
    arena->newest = chunk;
    arena->taken += cap;
    return chunk;
}

/* Blocks are whole units of alignment, so that the next one is aligned too. */
static size_t round_up(size_t size) {
    const size_t align = alignof(max_align_t);
    return (size + align - 1) / align * align;
}

void *rl_arena_alloc(rl_arena *arena, size_t size) {
    if (size > arena->ceiling || size > SIZE_MAX / 2)
        return NULL;
    size = round_up(size);
    rl_arena_chunk *chunk = arena->newest;
    if (chunk == NULL || chunk->cap - chunk->used < size) {
        chunk = add_chunk(arena, size);
        if (chunk == NULL)
            return NULL;
    }
    void *ptr = chunk->bytes + chunk->used;
    chunk->used += size;
    return ptr;
}

rl_err rl_arena_copy(rl_arena *arena, rl_slice bytes, rl_slice *out) {
    char *copy = rl_arena_alloc(arena, bytes.len + 1);
    if (copy == NULL)
        return arena->ceiling - arena->taken < round_up(bytes.len + 1) ? RL_EFULL : RL_ENOMEM;
    if (bytes.len > 0)
        memcpy(copy, bytes.ptr, bytes.len);
    copy[bytes.len] = '\0';
    *out = (rl_slice){copy, bytes.len};
    return RL_OK;
}
