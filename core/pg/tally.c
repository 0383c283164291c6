#include <string.h>

#include "pg/budget_state.h"
#include "pg/pool_state.h"

void rl_lane_stats_add(rl_lane_stats *sum, const rl_lane_stats *more) {
    sum->wires += more->wires;
    sum->busy += more->busy;
    sum->connecting += more->connecting;
    sum->in_flight += more->in_flight;
    sum->waiting += more->waiting;
    sum->queries += more->queries;
    sum->turned_away += more->turned_away;
    sum->timeouts += more->timeouts;
    sum->waited_ns += more->waited_ns;
    sum->connects += more->connects;
    sum->connect_failures += more->connect_failures;
    sum->reconnects += more->reconnects;
    sum->lost += more->lost;
    sum->expelled += more->expelled;
}

uint32_t rl_pool_running(const rl_pool *pool) {
    uint32_t running = 0;
    for (const rl_list *at = pool->away.next; at != &pool->away; at = at->next)
        running += rl_backend_load(RL_CONTAINER(at, rl_seat, link)->backend) > 0;
    return running;
}

/* ---- budgets ------------------------------------------------------------------ */

void rl_budget_keep_lane(rl_budget *budget, const rl_lane_stats *lane) {
    rl_lane_stats past = *lane;
    past.wires = past.busy = past.connecting = past.in_flight = past.waiting = 0;
    rl_lane_stats_add(&budget->lanes_past, &past);
}

rl_budget_report rl_budget_report_of(const rl_budget *budget) {
    rl_budget_report report = {.name = budget->name,
                               .is_replica = budget->follows != NULL,
                               .max = budget->limits.max,
                               .exclusive = budget->stats,
                               .shared = budget->lanes_past};
    rl_budget_stats *now = &report.exclusive;
    now->idle += budget->called; /* nobody holds them yet */
    now->in_use = budget->open - now->connecting - now->idle;
    for (const rl_list *at = budget->members.next; at != &budget->members; at = at->next) {
        const rl_member *member = RL_CONTAINER(at, rl_member, link);
        report.workers++;
        report.readers += member->is_reader;
        rl_lane_stats_add(&report.shared, &member->lane);
    }
    return report;
}

void rl_member_set_reader(rl_member *member, bool is_reader) {
    pthread_mutex_lock(&member->budget->lock);
    member->is_reader = is_reader;
    pthread_mutex_unlock(&member->budget->lock);
}

void rl_member_count_lost(rl_member *member) {
    rl_budget *budget = member->budget;
    pthread_mutex_lock(&budget->lock);
    budget->stats.lost++;
    budget->owed++;
    pthread_mutex_unlock(&budget->lock);
}

void rl_member_count_loan(rl_member *member, uint64_t queries, bool was_reset) {
    rl_budget *budget = member->budget;
    pthread_mutex_lock(&budget->lock);
    budget->stats.queries += queries;
    budget->stats.resets += was_reset;
    pthread_mutex_unlock(&budget->lock);
}

void rl_member_count_leak(rl_member *member) {
    rl_budget *budget = member->budget;
    pthread_mutex_lock(&budget->lock);
    budget->stats.leaked++;
    pthread_mutex_unlock(&budget->lock);
}

void rl_member_count_lane(rl_member *member, const rl_lane_stats *now) {
    pthread_mutex_lock(&member->budget->lock);
    member->lane = *now;
    pthread_mutex_unlock(&member->budget->lock);
}

rl_budget_report rl_member_report(rl_member *member) {
    pthread_mutex_lock(&member->budget->lock);
    rl_budget_report report = rl_budget_report_of(member->budget);
    pthread_mutex_unlock(&member->budget->lock);
    return report;
}

static void show(rl_budget *budget, void (*see)(void *owner, const rl_budget_report *report), void *owner) {
    pthread_mutex_lock(&budget->lock);
    rl_budget_report report = rl_budget_report_of(budget);
    pthread_mutex_unlock(&budget->lock);
    if (report.name != NULL)
        see(owner, &report);
}

/* Those that follow `primary`; with NULL, those that follow nobody, and behind each what follows it. */
static void look(const rl_budgets *budgets, const char *primary,
                 void (*see)(void *owner, const rl_budget_report *report), void *owner) {
    for (rl_list *at = budgets->all.next; at != &budgets->all; at = at->next) {
        rl_budget *budget = RL_CONTAINER(at, rl_budget, link);
        if (primary != NULL && budget->follows != NULL && strcmp(budget->follows, primary) == 0)
            show(budget, see, owner);
        if (primary != NULL || budget->follows != NULL)
            continue;
        show(budget, see, owner);
        look(budgets, budget->key, see, owner);
    }
}

void rl_budgets_look(rl_budgets *budgets, void (*see)(void *owner, const rl_budget_report *report),
                     void *owner) {
    pthread_mutex_lock(&budgets->lock);
    look(budgets, NULL, see, owner);
    pthread_mutex_unlock(&budgets->lock);
}

/* ---- what people know it by ------------------------------------------------------ */

static double seconds(uint64_t ns) {
    return (double)ns / 1e9;
}

void rl_budget_stats_tell(const rl_budget_stats *stats, rl_tell_fn *tell, void *owner) {
    tell(owner, "in_use", stats->in_use);
    tell(owner, "idle", stats->idle);
    tell(owner, "connecting", stats->connecting);
    tell(owner, "waiting", stats->waiting);
    tell(owner, "waited", seconds(stats->waited_ns));
    tell(owner, "acquired", (double)stats->acquired);
    tell(owner, "queries", (double)stats->queries);
    tell(owner, "timeouts", (double)stats->timeouts);
    tell(owner, "refused", (double)stats->refused);
    tell(owner, "connects", (double)stats->connects);
    tell(owner, "connect_failures", (double)stats->connect_failures);
    tell(owner, "lost", (double)stats->lost);
    tell(owner, "reconnects", (double)stats->reconnects);
    tell(owner, "resets", (double)stats->resets);
    tell(owner, "leaked", (double)stats->leaked);
    tell(owner, "handovers", (double)stats->handovers);
    tell(owner, "streams", stats->streams);
}

void rl_lane_stats_tell(const rl_lane_stats *stats, rl_tell_fn *tell, void *owner) {
    tell(owner, "in_use", stats->busy);
    tell(owner, "idle", stats->wires - stats->busy);
    tell(owner, "connecting", stats->connecting);
    tell(owner, "in_flight", stats->in_flight);
    tell(owner, "waiting", stats->waiting);
    tell(owner, "waited", seconds(stats->waited_ns));
    tell(owner, "queries", (double)stats->queries);
    tell(owner, "turned_away", (double)stats->turned_away);
    tell(owner, "timeouts", (double)stats->timeouts);
    tell(owner, "connects", (double)stats->connects);
    tell(owner, "connect_failures", (double)stats->connect_failures);
    tell(owner, "lost", (double)stats->lost);
    tell(owner, "reconnects", (double)stats->reconnects);
    tell(owner, "expelled", (double)stats->expelled);
}

/* ---- pools --------------------------------------------------------------------- */

/* Other threads read what the lane does from the budget: a lock in turns that changed something. */
static bool on_turn(rl_turn *turn) {
    rl_pool *pool = RL_CONTAINER(turn, rl_pool, tally);
    rl_lane_stats now = rl_lane_stats_of(pool->lane);
    if (memcmp(&now, &pool->tallied, sizeof now) != 0) {
        rl_member_count_lane(&pool->member, &now);
        pool->tallied = now;
    }
    return false;
}

void rl_tally_begin(rl_pool *pool) {
    pool->tally.run = on_turn;
    rl_list_init(&pool->tally.link);
    if (pool->lane != NULL)
        rl_loop_add_turn(pool->loop, &pool->tally);
}

void rl_tally_end(rl_pool *pool) {
    rl_loop_remove_turn(pool->loop, &pool->tally);
}

rl_lane_stats rl_pool_lanes_of(rl_pool *pool) {
    return rl_member_report(&pool->member).shared;
}

rl_budget_stats rl_pool_stats_of(rl_pool *pool) {
    return rl_member_report(&pool->member).exclusive;
}

void rl_pool_set_reader(rl_pool *pool, bool is_reader) {
    rl_member_set_reader(&pool->member, is_reader);
}
