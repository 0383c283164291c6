/* seat -- one connection's place in a pool, and how it is tidied on return.
 *
 *    LENT --release--> TIDYING: wait until quiet -> ROLLBACK -> reset --> IDLE --+
 *      ^                          |  each step once, each with a deadline   |    | to another
 *      +--------------------------|------------------------------- lend ----+    | pool's loop
 *                                 +--> closed, when a step fails                 v
 *                                                                              SENT --> IDLE there
 *
 * A loan that was for one statement and left a transaction open is an app that
 * sent BEGIN as a statement: that connection is closed, and the owner logged. */
#ifndef RL_PG_SEAT_H
#define RL_PG_SEAT_H

#include "base/list.h"
#include "loop/timer.h"
#include "pg/backend.h"
#include "pg/pool.h"

typedef enum rl_seat_state { RL_SEAT_IDLE, RL_SEAT_LENT, RL_SEAT_TIDYING, RL_SEAT_SENT } rl_seat_state;

enum { RL_SEAT_WHERE_CAP = 128 };

typedef struct rl_seat {
    rl_list link;   /* in the pool's */
    rl_berth berth; /* in the budget */
    rl_pool *pool;  /* whose loop it is on */
    rl_backend *backend;
    rl_seat_state state;
    rl_timer timer;     /* the pool's: while idle its timeout, while lent the leak's */
    uint64_t retire_ms; /* not handed on after this; 0: never old */
    uint64_t lent_ms;

    /* of the loan */
    void (*quiet)(void *borrower);
    void *borrower;
    const struct rl_scope *scope;
    bool holds;
    char where[RL_SEAT_WHERE_CAP];

    rl_query query; /* the ROLLBACK or the reset that runs */
    uint64_t grace_ms;
    bool rolled_back, was_reset, failed;
} rl_seat;

/* Takes `pg` always. */
RL_MUST_USE rl_err rl_seat_new_take(rl_pool *pool, rl_loop *loop, PGconn *pg,
                                    const rl_backend_options *options, const rl_backend_events *events,
                                    rl_seat **out);
void rl_seat_free(rl_seat *seat);
rl_seat *rl_seat_of(const rl_backend *backend);
/* The next step; called on release and at each `quiet`. */
void rl_seat_tidy(rl_seat *seat);

/* The pool's: what becomes of a tidied seat; and the report of one that came
 * back inside a transaction. */
void rl_seat_tidied(rl_seat *seat, bool usable);
void rl_seat_strayed(const rl_seat *seat);

#endif
