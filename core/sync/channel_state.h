/* channel_state -- what channel.c and party.c share. */
#ifndef RL_SYNC_CHANNEL_STATE_H
#define RL_SYNC_CHANNEL_STATE_H

#include <pthread.h>

#include "sync/party.h"

struct rl_channel {
    rl_queue queue;
    size_t capacity;
    _Atomic uint32_t uses;
    /* Written under both locks, read under either. */
    _Atomic bool is_closed, senders_wait, receivers_wait;
    _Atomic uint64_t reserved; /* of the messages in the queue; written under `receiving` */
    char apart[RL_CACHE_LINE];
    pthread_mutex_t sending; /* the queue's writing end; before `receiving` */
    rl_list senders;         /* under both */
    char apart_too[RL_CACHE_LINE];
    pthread_mutex_t receiving; /* its reading end */
    rl_list receivers;         /* under both */
};

static inline void rl_channel_lock(rl_channel *channel) {
    pthread_mutex_lock(&channel->sending);
    pthread_mutex_lock(&channel->receiving);
}

static inline void rl_channel_unlock(rl_channel *channel) {
    pthread_mutex_unlock(&channel->receiving);
    pthread_mutex_unlock(&channel->sending);
}

static inline bool rl_channel_is(const _Atomic bool *flag) {
    return atomic_load_explicit(flag, memory_order_relaxed);
}

/* What it sends, and its use. */
static inline rl_parcel *rl_party_detach_parcel(rl_party *party) {
    rl_parcel *parcel = party->parcel;
    party->parcel = NULL;
    return parcel;
}

/* Under both locks: whoever can go on does, is claimed and put on the list `woken`. Afterwards
 * nobody waits for what is there. */
void rl_channel_settle(rl_channel *channel, rl_list *woken);
void rl_channel_settle_alone(rl_channel *channel, rl_loop *here);
/* Under both, and settled: whether a send, or a receive, need not wait. */
bool rl_channel_can_go_on(rl_channel *channel, bool sends);
/* Under both: somebody came into a line, or left it. */
void rl_channel_note_lines(rl_channel *channel);
/* Under `receiving`. */
void rl_channel_add_reserved(rl_channel *channel, int64_t more);

/* Without locks: those that were claimed. Their other parties leave their lines when they wake. */
void rl_parties_wake(rl_list *woken, rl_loop *here);

#endif
