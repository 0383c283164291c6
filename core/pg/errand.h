/* errand -- one statement of a scope: borrow a connection, run, give it back.
 *
 *                     a transaction is open here
 *        start ----------------------------------> wait for its turn --+
 *          |  plain and quick                                           v
 *          +---------------------> beside others, on the lane -----> running --> done
 *          |                           | stuck, lost or stopped         ^ |
 *          v  else                     v                                | |
 *        wait for a connection <-------+ -------------------------------+ |
 *                        |                                                |
 *                        +------ drop, or the end of the scope -----------+--> orphan
 *
 * The errand is lent to the scope, so nothing that Lua does or fails to do can
 * leave it behind. One that is dropped while it runs becomes an orphan: what
 * only reads is cancelled, as is whatever runs inside a transaction; a write of
 * its own is let finish, since nobody could tell whether a cancel came too late.
 * On the lane nothing is cancelled. The late answer goes nowhere.
 *
 * A statement that was never sent is run again elsewhere, and so is a quick read
 * whose connection broke. A write that was sent is not: whether it was done is
 * unknown, and its failure says so. What the lane's short timeouts stopped
 * did nothing, and runs once more on a connection of its own.
 *
 * What may go to a replica (pg/replicas.h) goes the same ways there. The replica's answer counts
 * when it is one; whatever fails there (it went, it had to drop what was read, it lacks a
 * table that was made a moment ago) is asked of the primary, but for a statement that
 * writes and one that took too long. */
#ifndef RL_PG_ERRAND_H
#define RL_PG_ERRAND_H

#include "loop/scope.h"
#include "pg/lane.h"
#include "pg/pool.h"
#include "pg/query.h"
#include "pg/replicas.h"
#include "pg/transaction.h"

typedef enum rl_errand_kind {
    RL_ERRAND_STATEMENT,
    RL_ERRAND_BEGIN, /* opens a transaction that then belongs to the scope */
    RL_ERRAND_END    /* COMMIT or ROLLBACK: it ends with this, whatever the answer */
} rl_errand_kind;

typedef enum rl_errand_place {
    RL_ERRAND_PRIMARY,
    RL_ERRAND_REPLICA,     /* on the primary when no replica is fit, or it fails there */
    RL_ERRAND_REPLICA_ONLY /* then it fails, with failure.of_replica: the caller goes on */
} rl_errand_place;

typedef enum rl_errand_state {
    RL_ERRAND_NEW,
    RL_ERRAND_QUEUED, /* for a connection */
    RL_ERRAND_TURN,   /* for the transaction's connection */
    RL_ERRAND_SHARED, /* on the lane: waits for room there (no batch does), or runs */
    RL_ERRAND_RUNNING,
    RL_ERRAND_DONE
} rl_errand_state;

typedef struct rl_errand rl_errand;
struct rl_errand {
    rl_lent lent;
    rl_query query; /* filled by the caller before the start, read by it after */
    rl_errand_kind kind;
    rl_errand_state state;
    rl_pool *home;         /* the primary's */
    rl_pool *pool;         /* where it runs now: that, or the replica's */
    rl_lane *lane;         /* the pool's */
    rl_replicas *replicas; /* home's; NULL without any */
    rl_replica *replica;   /* where it runs now; NULL: at home */
    rl_list aboard;        /* in the replica's */
    rl_lesson *lesson; /* held until it is done; a batch has its own */
    rl_scope *scope;
    /* What the caller asks for, between init and start: */
    struct rl_batch *batch; /* these queries instead of the one; or NULL */
    rl_errand_place place; /* anything but the primary only for what reads, or a BEGIN of what does */
    bool is_stream;      /* it opens one: waits until so many others have ended */
    bool is_exclusive;   /* on a connection of its own, whatever is known of the statement */
    bool is_cancellable; /* a write too is stopped when nobody waits for it any more */
    uint64_t timeout_ms; /* instead of the pool's query_timeout_ms; 0: that one, or none for a COPY */
    const char *where; /* "app.lua:12", who runs it, for reports; NULL: nobody said */
    rl_acquire acquire;
    struct rl_backend *backend;  /* borrowed for this errand alone, while it runs */
    rl_transaction *transaction; /* whose turn it takes, or which it opened */
    uint8_t tries;
    bool orphan;
    bool may_share; /* the lane may be asked */
    bool was_shared; /* it ran there, at last */
    bool writes;    /* at home, perhaps, where there are replicas: its scope's reads must see it */
    void (*done)(rl_errand *errand);  /* on the loop, or from within start; then DONE */
    void (*freed)(rl_errand *errand); /* frees the memory it is part of */
};

/* Lent to the scope from here on; the end is rl_errand_drop, or the scope's. */
void rl_errand_init(rl_errand *errand, rl_errand_kind kind, rl_pool *pool, rl_scope *scope,
                    void (*done)(rl_errand *errand), void (*freed)(rl_errand *errand));
/* Failures too come through `done`, in errand->query.failure. */
void rl_errand_start(rl_errand *errand);
/* Nobody wants it any more, or its answer has been read. */
void rl_errand_drop(rl_errand *errand);

/* The newest errand of the scope that is done; NULL when there is none. */
rl_errand *rl_errand_newest_done(const rl_scope *scope);

/* For batch.c: all of it has been answered. */
void rl_errand_answered(rl_errand *errand);
/* The same: how many shared the server's time with it, itself included, as far as is known and counts. */
uint32_t rl_errand_beside(const rl_errand *errand);
/* For replica.c, which is down: what waits for a connection there goes home. */
void rl_errand_leave_queue(rl_errand *errand);
/* For transaction.c. Its turn has come; false when that ended the transaction. */
RL_MUST_USE bool rl_errand_take_turn(rl_errand *errand);
/* Its turn will not come. */
void rl_errand_refuse_turn(rl_errand *errand);

#endif
