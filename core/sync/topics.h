/* topics -- one message to all who have subscribed, in whatever worker they are.
 *
 *   publish "room:7" --> topic --> subscriber: channel [ m m . . ]
 *                              \-> subscriber: channel [ m . . . ]    the same parcels
 *
 * A subscriber's queue is a channel (sync/channel.h) that only the topic sends to, so
 * that it is waited for like any other. When it is full the subscriber's own policy
 * holds, and nobody else hears of it. All subscribers get a topic's messages in one
 * order. A topic is there as long as it has subscribers: to publish where nobody
 * listens costs a look, and leaves nothing. */
#ifndef RL_SYNC_TOPICS_H
#define RL_SYNC_TOPICS_H

#include "base/list.h"
#include "sync/channel.h"
#include "sync/names.h"

enum {
    RL_TOPICS_MOST = 65536,
    RL_SUBSCRIBERS_MOST = 262144, /* of all topics; one that waits takes less than a kilobyte */
    RL_SUBSCRIBER_BUFFER_MOST = 65536
};

typedef enum rl_on_full { RL_DROP_OLDEST, RL_DROP_NEWEST, RL_DISCONNECT } rl_on_full;

typedef struct rl_topics rl_topics;
typedef struct rl_topic rl_topic;

typedef struct rl_subscriber {
    rl_list link;    /* in its topic; under the topic's lock */
    rl_topic *topic; /* NULL: it has left */
    rl_channel *channel;
    rl_on_full on_full;
    _Atomic uint64_t dropped;
} rl_subscriber;

/* Of one topic; `depth` and `dropped` are sums over those who listen now. */
typedef struct rl_topic_stats {
    uint64_t subscribers, published, depth, bytes, dropped;
} rl_topic_stats;

RL_MUST_USE rl_err rl_topics_new(rl_topics **out);
/* Left alone while somebody subscribes. NULL is allowed. */
void rl_topics_free(rl_topics *topics);

/* RL_EFULL when there are too many topics or subscribers. `name` is valid, `buffer` 1 to RL_SUBSCRIBER_BUFFER_MOST. */
RL_MUST_USE rl_err rl_topics_subscribe(rl_topics *topics, rl_slice name, size_t buffer, rl_on_full on_full,
                                       rl_subscriber *out);
/* It hears no more: its channel is closed, and what is in it can still be received. Harmless when it has left. */
void rl_subscriber_leave(rl_subscriber *subscriber, rl_loop *here);
/* It has left: gives up its channel. */
void rl_subscriber_clear(rl_subscriber *subscriber);

/* Whether anybody listens: without, there is nothing to pack. */
bool rl_topics_is_heard(rl_topics *topics, rl_slice name);
/* To all who listen; returns to how many it was sent. Keeps uses of its own. */
size_t rl_topics_publish(rl_topics *topics, rl_slice name, rl_parcel *parcel, rl_loop *here);

void rl_topics_look(rl_topics *topics, void (*see)(void *owner, const char *name, const rl_topic_stats *stats),
                    void *owner);

#endif
