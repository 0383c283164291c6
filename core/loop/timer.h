/* timer -- call me once, that much later.
 *
 * A pairing heap (Fredman et al. 1986) threaded through the timers themselves:
 * starting one cannot fail and costs no memory, and a connection can afford to
 * keep one for ever. Timers due at the same time fire in the order in which
 * they were started. */
#ifndef RL_LOOP_TIMER_H
#define RL_LOOP_TIMER_H

#include <stdint.h>

#include "loop/loop.h"

typedef struct rl_timer rl_timer;
struct rl_timer {
    rl_timer *child, *next, *prev; /* prev is the parent for a first child */
    uint64_t due_ms, order;        /* order 0: not running */
    void (*fire)(rl_timer *timer);
    bool is_chore; /* started as one */
};

void rl_timer_init(rl_timer *timer, void (*fire)(rl_timer *timer));
/* (Re)start: `fire` is called once, `delay_ms` from now or a little later. */
void rl_timer_start(rl_loop *loop, rl_timer *timer, uint64_t delay_ms);
/* The same for upkeep, which no test waits for: a frozen clock that jumps passes it by, and it fires once, late, when
 * the clock has got to something else. */
void rl_timer_start_chore(rl_loop *loop, rl_timer *timer, uint64_t delay_ms);
/* Does nothing when it is not running. */
void rl_timer_stop(rl_loop *loop, rl_timer *timer);

static inline bool rl_timer_is_running(const rl_timer *timer) {
    return timer->order != 0;
}

#endif
