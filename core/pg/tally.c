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

/* ---- budgets ------------------------------------------------------------------ */

void rl_budget_keep_lane(rl_budget *budget, const rl_lane_stats *lane) {
    rl_lane_stats past = *lane;
    past.wires = past.busy = past.connecting = past.in_flight = past.waiting = 0;
    rl_lane_stats_add(&budget->lanes_past, &past);
}

rl_budget_report rl_budget_report_of(const rl_budget *budget) {
    rl_budget_report report = {.name = budget->name,
                               .max = budget->limits.max,
                               .exclusive = budget->stats,
                               .shared = budget->lanes_past};
    report.exclusive.idle += budget->called; /* nobody holds them yet */
    for (const rl_list *at = budget->members.next; at != &budget->members; at = at->next) {
        report.workers++;
        rl_lane_stats_add(&report.shared, &RL_CONTAINER(at, rl_member, link)->lane);
    }
    return report;
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

void rl_budgets_look(rl_budgets *budgets, void (*see)(void *owner, const rl_budget_report *report),
                     void *owner) {
    pthread_mutex_lock(&budgets->lock);
    for (rl_list *at = budgets->all.next; at != &budgets->all; at = at->next) {
        rl_budget *budget = RL_CONTAINER(at, rl_budget, link);
        pthread_mutex_lock(&budget->lock);
        rl_budget_report report = rl_budget_report_of(budget);
        pthread_mutex_unlock(&budget->lock);
        see(owner, &report);
    }
    pthread_mutex_unlock(&budgets->lock);
}

/* ---- pools --------------------------------------------------------------------- */

/* Other threads read what the lane does from the budget: a lock in turns that changed something. */
static bool on_turn(rl_turn *turn) {
    rl_pool *pool = RL_CONTAINER(turn, rl_pool, tally);
    rl_lane_stats now = rl_lane_stats_of(pool->lane);
    if (memcmp(&now, &pool->tallied, sizeof now) != 0)
        rl_member_count_lane(&pool->member, &now);
    pool->tallied = now;
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

rl_pool_stats rl_pool_stats_of(rl_pool *pool) {
    rl_budget_stats now = rl_member_report(&pool->member).exclusive;
    return (rl_pool_stats){
        .in_use = now.open - now.dialing - now.idle,
        .idle = now.idle,
        .connecting = now.dialing,
        .waiting = now.waiting,
        .acquired = now.granted,
        .timeouts = now.timeouts,
        .refused = now.refused,
        .waited_ms = now.waited_ns / 1000000,
        .connects = now.connects,
        .connect_failures = now.connect_failures,
        .lost = now.lost,
        .reconnects = now.reconnects,
        .queries = now.queries,
        .resets = now.resets,
        .leaked = now.leaked,
        .handovers = now.handovers,
        .streams = now.streams,
    };
}
