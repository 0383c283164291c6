#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "pg/budget_state.h"

static void free_budget(rl_budget *budget) {
    if (budget == NULL)
        return;
    pthread_mutex_destroy(&budget->lock);
    rl_mem_free(budget->key);
    rl_mem_free(budget->name);
    rl_mem_free(budget->follows);
    rl_mem_free(budget);
}

/* Of NULL too, which is no failure. */
static bool copy(const char *text, char **out) {
    *out = text == NULL ? NULL : rl_mem_strndup(text, strlen(text));
    return *out != NULL || text == NULL;
}

static rl_budget *new_budget(rl_budgets *home, const char *key, const rl_budget_limits *limits) {
    rl_budget *budget = rl_mem_zalloc(1, sizeof *budget);
    if (budget == NULL)
        return NULL;
    pthread_mutex_init(&budget->lock, NULL);
    rl_list_init(&budget->members);
    rl_list_init(&budget->queue);
    rl_list_init(&budget->gate);
    rl_list_init(&budget->idle);
    rl_list_init(&budget->link);
    budget->home = home;
    budget->limits = *limits;
    budget->limits.name = budget->limits.follows = NULL; /* theirs */
    if (!copy(key, &budget->key) || !copy(limits->name, &budget->name) || !copy(limits->follows, &budget->follows)) {
        free_budget(budget);
        return NULL;
    }
    return budget;
}

/* Under the lock of `budgets`. */
static rl_budget *find_or_add(rl_budgets *budgets, const char *key, const rl_budget_limits *limits) {
    for (rl_list *at = budgets->all.next; at != &budgets->all; at = at->next) {
        rl_budget *budget = RL_CONTAINER(at, rl_budget, link);
        if (strcmp(budget->key, key) == 0)
            return budget;
    }
    rl_budget *budget = new_budget(budgets, key, limits);
    if (budget == NULL)
        return NULL;
    budget->is_halved = budgets->are_halved;
    rl_list_push_back(&budgets->all, &budget->link);
    return budget;
}

rl_budget *rl_budget_hold(rl_budgets *budgets, const char *key, const rl_budget_limits *limits) {
    if (budgets == NULL)
        return new_budget(NULL, key, limits);
    pthread_mutex_lock(&budgets->lock);
    rl_budget *budget = find_or_add(budgets, key, limits);
    if (budget != NULL)
        budget->refs++;
    pthread_mutex_unlock(&budgets->lock);
    return budget;
}

void rl_budget_let_go(rl_budget *budget) {
    rl_budgets *home = budget->home;
    if (home == NULL) {
        free_budget(budget);
        return;
    }
    pthread_mutex_lock(&home->lock);
    if (--budget->refs == 0) {
        rl_list_remove(&budget->link);
        free_budget(budget);
    }
    pthread_mutex_unlock(&home->lock);
}

static void on_bell(rl_post *post) {
    rl_member *member = RL_CONTAINER(post, rl_member, bell);
    pthread_mutex_lock(&member->budget->lock);
    member->is_rung = false;
    pthread_mutex_unlock(&member->budget->lock);
    member->on_bell(member);
}

rl_err rl_member_join(rl_member *member, rl_budgets *budgets, const char *key,
                      const rl_budget_limits *limits, rl_loop *loop, void (*bell)(rl_member *member)) {
    rl_budget *budget = rl_budget_hold(budgets, key, limits);
    if (budget == NULL)
        return RL_ENOMEM;
    *member = (rl_member){.budget = budget, .loop = loop, .on_bell = bell, .bell.run = on_bell};
    rl_list_init(&member->idle);
    rl_list_init(&member->called);
    rl_list_init(&member->arrived);
    pthread_mutex_lock(&budget->lock);
    rl_list_push_back(&budget->members, &member->link);
    member->heard = budget->demoted.epoch;
    pthread_mutex_unlock(&budget->lock);
    return RL_OK;
}

void rl_member_clear(rl_member *member) {
    rl_budget *budget = member->budget;
    pthread_mutex_lock(&budget->lock);
    assert(member->is_leaving && !member->is_rung);
    rl_list_remove(&member->link);
    rl_budget_keep_lane(budget, &member->lane);
    pthread_mutex_unlock(&budget->lock);
    rl_budget_let_go(budget);
}

rl_err rl_budgets_new(rl_budgets **out) {
    rl_budgets *budgets = rl_mem_alloc(sizeof *budgets);
    if (budgets == NULL)
        return RL_ENOMEM;
    pthread_mutex_init(&budgets->lock, NULL);
    rl_list_init(&budgets->all);
    budgets->are_halved = false;
    *out = budgets;
    return RL_OK;
}

void rl_budgets_halve(rl_budgets *budgets, bool are_halved) {
    pthread_mutex_lock(&budgets->lock);
    budgets->are_halved = are_halved;
    for (rl_list *at = budgets->all.next; at != &budgets->all; at = at->next)
        rl_budget_halve(RL_CONTAINER(at, rl_budget, link), are_halved);
    pthread_mutex_unlock(&budgets->lock);
}

void rl_budgets_free(rl_budgets *budgets) {
    /* A pool is left over when a task ignored the end of its worker: so is this. */
    if (budgets == NULL || !rl_list_is_empty(&budgets->all))
        return;
    pthread_mutex_destroy(&budgets->lock);
    rl_mem_free(budgets);
}
