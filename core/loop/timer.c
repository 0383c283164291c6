#include "loop/timer.h"

#include "loop/uv.h"

void rl_timer_init(rl_timer *timer, void (*fire)(rl_timer *timer)) {
    *timer = (rl_timer){.fire = fire};
}

static bool before(const rl_timer *a, const rl_timer *b) {
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

/* Two heaps to one: the later root becomes the first child of the earlier. */
static rl_timer *meld(rl_timer *a, rl_timer *b) {
    if (a == NULL)
        return b;
    if (b == NULL)
        return a;
    if (before(b, a)) {
        rl_timer *swap = a;
        a = b;
        b = swap;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child != NULL)
        a->child->prev = b;
    a->child = b;
    return a;
}

/* Meld a list of siblings pairwise, then the pairs from the last to the first:
 * the two passes are what makes removal logarithmic (amortized). */
static rl_timer *meld_siblings(rl_timer *first) {
    rl_timer *pairs = NULL;
    while (first != NULL) {
        rl_timer *second = first->next;
        rl_timer *rest = second == NULL ? NULL : second->next;
        first->next = first->prev = NULL;
        if (second != NULL)
            second->next = second->prev = NULL;
        rl_timer *pair = meld(first, second);
        pair->next = pairs;
        pairs = pair;
        first = rest;
    }
    rl_timer *heap = NULL;
    while (pairs != NULL) {
        rl_timer *rest = pairs->next;
        pairs->next = NULL;
        heap = meld(heap, pairs);
        pairs = rest;
    }
    return heap;
}

static void take_out(rl_loop *loop, rl_timer *timer) {
    rl_timer *orphans = meld_siblings(timer->child);
    if (loop->timers == timer) {
        loop->timers = orphans;
    } else {
        if (timer->prev->child == timer)
            timer->prev->child = timer->next;
        else
            timer->prev->next = timer->next;
        if (timer->next != NULL)
            timer->next->prev = timer->prev;
        loop->timers = meld(loop->timers, orphans);
    }
    timer->child = timer->next = timer->prev = NULL;
    timer->order = 0;
}

void rl_timer_start(rl_loop *loop, rl_timer *timer, uint64_t delay_ms) {
    if (rl_timer_is_running(timer))
        take_out(loop, timer);
    uint64_t now_ms = rl_loop_now_ms(loop);
    timer->due_ms = delay_ms < UINT64_MAX - now_ms ? now_ms + delay_ms : UINT64_MAX;
    timer->order = ++loop->timer_count;
    timer->is_chore = false;
    loop->timers = meld(loop->timers, timer);
    if (loop->timers == timer)
        rl_loop_arm(loop, 0);
}

void rl_timer_start_chore(rl_loop *loop, rl_timer *timer, uint64_t delay_ms) {
    rl_timer_start(loop, timer, delay_ms);
    timer->is_chore = true;
}

void rl_timer_stop(rl_loop *loop, rl_timer *timer) {
    if (!rl_timer_is_running(timer))
        return;
    take_out(loop, timer);
    /* The last one lets the loop end; after others a wake-up in vain is
     * cheaper than arming anew at every stop. */
    if (loop->timers == NULL)
        rl_loop_arm(loop, 0);
}

void rl_timer_run_due(rl_loop *loop) {
    /* Only what was started before this run: a timer that restarts itself
     * with no delay must not keep the loop from polling. */
    uint64_t newest = loop->timer_count;
    uint64_t now_ms = rl_loop_now_ms(loop);
    while (loop->timers != NULL && loop->timers->due_ms <= now_ms && loop->timers->order <= newest) {
        rl_timer *due = loop->timers;
        take_out(loop, due);
        due->fire(due);
    }
    /* libuv would run a timer of no delay again in this same pass. */
    rl_loop_arm(loop, 1);
}
