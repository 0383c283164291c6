/* uv -- what the files of this floor share of libuv. No other floor sees it. */
#ifndef RL_LOOP_UV_H
#define RL_LOOP_UV_H

#include <uv.h>

#include "loop/clock.h"
#include "loop/inbox.h"
#include "loop/timer.h"

enum { RL_READ_BUFFER_LEN = 65536 /* one read takes what a socket buffer usually holds */ };

typedef struct rl_clock {
    uint64_t ahead_ms;            /* of libuv's time; modulo 2^64, as it may be behind */
    bool is_frozen, jumps;
    bool may_wait;                /* in this turn */
    uint32_t expected;
    uint64_t frozen_ms, since_ms; /* the time while frozen, and when that began */
    int64_t wall_us;              /* the time of day when that began */
    rl_turn turn;                 /* fires what is due while frozen */
} rl_clock;

struct rl_loop {
    uv_loop_t uv;
    rl_inbox inbox;
    uv_timer_t next_timer;
    uv_check_t after_poll;
    uv_prepare_t before_poll;
    uv_idle_t no_wait; /* active while some turn hook has more to do */
    rl_list turns;
    rl_list *next_turn; /* while they run: behind the one that does */
    rl_timer *timers; /* pairing heap, the next one at the top */
    uint64_t timer_count;
    uint64_t turn_ns; /* when this turn was first asked for the time; 0: not yet */
    rl_clock clock;
    void (*look)(void *owner); /* before a wait; or NULL */
    void *look_owner;
    bool turn_wanted;
    bool is_polling;  /* between the hooks before the poll and those behind it */
    bool has_fired;   /* a timer, since the last poll */
    bool is_one_turn; /* of rl_loop_turn, whose caller looks what came of it before any wait */
    char read_buffer[RL_READ_BUFFER_LEN];
};

/* Arms the loop's one uv timer for the next rl_timer, `least_ms` from now or later. */
void rl_loop_arm(rl_loop *loop, uint64_t least_ms);
/* Whether libuv has something to do at once, or another thread posted: then the next poll does not wait. */
bool rl_loop_is_ready(rl_loop *loop);
/* Fires what is due; called by the loop. */
void rl_timer_run_due(rl_loop *loop);
/* Before a wait, called by the loop while it is frozen: jumps, if that is how. */
void rl_clock_jump(rl_loop *loop);
rl_err rl_err_from_uv(int status);

#endif
