/* pool -- the connections of one worker, lent fairly.
 *
 *    acquire -> [idle one] or the queue -> granted ... release -> tidied -> idle
 *                     oldest first         |              |
 *                                    a new one is    rolled back, reset,
 *                                    dialled         or closed when dirty
 *
 * Never more than `max` connections and `max_waiters` in the queue, never a wait
 * longer than `acquire_timeout_ms`. Idle connections are watched, so a dead one
 * is gone before anybody gets it. While somebody waits and the server refuses,
 * attempts come at most 500 ms apart. A connection is never handed on with a
 * transaction, a statement or session state of its last borrower.
 *
 * This is the exclusive lane; a lane of shared connections will stand beside it
 * and use the same backend, connector and canceller. */
#ifndef RL_PG_POOL_H
#define RL_PG_POOL_H

#include <stdint.h>

#include "base/list.h"
#include "loop/loop.h"
#include "loop/timer.h"

typedef struct rl_pool rl_pool;
struct rl_backend;

typedef struct rl_pool_options {
    const char *url; /* a PostgreSQL URL or key=value string; copied */
    uint32_t max;    /* connections */
    uint32_t max_waiters;
    uint32_t max_statements;     /* prepared, per connection */
    uint64_t connect_timeout_ms; /* per host; libpq counts whole seconds, 2 at least */
    uint64_t acquire_timeout_ms;
    uint64_t query_timeout_ms; /* 0: none */
    uint64_t cancel_grace_ms;
    uint64_t idle_timeout_ms; /* 0: never closed for being idle */
    uint64_t max_lifetime_ms; /* give or take a tenth; 0: no limit */
} rl_pool_options;

/* The defaults of every limit, without a URL. */
rl_pool_options rl_pool_defaults(void);

typedef struct rl_pool_stats {
    uint32_t in_use, idle, connecting, waiting; /* now; being tidied is in use */
    uint64_t acquired, timeouts, refused;       /* grants; waits that ended; queue full */
    uint64_t waited_ms;                         /* by those who were granted */
    uint64_t connects, connect_failures, lost, resets;
} rl_pool_stats;

/* RL_EINVAL when the URL is none. Connects to nothing yet. */
RL_MUST_USE rl_err rl_pool_open(rl_loop *loop, const rl_pool_options *options, rl_pool **out);
/* Waiters get RL_ECLOSED, statements in flight fail; its memory goes when the
 * last lent connection has been released. Not from within a query's `done`. */
void rl_pool_close(rl_pool *pool);

/* A place in the queue, in the caller's storage. */
typedef struct rl_acquire rl_acquire;
struct rl_acquire {
    rl_list link;
    rl_timer timer;
    rl_pool *pool;
    uint64_t since_ns;
    /* On the loop, at most once: RL_OK with the connection, RL_ETIMEOUT or RL_ECLOSED. */
    void (*granted)(rl_acquire *acquire, rl_err err, struct rl_backend *backend);
};

/* A connection at once in *out, or NULL there and `granted` later. RL_EFULL
 * when the queue is full, RL_ECLOSED after a close. */
RL_MUST_USE rl_err rl_pool_acquire(rl_pool *pool, rl_acquire *acquire, struct rl_backend **out);
/* Leave the queue: no `granted` will come. */
void rl_acquire_forget(rl_acquire *acquire);
/* Give the connection back, in whatever state it is: what runs on it is
 * cancelled, an open transaction rolled back, session state reset. */
void rl_pool_release(rl_pool *pool, struct rl_backend *backend);
/* While it is lent, have `quiet(borrower)` called whenever it becomes quiet. */
void rl_pool_on_quiet(struct rl_backend *backend, void (*quiet)(void *borrower), void *borrower);

const rl_pool_options *rl_pool_options_of(const rl_pool *pool);
rl_pool_stats rl_pool_stats_of(const rl_pool *pool);
/* Why the last attempt to connect failed, when it was the last thing that
 * happened; "" otherwise. */
const char *rl_pool_connect_error(const rl_pool *pool);

#endif
