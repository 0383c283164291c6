/* loop -- one thread's event loop, its clock and its inbox.
 *
 *   timers -> poll (sockets, jobs) -> inbox -> turn hooks -> timers -> ...
 *
 * Everything belongs to the thread that runs the loop, but for rl_loop_post.
 * The clock is monotonic and is read once a turn: a wall clock that is set
 * back must not make a timeout wait for an hour. */
#ifndef RL_LOOP_LOOP_H
#define RL_LOOP_LOOP_H

#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "base/slice.h"

typedef struct rl_loop rl_loop;

RL_MUST_USE rl_err rl_loop_new(rl_loop **out);
/* All that was opened on the loop must have been closed. */
void rl_loop_free(rl_loop *loop);

/* Runs until rl_loop_stop, or until nothing is left that could happen. */
void rl_loop_run(rl_loop *loop);
/* Have rl_loop_run go on although nothing is open: another thread will post. */
void rl_loop_hold(rl_loop *loop);
/* One turn; waits for an event when `may_wait` and nothing was ready: neither a
 * timer was due nor a turn hook wanted, whose effects the caller looks at first.
 * Returns whether there is anything left to wait for. */
bool rl_loop_turn(rl_loop *loop, bool may_wait);
/* Ends rl_loop_run after this turn. */
void rl_loop_stop(rl_loop *loop);

/* Milliseconds of the monotonic clock, as of this turn; a test may stop and move it: loop/clock.h. */
uint64_t rl_loop_now_ms(const rl_loop *loop);
/* Nanoseconds of the monotonic clock, read now: for measuring, not for waiting. */
uint64_t rl_clock_ns(void);
/* Microseconds since 1970, by the system's clock, which may be set. */
int64_t rl_clock_wall_us(void);
/* The same to a few milliseconds, at a quarter of the price: for noticing what takes long. */
uint64_t rl_clock_coarse_ns(void);
/* Nanoseconds of the monotonic clock as of the first call in this turn: for what happens once a request, and there are
 * many in a turn. */
uint64_t rl_loop_turn_ns(rl_loop *loop);

/* A thing to run once in every turn, after the poll. `run` returns true when
 * it has more to do at once: then the loop does not wait in its next poll.
 * It may remove any of them, itself too; one that it adds may run in the same turn. */
typedef struct rl_turn rl_turn;
struct rl_turn {
    rl_list link;
    bool (*run)(rl_turn *turn);
};
void rl_loop_add_turn(rl_loop *loop, rl_turn *turn);
void rl_loop_remove_turn(rl_loop *loop, rl_turn *turn);
/* Have `look(owner)` called whenever the loop is about to wait because nothing is ready, neither a turn hook, a timer nor a
 * post: for whoever asks whether anything can still happen. What it makes ready runs before the wait, and is no reason to
 * look again when it comes to nothing. NULL ends it. */
void rl_loop_watch_waits(rl_loop *loop, void (*look)(void *owner), void *owner);
/* Have the turn hooks run once more before the loop waits: for whoever queued
 * work from a timer, outside a turn hook. */
void rl_loop_wake_turn(rl_loop *loop);

/* A message to the loop's thread; the one call allowed from other threads.
 * The post belongs to the loop until `run` is called, which may free it.
 * Posts run in the order in which each sender posted them. */
typedef struct rl_post rl_post;
struct rl_post {
    rl_post *next;
    void (*run)(rl_post *post);
};
void rl_loop_post(rl_loop *loop, rl_post *post);
/* The caller, on the loop's own thread, has posted to another loop, which may answer at once: loop/vigil.h. */
void rl_loop_ask(rl_loop *loop);
/* Run what was posted so far, now. */
void rl_loop_run_posts(rl_loop *loop);

#endif
