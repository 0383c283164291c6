#include "pg/lane.h"

#include "base/mem.h"
#include "pg/backend.h"
#include "pg/lane_state.h"

enum {
    STUCK_NS = 2 * 1000 * 1000,
    MAX_LESSONS = 1024 /* an app writes fewer; beyond it somebody composes texts */
};

rl_lane_options rl_lane_defaults(void) {
    return (rl_lane_options){
        .max = 2,
        .depth = 32,
        .max_waiting = 1024,
        .max_statements = 256,
        .max_result = 64 << 20,
        .connect_timeout_ms = 5000,
        .lock_timeout_ms = 100,
        .statement_timeout_ms = 1000,
        .dead_after_ms = 5000,
        .max_lifetime_ms = 1800000,
    };
}

/* ---- statements ------------------------------------------------------------------ */

rl_lesson *rl_lane_recall(rl_lane *lane, rl_slice sql) {
    return rl_lessons_hold(&lane->lessons, sql);
}

static void learn_failure(rl_lane *lane, rl_lesson *lesson, const rl_failure *failure) {
    if (rl_failure_is_stop(failure))
        rl_lesson_note_slow(lesson);
    lane->is_refused = lane->is_refused || strcmp(failure->sqlstate, "25006") == 0;
}

/* What the worker itself did between the end of its last poll and this one is not
 * the server's time. Only the last such stretch can be told from it: an answer
 * that had come before it would have been read then. */
void rl_lane_learn(rl_lane *lane, rl_lesson *lesson, const rl_query *query, uint64_t since_ns, uint32_t count) {
    if (query->failure.err != RL_OK) {
        lane->stats.timeouts += query->autocommit && rl_failure_is_stop(&query->failure); /* it was here */
        learn_failure(lane, lesson, &query->failure);
        return;
    }
    uint64_t now_ns = rl_loop_turn_ns(lane->loop);
    uint64_t took_ns = now_ns - since_ns;
    uint64_t without_us_ns = now_ns - lane->asleep_ns;
    if (lane->awake_ns > since_ns)
        without_us_ns += lane->awake_ns - since_ns;
    rl_lessons_note(&lane->lessons, lesson, (without_us_ns < took_ns ? without_us_ns : took_ns) / count);
}

/* As of the last poll, which had read every answer there was: a head that was still
 * unanswered then is the server's doing, not this worker's. */
static bool is_stuck(const rl_lane *lane, const rl_wire *one) {
    uint64_t since_ns = rl_backend_head_since_ns(one->backend);
    return since_ns > 0 && lane->awake_ns > since_ns + STUCK_NS;
}

/* The least loaded of those that move; NULL with `*all_stuck` when none does, and
 * without it when they only have no room. */
static rl_wire *choose(rl_lane *lane, bool *all_stuck) {
    rl_wire *best = NULL;
    *all_stuck = true;
    for (rl_list *at = lane->wires.next; at != &lane->wires; at = at->next) {
        rl_wire *one = RL_CONTAINER(at, rl_wire, link);
        if (one->is_leaving || is_stuck(lane, one))
            continue;
        *all_stuck = false;
        uint32_t load = rl_backend_load(one->backend);
        if (load < lane->options.depth && (best == NULL || load < rl_backend_load(best->backend)))
            best = one;
    }
    return best;
}

static void note_sent(rl_lane *lane, uint32_t count) {
    lane->stats.queries += count;
    rl_loop_wake_turn(lane->loop); /* the Sync goes out when this turn ends, also when it is a timer's */
    rl_wires_watch(lane);
}

/* What could not be sent may have been how the loss was found. */
static void hang_up_if_lost(rl_wire *self) {
    if (rl_backend_is_lost(self->backend) && !rl_backend_is_busy_telling(self->backend))
        rl_wire_lose(self);
}

/* False when it was not sent. */
static bool send(rl_lane *lane, rl_wire *to, rl_query *query) {
    if (rl_backend_run(to->backend, query) != RL_OK) {
        hang_up_if_lost(to);
        return false;
    }
    note_sent(lane, 1);
    return true;
}

bool rl_lane_takes(const rl_lane *lane, const rl_lesson *lesson) {
    return lane->options.max > 0 && lesson->is_quick && lesson->shape.plain && !lesson->shape.control;
}

rl_backend *rl_lane_begin(rl_lane *lane) {
    rl_wires_want(lane);
    bool all_stuck;
    rl_wire *to = lane->waiting_count == 0 ? choose(lane, &all_stuck) : NULL;
    lane->stats.turned_away += to == NULL;
    return to == NULL ? NULL : to->backend;
}

void rl_lane_end(rl_lane *lane, rl_backend *on, uint32_t sent) {
    if (sent > 0)
        note_sent(lane, sent);
    else
        hang_up_if_lost(rl_backend_owner(on));
}

bool rl_lane_run(rl_lane *lane, rl_query *query, const rl_lesson *lesson) {
    if (!rl_lane_takes(lane, lesson))
        return false;
    rl_wires_want(lane);
    query->timeout_ms = 0;
    query->autocommit = true;
    query->shares = lesson->shape.reads;
    bool all_stuck;
    rl_wire *to = choose(lane, &all_stuck);
    if (to != NULL && lane->waiting_count == 0)
        return send(lane, to, query);
    if (all_stuck || lane->waiting_count >= lane->options.max_waiting) {
        lane->stats.turned_away++;
        return false;
    }
    query->since_ns = rl_loop_turn_ns(lane->loop); /* until it is sent */
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
        rl_wire *to = choose(lane, &all_stuck);
        if (to == NULL && !all_stuck)
            return;
        rl_query *query = pop_waiting(lane);
        lane->stats.waited_ns += rl_loop_turn_ns(lane->loop) - query->since_ns;
        if (to == NULL || !send(lane, to, query))
            send_back(query, RL_ERESET);
    }
}

static bool on_turn(rl_turn *turn) {
    rl_lane *lane = RL_CONTAINER(turn, rl_lane, turn);
    lane->awake_ns = rl_loop_turn_ns(lane->loop);
    if (lane->is_refused)
        rl_wires_tell_demoted(lane);
    serve_waiting(lane);
    for (rl_list *at = lane->wires.next; at != &lane->wires; at = at->next)
        rl_backend_sync(RL_CONTAINER(at, rl_wire, link)->backend);
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
    rl_list_init(&lane->waiting);
    rl_wires_init(lane);
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
    rl_connector_close(lane->connector);
    while (lane->waiting_count > 0)
        send_back(pop_waiting(lane), RL_ECLOSED);
    rl_wires_clear(lane);
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
        uint32_t load = rl_backend_load(RL_CONTAINER(at, rl_wire, link)->backend);
        stats.wires++;
        stats.busy += load > 0;
        stats.in_flight += load;
    }
    return stats;
}
