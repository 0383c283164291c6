/* channel -- messages from tasks of any worker to tasks of any worker, as Go's channels.
 *
 *   senders (a line)  -->  [ queue, `capacity` messages ]  -->  receivers (a line)
 *     under one lock                                        under another
 *
 * A send that finds room takes the senders' lock alone, a receive that finds a message
 * the receivers': the two sides meet only when one has to wait, or somebody does. Both
 * locks together make what is there exact: whoever is to wait looks once more under
 * both, and from then on is seen by whoever comes.
 * Those who wait are parties (sync/party.h). A receiver who is served has one message
 * reserved, in the queue, until it runs and takes it: when it never does, the next one
 * gets it. Reserved messages do not count towards the capacity, and a channel without
 * capacity holds reserved ones alone.
 * First come, first served, on either side; the messages of one sender stay in order.
 *
 * `here` is the loop of the calling thread: waiters of that one are woken without a post. */
#ifndef RL_SYNC_CHANNEL_H
#define RL_SYNC_CHANNEL_H

#include "loop/loop.h"
#include "sync/queue.h"

typedef struct rl_channel rl_channel;

#define RL_CHANNEL_BYTES ((uint64_t)64 << 20) /* in a channel; past it, it is full, whatever its capacity */

typedef struct rl_channel_stats {
    uint64_t depth, capacity, bytes;
    uint32_t senders, receivers; /* who wait */
    bool is_closed;
    uint64_t sent; /* so far */
} rl_channel_stats;

/* With one use, the caller's. */
RL_MUST_USE rl_err rl_channel_new(size_t capacity, rl_channel **out);
rl_channel *rl_channel_ref(rl_channel *channel);
/* The last use frees it, and what is in it. NULL is allowed. */
void rl_channel_unref(rl_channel *channel);

/* ---- without waiting ---- */

/* RL_EFULL when it would have to wait, RL_ECLOSED, RL_ENOMEM: it was not sent then. */
RL_MUST_USE rl_err rl_channel_send(rl_channel *channel, rl_slice bytes, rl_loop *here);
/* The same; the channel has a use of its own of `parcel`. */
RL_MUST_USE rl_err rl_channel_send_parcel(rl_channel *channel, rl_parcel *parcel, rl_loop *here);
/* RL_ENOTFOUND when there is none, RL_ECLOSED when there will never be one.
 * `out` holds nothing before. */
RL_MUST_USE rl_err rl_channel_receive(rl_channel *channel, rl_message *out, rl_loop *here);
/* Wakes everybody. RL_ECLOSED when it was closed already. */
RL_MUST_USE rl_err rl_channel_close(rl_channel *channel, rl_loop *here);
/* Whether a send, or a receive, would have to wait, at this moment. */
bool rl_channel_would_wait(rl_channel *channel, bool sends);
/* Messages sent and not yet received, or on their way to somebody who waited. */
uint64_t rl_channel_depth(rl_channel *channel);
rl_channel_stats rl_channel_stats_of(rl_channel *channel);

#endif
