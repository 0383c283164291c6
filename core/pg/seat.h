/* seat -- one connection's place in the pool, and how it is tidied on return.
 *
 *    LENT --release--> TIDYING: wait until quiet -> ROLLBACK -> reset --> IDLE
 *      ^                          |  each step once, each with a deadline   |
 *      +--------------------------|------------------------------- lend ----+
 *                                 +--> closed, when a step fails
 */
#ifndef RL_PG_SEAT_H
#define RL_PG_SEAT_H

#include "base/list.h"
#include "loop/timer.h"
#include "pg/backend.h"
#include "pg/pool.h"

typedef enum rl_seat_state { RL_SEAT_IDLE, RL_SEAT_LENT, RL_SEAT_TIDYING } rl_seat_state;

typedef struct rl_seat {
    rl_list link;
    rl_pool *pool;
    rl_backend *backend;
    rl_seat_state state;
    rl_timer idle_timer; /* the pool's */
    uint64_t retire_ms;  /* not handed on after this; 0: never old */
    void (*quiet)(void *borrower);
    void *borrower;
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

/* The pool's: what becomes of a tidied seat. */
void rl_seat_tidied(rl_seat *seat, bool usable);

#endif
