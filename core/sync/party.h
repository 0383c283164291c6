/* party -- who waits at a channel, to send there or to receive.
 *
 *   waiter --+-- party --> channel "orders"     one of them is served, or closed,
 *            +-- party --> channel "stop"       and the waiter is woken
 *            +-- timer
 *
 * Whoever serves a party claims its waiter first: a party whose wait was ended by
 * something else (time, a cancellation, another channel) loses nothing, and nothing
 * is lost to it. */
#ifndef RL_SYNC_PARTY_H
#define RL_SYNC_PARTY_H

#include "base/list.h"
#include "loop/waiter.h"
#include "sync/channel.h"

enum { RL_PARTIES_MOST = 24 /* channels of one wait: all their locks are held at once */ };

typedef enum rl_party_state { RL_PARTY_AWAY, RL_PARTY_WAITS, RL_PARTY_SERVED, RL_PARTY_CLOSED } rl_party_state;

typedef struct rl_party {
    rl_case one;
    rl_list link; /* in the channel's line while it WAITS */
    rl_channel *channel;
    rl_parcel *parcel; /* what it sends; NULL: it receives */
    bool sends;
    rl_party_state state; /* under both locks while it WAITS */
} rl_party;

/* A party that sends `parcel`, whose use it takes over, or receives when that is NULL. It
 * has a use of the channel until it is cleared. */
void rl_party_init_take(rl_party *party, rl_channel *channel, rl_parcel *parcel);
/* Wait for the first of them: parks `waiter`, where party i is the case `first + i`.
 * False when one can go on already: nobody waits then, and the caller tries again.
 * 1 to RL_PARTIES_MOST parties. */
RL_MUST_USE bool rl_parties_wait(rl_party *parties, size_t count, rl_waiter *waiter, uint32_t first);
/* Whether a case of some wait is a party's. */
bool rl_party_is_case(const rl_case *one);
/* The wait was won by `party`: RL_OK, with the message in `out` when it received, or RL_ECLOSED. */
RL_MUST_USE rl_err rl_party_end(rl_party *party, rl_message *out, rl_loop *here);
/* Forget it, when it does not wait; what was reserved for it goes to another. Harmless when it is
 * all zero, or was cleared. */
void rl_party_clear(rl_party *party, rl_loop *here);

#endif
