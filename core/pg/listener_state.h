/* listener_state -- what listener.c, listeners.c and audience.c share.
 *
 * listeners.c is the life of a listener and its thread, listener.c what the thread
 * does, audience.c what the workers do. */
#ifndef RL_PG_LISTENER_STATE_H
#define RL_PG_LISTENER_STATE_H

#include <libpq-fe.h>
#include <pthread.h>

#include "base/list.h"
#include "loop/poll.h"
#include "loop/timer.h"
#include "pg/audience.h"
#include "pg/connector.h"
#include "pg/jitter.h"
#include "pg/listener.h"

typedef struct rl_pg_channel {
    rl_list link;
    rl_pg_listener *listener;
    rl_list subscriptions;
    bool is_heard; /* on this connection */
    bool had_gap;  /* was heard on an earlier one */
    size_t name_len;
    char name[];
} rl_pg_channel;

struct rl_pg_listener {
    rl_pg_listeners *home; /* NULL: one audience's alone */
    rl_list link;
    char *url;
    uint32_t refs; /* under home's lock */

    rl_loop *loop;
    pthread_t thread;
    rl_post stop;

    pthread_mutex_t lock; /* of all below, and of what audiences and subscriptions say is so */
    rl_post bell;
    bool is_rung;
    rl_list channels;
    rl_pg_channel *asked; /* whose LISTEN or UNLISTEN is under way */
    char error[256];
    rl_pg_listener_stats stats;

    /* Its thread's alone. */
    rl_connector *connector;
    PGconn *pg; /* NULL while it is away */
    rl_poll *poll;
    rl_timer timer; /* the next dial, or the end of an unused connection */
    bool is_asking, is_dialling;
    uint32_t failures; /* dials in a row */
    rl_jitter jitter;
};

struct rl_audience {
    rl_loop *loop;
    rl_pg_listener *listener;
    rl_list subscriptions; /* its worker's alone */
    bool is_closed;        /* this too */
    rl_post bell;
    rl_list with_news; /* subscriptions whose `news` is due; under the listener's lock, like the next */
    bool is_rung;
};

void rl_pg_listener_init(rl_pg_listener *listener);
/* On its loop: nothing is left there. */
void rl_pg_listener_clear(rl_pg_listener *listener);

/* Under the lock: something else is wanted than before. */
void rl_pg_listener_ring(rl_pg_listener *listener);
/* Under the lock, for the thread. */
void rl_subscription_keep(rl_subscription *subscription, rl_note *note);
void rl_subscription_has_news(rl_subscription *subscription);
/* NULL when nobody wants it, and it is not heard. */
rl_pg_channel *rl_pg_channel_find(rl_pg_listener *listener, rl_slice name);

void rl_note_unref(rl_note *note); /* NULL is allowed */

#endif
