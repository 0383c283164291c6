/* turn -- run a loop until something has happened, and fail when it does not. */
#ifndef RL_SPEC_PG_TURN_H
#define RL_SPEC_PG_TURN_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "loop/loop.h"
#include "loop/timer.h"

enum { TURN_PATIENCE_MS = 30000 /* far above anything here, even under a sanitizer on a busy machine */ };

typedef struct turn_watch {
    rl_timer timer;
    rl_loop *loop;
    uint64_t each_ms;
} turn_watch;

static inline void turn_look(rl_timer *timer) {
    turn_watch *self = RL_CONTAINER(timer, turn_watch, timer);
    rl_timer_start(self->loop, timer, self->each_ms);
}

/* Whether it has happened is looked at after each turn, and one comes every `each_ms` at least. `happened` asserts
 * nothing, or the loop would keep a timer of this frame. */
static inline void turn_until_each(rl_loop *loop, uint64_t each_ms, bool (*happened)(void *arg), void *arg) {
    turn_watch watch = {.loop = loop, .each_ms = each_ms};
    uint64_t until_ms = rl_loop_now_ms(loop) + TURN_PATIENCE_MS;
    rl_timer_init(&watch.timer, turn_look);
    rl_timer_start(loop, &watch.timer, each_ms);
    bool has_happened;
    while (!(has_happened = happened(arg)) && rl_loop_now_ms(loop) < until_ms)
        rl_loop_turn(loop, true);
    rl_timer_stop(loop, &watch.timer);
    assert_true(has_happened);
}

static inline void turn_until(rl_loop *loop, bool (*happened)(void *arg), void *arg) {
    turn_until_each(loop, TURN_PATIENCE_MS, happened, arg);
}

/* For what the loop is not told of. */
static inline void turn_looking_until(rl_loop *loop, bool (*happened)(void *arg), void *arg) {
    turn_until_each(loop, 1, happened, arg);
}

static inline bool turn_flag_is_set(void *arg) {
    return *(bool *)arg;
}

static inline void turn_until_set(rl_loop *loop, bool *flag) {
    turn_until(loop, turn_flag_is_set, flag);
}

/* What a test that failed has left open would keep the loop from ending: then it is left as well, and this is false. */
static inline bool turn_out(rl_loop *loop) {
    enum { MOST_TURNS = 1000 };
    int turns = 0;
    while (turns < MOST_TURNS && rl_loop_turn(loop, false))
        turns++;
    if (turns == MOST_TURNS) {
        fprintf(stderr, "something opened on the loop was not closed\n");
        return false;
    }
    rl_loop_free(loop);
    return true;
}

#endif
