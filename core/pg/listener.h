/* listener -- the process's one connection that hears a database's notifications.
 *
 *                      its own thread and loop     |   the workers'
 *                                                  |
 *    server --NOTIFY--> connection --> channel "orders" --> subscription: note note
 *                                  |               \------> subscription: note
 *                                  \-> channel "users" ---> subscription:
 *                                                  |
 *    <--LISTEN, UNLISTEN-- what is wanted <--bell--+-- join, leave   (pg/audience.h)
 *
 * A thread of its own, because a worker that is stuck in a handler must not keep
 * the others from hearing. The connection is outside of the pool's budget, made
 * when the first channel is wanted and closed a moment after the last is not. It
 * is made again when it is lost; PostgreSQL keeps nothing of what was sent while
 * it is away, and each subscription is told so.
 *
 * Channels, subscriptions and their notes are under the listener's lock, which
 * its thread holds while it reads what has arrived and nobody holds for long. */
#ifndef RL_PG_LISTENER_H
#define RL_PG_LISTENER_H

#include <stdint.h>

#include "base/err.h"

/* The listeners of the process, one for each database; made before its threads. */
typedef struct rl_pg_listeners rl_pg_listeners;
RL_MUST_USE rl_err rl_pg_listeners_new(rl_pg_listeners **out);
/* Left alone while an audience is there. */
void rl_pg_listeners_free(rl_pg_listeners *listeners);

typedef struct rl_pg_listener rl_pg_listener;

/* Of all workers; the first row is now. */
typedef struct rl_pg_listener_stats {
    uint32_t is_connected, channels, subscriptions;
    uint64_t notes, dropped; /* heard; and left out of a subscription that was full */
    uint64_t connects, connect_failures, lost;
} rl_pg_listener_stats;

/* The listener to `url`, its thread started when there is none: to be let go
 * again. The first one's `connect_timeout_ms` holds. With NULL for `listeners`
 * it is the caller's alone. RL_EINVAL when the URL is none. */
RL_MUST_USE rl_err rl_pg_listener_hold(rl_pg_listeners *listeners, const char *url,
                                       uint64_t connect_timeout_ms, rl_pg_listener **out);
/* The last one ends its thread, and waits the moment that this takes. */
void rl_pg_listener_let_go(rl_pg_listener *listener);

/* Each figure but the first by the name that people know it by. */
void rl_pg_listener_stats_tell(const rl_pg_listener_stats *stats,
                               void (*tell)(void *owner, const char *name, double value), void *owner);
rl_pg_listener_stats rl_pg_listener_stats_of(rl_pg_listener *listener);
/* Shows each listener, by its database's name; `see` must be quick. From any thread. */
void rl_pg_listeners_look(rl_pg_listeners *listeners,
                          void (*see)(void *owner, const char *name, const rl_pg_listener_stats *stats), void *owner);

#endif
