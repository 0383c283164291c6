#include <stdio.h>

#include "pg/pool_state.h"

enum {
    BACKOFF_SLOW_MOST_MS = 10000, /* while nobody waits */
    IMPATIENCE_MS = 50            /* a loop that turns has sent what was called long before */
};

/* ---- connections of our own ------------------------------------------------- */

static void on_backoff(rl_timer *timer) {
    rl_supply_pump(RL_CONTAINER(timer, rl_pool, backoff));
}

static void back_off(rl_pool *pool) {
    bool are_called;
    pool->is_slow = rl_member_queued(&pool->member, &are_called) == 0;
    uint64_t most_ms = pool->is_slow ? BACKOFF_SLOW_MOST_MS : RL_BACKOFF_MOST_MS;
    uint64_t delay_ms = rl_jitter_backoff_ms(&pool->jitter, pool->failures++, most_ms);
    rl_timer_start(pool->loop, &pool->backoff, delay_ms);
}

static void dial_failed(rl_pool *pool, const char *why) {
    snprintf(pool->connect_error, sizeof pool->connect_error, "%s", why);
    if (!rl_timer_is_running(&pool->backoff))
        back_off(pool);
    rl_member_dialed(&pool->member, NULL, 0);
    if (pool->options.on_refused != NULL)
        pool->options.on_refused(pool->options.owner);
}

static void on_quiet(void *owner) {
    rl_seat *seat = owner;
    if (seat->state == RL_SEAT_TIDYING)
        rl_seat_tidy(seat);
    else if (seat->quiet != NULL)
        seat->quiet(seat->borrower);
}

/* While it is lent, its borrower learns of the loss from its query and gives it
 * back; or has just done so, in the turn that told it. */
static void on_lost(void *owner) {
    rl_seat *seat = owner;
    if (seat->state != RL_SEAT_LENT)
        rl_pool_drop(seat);
}

static const rl_backend_events backend_events = {.quiet = on_quiet, .lost = on_lost};

static rl_err seat_connection(rl_pool *pool, PGconn *pg, rl_seat **out) {
    rl_backend_options options = {.max_statements = pool->options.max_statements,
                                  .max_result = pool->options.max_result,
                                  .cancel_grace_ms = pool->options.cancel_grace_ms,
                                  .canceller = pool->canceller,
                                  .is_sessionless = pool->options.is_sessionless};
    rl_seat *seat = NULL;
    rl_err err = rl_seat_new_take(pool, pool->loop, pg, &options, &backend_events, &seat);
    if (err != RL_OK)
        return err;
    rl_timer_init(&seat->timer, rl_pool_on_seat_timer);
    uint64_t life_ms = pool->options.max_lifetime_ms;
    if (life_ms > 0)
        seat->retire_ms = rl_loop_now_ms(pool->loop) + rl_jitter_about_ms(&pool->jitter, life_ms);
    pool->seats++;
    *out = seat;
    return RL_OK;
}

static void on_connected(void *owner, PGconn *pg, const char *why) {
    rl_pool *pool = owner;
    rl_seat *seat;
    if (pg == NULL) {
        dial_failed(pool, why);
        return;
    }
    if (seat_connection(pool, pg, &seat) != RL_OK) {
        dial_failed(pool, "out of memory");
        return;
    }
    rl_member_dialed(&pool->member, &seat->berth, rl_backend_host(seat->backend));
    pool->failures = 0;
    pool->is_warming = true;
    pool->connect_error[0] = '\0';
    rl_pool_offer(seat);
    rl_supply_pump(pool);
}

static void dial(rl_pool *pool, bool is_impatient) {
    while (!rl_timer_is_running(&pool->backoff) &&
           rl_member_may_dial(&pool->member, pool->is_warming, is_impatient)) {
        if (rl_connector_dial(pool->connector, on_connected, pool) != RL_OK)
            dial_failed(pool, "out of memory or threads");
    }
}

void rl_supply_pump(rl_pool *pool) {
    bool are_called;
    if (pool->closed)
        return;
    dial(pool, false);
    rl_member_queued(&pool->member, &are_called);
    if (are_called && !rl_timer_is_running(&pool->impatience))
        rl_timer_start(pool->loop, &pool->impatience, IMPATIENCE_MS);
}

/* Whose loop the called connections are on is busy with something long. */
static void on_impatience(rl_timer *timer) {
    rl_pool *pool = RL_CONTAINER(timer, rl_pool, impatience);
    bool are_called;
    rl_member_queued(&pool->member, &are_called);
    if (are_called)
        dial(pool, true);
}

void rl_supply_hurry(rl_pool *pool) {
    if (pool->is_slow)
        rl_timer_stop(pool->loop, &pool->backoff);
    pool->is_slow = false;
    rl_supply_pump(pool);
}

/* ---- connections that move -------------------------------------------------- */

static rl_seat *seat_of(rl_berth *berth) {
    return RL_CONTAINER(berth, rl_seat, berth);
}

/* It is on no loop, and perhaps in no pool. */
static void send_or_free(rl_pool *pool, rl_seat *seat) {
    if (rl_member_send(&pool->member, &seat->berth))
        return;
    rl_member_remove(&pool->member, &seat->berth);
    rl_seat_free(seat);
}

void rl_supply_send(rl_seat *seat) {
    rl_pool *pool = seat->pool;
    rl_timer_stop(pool->loop, &seat->timer);
    rl_list_remove(&seat->link);
    pool->seats--;
    rl_backend_detach(seat->backend);
    seat->state = RL_SEAT_SENT;
    send_or_free(pool, seat);
    rl_pool_free_if_over(pool);
}

static void welcome(rl_pool *pool, rl_seat *seat) {
    seat->pool = pool;
    seat->state = RL_SEAT_IDLE;
    pool->seats++;
    if (rl_backend_attach(seat->backend, pool->loop, pool->canceller) == RL_OK)
        rl_pool_offer(seat);
    else
        rl_pool_drop(seat);
}

void rl_supply_on_demoted(void *owner, uint64_t host) {
    rl_pool *pool = owner;
    rl_member_demote(&pool->member, host);
}

void rl_supply_on_bell(rl_member *member) {
    rl_pool *pool = RL_CONTAINER(member, rl_pool, member);
    rl_berth *berth;
    if (pool->closed) {
        rl_pool_free_if_over(pool);
        return;
    }
    pool->seats++; /* keeps the pool while its seats come and go */
    while ((berth = rl_member_next_called(member)) != NULL)
        rl_pool_offer(seat_of(berth));
    while ((berth = rl_member_next_arrived(member)) != NULL)
        welcome(pool, seat_of(berth));
    for (uint64_t host; (host = rl_member_next_demoted(member)) != 0;)
        if (pool->lane != NULL)
            rl_lane_leave(pool->lane, host);
    rl_supply_pump(pool);
    pool->seats--;
    rl_pool_free_if_over(pool);
}

void rl_supply_init(rl_pool *pool) {
    rl_timer_init(&pool->backoff, on_backoff);
    rl_timer_init(&pool->impatience, on_impatience);
}

void rl_supply_close(rl_pool *pool) {
    rl_timer_stop(pool->loop, &pool->backoff);
    rl_timer_stop(pool->loop, &pool->impatience);
    rl_connector_close(pool->connector);
    rl_member_leave(&pool->member);
    rl_berth *berth;
    while ((berth = rl_member_next_idle(&pool->member)) != NULL)
        rl_pool_drop(seat_of(berth));
    while ((berth = rl_member_next_called(&pool->member)) != NULL)
        rl_supply_send(seat_of(berth));
    while ((berth = rl_member_next_arrived(&pool->member)) != NULL)
        send_or_free(pool, seat_of(berth));
}
