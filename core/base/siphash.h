/* siphash -- bytes to a number that nobody without the key can foresee.
 *
 * For tables whose keys strangers choose: with a hash that they know they could put
 * all keys into one bucket. SipHash-1-3, as the paper's authors advise it for tables
 * (Aumasson, Bernstein: SipHash: a fast short-input PRF, 2012). */
#ifndef RL_BASE_SIPHASH_H
#define RL_BASE_SIPHASH_H

#include <stdint.h>
#include <string.h>

#include "base/slice.h"

typedef struct rl_siphash_key {
    uint64_t low, high;
} rl_siphash_key;

static inline uint64_t rl_rotate_left(uint64_t word, int bits) {
    return word << bits | word >> (64 - bits);
}

static inline void rl_siphash_round(uint64_t v[4]) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rl_rotate_left(v[1], 13) ^ v[0];
    v[3] = rl_rotate_left(v[3], 16) ^ v[2];
    v[0] = rl_rotate_left(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rl_rotate_left(v[1], 17) ^ v[2];
    v[3] = rl_rotate_left(v[3], 21) ^ v[0];
    v[2] = rl_rotate_left(v[2], 32);
}

static inline uint64_t rl_siphash(const rl_siphash_key *key, rl_slice bytes) {
    uint64_t v[4] = {key->low ^ 0x736f6d6570736575u, key->high ^ 0x646f72616e646f6du, key->low ^ 0x6c7967656e657261u,
                     key->high ^ 0x7465646279746573u};
    const char *at = bytes.ptr;
    size_t left = bytes.len;
    uint64_t word;
    for (; left >= sizeof word; at += sizeof word, left -= sizeof word) {
        memcpy(&word, at, sizeof word); /* little-endian, as all that we run on */
        v[3] ^= word;
        rl_siphash_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)bytes.len << 56;
    for (size_t i = 0; i < left; i++)
        word |= (uint64_t)(unsigned char)at[i] << 8 * i;
    v[3] ^= word;
    rl_siphash_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        rl_siphash_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
