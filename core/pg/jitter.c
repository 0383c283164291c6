#include "pg/jitter.h"

#include "base/log.h"
#include "loop/loop.h"

enum {
    LEAST_MS = 20,
    MOST_DOUBLINGS = 20 /* six hours: above anybody's most, and far from an overflow */
};

void rl_jitter_init(rl_jitter *jitter) {
    jitter->random = rl_clock_ns() | 1; /* 0 would stay 0 */
}

uint64_t rl_jitter_below(rl_jitter *jitter, uint64_t bound) {
    jitter->random ^= jitter->random << 13;
    jitter->random ^= jitter->random >> 7;
    jitter->random ^= jitter->random << 17;
    return bound == 0 ? 0 : jitter->random % bound;
}

uint64_t rl_jitter_backoff_ms(rl_jitter *jitter, uint32_t failures, uint64_t most_ms) {
    uint64_t delay_ms = (uint64_t)LEAST_MS << (failures < MOST_DOUBLINGS ? failures : MOST_DOUBLINGS);
    if (delay_ms > most_ms)
        delay_ms = most_ms;
    return delay_ms - rl_jitter_below(jitter, delay_ms / 2 + 1);
}

uint64_t rl_jitter_about_ms(rl_jitter *jitter, uint64_t ms) {
    return ms - ms / 10 + rl_jitter_below(jitter, ms / 5 + 1);
}
