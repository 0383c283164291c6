/* tail -- the last lines of what was written, in a ring of bytes.
 *
 *    total % RL_TAIL_MOST
 *          v
 *    ...ne 7\n|e 3\nline 4\nline 5\nli...      the oldest is overwritten from its beginning on
 *
 * Whoever shares one has a lock of his own. */
#ifndef RL_BASE_TAIL_H
#define RL_BASE_TAIL_H

#include <stddef.h>
#include <stdint.h>

enum { RL_TAIL_MOST = 128 * 1024 };

/* All zeros is an empty one. */
typedef struct rl_tail {
    uint64_t total; /* bytes that were ever added */
    char bytes[RL_TAIL_MOST];
} rl_tail;

/* Some line, with the newline at its end. */
void rl_tail_add(rl_tail *tail, const char *line, size_t len);
/* The whole lines that are left, the oldest first. Returns how many bytes these are. */
size_t rl_tail_copy(const rl_tail *tail, char out[RL_TAIL_MOST]);

#endif
