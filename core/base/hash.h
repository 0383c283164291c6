/* hash -- bytes to a number that spreads them over a table's buckets.
 *
 * Quick, and no secret in it: for texts that are the app's own. A table whose keys
 * a stranger chooses wants a keyed hash. */
#ifndef RL_BASE_HASH_H
#define RL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { RL_HASH_BEGIN = 0 };

/* Eight bytes at a time; the multiplier is 2^64 divided by the golden ratio
 * (Knuth, The Art of Computer Programming 3, 6.4). */
static inline uint64_t rl_hash_bytes(uint64_t hash, const void *bytes, size_t len) {
    const uint64_t golden = 0x9e3779b97f4a7c15u;
    const char *at = bytes;
    for (uint64_t word; len >= sizeof word; at += sizeof word, len -= sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = (hash ^ word) * golden;
        hash ^= hash >> 32;
    }
    uint64_t rest = len; /* so that a text and the same text with a NUL behind differ */
    for (size_t i = 0; i < len; i++)
        rest = rest << 8 | (unsigned char)at[i];
    hash = (hash ^ rest) * golden;
    return hash ^ hash >> 32;
}

#endif
