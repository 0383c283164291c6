/* pulse -- whether a thread's loop still turns.
 *
 *    asked: a post to the loop --> the loop comes to it: answered
 *
 * Costs the loop nothing while nobody asks. Asked and read by another thread. */
#ifndef RL_CLI_PULSE_H
#define RL_CLI_PULSE_H

#include <stdatomic.h>

#include "loop/loop.h"

typedef struct rl_pulse {
    rl_loop *loop;
    rl_post post;
    _Atomic uint64_t asked_ns; /* 0: no question is open */
} rl_pulse;

void rl_pulse_init(rl_pulse *pulse, rl_loop *loop);
/* No more than one question is open at a time. */
void rl_pulse_ask(rl_pulse *pulse);
/* How long the open question has had no answer, in ns; 0: there is none. */
uint64_t rl_pulse_silent_ns(const rl_pulse *pulse);

#endif
