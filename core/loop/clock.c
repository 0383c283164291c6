#include "loop/clock.h"

#include <assert.h>

#include "loop/uv.h"

static bool is_due(const rl_loop *loop) {
    return loop->timers != NULL && loop->timers->due_ms <= loop->clock.frozen_ms;
}

/* In place of libuv's timer, which knows only the real time. */
static bool fire_due(rl_turn *turn) {
    rl_loop *loop = RL_CONTAINER(turn, rl_loop, clock.turn);
    if (is_due(loop))
        rl_timer_run_due(loop);
    return is_due(loop);
}

void rl_loop_freeze(rl_loop *loop, rl_freeze how) {
    rl_clock *clock = &loop->clock;
    clock->jumps = how == RL_FREEZE_JUMPS;
    if (clock->is_frozen)
        return;
    uv_update_time(&loop->uv);
    /* Rounded up: rl_loop_read_ns may have told of a part of the next millisecond. */
    clock->frozen_ms = clock->since_ms = rl_loop_now_ms(loop) + 1;
    clock->wall_us = rl_clock_wall_us();
    clock->is_frozen = true;
    clock->turn.run = fire_due;
    rl_loop_add_turn(loop, &clock->turn);
    rl_loop_arm(loop, 0);
}

void rl_loop_advance(rl_loop *loop, uint64_t ms) {
    rl_clock *clock = &loop->clock;
    assert(clock->is_frozen);
    uint64_t until_ms = clock->frozen_ms + ms;
    while (loop->timers != NULL && loop->timers->due_ms <= until_ms) {
        if (!is_due(loop))
            clock->frozen_ms = loop->timers->due_ms;
        rl_timer_run_due(loop);
    }
    clock->frozen_ms = until_ms;
    rl_loop_arm(loop, 0);
}

void rl_loop_thaw(rl_loop *loop) {
    rl_clock *clock = &loop->clock;
    if (!clock->is_frozen)
        return;
    uv_update_time(&loop->uv);
    clock->ahead_ms = clock->frozen_ms - uv_now(&loop->uv);
    clock->is_frozen = false;
    rl_loop_remove_turn(loop, &clock->turn);
    rl_loop_arm(loop, 0);
}

bool rl_loop_is_frozen(const rl_loop *loop) {
    return loop->clock.is_frozen;
}

/* When the first timer of a heap is due that is no chore; UINT64_MAX: never. All below it are later. */
static uint64_t first_due_ms(const rl_timer *heap) {
    uint64_t first_ms = UINT64_MAX;
    for (const rl_timer *at = heap; at != NULL; at = at->next) {
        uint64_t due_ms = at->is_chore ? first_due_ms(at->child) : at->due_ms;
        first_ms = due_ms < first_ms ? due_ms : first_ms;
    }
    return first_ms;
}

void rl_clock_jump(rl_loop *loop) {
    rl_clock *clock = &loop->clock;
    if (!clock->jumps || !clock->may_wait || clock->expected > 0)
        return;
    uint64_t due_ms = first_due_ms(loop->timers);
    if (due_ms == UINT64_MAX)
        return;
    if (rl_loop_is_ready(loop)) {
        rl_loop_wake_turn(loop); /* the next turn looks again */
        return;
    }
    clock->frozen_ms = due_ms;
    rl_loop_arm(loop, 0);
}

void rl_loop_expect(rl_loop *loop) {
    loop->clock.expected++;
}

void rl_loop_heard(rl_loop *loop) {
    assert(loop->clock.expected > 0);
    loop->clock.expected--;
}

uint64_t rl_loop_read_ns(const rl_loop *loop) {
    const uint64_t ns_per_ms = 1000000;
    return loop->clock.is_frozen ? loop->clock.frozen_ms * ns_per_ms
                                 : rl_clock_ns() + loop->clock.ahead_ms * ns_per_ms;
}

uint64_t rl_loop_lag_ms(const rl_loop *loop) {
    uint64_t read_ms = rl_loop_read_ns(loop) / 1000000, turn_ms = rl_loop_now_ms(loop);
    return read_ms > turn_ms ? read_ms - turn_ms : 0;
}

int64_t rl_loop_wall_us(const rl_loop *loop) {
    const rl_clock *clock = &loop->clock;
    return clock->is_frozen ? clock->wall_us + (int64_t)(clock->frozen_ms - clock->since_ms) * 1000 : rl_clock_wall_us();
}
