#include "loop/waiter.h"

#include <assert.h>
#include <sched.h>

void rl_waiter_init(rl_waiter *waiter, rl_loop *loop, void (*woken)(rl_waiter *waiter, uint32_t number)) {
    *waiter = (rl_waiter){.loop = loop, .woken = woken};
    atomic_init(&waiter->state, RL_WAITER_IDLE);
}

void rl_waiter_park(rl_waiter *waiter) {
    assert(atomic_load_explicit(&waiter->state, memory_order_relaxed) == RL_WAITER_IDLE);
    /* Release: whoever claims must see the cases and values set before. */
    atomic_store_explicit(&waiter->state, RL_WAITER_PARKED, memory_order_release);
}

void rl_waiter_add(rl_waiter *waiter, rl_case *one, uint32_t number, void (*unlink)(rl_case *one)) {
    *one = (rl_case){.next = waiter->cases, .waiter = waiter, .number = number, .unlink = unlink};
    waiter->cases = one;
}

bool rl_waiter_claim(rl_waiter *waiter, uint32_t number) {
    uint32_t parked = RL_WAITER_PARKED;
    return atomic_compare_exchange_strong_explicit(&waiter->state, &parked, number, memory_order_acq_rel,
                                                   memory_order_relaxed);
}

void rl_waiter_wake(rl_waiter *waiter) {
    uint32_t number = atomic_load_explicit(&waiter->state, memory_order_acquire);
    assert(number < RL_WAITER_PARKED);
    for (rl_case *one = waiter->cases, *next; one != NULL; one = next) {
        next = one->next;
        if (one->unlink != NULL)
            one->unlink(one);
    }
    waiter->cases = NULL;
    atomic_store_explicit(&waiter->state, RL_WAITER_IDLE, memory_order_relaxed);
    waiter->woken(waiter, number);
}

static void wake_at_home(rl_post *post) {
    rl_waiter_wake(RL_CONTAINER(post, rl_waiter, post));
}

void rl_waiter_give_up(rl_waiter *waiter, uint32_t number) {
    if (rl_waiter_is_parked(waiter) && rl_waiter_claim(waiter, number))
        rl_waiter_wake(waiter);
    while (atomic_load_explicit(&waiter->state, memory_order_acquire) != RL_WAITER_IDLE) {
        rl_loop_run_posts(waiter->loop);
        sched_yield();
    }
}

void rl_waiter_wake_from_afar(rl_waiter *waiter) {
    waiter->post.run = wake_at_home;
    rl_loop_post(waiter->loop, &waiter->post);
}
