/* poll -- watch a descriptor that a library owns (libpq's socket, say). */
#ifndef RL_LOOP_POLL_H
#define RL_LOOP_POLL_H

#include "loop/loop.h"

typedef struct rl_poll rl_poll;

enum { RL_POLL_READ = 1, RL_POLL_WRITE = 2 };

/* `ready` gets the RL_POLL_ bits that hold; an error on the descriptor shows
 * as both, so that the owner's next read or write finds it. */
typedef void rl_poll_fn(void *owner, int ready);

/* The descriptor stays the caller's; it must outlive the watch. */
RL_MUST_USE rl_err rl_poll_open(rl_loop *loop, int fd, rl_poll_fn *ready, void *owner, rl_poll **out);
/* Which events to watch; 0 pauses. */
void rl_poll_watch(rl_poll *poll, int events);
/* No call comes after this; the descriptor may be closed at once. */
void rl_poll_close(rl_poll *poll);

#endif
