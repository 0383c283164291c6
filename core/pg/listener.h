/* listener -- one connection that hears notifications, for any number of ears.
 *
 *    server --NOTIFY--> listener --> channel "orders" --> subscription: note note note
 *                          |     \                   \--> subscription: note
 *                          |      -> channel "users" ---> subscription:
 *                          +-- lost? dialled again; every channel is listened to again
 *
 * The connection is outside of the pool's budget, made when the first channel is
 * wanted and closed a while after the last is not. While it is away
 * notifications are lost: PostgreSQL keeps none. Each subscription is told so
 * (`missed_unknown`), and its owner reads afresh what the notes would have said.
 * A subscription holds RL_SUBSCRIPTION_NOTES at most; the oldest go first, counted. */
#ifndef RL_PG_LISTENER_H
#define RL_PG_LISTENER_H

#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"
#include "loop/loop.h"

typedef struct rl_pg_listener rl_pg_listener;
typedef struct rl_subscription rl_subscription;
struct rl_pg_channel;

enum {
    RL_SUBSCRIPTION_NOTES = 1024,
    RL_CHANNEL_NAME_MAX = 63 /* PostgreSQL's NAMEDATALEN - 1: longer ones are cut, and meet by accident */
};

/* One notification, shared by all that hear it. */
typedef struct rl_note {
    uint32_t uses;
    int pid; /* of the server process that sent it */
    size_t payload_len;
    char payload[];
} rl_note;

struct rl_subscription {
    rl_list link;
    struct rl_pg_channel *channel; /* NULL before it joined and after it left, or after the close */
    bool is_heard;              /* the server has confirmed the channel once */
    bool missed_unknown;        /* the connection was away meanwhile */
    uint64_t missed;            /* notes dropped since the last take */
    uint32_t first, count;      /* in notes, a ring */
    rl_note **notes;
    void (*news)(rl_subscription *subscription); /* heard, a note, or closed */
};

/* Connects to nothing yet. RL_EINVAL when the URL is none. */
RL_MUST_USE rl_err rl_pg_listener_new(rl_loop *loop, const char *url, uint64_t connect_timeout_ms,
                                   rl_pg_listener **out);
/* Every subscription is left, and told. */
void rl_pg_listener_close(rl_pg_listener *listener);
/* Why it is not connected; "" while it is, or has not tried. */
const char *rl_pg_listener_error(const rl_pg_listener *listener);

/* `name` is taken as it is, case and all, RL_CHANNEL_NAME_MAX bytes at most. */
RL_MUST_USE rl_err rl_subscription_join(rl_subscription *subscription, rl_pg_listener *listener, rl_slice name,
                                        void (*news)(rl_subscription *subscription));
/* Harmless when it has left. Drops the notes. */
void rl_subscription_leave(rl_subscription *subscription);
/* The oldest note, the caller's to give back; NULL when there is none. */
rl_note *rl_subscription_take(rl_subscription *subscription);
void rl_note_unref(rl_note *note); /* NULL is allowed */

#endif
