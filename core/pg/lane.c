#include "pg/lane.h"

#include <stdio.h>

#include "base/mem.h"
#include "loop/timer.h"
#include "pg/backend.h"
#include "pg/connector.h"
#include "pg/jitter.h"

enum {
    NS_PER_MS = 1000 * 1000,
    STUCK_NS = 2 * NS_PER_MS,
    WATCH_MS = 500,
    MAX_LESSONS = 1024 /* an app writes fewer; beyond it somebody composes texts */
};

typedef struct wire {
    rl_list link;
    rl_lane *lane;
    rl_backend *backend;
    uint64_t retire_ms; /* replaced after this; 0: never old */
    bool is_leaving;
} wire;

struct rl_lane {
    rl_loop *loop;
    rl_lane_options options;
    rl_connector *connector;
    rl_lessons lessons;
    rl_list wires;
    rl_list waiting; /* rl_query */
    uint32_t wire_count, connecting, waiting_count;
    rl_timer backoff, watch;
    rl_turn turn;
    uint64_t awake_ns, asleep_ns; /* when the last turn began and ended */
    uint32_t failures;            /* dials in a row */
    rl_jitter jitter;
    rl_lane_stats stats;
};

rl_lane_options rl_lane_defaults(void) {
    return (rl_lane_options){
        .max = 2,
        .depth = 32,
        .max_waiting = 1024,
        .max_statements = 256,
        .connect_timeout_ms = 5000,
        .lock_timeout_ms = 100,
        .statement_timeout_ms = 1000,
        .dead_after_ms = 5000,
        .max_lifetime_ms = 1800000,
    };
}

/* ---- wires come and go --------------------------------------------------------- */

static void hang_up(wire *self) {
    rl_list_remove(&self->link);
    self->lane->wire_count--;
    rl_backend_close(self->backend);
    rl_mem_free(self);
}

static void on_lost(void *owner) {
    wire *self = owner;
    self->lane->stats.lost++;
    hang_up(self);
}

/* What changed the session is one of those that ran since the last quiet: the
 * last of them is named. */
static void expel(wire *self) {
    rl_lane *lane = self->lane;
    lane->stats.expelled++;
    const rl_log_field last = rl_log_str("statement", rl_slice_str(rl_backend_last_sql(self->backend)));
    rl_log_write(lane->options.log, RL_LOG_WARN,
                 "a statement changed the session of a shared database connection: it was closed", &last, 1);
    hang_up(self);
}

static void on_quiet(void *owner) {
    wire *self = owner;
    if (rl_backend_is_altered(self->backend))
        expel(self);
    else if (self->is_leaving)
        hang_up(self);
}

static const rl_backend_events backend_events = {.quiet = on_quiet, .lost = on_lost};

static void leave(wire *self) {
    self->is_leaving = true;
    if (rl_backend_is_quiet(self->backend) && !rl_backend_is_busy_telling(self->backend))
        hang_up(self);
}

static bool is_old(const wire *self) {
    return self->retire_ms > 0 && rl_loop_now_ms(self->lane->loop) >= self->retire_ms;
}

/* A wire that is old serves until its successor is here. */
static void retire_one(rl_lane *lane) {
    for (rl_list *at = lane->wires.next; at != &lane->wires; at = at->next) {
        wire *one = RL_CONTAINER(at, wire, link);
        if (!is_old(one) || one->is_leaving)
            continue;
        leave(one);
        return;
    }
}

static rl_err string_wire(rl_lane *lane, PGconn *pg) {
    wire *self = rl_mem_zalloc(1, sizeof *self);
    if (self == NULL) {
        PQfinish(pg);
        return RL_ENOMEM;
    }
    self->lane = lane;
    const rl_backend_options options = {.max_statements = lane->options.max_statements};
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
    lane->failures = 0;
}

static uint32_t fresh_wires(const rl_lane *lane) {
    uint32_t count = 0;
    for (rl_list *at = lane->wires.next; at != &lane->wires; at = at->next) {
        const wire *one = RL_CONTAINER(at, wire, link);
        count += !one->is_leaving && !is_old(one);
    }
    return count;
}

static void want_wires(rl_lane *lane) {
    uint32_t fresh = fresh_wires(lane);
    while (fresh + lane->connecting < lane->options.max && !rl_timer_is_running(&lane->backoff)) {
        if (rl_connector_dial(lane->connector, on_connected, lane) == RL_OK)
            lane->connecting++;
        else
            back_off(lane);
    }
}

/* Its head should have been given up by the server itself: nobody is there. */
static wire *find_dead(const rl_lane *lane) {
    uint64_t most_ns = (lane->options.statement_timeout_ms + lane->options.dead_after_ms) * NS_PER_MS;
    for (rl_list *at = lane->wires.next; at != &lane->wires; at = at->next) {
        wire *one = RL_CONTAINER(at, wire, link);
        uint64_t since_ns = rl_backend_head_since_ns(one->backend);
        if (since_ns > 0 && rl_clock_ns() - since_ns > most_ns)
            return one;
    }
    return NULL;
}

static void on_watch(rl_timer *timer) {
    rl_lane *lane = RL_CONTAINER(timer, rl_lane, watch);
    for (wire *dead; (dead = find_dead(lane)) != NULL;) {
        rl_backend_abort(dead->backend, RL_ETIMEOUT);
        on_lost(dead);
    }
    if (rl_lane_stats_of(lane).in_flight > 0)
        rl_timer_start(lane->loop, &lane->watch, WATCH_MS);
}

void rl_lane_hang_up(rl_lane *lane) {
    while (!rl_list_is_empty(&lane->wires)) {
        wire *one = RL_CONTAINER(lane->wires.next, wire, link);
        rl_backend_abort(one->backend, RL_ERESET);
        on_lost(one);
    }
}

/* ---- statements ------------------------------------------------------------------ */

rl_lesson *rl_lane_recall(rl_lane *lane, rl_slice sql) {
    return rl_lessons_hold(&lane->lessons, sql);
}

/* What the worker itself did between the end of its last poll and this one is not
 * the server's time. Only the last such stretch can be told from it: an answer
 * that had come before it would have been read then. */
void rl_lane_learn(rl_lane *lane, rl_lesson *lesson, const rl_query *query) {
    const char *code = query->failure.sqlstate;
    if (strcmp(code, "55P03") == 0 || strcmp(code, "57014") == 0)
        rl_lesson_note_slow(lesson);
    if (query->failure.err != RL_OK)
        return;
    uint64_t now_ns = rl_loop_turn_ns(lane->loop);
    uint64_t took_ns = now_ns - query->since_ns;
    uint64_t without_us_ns = now_ns - lane->asleep_ns;
    if (lane->awake_ns > query->since_ns)
        without_us_ns += lane->awake_ns - query->since_ns;
    rl_lessons_note(&lane->lessons, lesson, without_us_ns < took_ns ? without_us_ns : took_ns);
}

/* As of the last poll, which had read every answer there was: a head that was still
 * unanswered then is the server's doing, not this worker's. */
static bool is_stuck(const rl_lane *lane, const wire *one) {
    uint64_t since_ns = rl_backend_head_since_ns(one->backend);
    return since_ns > 0 && lane->awake_ns > since_ns + STUCK_NS;
}

/* The least loaded of those that move; NULL with `*all_stuck` when none does, and
 * without it when they only have no room. */
static wire *choose(rl_lane *lane, bool *all_stuck) {
    wire *best = NULL;
    *all_stuck = true;
    for (rl_list *at = lane->wires.next; at != &lane->wires; at = at->next) {
        wire *one = RL_CONTAINER(at, wire, link);
        if (one->is_leaving || is_stuck(lane, one))
            continue;
        *all_stuck = false;
        uint32_t load = rl_backend_load(one->backend);
        if (load < lane->options.depth && (best == NULL || load < rl_backend_load(best->backend)))
            best = one;
    }
    return best;
}

/* False when it was not sent. */
static bool send(rl_lane *lane, wire *to, rl_query *query) {
    if (rl_backend_run(to->backend, query) != RL_OK) {
        if (rl_backend_is_lost(to->backend) && !rl_backend_is_busy_telling(to->backend))
            on_lost(to);
        return false;
    }
    lane->stats.queries++;
    rl_loop_wake_turn(lane->loop); /* the Sync goes out when this turn ends, also when it is a timer's */
    if (!rl_timer_is_running(&lane->watch))
        rl_timer_start(lane->loop, &lane->watch, WATCH_MS);
    return true;
}

bool rl_lane_run(rl_lane *lane, rl_query *query, const rl_lesson *lesson) {
    if (lane->options.max == 0 || !lesson->is_quick || !lesson->shape.plain || lesson->shape.control)
        return false;
    want_wires(lane);
    query->timeout_ms = 0;
    query->autocommit = true;
    query->shares = lesson->shape.reads;
    bool all_stuck;
    wire *to = choose(lane, &all_stuck);
    if (to != NULL && lane->waiting_count == 0)
        return send(lane, to, query);
    if (all_stuck || lane->waiting_count >= lane->options.max_waiting) {
        lane->stats.turned_away++;
        return false;
    }
    rl_list_push_back(&lane->waiting, &query->link);
    lane->waiting_count++;
    return true;
}

static rl_query *pop_waiting(rl_lane *lane) {
    lane->waiting_count--;
    return RL_CONTAINER(rl_list_pop_front(&lane->waiting), rl_query, link);
}

static void send_back(rl_query *query, rl_err why) {
    rl_query_fail(query, why, "08006", "no shared database connection was free: nothing was done");
    query->failure.lost = true;
    query->done(query);
}

bool rl_lane_forget(rl_lane *lane, rl_query *query) {
    for (rl_list *at = lane->waiting.next; at != &lane->waiting; at = at->next) {
        if (at != &query->link)
            continue;
        rl_list_remove(at);
        lane->waiting_count--;
        return true;
    }
    return false;
}

static void serve_waiting(rl_lane *lane) {
    while (lane->waiting_count > 0) {
        bool all_stuck;
        wire *to = choose(lane, &all_stuck);
        if (to == NULL && !all_stuck)
            return;
        rl_query *query = pop_waiting(lane);
        if (to == NULL || !send(lane, to, query))
            send_back(query, RL_ERESET);
    }
}

static bool on_turn(rl_turn *turn) {
    rl_lane *lane = RL_CONTAINER(turn, rl_lane, turn);
    lane->awake_ns = rl_loop_turn_ns(lane->loop);
    serve_waiting(lane);
    for (rl_list *at = lane->wires.next; at != &lane->wires; at = at->next)
        rl_backend_sync(RL_CONTAINER(at, wire, link)->backend);
    lane->asleep_ns = rl_clock_ns();
    return false;
}

/* ---- the lane ---------------------------------------------------------------------- */

rl_err rl_lane_open(rl_loop *loop, const rl_lane_options *options, rl_lane **out) {
    rl_lane *lane = rl_mem_zalloc(1, sizeof *lane);
    if (lane == NULL)
        return RL_ENOMEM;
    lane->loop = loop;
    lane->options = *options;
    lane->options.url = NULL; /* the connector has its own copy */
    rl_jitter_init(&lane->jitter);
    rl_list_init(&lane->wires);
    rl_list_init(&lane->waiting);
    rl_timer_init(&lane->backoff, on_backoff);
    rl_timer_init(&lane->watch, on_watch);
    lane->turn.run = on_turn;
    rl_err err = rl_lessons_init(&lane->lessons, MAX_LESSONS);
    if (err != RL_OK)
        goto fail;
    err = rl_connector_new_shared(loop, options->url, options->connect_timeout_ms,
                                  options->statement_timeout_ms, options->lock_timeout_ms, &lane->connector);
    if (err != RL_OK)
        goto fail;
    if (options->is_replica)
        err = rl_connector_set_read_only(lane->connector);
    if (err != RL_OK)
        goto fail;
    rl_loop_add_turn(loop, &lane->turn);
    *out = lane;
    return RL_OK;
fail:
    if (lane->connector != NULL)
        rl_connector_close(lane->connector);
    rl_lessons_clear(&lane->lessons);
    rl_mem_free(lane);
    return err;
}

void rl_lane_close(rl_lane *lane) {
    rl_loop_remove_turn(lane->loop, &lane->turn);
    rl_timer_stop(lane->loop, &lane->backoff);
    rl_connector_close(lane->connector);
    while (lane->waiting_count > 0)
        send_back(pop_waiting(lane), RL_ECLOSED);
    while (!rl_list_is_empty(&lane->wires))
        hang_up(RL_CONTAINER(lane->wires.next, wire, link));
    rl_timer_stop(lane->loop, &lane->watch);
    rl_lessons_clear(&lane->lessons);
    rl_mem_free(lane);
}

const rl_lane_options *rl_lane_options_of(const rl_lane *lane) {
    return &lane->options;
}

rl_lane_stats rl_lane_stats_of(const rl_lane *lane) {
    rl_lane_stats stats = lane->stats;
    stats.connecting = lane->connecting;
    stats.waiting = lane->waiting_count;
    for (rl_list *at = lane->wires.next; at != &lane->wires; at = at->next) {
        stats.wires++;
        stats.in_flight += rl_backend_load(RL_CONTAINER(at, wire, link)->backend);
    }
    return stats;
}
