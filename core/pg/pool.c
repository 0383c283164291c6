#include "pg/pool.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/clock.h"
#include "pg/canceller.h"
#include "pg/pool_state.h"

rl_pool_options rl_pool_defaults(void) {
    return (rl_pool_options){
        .exclusive = 8,
        .shared = 1,
        .depth = 32,
        .min_idle = 2,
        .max_waiters = 1024,
        .max_statements = 256,
        .max_result = 64 << 20,
        .connect_timeout_ms = 5000,
        .acquire_timeout_ms = 3000,
        .query_timeout_ms = 30000,
        .cancel_grace_ms = 2000,
        .idle_timeout_ms = 600000,
        .max_lifetime_ms = 1800000,
        .leak_after_ms = 60000,
    };
}

/* A connection may go to any pool of its budget, so that they must agree in all
 * that it was made with. */
static char *new_key(const rl_pool_options *o, const char *url, bool is_replica) {
    size_t cap = strlen(url) + 256;
    char *key = rl_mem_alloc(cap);
    if (key != NULL)
        snprintf(key, cap, "%d %d %u %u %u %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s",
                 o->is_sessionless, is_replica, o->exclusive, o->min_idle, o->max_waiters, o->max_statements,
                 o->max_result, o->query_timeout_ms, o->cancel_grace_ms, o->idle_timeout_ms, o->max_lifetime_ms, url);
    return key;
}

static rl_err join(rl_pool *pool, const rl_pool_options *o) {
    char *key = new_key(o, o->url, o->follows != NULL);
    char *follows = o->follows == NULL ? NULL : new_key(o, o->follows, false);
    char name[128];
    rl_connector_name(o->url, name, sizeof name);
    rl_budget_limits limits = {.name = o->is_unseen ? NULL : name,
                               .follows = follows,
                               .max = o->exclusive,
                               .max_waiters = o->max_waiters,
                               .max_streams = rl_pool_most_streams(o),
                               .min_open = o->min_idle < o->exclusive ? o->min_idle : o->exclusive};
    rl_err err = RL_ENOMEM;
    if (key != NULL && (follows != NULL || o->follows == NULL))
        err = rl_member_join(&pool->member, o->budgets, key, &limits, pool->loop, rl_supply_on_bell);
    rl_mem_free(key);
    rl_mem_free(follows);
    return err;
}

static rl_err open_lane(rl_pool *pool, const rl_pool_options *options) {
    if (options->shared == 0)
        return RL_OK;
    rl_lane_options lane = rl_lane_defaults();
    lane.url = options->url;
    lane.max = options->is_sessionless ? 0 : options->shared; /* none: it only learns what statements are */
    lane.depth = options->depth;
    lane.max_waiting = options->max_waiters;
    lane.max_statements = options->max_statements;
    lane.max_result = options->max_result;
    lane.connect_timeout_ms = options->connect_timeout_ms;
    lane.max_lifetime_ms = options->max_lifetime_ms;
    lane.is_replica = options->follows != NULL;
    lane.looks_at_sessions = options->looks_at_sessions;
    lane.on_demoted = options->follows != NULL ? NULL : rl_supply_on_demoted;
    lane.owner = pool;
    lane.log = options->log;
    return rl_lane_open(pool->loop, &lane, &pool->lane);
}

static rl_err open_connector(rl_pool *pool, const rl_pool_options *o) {
    if (o->is_sessionless)
        return rl_connector_new_sessionless(pool->loop, o->url, o->connect_timeout_ms, &pool->connector);
    rl_err err = rl_connector_new(pool->loop, o->url, o->connect_timeout_ms, o->query_timeout_ms, &pool->connector);
    if (err == RL_OK && o->follows != NULL)
        err = rl_connector_set_read_only(pool->connector);
    return err;
}

rl_err rl_pool_open(rl_loop *loop, const rl_pool_options *options, rl_pool **out) {
    rl_pool *pool = rl_mem_zalloc(1, sizeof *pool);
    if (pool == NULL)
        return RL_ENOMEM;
    pool->loop = loop;
    pool->options = *options;
    pool->options.url = pool->options.follows = NULL; /* borrowed; the connector has its own copy */
    pool->is_replica = options->follows != NULL;
    rl_jitter_init(&pool->jitter);
    rl_list_init(&pool->idle);
    rl_list_init(&pool->away);
    rl_list_init(&pool->waiting);
    rl_supply_init(pool);
    rl_err err = open_connector(pool, options);
    if (err != RL_OK)
        goto fail;
    err = rl_canceller_new(loop, &pool->canceller);
    if (err == RL_OK)
        err = open_lane(pool, options);
    if (err == RL_OK)
        err = join(pool, options);
    if (err != RL_OK)
        goto fail;
    rl_tally_begin(pool);
    *out = pool;
    return RL_OK;
fail:
    if (pool->lane != NULL)
        rl_lane_close(pool->lane);
    if (pool->canceller != NULL)
        rl_crew_close(pool->canceller);
    if (pool->connector != NULL)
        rl_connector_close(pool->connector);
    rl_mem_free(pool);
    return err;
}

void rl_pool_free_if_over(rl_pool *pool) {
    if (!pool->closed || pool->seats > 0 || !rl_member_is_silent(&pool->member))
        return;
    rl_member_clear(&pool->member);
    rl_mem_free(pool);
}

/* ---- the queue ------------------------------------------------------------- */

static void leave_queue(rl_acquire *acquire) {
    rl_timer_stop(acquire->pool->loop, &acquire->timer);
    rl_list_remove(&acquire->link);
}

void rl_acquire_forget(rl_acquire *acquire) {
    leave_queue(acquire);
    rl_ticket_forget(&acquire->ticket, false);
}

/* The loop looks at its clock once a turn, and something may block it (a command that starts a
 * cluster, say): that time must not count as a wait for a connection. */
static void on_acquire_timeout(rl_timer *timer) {
    rl_acquire *acquire = RL_CONTAINER(timer, rl_acquire, timer);
    rl_pool *pool = acquire->pool;
    uint64_t waited = (rl_loop_read_ns(pool->loop) - acquire->ticket.since_ns) / 1000000;
    uint64_t most = pool->options.acquire_timeout_ms;
    if (waited < most) {
        rl_timer_start(pool->loop, timer, most - waited);
        return;
    }
    leave_queue(acquire);
    rl_ticket_forget(&acquire->ticket, true);
    acquire->granted(acquire, RL_ETIMEOUT, NULL);
}

static void lend(rl_seat *seat, const rl_acquire *acquire) {
    rl_pool *pool = seat->pool;
    seat->state = RL_SEAT_LENT;
    seat->lent_ms = rl_loop_now_ms(pool->loop);
    seat->scope = acquire->scope;
    seat->holds = acquire->holds;
    snprintf(seat->where, sizeof seat->where, "%s", acquire->where == NULL ? "" : acquire->where);
    rl_list_remove(&seat->link);
    rl_list_push_back(&pool->away, &seat->link);
    rl_timer_stop(pool->loop, &seat->timer);
    if (pool->options.leak_after_ms > 0)
        rl_timer_start(pool->loop, &seat->timer, pool->options.leak_after_ms);
}

const char *rl_pool_held_since(const rl_pool *pool, const struct rl_scope *scope) {
    for (const rl_list *at = pool->away.next; at != &pool->away; at = at->next) {
        const rl_seat *seat = RL_CONTAINER(at, rl_seat, link);
        if (seat->state == RL_SEAT_LENT && seat->holds && seat->scope == scope)
            return seat->where;
    }
    return NULL;
}

rl_err rl_pool_acquire(rl_pool *pool, rl_acquire *acquire, rl_backend **out) {
    rl_berth *berth;
    *out = NULL;
    if (pool->closed)
        return RL_ECLOSED;
    if (acquire->scope != NULL && rl_pool_held_since(pool, acquire->scope) != NULL)
        return RL_EEXIST;
    rl_err err = rl_member_take(&pool->member, &acquire->ticket, &berth);
    if (err != RL_OK)
        return err;
    acquire->pool = pool;
    if (berth != NULL) {
        rl_seat *seat = RL_CONTAINER(berth, rl_seat, berth);
        lend(seat, acquire);
        *out = seat->backend;
        return RL_OK;
    }
    rl_list_push_back(&pool->waiting, &acquire->link);
    rl_timer_init(&acquire->timer, on_acquire_timeout);
    rl_timer_start(pool->loop, &acquire->timer, pool->options.acquire_timeout_ms);
    rl_supply_hurry(pool);
    return RL_OK;
}

/* ---- seats ------------------------------------------------------------------- */

static bool is_old(const rl_seat *seat) {
    return seat->retire_ms > 0 && rl_loop_now_ms(seat->pool->loop) >= seat->retire_ms;
}

/* Until it has been idle or open for too long; a tenth sooner by chance, because
 * connections that were made together should not all be replaced together. */
static void time_idleness(rl_seat *seat) {
    rl_pool *pool = seat->pool;
    uint64_t idle_ms = pool->options.idle_timeout_ms, left_ms = UINT64_MAX;
    if (idle_ms > 0)
        left_ms = idle_ms - rl_jitter_below(&pool->jitter, idle_ms / 10 + 1);
    if (seat->retire_ms > 0) {
        uint64_t now_ms = rl_loop_now_ms(pool->loop);
        uint64_t life_ms = seat->retire_ms > now_ms ? seat->retire_ms - now_ms : 0;
        left_ms = life_ms < left_ms ? life_ms : left_ms;
    }
    if (left_ms < UINT64_MAX)
        rl_timer_start_chore(pool->loop, &seat->timer, left_ms);
}

static void rest(rl_seat *seat) {
    seat->state = RL_SEAT_IDLE;
    rl_list_remove(&seat->link);
    rl_list_push_front(&seat->pool->idle, &seat->link);
    time_idleness(seat);
}

/* The newest idle one is lent first, so that the surplus of a quiet hour grows
 * old and is closed. */
void rl_pool_offer(rl_seat *seat) {
    rl_pool *pool = seat->pool;
    rl_ticket *ticket;
    switch (rl_member_put(&pool->member, &seat->berth, &ticket)) {
    case RL_PUT_IDLE: rest(seat); break;
    case RL_PUT_STALE: rl_pool_drop(seat); break;
    case RL_PUT_AWAY: rl_supply_send(seat); break;
    case RL_PUT_GRANT: {
        rl_acquire *acquire = RL_CONTAINER(ticket, rl_acquire, ticket);
        leave_queue(acquire);
        lend(seat, acquire);
        acquire->granted(acquire, RL_OK, seat->backend);
        break;
    }
    }
}

static void free_seat(rl_seat *seat) {
    rl_pool *pool = seat->pool;
    rl_timer_stop(pool->loop, &seat->timer);
    rl_list_remove(&seat->link);
    rl_seat_free(seat);
    pool->seats--;
    rl_supply_pump(pool);
    rl_pool_free_if_over(pool);
}

void rl_pool_drop(rl_seat *seat) {
    rl_pool *pool = seat->pool;
    rl_member_remove(&pool->member, &seat->berth);
    if (rl_backend_is_lost(seat->backend) && !pool->closed)
        rl_member_count_lost(&pool->member);
    free_seat(seat);
}

static void report_leak(const rl_seat *seat) {
    const rl_pool *pool = seat->pool;
    uint64_t lent_ms = rl_loop_now_ms(pool->loop) - seat->lent_ms;
    rl_log_printf(pool->options.log, RL_LOG_WARN, "a database connection has been held for %.3g s%s%s",
                  (double)lent_ms / 1000, seat->where[0] == '\0' ? "" : ", since ", seat->where);
}

/* Of an idle seat, or of one that is lent for too long. */
void rl_pool_on_seat_timer(rl_timer *timer) {
    rl_seat *seat = RL_CONTAINER(timer, rl_seat, timer);
    rl_pool *pool = seat->pool;
    if (seat->state == RL_SEAT_LENT) {
        rl_member_count_leak(&pool->member);
        report_leak(seat);
    } else if (seat->state == RL_SEAT_IDLE) {
        if (rl_member_retire(&pool->member, &seat->berth, is_old(seat)))
            free_seat(seat);
        else if (!is_old(seat)) /* else it was called, and is about to go */
            time_idleness(seat);
    }
}

void rl_seat_strayed(const rl_seat *seat) {
    rl_log_printf(seat->pool->options.log, RL_LOG_WARN,
                  "a statement left a transaction open on its database connection, which is closed: "
                  "use db:transaction%s%s",
                  seat->where[0] == '\0' ? "" : "; ", seat->where);
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
    rl_timer_stop(pool->loop, &seat->timer);
    if (rl_backend_is_busy_telling(backend))
        return; /* its quiet or lost comes at the end of this turn */
    rl_backend_cancel(backend);
    rl_seat_tidy(seat);
}

void rl_seat_tidied(rl_seat *seat, bool usable) {
    rl_pool *pool = seat->pool;
    rl_member_count_loan(&pool->member, rl_backend_take_runs(seat->backend), seat->was_reset);
    seat->was_reset = false;
    bool is_demoted = rl_backend_is_demoted(seat->backend) && !pool->is_replica;
    if (is_demoted)
        rl_member_demote(&pool->member, rl_backend_host(seat->backend));
    if (!usable || is_demoted || is_old(seat) || pool->closed)
        rl_pool_drop(seat);
    else
        rl_pool_offer(seat);
}

/* ---- the end ------------------------------------------------------------------ */

/* First all that runs: an errand that nobody waits for gives its seat back. */
static void break_away(rl_pool *pool, rl_err why) {
    for (rl_list *at = pool->away.next; at != &pool->away; at = at->next)
        rl_backend_abort(RL_CONTAINER(at, rl_seat, link)->backend, why);
    for (rl_list *at = pool->away.next, *next; at != &pool->away; at = next) {
        next = at->next;
        rl_seat *seat = RL_CONTAINER(at, rl_seat, link);
        if (seat->state == RL_SEAT_TIDYING)
            rl_pool_drop(seat);
    }
}

void rl_pool_close(rl_pool *pool) {
    pool->closed = true;
    pool->seats++; /* keeps the pool while its seats go */
    while (!rl_list_is_empty(&pool->waiting)) {
        rl_acquire *acquire = RL_CONTAINER(pool->waiting.next, rl_acquire, link);
        rl_acquire_forget(acquire);
        acquire->granted(acquire, RL_ECLOSED, NULL);
    }
    rl_supply_close(pool);
    break_away(pool, RL_ECLOSED);
    rl_tally_end(pool);
    if (pool->lane != NULL)
        rl_lane_close(pool->lane); /* last: what ran elsewhere has taught it */
    pool->lane = NULL;
    rl_crew_close(pool->canceller);
    pool->seats--;
    rl_pool_free_if_over(pool);
}

void rl_pool_hang_up(rl_pool *pool) {
    break_away(pool, RL_ERESET);
    if (pool->lane != NULL)
        rl_lane_hang_up(pool->lane);
}

void rl_pool_set_replicas(rl_pool *pool, struct rl_replicas *replicas) {
    pool->replicas = replicas;
}

struct rl_replicas *rl_pool_replicas(const rl_pool *pool) {
    return pool->replicas;
}

rl_lane *rl_pool_lane(const rl_pool *pool) {
    return pool->lane;
}

const rl_pool_options *rl_pool_options_of(const rl_pool *pool) {
    return &pool->options;
}

const char *rl_pool_connect_error(const rl_pool *pool) {
    return pool->connect_error;
}
