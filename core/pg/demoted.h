/* demoted -- the hosts of a database that turned out to be no primary, and when.
 *
 *      epoch   1      2       3        a connection to B that was made in epoch 2 is stale,
 *      hosts   A      .       B        one to B made in 3 is not, nor is any to C
 *
 * A host that refuses writes because its server follows another one (25006) may have
 * been the primary a moment ago: no connection that was made to it before is lent
 * again, while those to the others stay. New ones ask the name service again, and find
 * the primary, or the same host as a new one. */
#ifndef RL_PG_DEMOTED_H
#define RL_PG_DEMOTED_H

#include <stdbool.h>
#include <stdint.h>

enum { RL_DEMOTED_MOST = 8 /* more hosts than a URL names; when it is exceeded, all that is older is stale */ };

/* Empty: all zero. A host is whatever tells one from another, not 0. */
typedef struct rl_demoted {
    struct {
        uint64_t host, epoch, since_ns;
    } hosts[RL_DEMOTED_MOST];
    uint64_t epoch, stale_before;
} rl_demoted;

/* False when it was noted less than a second ago: for a server that will not become what is wanted. */
bool rl_demoted_note(rl_demoted *demoted, uint64_t host, uint64_t now_ns);
/* Whether a connection to the host, made in that epoch, must not be lent again. */
bool rl_demoted_is_stale(const rl_demoted *demoted, uint64_t host, uint64_t epoch);
/* The host that was noted next after *epoch, which moves to it; 0 when there is none. */
uint64_t rl_demoted_next(const rl_demoted *demoted, uint64_t *epoch);

#endif
