/* pool -- the exclusive connections, as one worker sees them.
 *
 *    acquire -> [idle one] or the queue -> granted ... release -> tidied -> [oldest waiter]
 *                     oldest first         |              |                   or idle
 *                                    a new one is    rolled back, reset,
 *                                    dialled         or closed when dirty
 *
 * The bounds are those of the process: all pools with the same options share one
 * budget (pg/budget.h), one queue, and the connections themselves, which move
 * from loop to loop when the next in turn is another worker's.
 *
 * Never more than `exclusive` connections and `max_waiters` in the queue, never a
 * wait longer than `acquire_timeout_ms`. Idle connections are watched, so a dead
 * one is gone before anybody gets it; `min_idle` stay open, and are replaced when
 * they die. While somebody waits and the server refuses, attempts come at most
 * 500 ms apart. A connection is never handed on with a transaction, a statement
 * or session state of its last borrower. */
#ifndef RL_PG_POOL_H
#define RL_PG_POOL_H

#include <stdint.h>

#include "base/list.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "pg/budget.h"

typedef struct rl_pool rl_pool;
struct rl_backend;
struct rl_log;
struct rl_replicas;
struct rl_scope;

typedef struct rl_pool_options {
    const char *url;    /* a PostgreSQL URL or key=value string; copied */
    uint32_t exclusive; /* lent to one owner each, of all pools of the process with these options */
    uint32_t shared;    /* pipelined ones of this worker */
    uint32_t depth;     /* statements in flight on each of those */
    uint32_t min_idle;  /* exclusive ones that stay open when nobody asks */
    uint32_t max_waiters;
    uint32_t max_statements;     /* prepared, per connection */
    uint64_t max_result;         /* bytes of one statement's answer; 0: no bound */
    uint64_t connect_timeout_ms; /* per host; libpq counts whole seconds, 2 at least */
    uint64_t acquire_timeout_ms;
    uint64_t query_timeout_ms; /* 0: none */
    uint64_t cancel_grace_ms;
    uint64_t idle_timeout_ms; /* 0: never closed for being idle */
    uint64_t max_lifetime_ms; /* give or take a tenth; 0: no limit */
    uint64_t leak_after_ms;   /* a longer loan is logged, once; 0: none is */
    bool is_sessionless;      /* a pooler lends a session for one transaction (PgBouncer): nothing is kept in one */
    rl_budgets *budgets;      /* the process's; NULL: this pool's budget is its own */
    struct rl_log *log;       /* may be NULL */
    bool looks_at_sessions;   /* the shared ones, for what statements have left there: in development */
    const char *follows;      /* the URL of the server that this one follows: the sessions refuse writes; or NULL */
    bool is_unseen;           /* not among what people are shown */
    /* A connection could not be made, as rl_pool_connect_error says. May be NULL. */
    void (*on_refused)(void *owner);
    void *owner;
} rl_pool_options;

/* How many streams may hold connections at once: the other half stays for what waits for no reader. */
static inline uint32_t rl_pool_most_streams(const rl_pool_options *options) {
    return options->exclusive < 2 ? 1 : options->exclusive / 2;
}
/* The defaults of every limit, without a URL. */
rl_pool_options rl_pool_defaults(void);

/* RL_EINVAL when the URL is none. Connects to nothing yet. */
RL_MUST_USE rl_err rl_pool_open(rl_loop *loop, const rl_pool_options *options, rl_pool **out);
/* Waiters get RL_ECLOSED, statements in flight fail; its memory goes when the
 * last lent connection has been released. Connections that other pools hold are
 * left alone. Not from within a query's `done`. */
void rl_pool_close(rl_pool *pool);

/* A place in the queue, in the caller's storage. */
typedef struct rl_acquire rl_acquire;
struct rl_acquire {
    rl_ticket ticket;
    rl_list link;
    rl_timer timer;
    rl_pool *pool;
    /* On the loop, at most once: RL_OK with the connection, RL_ETIMEOUT or RL_ECLOSED. */
    void (*granted)(rl_acquire *acquire, rl_err err, struct rl_backend *backend);

    /* The caller's, zero by default. */
    const struct rl_scope *scope; /* whose it will be */
    bool holds;                   /* over several statements: may come back inside a transaction */
    const char *where;            /* "app.lua:12", who asks, for reports; copied with the grant */
};

/* A connection at once in *out, or NULL there and `granted` later. RL_EFULL
 * when the queue is full, RL_ECLOSED after a close, RL_EEXIST when the scope
 * holds one already: waiting for a second one could last for ever. */
RL_MUST_USE rl_err rl_pool_acquire(rl_pool *pool, rl_acquire *acquire, struct rl_backend **out);
/* Leave the queue: no `granted` will come. */
void rl_acquire_forget(rl_acquire *acquire);
/* Where the connection was asked for that `scope` holds; "" when nobody said,
 * NULL when it holds none. */
const char *rl_pool_held_since(const rl_pool *pool, const struct rl_scope *scope);
/* Give the connection back, in whatever state it is: what runs on it is
 * cancelled, an open transaction rolled back, session state reset. */
void rl_pool_release(rl_pool *pool, struct rl_backend *backend);
/* How many of the connections lent here have a statement under way. */
uint32_t rl_pool_running(const rl_pool *pool);
/* While it is lent, have `quiet(borrower)` called whenever it becomes quiet. */
void rl_pool_on_quiet(struct rl_backend *backend, void (*quiet)(void *borrower), void *borrower);

/* The server hangs: what is in flight fails, as if the connections had broken. Not
 * from within a query's `done`. */
void rl_pool_hang_up(rl_pool *pool);
/* Of one that follows: whether this worker reads it now, for people. */
void rl_pool_set_reader(rl_pool *pool, bool is_reader);

/* The servers that follow this pool's (pg/replicas.h); NULL when there are none. */
void rl_pool_set_replicas(rl_pool *pool, struct rl_replicas *replicas);
struct rl_replicas *rl_pool_replicas(const rl_pool *pool);
/* Where the worker's quick statements share connections (pg/lane.h); NULL with `shared` 0. */
struct rl_lane *rl_pool_lane(const rl_pool *pool);
const rl_pool_options *rl_pool_options_of(const rl_pool *pool);
/* Of the budget: of all pools of the process with these options. */
rl_budget_stats rl_pool_stats_of(rl_pool *pool);
/* The same of the connections that each worker's statements share, as of its last turn. */
rl_lane_stats rl_pool_lanes_of(rl_pool *pool);
/* Why the last attempt to connect failed, when it was the last thing that
 * happened; "" otherwise. */
const char *rl_pool_connect_error(const rl_pool *pool);

#endif
