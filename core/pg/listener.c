#include "pg/listener.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "loop/poll.h"
#include "loop/timer.h"
#include "pg/connector.h"

enum {
    BACKOFF_LEAST_MS = 20,
    BACKOFF_MOST_MS = 500,   /* a restarted server is heard again within a second */
    IDLE_MS = 60 * 1000,     /* kept for those who come and go, as requests do */
    COMMAND_CEILING = 256    /* listen "...", every byte of the name doubled */
};

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
    rl_loop *loop;
    rl_connector *connector;
    PGconn *pg; /* NULL while it is away */
    rl_poll *poll;
    rl_timer timer; /* the next dial, or the end of an unused connection */
    rl_list channels;
    rl_pg_channel *asked; /* whose LISTEN or UNLISTEN is under way */
    bool is_asking, is_dialling;
    uint32_t failures; /* dials in a row */
    uint64_t random;
    char error[256];
};

static void step(rl_pg_listener *listener);

/* ---- subscriptions ----------------------------------------------------------- */

void rl_note_unref(rl_note *note) {
    if (note != NULL && --note->uses == 0)
        rl_mem_free(note);
}

rl_note *rl_subscription_take(rl_subscription *subscription) {
    if (subscription->count == 0)
        return NULL;
    rl_note *note = subscription->notes[subscription->first];
    subscription->first = (subscription->first + 1) % RL_SUBSCRIPTION_NOTES;
    subscription->count--;
    return note;
}

static void keep(rl_subscription *subscription, rl_note *note) {
    if (subscription->count == RL_SUBSCRIPTION_NOTES) {
        rl_note_unref(rl_subscription_take(subscription));
        subscription->missed++;
    }
    uint32_t at = (subscription->first + subscription->count++) % RL_SUBSCRIPTION_NOTES;
    subscription->notes[at] = note;
    note->uses++;
    subscription->news(subscription);
}

static rl_pg_channel *find_channel(rl_pg_listener *listener, rl_slice name) {
    for (rl_list *at = listener->channels.next; at != &listener->channels; at = at->next) {
        rl_pg_channel *channel = RL_CONTAINER(at, rl_pg_channel, link);
        if (channel->name_len == name.len && memcmp(channel->name, name.ptr, name.len) == 0)
            return channel;
    }
    return NULL;
}

static rl_pg_channel *add_channel(rl_pg_listener *listener, rl_slice name) {
    rl_pg_channel *channel = rl_mem_zalloc(1, sizeof *channel + name.len + 1);
    if (channel == NULL)
        return NULL;
    channel->listener = listener;
    channel->name_len = name.len;
    memcpy(channel->name, name.ptr, name.len);
    rl_list_init(&channel->subscriptions);
    rl_list_push_back(&listener->channels, &channel->link);
    return channel;
}

rl_err rl_subscription_join(rl_subscription *subscription, rl_pg_listener *listener, rl_slice name,
                            void (*news)(rl_subscription *subscription)) {
    *subscription = (rl_subscription){.news = news};
    rl_list_init(&subscription->link);
    if (name.len == 0 || name.len > RL_CHANNEL_NAME_MAX || memchr(name.ptr, '\0', name.len) != NULL)
        return RL_EINVAL;
    subscription->notes = rl_mem_zalloc(RL_SUBSCRIPTION_NOTES, sizeof *subscription->notes);
    if (subscription->notes == NULL)
        return RL_ENOMEM;
    rl_pg_channel *channel = find_channel(listener, name);
    if (channel == NULL && (channel = add_channel(listener, name)) == NULL) {
        rl_mem_free(subscription->notes);
        subscription->notes = NULL;
        return RL_ENOMEM;
    }
    subscription->channel = channel;
    subscription->is_heard = channel->is_heard;
    rl_list_push_back(&channel->subscriptions, &subscription->link);
    step(listener);
    return RL_OK;
}

static void detach(rl_subscription *subscription) {
    rl_list_remove(&subscription->link);
    subscription->channel = NULL;
}

void rl_subscription_leave(rl_subscription *subscription) {
    while (subscription->count > 0)
        rl_note_unref(rl_subscription_take(subscription));
    rl_mem_free(subscription->notes);
    subscription->notes = NULL;
    if (subscription->channel == NULL)
        return;
    rl_pg_listener *listener = subscription->channel->listener;
    detach(subscription);
    step(listener);
}

/* ---- the connection ------------------------------------------------------------ */

static void disconnect(rl_pg_listener *listener) {
    if (listener->poll != NULL)
        rl_poll_close(listener->poll);
    PQfinish(listener->pg);
    listener->poll = NULL;
    listener->pg = NULL;
    listener->is_asking = false;
    listener->asked = NULL;
    for (rl_list *at = listener->channels.next; at != &listener->channels; at = at->next) {
        rl_pg_channel *channel = RL_CONTAINER(at, rl_pg_channel, link);
        channel->had_gap = channel->had_gap || channel->is_heard;
        channel->is_heard = false;
    }
}

/* xorshift64, for the jitter: workers must not knock all at once. */
static uint64_t random_below(rl_pg_listener *listener, uint64_t bound) {
    listener->random ^= listener->random << 13;
    listener->random ^= listener->random >> 7;
    listener->random ^= listener->random << 17;
    return listener->random % bound;
}

static void back_off(rl_pg_listener *listener, const char *why) {
    snprintf(listener->error, sizeof listener->error, "%s", why);
    uint32_t doublings = listener->failures < 6 ? listener->failures : 6;
    uint64_t delay_ms = (uint64_t)BACKOFF_LEAST_MS << doublings;
    delay_ms = delay_ms > BACKOFF_MOST_MS ? BACKOFF_MOST_MS : delay_ms;
    listener->failures++;
    rl_timer_start(listener->loop, &listener->timer, delay_ms / 2 + random_below(listener, delay_ms / 2 + 1));
}

static void lose(rl_pg_listener *listener, const char *why) {
    char said[sizeof listener->error];
    snprintf(said, sizeof said, "%s", why); /* libpq's words die with the connection */
    disconnect(listener);
    back_off(listener, said);
}

static void send_command(rl_pg_listener *listener, rl_pg_channel *channel, const char *verb) {
    char command[COMMAND_CEILING];
    size_t len = (size_t)snprintf(command, sizeof command, "%s \"", verb);
    for (size_t i = 0; i < channel->name_len; i++) {
        if (channel->name[i] == '"')
            command[len++] = '"';
        command[len++] = channel->name[i];
    }
    command[len++] = '"';
    command[len] = '\0';
    if (PQsendQuery(listener->pg, command) != 1) {
        lose(listener, PQerrorMessage(listener->pg));
        return;
    }
    listener->is_asking = true;
    listener->asked = channel;
    int left = PQflush(listener->pg);
    rl_poll_watch(listener->poll, left > 0 ? RL_POLL_READ | RL_POLL_WRITE : RL_POLL_READ);
}

static void on_heard(rl_pg_channel *channel) {
    bool had_gap = channel->had_gap;
    channel->is_heard = true;
    channel->had_gap = false;
    for (rl_list *at = channel->subscriptions.next; at != &channel->subscriptions; at = at->next) {
        rl_subscription *one = RL_CONTAINER(at, rl_subscription, link);
        one->missed_unknown = one->missed_unknown || (had_gap && one->is_heard);
        one->is_heard = true;
        one->news(one);
    }
}

static void end_command(rl_pg_listener *listener) {
    rl_pg_channel *channel = listener->asked;
    listener->is_asking = false;
    listener->asked = NULL;
    if (channel->is_heard)
        channel->is_heard = false; /* it was an UNLISTEN */
    else
        on_heard(channel);
    step(listener);
}

/* False when the server refused: a standby does, and another may be primary now. */
static bool read_answer(rl_pg_listener *listener) {
    while (listener->is_asking && !PQisBusy(listener->pg)) {
        PGresult *result = PQgetResult(listener->pg);
        bool refused = result != NULL && PQresultStatus(result) != PGRES_COMMAND_OK;
        PQclear(result);
        if (refused)
            return false;
        if (result == NULL)
            end_command(listener);
    }
    return true;
}

static void tell(rl_pg_listener *listener, const PGnotify *notify) {
    rl_pg_channel *channel = find_channel(listener, rl_slice_str(notify->relname));
    if (channel == NULL)
        return;
    size_t len = strlen(notify->extra);
    rl_note *note = rl_mem_zalloc(1, sizeof *note + len + 1);
    if (note != NULL) {
        note->uses = 1;
        note->pid = notify->be_pid;
        note->payload_len = len;
        memcpy(note->payload, notify->extra, len);
    }
    for (rl_list *at = channel->subscriptions.next; at != &channel->subscriptions; at = at->next) {
        rl_subscription *one = RL_CONTAINER(at, rl_subscription, link);
        if (note != NULL)
            keep(one, note);
        else
            one->missed++;
    }
    rl_note_unref(note);
}

static void on_ready(void *owner, int ready) {
    rl_pg_listener *listener = owner;
    if (ready & RL_POLL_READ && PQconsumeInput(listener->pg) != 1) {
        lose(listener, PQerrorMessage(listener->pg));
        return;
    }
    if (ready & RL_POLL_WRITE && PQflush(listener->pg) == 0)
        rl_poll_watch(listener->poll, RL_POLL_READ);
    if (!read_answer(listener)) {
        lose(listener, PQerrorMessage(listener->pg));
        return;
    }
    for (PGnotify *one; listener->pg != NULL && (one = PQnotifies(listener->pg)) != NULL; PQfreemem(one))
        tell(listener, one);
}

static void ignore_notice(void *owner, const PGresult *notice) {
    (void)owner;
    (void)notice;
}

static void on_connected(void *owner, PGconn *pg, const char *why) {
    rl_pg_listener *listener = owner;
    listener->is_dialling = false;
    if (pg == NULL) {
        back_off(listener, why);
        return;
    }
    listener->pg = pg;
    PQsetNoticeReceiver(pg, ignore_notice, NULL);
    if (PQsetnonblocking(pg, 1) != 0 ||
        rl_poll_open(listener->loop, PQsocket(pg), on_ready, listener, &listener->poll) != RL_OK) {
        lose(listener, "out of memory");
        return;
    }
    listener->failures = 0;
    listener->error[0] = '\0';
    rl_poll_watch(listener->poll, RL_POLL_READ);
    step(listener);
}

/* ---- what is wanted, one thing at a time ------------------------------------------ */

static void free_channel(rl_pg_channel *channel) {
    rl_list_remove(&channel->link);
    rl_mem_free(channel);
}

static void dial(rl_pg_listener *listener) {
    if (listener->is_dialling || rl_timer_is_running(&listener->timer))
        return;
    if (rl_connector_dial(listener->connector, on_connected, listener) == RL_OK)
        listener->is_dialling = true;
    else
        back_off(listener, "out of memory or threads");
}

static void step(rl_pg_listener *listener) {
    for (rl_list *at = listener->channels.next, *next; at != &listener->channels; at = next) {
        next = at->next;
        rl_pg_channel *channel = RL_CONTAINER(at, rl_pg_channel, link);
        bool is_wanted = !rl_list_is_empty(&channel->subscriptions);
        if (listener->asked == channel || is_wanted == channel->is_heard)
            continue;
        if (listener->pg == NULL || listener->is_asking)
            break;
        send_command(listener, channel, is_wanted ? "listen" : "unlisten");
        return;
    }
    for (rl_list *at = listener->channels.next, *next; at != &listener->channels; at = next) {
        next = at->next;
        rl_pg_channel *channel = RL_CONTAINER(at, rl_pg_channel, link);
        if (listener->asked != channel && rl_list_is_empty(&channel->subscriptions) && !channel->is_heard)
            free_channel(channel);
    }
    bool is_needed = !rl_list_is_empty(&listener->channels);
    if (is_needed && listener->pg == NULL)
        dial(listener);
    else if (is_needed && listener->pg != NULL)
        rl_timer_stop(listener->loop, &listener->timer);
    else if (listener->pg != NULL)
        rl_timer_start(listener->loop, &listener->timer, IDLE_MS);
}

static void on_timer(rl_timer *timer) {
    rl_pg_listener *listener = RL_CONTAINER(timer, rl_pg_listener, timer);
    if (listener->pg != NULL && rl_list_is_empty(&listener->channels))
        disconnect(listener);
    step(listener);
}

rl_err rl_pg_listener_new(rl_loop *loop, const char *url, uint64_t connect_timeout_ms, rl_pg_listener **out) {
    rl_pg_listener *listener = rl_mem_zalloc(1, sizeof *listener);
    if (listener == NULL)
        return RL_ENOMEM;
    rl_err err = rl_connector_new(loop, url, connect_timeout_ms, 0, &listener->connector);
    if (err != RL_OK) {
        rl_mem_free(listener);
        return err;
    }
    listener->loop = loop;
    listener->random = rl_loop_now_ms(loop) * 2 + 1;
    rl_list_init(&listener->channels);
    rl_timer_init(&listener->timer, on_timer);
    *out = listener;
    return RL_OK;
}

void rl_pg_listener_close(rl_pg_listener *listener) {
    rl_timer_stop(listener->loop, &listener->timer);
    rl_connector_close(listener->connector);
    disconnect(listener);
    for (rl_list *at; (at = listener->channels.next) != &listener->channels;) {
        rl_pg_channel *channel = RL_CONTAINER(at, rl_pg_channel, link);
        while (!rl_list_is_empty(&channel->subscriptions)) {
            rl_subscription *one = RL_CONTAINER(channel->subscriptions.next, rl_subscription, link);
            detach(one);
            one->news(one);
        }
        free_channel(channel);
    }
    rl_mem_free(listener);
}

const char *rl_pg_listener_error(const rl_pg_listener *listener) {
    return listener->error;
}
