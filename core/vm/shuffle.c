#include "vm/shuffle.h"

#include "base/hash.h"

enum { MOST_SEEN = 64 /* so that a long queue costs no more */ };

uint64_t rl_shuffle_begin(uint64_t seed) {
    return seed == 0 ? 0 : rl_hash_bytes(RL_HASH_BEGIN, &seed, sizeof seed) | 1;
}

/* xorshift64*: 0 would stay 0, and nothing else becomes it. */
static uint32_t roll(uint64_t *dice) {
    *dice ^= *dice >> 12;
    *dice ^= *dice << 25;
    *dice ^= *dice >> 27;
    return (uint32_t)(*dice * 0x2545f4914f6cdd1d >> 32);
}

rl_list *rl_shuffle_take(uint64_t *dice, rl_list *queue) {
    rl_list *taken = NULL;
    uint32_t seen = 0;
    for (rl_list *at = queue->next; at != queue && seen < MOST_SEEN; at = at->next)
        if (roll(dice) % ++seen == 0)
            taken = at; /* each of those seen so far is it with the same chance */
    if (taken != NULL)
        rl_list_remove(taken);
    return taken;
}
