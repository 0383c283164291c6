/* trail -- where the primary's log stood, and when.
 *
 *      position   7.0M   7.0M    7.4M   9.1M          a replica has replayed 8.2M:
 *      asked at   10.0   10.5    11.0   11.5          it is complete up to 11.0
 *
 * What the primary answers was true at some moment after it was asked, so whoever has
 * replayed up to that position has all that was committed when it was asked. By this
 * one clock, ours, a replica's lag is told, and whether it has somebody's last write.
 * Only the newest steps are kept; of those at one position, the last. */
#ifndef RL_PG_TRAIL_H
#define RL_PG_TRAIL_H

#include <stdbool.h>
#include <stdint.h>

enum { RL_TRAIL_MOST = 64 };

typedef struct rl_trail {
    struct {
        uint64_t position, asked_ns;
    } steps[RL_TRAIL_MOST];
    uint32_t count, newest;
} rl_trail;

/* Empty: all zero. Asked later than all before. */
void rl_trail_add(rl_trail *trail, uint64_t position, uint64_t asked_ns);
/* The last moment up to which `position` has everything; 0 when it is older than all that is known. */
uint64_t rl_trail_reached(const rl_trail *trail, uint64_t position);
/* When the newest step was asked for; 0 when there is none. */
uint64_t rl_trail_newest_ns(const rl_trail *trail);

#endif
