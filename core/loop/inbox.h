/* inbox -- what other threads post to a loop, and how it waits for that.
 *
 *   any thread: put --> [ post, post, ... ] --> run, behind the poll :the loop's thread
 *                       [ asleep ]          the first post has to wake it, by an eventfd
 *
 * Senders push on a stack, without a lock; the loop takes it whole, and turns it round. Before it sleeps it puts a mark
 * there, so that nobody writes to a loop that is awake anyhow. */
#ifndef RL_LOOP_INBOX_H
#define RL_LOOP_INBOX_H

#include <stdatomic.h>
#include <uv.h>

#include "loop/loop.h"
#include "loop/vigil.h"

typedef struct rl_inbox {
    _Atomic(rl_post *) top; /* the newest; NULL: none; &asleep: none, and the loop sleeps or is about to */
    rl_post asleep;         /* its address alone is used */
    int fd;                 /* an eventfd */
    uv_poll_t poll;
    _Atomic int woken_from; /* the processor of whoever woke the loop last */
    rl_vigil vigil;
} rl_inbox;

/* libuv's error, or 0. The handle does not keep the loop alive. */
int rl_inbox_open(rl_inbox *inbox, uv_loop_t *uv);
/* In two steps, between which libuv closes the handle. */
void rl_inbox_close(rl_inbox *inbox);
void rl_inbox_closed(const rl_inbox *inbox);

/* From any thread: rl_loop_post. */
void rl_inbox_put(rl_inbox *inbox, rl_post *post);
bool rl_inbox_has_posts(rl_inbox *inbox);
void rl_inbox_run(rl_inbox *inbox);

/* Before a poll that may wait. False when it must not: there are posts, or soon will be. */
RL_MUST_USE bool rl_inbox_fall_asleep(rl_inbox *inbox);
/* The same, but never awake on mere suspicion. */
RL_MUST_USE bool rl_inbox_fall_fast_asleep(rl_inbox *inbox);
/* Behind the poll. */
void rl_inbox_wake_up(rl_inbox *inbox);

#endif
