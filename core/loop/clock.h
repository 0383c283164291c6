/* clock -- the loop's time, and how a test stops and moves it.
 *
 *   real    ------------------------------------------------>
 *   loop's  ----->| freeze . . .|=advance=>| . . . thaw |--->
 *
 * All waiting goes by the loop's time: every timer, rl_loop_now_ms, what is
 * here. While it is frozen, timers are as ever but for this: none fires unless
 * the clock is moved to it, so that a test of an hour's timeout takes no time
 * and comes out the same on a machine that is busy. Thawed, the clock goes on
 * from where it stood: it never goes back.
 * rl_clock_ns and rl_clock_wall_us know nothing of this: they are for measuring
 * work, and for the log. */
#ifndef RL_LOOP_CLOCK_H
#define RL_LOOP_CLOCK_H

#include "loop/loop.h"

typedef enum rl_freeze {
    RL_FREEZE_STANDS, /* moved by rl_loop_advance alone */
    RL_FREEZE_JUMPS   /* and by the loop: where it would wait, it moves to the next timer that is no chore instead */
} rl_freeze;

/* A frozen loop that STANDS waits for ever in rl_loop_turn when only time is left to wait for.
 * One that JUMPS does so as long as something is expected from outside. Freezing a frozen loop
 * changes only how. */
void rl_loop_freeze(rl_loop *loop, rl_freeze how);
/* Move the frozen clock. What comes due fires in here, in due order, and finds its own due time
 * as the present; then it is `ms` later. Turn hooks run with the next turn. */
void rl_loop_advance(rl_loop *loop, uint64_t ms);
/* Does nothing to a clock that runs. */
void rl_loop_thaw(rl_loop *loop);
bool rl_loop_is_frozen(const rl_loop *loop);

/* Somebody outside of the loop (a thread, a database, a peer) was given something to do, and
 * tells the loop when it is done: until each was heard of, frozen time does not jump past it. */
void rl_loop_expect(rl_loop *loop);
void rl_loop_heard(rl_loop *loop);

/* Nanoseconds of the clock of rl_loop_now_ms, read now instead of once a turn. */
uint64_t rl_loop_read_ns(const rl_loop *loop);
/* How far rl_loop_now_ms is behind it: a delay that counts from now, and not from the turn's
 * beginning, is that much longer. */
uint64_t rl_loop_lag_ms(const rl_loop *loop);
/* rl_clock_wall_us; frozen, it moves with the clock, and thawed, it is the time of day again. */
int64_t rl_loop_wall_us(const rl_loop *loop);

#endif
