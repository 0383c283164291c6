#include "pg/trail.h"

void rl_trail_add(rl_trail *trail, uint64_t position, uint64_t asked_ns) {
    bool is_new = trail->count == 0 || trail->steps[trail->newest].position != position;
    if (is_new) {
        trail->newest = (trail->newest + 1) % RL_TRAIL_MOST;
        trail->count += trail->count < RL_TRAIL_MOST;
    }
    trail->steps[trail->newest].position = position;
    trail->steps[trail->newest].asked_ns = asked_ns;
}

/* From the newest on: after a failover the log may stand where it stood before. */
uint64_t rl_trail_reached(const rl_trail *trail, uint64_t position) {
    for (uint32_t back = 0; back < trail->count; back++) {
        uint32_t at = (trail->newest + RL_TRAIL_MOST - back) % RL_TRAIL_MOST;
        if (trail->steps[at].position <= position)
            return trail->steps[at].asked_ns;
    }
    return 0;
}

uint64_t rl_trail_newest_ns(const rl_trail *trail) {
    return trail->count == 0 ? 0 : trail->steps[trail->newest].asked_ns;
}
