/* budget_state -- what budget.c, budgets.c and tally.c share.
 *
 * budget.c is what members do with their budget, budgets.c which budget they get, tally.c
 * what is told of it. */
#ifndef RL_PG_BUDGET_STATE_H
#define RL_PG_BUDGET_STATE_H

#include <pthread.h>

#include "pg/budget.h"
#include "pg/demoted.h"

struct rl_budgets {
    pthread_mutex_t lock;
    rl_list all;
    bool are_halved;
};

struct rl_budget {
    rl_budgets *home; /* NULL: the budget of one member alone */
    rl_list link;
    char *key, *name, *follows;
    uint32_t refs; /* under home's lock */

    pthread_mutex_t lock; /* of all below, and of what members, tickets and berths hold */
    rl_budget_limits limits;
    rl_list members;
    rl_list queue; /* tickets, the oldest first */
    rl_list gate;  /* those of streams that are not in the queue yet */
    rl_list idle;  /* berths, the newest first */
    uint32_t open, queued, called;
    bool is_halved;
    rl_demoted demoted;
    uint64_t owed; /* lost, and not replaced yet */
    rl_budget_stats stats;
    rl_lane_stats lanes_past; /* of members that went */
};

/* The budget of `key`, made when there is none; NULL without memory. It goes
 * when it was let go as often as it was held. */
rl_budget *rl_budget_hold(rl_budgets *budgets, const char *key, const rl_budget_limits *limits);
void rl_budget_let_go(rl_budget *budget);

/* As rl_budgets_halve, for one. */
void rl_budget_halve(rl_budget *budget, bool is_halved);

/* Under its lock. */
rl_budget_report rl_budget_report_of(const rl_budget *budget);
/* Of a member that goes: what its lane has done stays counted, its connections are gone. */
void rl_budget_keep_lane(rl_budget *budget, const rl_lane_stats *lane);

#endif
