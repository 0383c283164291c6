#include "loop/scope.h"

#include <assert.h>

static void on_deadline(rl_timer *timer) {
    rl_scope_cancel(RL_CONTAINER(timer, rl_scope, deadline), RL_ETIMEOUT);
}

void rl_scope_init(rl_scope *scope, rl_loop *loop, rl_scope *parent, void (*cancelled)(rl_scope *scope)) {
    /* One for every request: field by field, as clearing all of it first would be half of the work. */
    scope->loop = loop;
    scope->parent = parent;
    scope->births = scope->birth = 0;
    scope->why = RL_OK;
    scope->is_sheltered = false;
    scope->cancelled = cancelled;
    scope->emptied = NULL;
    rl_list_init(&scope->children);
    rl_list_init(&scope->link);
    rl_list_init(&scope->lent);
    rl_timer_init(&scope->deadline, on_deadline);
    if (parent != NULL) {
        rl_list_push_back(&parent->children, &scope->link);
        scope->birth = ++parent->births;
        scope->why = parent->why;
    }
}

void rl_scope_set_deadline(rl_scope *scope, uint64_t delay_ms) {
    if (scope->why != RL_OK)
        return;
    uint64_t now_ms = rl_loop_now_ms(scope->loop);
    bool is_nearer = scope->deadline.due_ms <= now_ms || scope->deadline.due_ms - now_ms <= delay_ms;
    if (rl_timer_is_running(&scope->deadline) && is_nearer)
        return;
    rl_timer_start(scope->loop, &scope->deadline, delay_ms);
}

void rl_scope_begin_grace(rl_scope *scope, uint64_t delay_ms, void (*over)(rl_timer *deadline)) {
    assert(scope->why != RL_OK);
    if (rl_timer_is_running(&scope->deadline))
        return;
    rl_timer_init(&scope->deadline, over);
    rl_timer_start(scope->loop, &scope->deadline, delay_ms);
}

void rl_scope_end_grace(rl_scope *scope) {
    if (scope->why != RL_OK)
        rl_timer_stop(scope->loop, &scope->deadline);
}

uint64_t rl_scope_remaining_ms(const rl_scope *scope) {
    uint64_t least = UINT64_MAX;
    uint64_t now_ms = rl_loop_now_ms(scope->loop);
    for (; scope != NULL; scope = scope->is_sheltered ? NULL : scope->parent) {
        if (scope->why != RL_OK)
            return 0;
        if (!rl_timer_is_running(&scope->deadline))
            continue;
        uint64_t due_ms = scope->deadline.due_ms;
        uint64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 0;
        if (left_ms < least)
            least = left_ms;
    }
    return least;
}

void rl_scope_shelter(rl_scope *scope) {
    scope->is_sheltered = true;
    scope->why = RL_OK; /* it may have been born into a cancelled one */
}

/* Being told enqueues a task, it does not end one: the list stays as it is. */
static void cancel_each(rl_scope *scope, bool is_sheltered, rl_err why) {
    for (rl_list *at = scope->children.next; at != &scope->children; at = at->next) {
        rl_scope *child = RL_CONTAINER(at, rl_scope, link);
        if (child->is_sheltered == is_sheltered)
            rl_scope_cancel(child, why);
    }
}

void rl_scope_unshelter(rl_scope *scope) {
    if (scope->why != RL_OK)
        cancel_each(scope, true, scope->why);
    for (rl_list *at = scope->children.next; at != &scope->children; at = at->next)
        RL_CONTAINER(at, rl_scope, link)->is_sheltered = false;
}

void rl_scope_cancel_children(rl_scope *scope, rl_err why) {
    cancel_each(scope, true, why);
    cancel_each(scope, false, why);
}

void rl_scope_cancel(rl_scope *scope, rl_err why) {
    if (scope->why != RL_OK)
        return;
    scope->why = why;
    rl_timer_stop(scope->loop, &scope->deadline);
    cancel_each(scope, false, why);
    if (scope->cancelled != NULL)
        scope->cancelled(scope);
}

void rl_scope_lend(rl_scope *scope, rl_lent *lent, const char *what, void (*release)(rl_lent *lent)) {
    *lent = (rl_lent){.release = release, .what = what};
    rl_list_push_front(&scope->lent, &lent->link);
}

void rl_lent_return(rl_lent *lent) {
    rl_list_remove(&lent->link);
}

size_t rl_scope_end(rl_scope *scope) {
    assert(rl_list_is_empty(&scope->children));
    rl_timer_stop(scope->loop, &scope->deadline);
    rl_list_remove(&scope->link);
    size_t left = 0;
    for (rl_list *link; (link = rl_list_pop_front(&scope->lent)) != NULL; left++) {
        rl_lent *lent = RL_CONTAINER(link, rl_lent, link);
        lent->release(lent);
    }
    rl_scope *parent = scope->parent;
    if (parent != NULL && parent->emptied != NULL && rl_list_is_empty(&parent->children))
        parent->emptied(parent);
    return left;
}
