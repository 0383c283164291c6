/* audience -- a worker's subscriptions to the notifications of one database.
 *
 *    listener's thread                         the worker
 *       note --> subscription: [ n n n . . . ] --peek, shift--> its owner
 *                    |                                            ^
 *                    +--> with_news --bell--> audience --news()---+
 *
 * Each subscription has a ring of its own, so that each hears every note once,
 * whatever others do; RL_SUBSCRIPTION_NOTES at most, the oldest go first, counted.
 * A note is shared by all that hear it. All calls are made on the worker's thread
 * and take the listener's lock for a moment; `news` is called on its loop. */
#ifndef RL_PG_AUDIENCE_H
#define RL_PG_AUDIENCE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"
#include "loop/loop.h"
#include "pg/listener.h"

typedef struct rl_audience rl_audience;
typedef struct rl_subscription rl_subscription;
struct rl_pg_channel;

enum {
    RL_SUBSCRIPTION_NOTES = 1024,
    RL_CHANNEL_NAME_MAX = 63 /* PostgreSQL's NAMEDATALEN - 1: longer ones are cut, and meet by accident */
};

/* One notification. */
typedef struct rl_note {
    _Atomic uint32_t uses;
    int pid; /* of the server process that sent it */
    size_t payload_len;
    char payload[];
} rl_note;

typedef enum rl_hearing {
    RL_HEARING_SOON, /* the server has not confirmed the channel yet */
    RL_HEARING,      /* or will again by itself */
    RL_HEARING_OVER  /* it left, or its audience was closed */
} rl_hearing;

struct rl_subscription {
    rl_audience *audience; /* NULL before it joined, after it left, and after the close */
    rl_list of_audience;
    /* Confirmed, a note, a gap, an error, closed. Does not close the audience. */
    void (*news)(rl_subscription *subscription);
    rl_note *current;     /* peeked at */
    uint64_t missed;      /* left out before `current` */
    bool is_expected;     /* the loop waits for its first news */

    /* Under the listener's lock: */
    rl_list link; /* in its channel */
    struct rl_pg_channel *channel;
    rl_list news_link;
    bool is_heard;     /* the server has confirmed the channel once */
    bool has_gap;      /* the connection was away meanwhile */
    uint64_t dropped;  /* since the last peek */
    uint32_t first, count; /* in notes, a ring */
    rl_note **notes;
};

/* With NULL for `listeners` it has a listener of its own. RL_EINVAL when the URL is none. */
RL_MUST_USE rl_err rl_audience_open(rl_loop *loop, rl_pg_listeners *listeners, const char *url,
                                    uint64_t connect_timeout_ms, rl_audience **out);
/* Every subscription is over, and told. */
void rl_audience_close(rl_audience *audience);
/* Why the listener is not connected; "" while it is, or has not tried. */
void rl_audience_read_error(rl_audience *audience, char *out, size_t cap);
rl_pg_listener_stats rl_audience_stats(rl_audience *audience);

/* `name` is taken as it is, case and all. RL_EINVAL unless it has 1 to RL_CHANNEL_NAME_MAX bytes
 * and no NUL among them. */
RL_MUST_USE rl_err rl_subscription_join(rl_subscription *subscription, rl_audience *audience, rl_slice name,
                                        void (*news)(rl_subscription *subscription));
/* Drops the notes. Harmless when it has left. */
void rl_subscription_leave(rl_subscription *subscription);
rl_hearing rl_subscription_hearing(rl_subscription *subscription);

typedef enum rl_heard {
    RL_HEARD_NOTHING,
    RL_HEARD_NOTE, /* subscription->current, with as many left out before it as `missed` says */
    RL_HEARD_GAP   /* nobody knows what was missed */
} rl_heard;
/* What comes next; it stays so until rl_subscription_shift. */
rl_heard rl_subscription_peek(rl_subscription *subscription);
void rl_subscription_shift(rl_subscription *subscription);

#endif
