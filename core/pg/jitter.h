/* jitter -- chance, so that what began together does not all happen at once.
 *
 *    backoff   20  40  80  160  320  most  most ... ms, each shortened by up to a half
 *    lifetime  a tenth more or less
 *
 * Workers that lost the same server must not all knock in the same moment in which
 * it comes back, nor connections that were made together be replaced together. */
#ifndef RL_PG_JITTER_H
#define RL_PG_JITTER_H

#include <stdint.h>

typedef struct rl_jitter {
    uint64_t random; /* xorshift64: decides nothing that anybody could gain by guessing */
} rl_jitter;

enum { RL_BACKOFF_MOST_MS = 500 /* while somebody waits: a restarted server serves again within a second */ };

void rl_jitter_init(rl_jitter *jitter);
/* 0 .. bound - 1; 0 for a bound of 0. */
uint64_t rl_jitter_below(rl_jitter *jitter, uint64_t bound);
/* How long to wait after so many `failures` in a row, 0 being the first. */
uint64_t rl_jitter_backoff_ms(rl_jitter *jitter, uint32_t failures, uint64_t most_ms);
/* Within a tenth of `ms`. */
uint64_t rl_jitter_about_ms(rl_jitter *jitter, uint64_t ms);

#endif
