/* pool_state -- what pool.c and supply.c share of a pool.
 *
 * pool.c lends and takes back, supply.c brings connections: it dials them, and
 * answers the budget's bell with those that move from one worker to another. */
#ifndef RL_PG_POOL_STATE_H
#define RL_PG_POOL_STATE_H

#include "pg/connector.h"
#include "pg/jitter.h"
#include "pg/lane.h"
#include "pg/pool.h"
#include "pg/seat.h"

struct rl_pool {
    rl_loop *loop;
    rl_pool_options options;
    rl_connector *connector;
    rl_crew *canceller;
    rl_lane *lane; /* NULL without shared connections */
    struct rl_replicas *replicas; /* NULL without any */
    rl_member member;
    rl_turn tally;
    rl_lane_stats tallied; /* as the budget knows it */
    rl_list idle, away; /* seats: ready; lent or being tidied */
    rl_list waiting;    /* acquires */
    rl_timer backoff;
    rl_timer impatience; /* until connections that were called are counted on no more */
    uint32_t seats;
    uint32_t failures; /* dials in a row */
    rl_jitter jitter;
    bool is_slow;    /* the backoff: nobody waited when it began */
    bool is_warming; /* a dial has succeeded: min_idle are worth having */
    bool closed, is_replica;
    char connect_error[512];
};

/* A usable seat that nobody holds: to the oldest waiter, here or elsewhere, or idle. */
void rl_pool_offer(rl_seat *seat);
/* Close its connection, in whatever state. */
void rl_pool_drop(rl_seat *seat);
/* A seat's timer, on whichever loop it is. */
void rl_pool_on_seat_timer(rl_timer *timer);
void rl_pool_free_if_over(rl_pool *pool);

/* Between the two the budget hears what the lane does. */
void rl_tally_begin(rl_pool *pool);
void rl_tally_end(rl_pool *pool);

void rl_supply_init(rl_pool *pool);
/* Dial what is wanted and not on its way. */
void rl_supply_pump(rl_pool *pool);
/* Somebody new waits here: the server deserves a try at once. */
void rl_supply_hurry(rl_pool *pool);
/* The seat leaves this loop, for a waiter of another one, or is closed. */
void rl_supply_send(rl_seat *seat);
/* The lane's news: that host is no primary. `owner` is the pool. */
void rl_supply_on_demoted(void *owner, uint64_t host);
void rl_supply_on_bell(rl_member *member);
void rl_supply_close(rl_pool *pool);

#endif
