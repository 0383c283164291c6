#include "pg/demoted.h"

enum { LEAST_NS = 1000 * 1000 * 1000 };

/* Its place, or the one that was noted longest ago. */
static uint32_t place_of(const rl_demoted *demoted, uint64_t host) {
    uint32_t oldest = 0;
    for (uint32_t i = 0; i < RL_DEMOTED_MOST; i++) {
        if (demoted->hosts[i].host == host)
            return i;
        if (demoted->hosts[i].epoch < demoted->hosts[oldest].epoch)
            oldest = i;
    }
    return oldest;
}

bool rl_demoted_note(rl_demoted *demoted, uint64_t host, uint64_t now_ns) {
    uint32_t at = place_of(demoted, host);
    bool is_known = demoted->hosts[at].host == host;
    if (is_known && now_ns - demoted->hosts[at].since_ns < LEAST_NS)
        return false;
    if (!is_known)
        demoted->stale_before = demoted->hosts[at].epoch;
    demoted->epoch++;
    demoted->hosts[at].host = host;
    demoted->hosts[at].epoch = demoted->epoch;
    demoted->hosts[at].since_ns = now_ns;
    return true;
}

bool rl_demoted_is_stale(const rl_demoted *demoted, uint64_t host, uint64_t epoch) {
    for (uint32_t i = 0; i < RL_DEMOTED_MOST; i++)
        if (demoted->hosts[i].host == host)
            return epoch < demoted->hosts[i].epoch;
    return epoch < demoted->stale_before;
}

uint64_t rl_demoted_next(const rl_demoted *demoted, uint64_t *epoch) {
    uint32_t next = RL_DEMOTED_MOST;
    for (uint32_t i = 0; i < RL_DEMOTED_MOST; i++) {
        bool is_later = demoted->hosts[i].epoch > *epoch;
        if (is_later && (next == RL_DEMOTED_MOST || demoted->hosts[i].epoch < demoted->hosts[next].epoch))
            next = i;
    }
    if (next == RL_DEMOTED_MOST)
        return 0;
    *epoch = demoted->hosts[next].epoch;
    return demoted->hosts[next].host;
}
