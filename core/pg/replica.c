#include "pg/replica.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "pg/errand.h"
#include "pg/lane.h"

enum {
    NS_PER_MS = 1000 * 1000,
    HANGS_AFTER = 3 /* failed probes, some 6 s of silence */
};

/* NULL for the position of a server that has replayed nothing: it is a primary. */
#define PROBE_SQL                                                    \
    "select pg_is_in_recovery(), pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')"

const char *rl_replica_state_name(rl_replica_state state) {
    static const char *const names[] = {"unknown", "ready", "lagging", "promoted", "down"};
    return names[state];
}

/* ---- what is known of it -------------------------------------------------------- */

/* Those who wait for a connection go home, later: whoever brings the news may be one of them. */
static void on_sweep(rl_timer *timer) {
    rl_replica *replica = RL_CONTAINER(timer, rl_replica, sweep);
    for (rl_list *at = replica->aboard.next, *next; at != &replica->aboard; at = next) {
        next = at->next;
        rl_errand_leave_queue(RL_CONTAINER(at, rl_errand, aboard));
    }
    if (replica->failures >= HANGS_AFTER)
        rl_pool_hang_up(replica->pool);
}

static void note_state(rl_replica *replica, rl_replica_state state, const char *why) {
    bool is_usable = state == RL_REPLICA_READY;
    bool is_news = replica->state != state && (is_usable || replica->state <= RL_REPLICA_READY);
    replica->state = state;
    if (!is_news)
        return;
    rl_pool_set_reader(replica->pool, is_usable);
    const rl_log_field fields[] = {rl_log_str("replica", rl_slice_str(replica->name)),
                                   rl_log_str("why", rl_slice_str(why))};
    if (is_usable)
        rl_log_write(replica->log, RL_LOG_INFO, "a replica is read", fields, 1);
    else
        rl_log_write(replica->log, RL_LOG_WARN, "a replica is not read", fields, why[0] == '\0' ? 1 : 2);
}

static void note_down(rl_replica *replica, const char *why) {
    note_state(replica, RL_REPLICA_DOWN, why);
    rl_timer_start(replica->loop, &replica->sweep, 0);
}

void rl_replica_suspect(rl_replica *replica, const char *why) {
    if (replica->state != RL_REPLICA_DOWN)
        note_down(replica, why);
}

static void on_refused(void *owner) {
    rl_replica *replica = owner;
    rl_replica_suspect(replica, rl_pool_connect_error(replica->pool));
}

/* Behind the newest that is known of the primary. While that does not answer, nobody knows
 * of anything newer, and what the replica has is as good as it gets. */
static uint64_t lag_ms(const rl_replica *replica) {
    uint64_t newest_ns = rl_trail_newest_ns(replica->trail);
    return newest_ns > replica->complete_ns ? (newest_ns - replica->complete_ns) / NS_PER_MS : 0;
}

static void note_position(rl_replica *replica, uint64_t position) {
    uint64_t reached_ns = rl_trail_reached(replica->trail, position);
    bool went_back = position < replica->position; /* restarted: what it showed before, it may show later */
    if (went_back || reached_ns > replica->complete_ns)
        replica->complete_ns = reached_ns;
    replica->position = position;
    bool is_near = replica->complete_ns > 0 && lag_ms(replica) <= replica->max_lag_ms;
    note_state(replica, is_near ? RL_REPLICA_READY : RL_REPLICA_LAGGING, is_near ? "" : "it is too far behind");
}

static void on_answer(rl_probe *probe, const rl_result *result, const char *why) {
    rl_replica *replica = RL_CONTAINER(probe, rl_replica, probe);
    rl_slice follows, position;
    if (result == NULL) {
        replica->failures++;
        note_down(replica, why);
        return;
    }
    replica->failures = 0;
    if (!rl_result_cell(result, 0, 0, &follows) || !rl_slice_eq(follows, RL_LIT("t")))
        note_state(replica, RL_REPLICA_PROMOTED, "it follows no other server: it was promoted, or never was a replica");
    else if (!rl_result_cell(result, 0, 1, &position))
        note_state(replica, RL_REPLICA_LAGGING, "it has replayed nothing yet");
    else
        note_position(replica, strtoull(position.ptr, NULL, 10));
}

void rl_replica_probe(rl_replica *replica) {
    rl_probe_ask(&replica->probe);
}

/* ---- who runs there --------------------------------------------------------------- */

void rl_replica_board(rl_replica *replica, rl_list *aboard) {
    rl_list_push_back(&replica->aboard, aboard);
    replica->running++;
    replica->queries++;
}

void rl_replica_leave(rl_replica *replica, rl_list *aboard) {
    rl_list_remove(aboard);
    replica->running--;
}

/* ---- its life ----------------------------------------------------------------------- */

static const char *option_of(const PQconninfoOption *options, const char *keyword) {
    for (; options->keyword != NULL; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options->val == NULL ? "" : options->val;
    return "";
}

/* What a person tells it by, and no password. */
static void take_name(rl_replica *replica, const char *url) {
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    if (options == NULL)
        return;
    const char *host = option_of(options, "host"), *port = option_of(options, "port");
    snprintf(replica->name, sizeof replica->name, "%s%s%s", host, port[0] == '\0' ? "" : ":", port);
    PQconninfoFree(options);
}

rl_err rl_replica_open(rl_replica *replica, rl_loop *loop, const char *url, const rl_pool_options *like,
                       uint64_t max_lag_ms, const rl_trail *trail) {
    *replica = (rl_replica){.loop = loop, .log = like->log, .max_lag_ms = max_lag_ms, .trail = trail};
    rl_list_init(&replica->aboard);
    rl_timer_init(&replica->sweep, on_sweep);
    take_name(replica, url);
    rl_pool_options options = *like;
    options.url = url;
    options.follows = like->url;
    options.on_refused = on_refused;
    options.owner = replica;
    rl_err err = rl_pool_open(loop, &options, &replica->pool);
    if (err != RL_OK)
        return err;
    err = rl_probe_open(&replica->probe, loop, url, like, PROBE_SQL, on_answer);
    if (err != RL_OK)
        rl_pool_close(replica->pool);
    return err;
}

void rl_replica_close(rl_replica *replica) {
    rl_probe_close(&replica->probe);
    rl_pool_close(replica->pool);
    rl_timer_stop(replica->loop, &replica->sweep);
}

rl_replica_stats rl_replica_stats_of(const rl_replica *replica) {
    return (rl_replica_stats){
        .name = replica->name,
        .state = replica->state,
        .is_lag_known = replica->complete_ns > 0,
        .lag_ms = lag_ms(replica),
        .running = replica->running,
        .queries = replica->queries,
        .sent_home = replica->sent_home,
    };
}
