/* budget_state -- what budget.c and budgets.c share.
 *
 * budget.c is what members do with their budget, budgets.c which budget they get. */
#ifndef RL_PG_BUDGET_STATE_H
#define RL_PG_BUDGET_STATE_H

#include <pthread.h>

#include "pg/budget.h"
#include "pg/demoted.h"

struct rl_budgets {
    pthread_mutex_t lock;
    rl_list all;
};

struct rl_budget {
    rl_budgets *home; /* NULL: the budget of one member alone */
    rl_list link;
    char *key;
    uint32_t refs; /* under home's lock */

    pthread_mutex_t lock; /* of all below, and of what members, tickets and berths hold */
    rl_budget_limits limits;
    rl_list members;
    rl_list queue; /* tickets, the oldest first */
    rl_list idle;  /* berths, the newest first */
    uint32_t queued, called;
    rl_demoted demoted;
    uint64_t owed; /* lost, and not replaced yet */
    rl_budget_stats stats;
};

/* The budget of `key`, made when there is none; NULL without memory. It goes
 * when it was let go as often as it was held. */
rl_budget *rl_budget_hold(rl_budgets *budgets, const char *key, const rl_budget_limits *limits);
void rl_budget_let_go(rl_budget *budget);

#endif
