/* waiter -- one parked party, and the events of which one shall wake it.
 *
 *      timer     cancel     sender     ...      the cases
 *         \         |         /
 *          +--- one state ---+     IDLE -> PARKED -> claimed by exactly one
 *                   |
 *                  wake            on the waiter's own loop
 *
 * Each case claims by compare-and-swap, from any thread. Whoever wins delivers
 * its value and then wakes the waiter; the losers see that they lost and keep
 * what they had, so that no message and no connection is lost between two
 * events at the same moment. `woken` is called on the loop's thread, after every
 * case was unlinked, and in the waker's stack: it enqueues, it never resumes. */
#ifndef RL_LOOP_WAITER_H
#define RL_LOOP_WAITER_H

#include <stdatomic.h>

#include "loop/loop.h"

typedef struct rl_waiter rl_waiter;
typedef struct rl_case rl_case;

/* One event of a wait. It lives where the event's source finds it, and is
 * taken out there by `unlink` when the wait is over, won or lost. */
struct rl_case {
    rl_case *next;
    rl_waiter *waiter;
    uint32_t number;
    void (*unlink)(rl_case *one); /* on the waiter's loop; may be NULL */
};

enum { RL_WAITER_IDLE = UINT32_MAX, RL_WAITER_PARKED = UINT32_MAX - 1 };

struct rl_waiter {
    _Atomic uint32_t state; /* IDLE, PARKED, or the number of the case that won */
    rl_loop *loop;
    rl_case *cases;
    rl_post post;
    void (*woken)(rl_waiter *waiter, uint32_t number);
};

void rl_waiter_init(rl_waiter *waiter, rl_loop *loop, void (*woken)(rl_waiter *waiter, uint32_t number));
/* Begin to wait: IDLE becomes PARKED. Cases are added before or after. */
void rl_waiter_park(rl_waiter *waiter);
void rl_waiter_add(rl_waiter *waiter, rl_case *one, uint32_t number, void (*unlink)(rl_case *one));
/* True for exactly one caller of each wait, who must then deliver and call
 * rl_waiter_wake, or rl_waiter_wake_from_afar on another thread. */
RL_MUST_USE bool rl_waiter_claim(rl_waiter *waiter, uint32_t number);
void rl_waiter_wake(rl_waiter *waiter);
void rl_waiter_wake_from_afar(rl_waiter *waiter);

/* Nobody will come back to it: it is IDLE afterwards. A wait that another thread has claimed is over when that one's post
 * has come, which takes a moment. */
void rl_waiter_give_up(rl_waiter *waiter, uint32_t number);

static inline bool rl_waiter_is_idle(rl_waiter *waiter) {
    return atomic_load_explicit(&waiter->state, memory_order_relaxed) == RL_WAITER_IDLE;
}

static inline bool rl_waiter_is_parked(rl_waiter *waiter) {
    return atomic_load_explicit(&waiter->state, memory_order_relaxed) == RL_WAITER_PARKED;
}

#endif
