/* lane_state -- what lane.c and wire.c share.
 *
 * lane.c gives statements to the wires, wire.c makes wires and lets them go. */
#ifndef RL_PG_LANE_STATE_H
#define RL_PG_LANE_STATE_H

#include "loop/timer.h"
#include "pg/backend.h"
#include "pg/connector.h"
#include "pg/jitter.h"
#include "pg/lane.h"
#include "pg/session.h"

typedef struct rl_wire {
    rl_list link;
    rl_lane *lane;
    rl_backend *backend;
    uint64_t retire_ms; /* replaced after this; 0: never old */
    bool is_leaving;
    rl_session session;
} rl_wire;

struct rl_lane {
    rl_loop *loop;
    rl_lane_options options;
    rl_connector *connector;
    rl_lessons lessons;
    rl_list wires;
    rl_list waiting; /* rl_query */
    uint32_t wire_count, connecting, waiting_count;
    rl_timer backoff, watch;
    rl_turn turn;
    uint64_t awake_ns, asleep_ns; /* when the last turn began and ended */
    uint32_t failures;            /* dials in a row */
    rl_jitter jitter;
    rl_lane_stats stats;
    bool is_refused; /* some statement, as a write where none is possible */
};

void rl_wires_init(rl_lane *lane);
/* Hangs up all, and dials no more. */
void rl_wires_clear(rl_lane *lane);
/* Dial as many as are missing. */
void rl_wires_want(rl_lane *lane);
/* Something was sent: see that an answer comes. */
void rl_wires_watch(rl_lane *lane);
/* Some statement was refused: by which host? */
void rl_wires_tell_demoted(rl_lane *lane);
void rl_wire_close(rl_wire *wire);
/* The same of one that broke. */
void rl_wire_lose(rl_wire *wire);

#endif
