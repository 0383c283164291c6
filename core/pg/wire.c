/* The connections of the lane: how they come, leave, and are found dead. */
#include "base/mem.h"
#include "pg/backend.h"
#include "pg/lane_state.h"

enum { NS_PER_MS = 1000 * 1000, WATCH_MS = 500 };

void rl_wire_close(rl_wire *self) {
    rl_list_remove(&self->link);
    self->lane->wire_count--;
    rl_backend_close(self->backend);
    rl_session_clear(&self->session);
    rl_mem_free(self);
}

void rl_wire_lose(rl_wire *self) {
    self->lane->stats.lost++;
    rl_wire_close(self);
}

static void on_lost(void *owner) {
    rl_wire_lose(owner);
}

/* What changed the session is one of those that ran since the last quiet: the
 * last of them is named. */
static void expel(rl_wire *self) {
    rl_lane *lane = self->lane;
    lane->stats.expelled++;
    const char *what = self->session.changed != NULL ? self->session.changed : "a setting, or a transaction";
    const rl_log_field fields[] = {rl_log_str("left", rl_slice_str(what)),
                                   rl_log_str("statement", rl_slice_str(rl_backend_last_sql(self->backend)))};
    rl_log_write(lane->options.log, RL_LOG_WARN,
                 "a statement changed the session of a shared database connection: it was closed", fields,
                 sizeof fields / sizeof *fields);
    rl_wire_close(self);
}

static void on_quiet(void *owner) {
    rl_wire *self = owner;
    if (rl_backend_is_altered(self->backend) || self->session.changed != NULL)
        expel(self);
    else if (self->is_leaving)
        rl_wire_close(self);
    else if (self->lane->options.looks_at_sessions)
        rl_session_look(&self->session, self->backend);
}

static const rl_backend_events backend_events = {.quiet = on_quiet, .lost = on_lost};

static void leave(rl_wire *self) {
    self->is_leaving = true;
    if (rl_backend_is_quiet(self->backend) && !rl_backend_is_busy_telling(self->backend))
        rl_wire_close(self);
}

static bool is_old(const rl_wire *self) {
    return self->retire_ms > 0 && rl_loop_now_ms(self->lane->loop) >= self->retire_ms;
}

/* A wire that is old serves until its successor is here. */
static void retire_one(rl_lane *lane) {
    for (rl_list *at = lane->wires.next; at != &lane->wires; at = at->next) {
        rl_wire *one = RL_CONTAINER(at, rl_wire, link);
        if (!is_old(one) || one->is_leaving)
            continue;
        leave(one);
        return;
    }
}

static rl_err string_wire(rl_lane *lane, PGconn *pg) {
    rl_wire *self = rl_mem_zalloc(1, sizeof *self);
    if (self == NULL) {
        PQfinish(pg);
        return RL_ENOMEM;
    }
    self->lane = lane;
    rl_session_init(&self->session);
    const rl_backend_options options = {.max_statements = lane->options.max_statements,
                                        .max_result = lane->options.max_result};
    rl_err err = rl_backend_open_take(lane->loop, pg, &options, &backend_events, self, &self->backend);
    if (err != RL_OK) {
        rl_mem_free(self);
        return err;
    }
    uint64_t life_ms = lane->options.max_lifetime_ms;
    if (life_ms > 0)
        self->retire_ms = rl_loop_now_ms(lane->loop) + rl_jitter_about_ms(&lane->jitter, life_ms);
    if (lane->wire_count >= lane->options.max)
        retire_one(lane);
    rl_list_push_back(&lane->wires, &self->link);
    lane->wire_count++;
    if (lane->options.looks_at_sessions)
        rl_session_look(&self->session, self->backend);
    return RL_OK;
}

static void back_off(rl_lane *lane) {
    uint64_t delay_ms = rl_jitter_backoff_ms(&lane->jitter, lane->failures++, RL_BACKOFF_MOST_MS);
    lane->stats.connect_failures++;
    rl_timer_start(lane->loop, &lane->backoff, delay_ms);
}

/* Who wanted it has gone to the other lane meanwhile, and will ask again. */
static void on_backoff(rl_timer *timer) {
    (void)timer;
}

static void on_connected(void *owner, PGconn *pg, const char *why) {
    rl_lane *lane = owner;
    (void)why; /* the other lane fails for the same reason, and says so to somebody */
    lane->connecting--;
    if (pg == NULL || string_wire(lane, pg) != RL_OK) {
        back_off(lane);
        return;
    }
    lane->stats.connects++;
    lane->stats.reconnects += lane->stats.reconnects < lane->stats.lost + lane->stats.expelled;
    lane->failures = 0;
}

static uint32_t fresh_wires(const rl_lane *lane) {
    uint32_t count = 0;
    for (rl_list *at = lane->wires.next; at != &lane->wires; at = at->next) {
        const rl_wire *one = RL_CONTAINER(at, rl_wire, link);
        count += !one->is_leaving && !is_old(one);
    }
    return count;
}

void rl_wires_want(rl_lane *lane) {
    uint32_t fresh = fresh_wires(lane);
    while (fresh + lane->connecting < lane->options.max && !rl_timer_is_running(&lane->backoff)) {
        if (rl_connector_dial(lane->connector, on_connected, lane) == RL_OK)
            lane->connecting++;
        else
            back_off(lane);
    }
}

/* Its head should have been given up by the server itself: nobody is there. */
static rl_wire *find_dead(const rl_lane *lane) {
    uint64_t most_ns = (lane->options.statement_timeout_ms + lane->options.dead_after_ms) * NS_PER_MS;
    for (rl_list *at = lane->wires.next; at != &lane->wires; at = at->next) {
        rl_wire *one = RL_CONTAINER(at, rl_wire, link);
        uint64_t since_ns = rl_backend_head_since_ns(one->backend);
        if (since_ns > 0 && rl_clock_ns() - since_ns > most_ns)
            return one;
    }
    return NULL;
}

static void on_watch(rl_timer *timer) {
    rl_lane *lane = RL_CONTAINER(timer, rl_lane, watch);
    for (rl_wire *dead; (dead = find_dead(lane)) != NULL;) {
        rl_backend_abort(dead->backend, RL_ETIMEOUT);
        rl_wire_lose(dead);
    }
    if (rl_lane_stats_of(lane).in_flight > 0)
        rl_wires_watch(lane);
}

void rl_wires_watch(rl_lane *lane) {
    if (!rl_timer_is_running(&lane->watch))
        rl_timer_start(lane->loop, &lane->watch, WATCH_MS);
}

void rl_wires_init(rl_lane *lane) {
    rl_list_init(&lane->wires);
    rl_timer_init(&lane->backoff, on_backoff);
    rl_timer_init(&lane->watch, on_watch);
    rl_jitter_init(&lane->jitter);
}

void rl_wires_clear(rl_lane *lane) {
    rl_timer_stop(lane->loop, &lane->backoff);
    while (!rl_list_is_empty(&lane->wires))
        rl_wire_close(RL_CONTAINER(lane->wires.next, rl_wire, link));
    rl_timer_stop(lane->loop, &lane->watch);
}

void rl_lane_leave(rl_lane *lane, uint64_t host) {
    for (rl_list *at = lane->wires.next, *next; at != &lane->wires; at = next) {
        next = at->next;
        rl_wire *one = RL_CONTAINER(at, rl_wire, link);
        if (!one->is_leaving && rl_backend_host(one->backend) == host)
            leave(one);
    }
}

void rl_wires_tell_demoted(rl_lane *lane) {
    lane->is_refused = false;
    for (rl_list *at = lane->wires.next; at != &lane->wires; at = at->next) {
        const rl_wire *one = RL_CONTAINER(at, rl_wire, link);
        if (rl_backend_is_demoted(one->backend) && lane->options.on_demoted != NULL)
            lane->options.on_demoted(lane->options.owner, rl_backend_host(one->backend));
    }
}

void rl_lane_hang_up(rl_lane *lane) {
    while (!rl_list_is_empty(&lane->wires)) {
        rl_wire *one = RL_CONTAINER(lane->wires.next, rl_wire, link);
        rl_backend_abort(one->backend, RL_ERESET);
        rl_wire_lose(one);
    }
}
