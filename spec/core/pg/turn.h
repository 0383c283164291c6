/* turn -- run a loop until something has happened, and fail when it does not. */
#ifndef RL_SPEC_PG_TURN_H
#define RL_SPEC_PG_TURN_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/loop.h"
#include "loop/timer.h"

enum { TURN_PATIENCE_MS = 60000 /* far above anything here, even under a sanitizer on a busy machine */ };

typedef struct turn_watchdog {
    rl_timer timer;
    bool barked;
} turn_watchdog;

static inline void turn_bark(rl_timer *timer) {
    RL_CONTAINER(timer, turn_watchdog, timer)->barked = true;
}

static inline void turn_until(rl_loop *loop, bool (*happened)(void *arg), void *arg) {
    turn_watchdog dog = {.barked = false};
    rl_timer_init(&dog.timer, turn_bark);
    rl_timer_start(loop, &dog.timer, TURN_PATIENCE_MS);
    while (!happened(arg) && !dog.barked)
        rl_loop_turn(loop, true);
    rl_timer_stop(loop, &dog.timer);
    assert_false(dog.barked);
}

static inline bool turn_flag_is_set(void *arg) {
    return *(bool *)arg;
}

static inline void turn_until_set(rl_loop *loop, bool *flag) {
    turn_until(loop, turn_flag_is_set, flag);
}

#endif
