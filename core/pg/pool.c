#include "pg/pool.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "pg/canceller.h"
#include "pg/backend.h"
#include "pg/connector.h"
#include "pg/seat.h"

enum {
    BACKOFF_LEAST_MS = 20,
    BACKOFF_MOST_MS = 500 /* a restarted server serves again within a second */
};

struct rl_pool {
    rl_loop *loop;
    rl_pool_options options;
    rl_connector *connector;
    rl_crew *canceller;
    rl_list idle, away; /* seats: ready; lent or being tidied */
    rl_list waiters;
    rl_timer backoff;
    uint32_t seats, connecting, waiting, idle_count;
    uint32_t failures; /* dials in a row */
    uint64_t random;
    bool closed;
    rl_pool_stats stats;
    char connect_error[512];
};

static void pump(rl_pool *pool);
static void on_idle_timeout(rl_timer *timer);

rl_pool_options rl_pool_defaults(void) {
    return (rl_pool_options){
        .max = 8,
        .max_waiters = 1024,
        .max_statements = 256,
        .connect_timeout_ms = 5000,
        .acquire_timeout_ms = 3000,
        .query_timeout_ms = 30000,
        .cancel_grace_ms = 2000,
        .idle_timeout_ms = 600000,
        .max_lifetime_ms = 1800000,
    };
}

/* xorshift64: spreads retries and lifetimes, decides nothing that matters. */
static uint64_t random_below(rl_pool *pool, uint64_t bound) {
    pool->random ^= pool->random << 13;
    pool->random ^= pool->random >> 7;
    pool->random ^= pool->random << 17;
    return bound == 0 ? 0 : pool->random % bound;
}

static void on_backoff(rl_timer *timer) {
    pump(RL_CONTAINER(timer, rl_pool, backoff));
}

rl_err rl_pool_open(rl_loop *loop, const rl_pool_options *options, rl_pool **out) {
    rl_pool *pool = rl_mem_zalloc(1, sizeof *pool);
    if (pool == NULL)
        return RL_ENOMEM;
    pool->loop = loop;
    pool->options = *options;
    pool->options.url = NULL; /* the connector has its own copy */
    pool->random = rl_clock_ns() | 1;
    rl_list_init(&pool->idle);
    rl_list_init(&pool->away);
    rl_list_init(&pool->waiters);
    rl_timer_init(&pool->backoff, on_backoff);
    rl_err err = rl_connector_new(loop, options->url, options->connect_timeout_ms, options->query_timeout_ms,
                                  &pool->connector);
    if (err != RL_OK)
        goto fail;
    err = rl_canceller_new(loop, &pool->canceller);
    if (err != RL_OK)
        goto fail;
    *out = pool;
    return RL_OK;
fail:
    if (pool->connector != NULL)
        rl_connector_close(pool->connector);
    rl_mem_free(pool);
    return err;
}

static void free_if_empty(rl_pool *pool) {
    if (pool->closed && pool->seats == 0)
        rl_mem_free(pool);
}

/* ---- the queue ------------------------------------------------------------- */

static void leave_queue(rl_acquire *acquire) {
    rl_timer_stop(acquire->pool->loop, &acquire->timer);
    rl_list_remove(&acquire->link);
    acquire->pool->waiting--;
}

void rl_acquire_forget(rl_acquire *acquire) {
    leave_queue(acquire);
}

static uint64_t waited_ms(const rl_acquire *acquire) {
    return (rl_clock_ns() - acquire->since_ns) / 1000000;
}

/* The loop's clock stands while something blocks it (a command that starts a
 * cluster, say): that time must not count as a wait for a connection. */
static void on_acquire_timeout(rl_timer *timer) {
    rl_acquire *acquire = RL_CONTAINER(timer, rl_acquire, timer);
    uint64_t waited = waited_ms(acquire), most = acquire->pool->options.acquire_timeout_ms;
    if (waited < most) {
        rl_timer_start(acquire->pool->loop, timer, most - waited);
        return;
    }
    acquire->pool->stats.timeouts++;
    leave_queue(acquire);
    acquire->granted(acquire, RL_ETIMEOUT, NULL);
}

static void lend(rl_seat *seat) {
    rl_pool *pool = seat->pool;
    rl_timer_stop(pool->loop, &seat->idle_timer);
    rl_list_remove(&seat->link);
    rl_list_push_back(&pool->away, &seat->link);
    seat->state = RL_SEAT_LENT;
    pool->stats.acquired++;
}

rl_err rl_pool_acquire(rl_pool *pool, rl_acquire *acquire, rl_backend **out) {
    if (pool->closed)
        return RL_ECLOSED;
    acquire->pool = pool;
    *out = NULL;
    if (pool->waiting == 0 && !rl_list_is_empty(&pool->idle)) {
        rl_seat *seat = RL_CONTAINER(pool->idle.next, rl_seat, link);
        pool->idle_count--;
        lend(seat);
        *out = seat->backend;
        return RL_OK;
    }
    if (pool->waiting >= pool->options.max_waiters) {
        pool->stats.refused++;
        return RL_EFULL;
    }
    acquire->since_ns = rl_clock_ns();
    rl_list_push_back(&pool->waiters, &acquire->link);
    pool->waiting++;
    rl_timer_init(&acquire->timer, on_acquire_timeout);
    rl_timer_start(pool->loop, &acquire->timer, pool->options.acquire_timeout_ms);
    pump(pool);
    return RL_OK;
}

/* ---- connections come ------------------------------------------------------ */

/* To the oldest waiter, else to the idle ones; the newest idle is lent first,
 * so that the surplus of a quiet hour grows old and is closed. */
static void give(rl_seat *seat) {
    rl_pool *pool = seat->pool;
    if (!rl_list_is_empty(&pool->waiters)) {
        rl_acquire *acquire = RL_CONTAINER(pool->waiters.next, rl_acquire, link);
        leave_queue(acquire);
        pool->stats.waited_ms += waited_ms(acquire);
        lend(seat);
        acquire->granted(acquire, RL_OK, seat->backend);
        return;
    }
    seat->state = RL_SEAT_IDLE;
    rl_list_remove(&seat->link);
    rl_list_push_front(&pool->idle, &seat->link);
    pool->idle_count++;
    if (pool->options.idle_timeout_ms > 0)
        rl_timer_start(pool->loop, &seat->idle_timer, pool->options.idle_timeout_ms);
}

static void drop(rl_seat *seat) {
    rl_pool *pool = seat->pool;
    if (seat->state == RL_SEAT_IDLE)
        pool->idle_count--;
    rl_timer_stop(pool->loop, &seat->idle_timer);
    rl_list_remove(&seat->link);
    rl_seat_free(seat);
    pool->seats--;
    if (pool->closed)
        free_if_empty(pool);
    else
        pump(pool);
}

static void on_idle_timeout(rl_timer *timer) {
    drop(RL_CONTAINER(timer, rl_seat, idle_timer));
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
    seat->pool->stats.lost++;
    if (seat->state != RL_SEAT_LENT)
        drop(seat);
}

static const rl_backend_events backend_events = {.quiet = on_quiet, .lost = on_lost};

static rl_err seat_connection(rl_pool *pool, PGconn *pg) {
    rl_backend_options options = {.max_statements = pool->options.max_statements,
                                  .cancel_grace_ms = pool->options.cancel_grace_ms,
                                  .canceller = pool->canceller};
    rl_seat *seat = NULL;
    rl_err err = rl_seat_new_take(pool, pool->loop, pg, &options, &backend_events, &seat);
    if (err != RL_OK)
        return err;
    rl_timer_init(&seat->idle_timer, on_idle_timeout);
    uint64_t life_ms = pool->options.max_lifetime_ms;
    if (life_ms > 0)
        seat->retire_ms =
            rl_loop_now_ms(pool->loop) + life_ms - life_ms / 10 + random_below(pool, life_ms / 5 + 1);
    pool->seats++;
    give(seat);
    return RL_OK;
}

/* Doubling from 20 ms, half of it jittered, so that workers do not knock all
 * at once on a server that is just coming back. */
static void back_off(rl_pool *pool) {
    uint32_t doublings = pool->failures < 6 ? pool->failures : 6;
    uint64_t delay_ms = (uint64_t)BACKOFF_LEAST_MS << doublings;
    if (delay_ms > BACKOFF_MOST_MS)
        delay_ms = BACKOFF_MOST_MS;
    pool->failures++;
    rl_timer_start(pool->loop, &pool->backoff, delay_ms / 2 + random_below(pool, delay_ms / 2 + 1));
}

static void dial_failed(rl_pool *pool, const char *why) {
    pool->stats.connect_failures++;
    snprintf(pool->connect_error, sizeof pool->connect_error, "%s", why);
    if (!rl_timer_is_running(&pool->backoff))
        back_off(pool);
}

static void on_connected(void *owner, PGconn *pg, const char *why) {
    rl_pool *pool = owner;
    pool->connecting--;
    if (pg == NULL) {
        dial_failed(pool, why);
        return;
    }
    if (seat_connection(pool, pg) != RL_OK) {
        dial_failed(pool, "out of memory");
        return;
    }
    pool->stats.connects++;
    pool->failures = 0;
    pool->connect_error[0] = '\0';
    pump(pool);
}

/* One dial for each waiter, within the budget. */
static void pump(rl_pool *pool) {
    while (!pool->closed && pool->connecting < pool->waiting &&
           pool->seats + pool->connecting < pool->options.max && !rl_timer_is_running(&pool->backoff)) {
        if (rl_connector_dial(pool->connector, on_connected, pool) != RL_OK) {
            dial_failed(pool, "out of memory or threads");
            return;
        }
        pool->connecting++;
    }
}

/* ---- connections go back ---------------------------------------------------- */

void rl_pool_on_quiet(rl_backend *backend, void (*quiet)(void *borrower), void *borrower) {
    rl_seat *seat = rl_seat_of(backend);
    seat->quiet = quiet;
    seat->borrower = borrower;
}

void rl_pool_release(rl_pool *pool, rl_backend *backend) {
    rl_seat *seat = rl_seat_of(backend);
    assert(seat->pool == pool && seat->state == RL_SEAT_LENT);
    seat->state = RL_SEAT_TIDYING;
    seat->quiet = NULL;
    if (rl_backend_is_busy_telling(backend))
        return; /* its quiet or lost comes at the end of this turn */
    rl_backend_cancel(backend);
    rl_seat_tidy(seat);
}

void rl_seat_tidied(rl_seat *seat, bool usable) {
    rl_pool *pool = seat->pool;
    bool old = seat->retire_ms > 0 && rl_loop_now_ms(pool->loop) >= seat->retire_ms;
    pool->stats.resets += seat->was_reset;
    seat->was_reset = false;
    if (!usable || old || pool->closed)
        drop(seat);
    else
        give(seat);
}

/* ---- the end ------------------------------------------------------------------ */

static void close_seats(rl_pool *pool) {
    while (!rl_list_is_empty(&pool->idle))
        drop(RL_CONTAINER(pool->idle.next, rl_seat, link));
    /* First all that runs: an errand that nobody waits for gives its seat back. */
    for (rl_list *at = pool->away.next; at != &pool->away; at = at->next)
        rl_backend_abort(RL_CONTAINER(at, rl_seat, link)->backend);
    for (rl_list *at = pool->away.next, *next; at != &pool->away; at = next) {
        next = at->next;
        rl_seat *seat = RL_CONTAINER(at, rl_seat, link);
        if (seat->state == RL_SEAT_TIDYING)
            drop(seat);
    }
}

void rl_pool_close(rl_pool *pool) {
    pool->closed = true;
    rl_timer_stop(pool->loop, &pool->backoff);
    rl_connector_close(pool->connector);
    while (!rl_list_is_empty(&pool->waiters)) {
        rl_acquire *acquire = RL_CONTAINER(pool->waiters.next, rl_acquire, link);
        leave_queue(acquire);
        acquire->granted(acquire, RL_ECLOSED, NULL);
    }
    pool->seats++; /* keeps the pool while its seats go */
    close_seats(pool);
    rl_crew_close(pool->canceller);
    pool->seats--;
    free_if_empty(pool);
}

const rl_pool_options *rl_pool_options_of(const rl_pool *pool) {
    return &pool->options;
}

rl_pool_stats rl_pool_stats_of(const rl_pool *pool) {
    rl_pool_stats stats = pool->stats;
    stats.in_use = pool->seats - pool->idle_count;
    stats.idle = pool->idle_count;
    stats.connecting = pool->connecting;
    stats.waiting = pool->waiting;
    return stats;
}

const char *rl_pool_connect_error(const rl_pool *pool) {
    return pool->connect_error;
}
