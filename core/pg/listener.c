#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "pg/listener_state.h"

enum {
    LINGER_MS = 1000,     /* kept for those who come and go, as requests do */
    COMMAND_CEILING = 256 /* listen "...", every byte of the name doubled */
};

/* All below runs on the listener's thread, and but for what reads the socket
 * under its lock: nothing in it waits. */
static void step(rl_pg_listener *listener);

/* ---- the connection ------------------------------------------------------------ */

static void disconnect(rl_pg_listener *listener) {
    if (listener->poll != NULL)
        rl_poll_close(listener->poll);
    PQfinish(listener->pg);
    listener->poll = NULL;
    listener->pg = NULL;
    listener->is_asking = false;
    listener->asked = NULL;
    listener->stats.is_connected = 0;
    for (rl_list *at = listener->channels.next; at != &listener->channels; at = at->next) {
        rl_pg_channel *channel = RL_CONTAINER(at, rl_pg_channel, link);
        channel->had_gap = channel->had_gap || channel->is_heard;
        channel->is_heard = false;
    }
}

static void tell_all(rl_pg_listener *listener) {
    for (rl_list *at = listener->channels.next; at != &listener->channels; at = at->next) {
        rl_pg_channel *channel = RL_CONTAINER(at, rl_pg_channel, link);
        for (rl_list *in = channel->subscriptions.next; in != &channel->subscriptions; in = in->next)
            rl_subscription_has_news(RL_CONTAINER(in, rl_subscription, link));
    }
}

static void back_off(rl_pg_listener *listener, const char *why) {
    snprintf(listener->error, sizeof listener->error, "%s", why);
    rl_timer_start(listener->loop, &listener->timer,
                   rl_jitter_backoff_ms(&listener->jitter, listener->failures++, RL_BACKOFF_MOST_MS));
    tell_all(listener);
}

static void lose(rl_pg_listener *listener, const char *why) {
    char said[sizeof listener->error];
    snprintf(said, sizeof said, "%s", why); /* libpq's words die with the connection */
    listener->stats.lost++;
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
        one->has_gap = one->has_gap || (had_gap && one->is_heard);
        one->is_heard = true;
        rl_subscription_has_news(one);
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

static rl_note *new_note(const PGnotify *notify) {
    size_t len = strlen(notify->extra);
    rl_note *note = rl_mem_zalloc(1, sizeof *note + len + 1);
    if (note == NULL)
        return NULL;
    atomic_init(&note->uses, 1);
    note->pid = notify->be_pid;
    note->payload_len = len;
    memcpy(note->payload, notify->extra, len);
    return note;
}

static void tell(rl_pg_listener *listener, const PGnotify *notify) {
    rl_pg_channel *channel = rl_pg_channel_find(listener, rl_slice_str(notify->relname));
    if (channel == NULL)
        return;
    rl_note *note = new_note(notify);
    listener->stats.notes++;
    for (rl_list *at = channel->subscriptions.next; at != &channel->subscriptions; at = at->next)
        rl_subscription_keep(RL_CONTAINER(at, rl_subscription, link), note);
    rl_note_unref(note);
}

static void read_all(rl_pg_listener *listener) {
    if (!read_answer(listener)) {
        lose(listener, PQerrorMessage(listener->pg));
        return;
    }
    for (PGnotify *one; listener->pg != NULL && (one = PQnotifies(listener->pg)) != NULL; PQfreemem(one))
        tell(listener, one);
}

static void on_ready(void *owner, int ready) {
    rl_pg_listener *listener = owner;
    bool is_alive = !(ready & RL_POLL_READ) || PQconsumeInput(listener->pg) == 1;
    pthread_mutex_lock(&listener->lock);
    if (ready & RL_POLL_WRITE && PQflush(listener->pg) == 0)
        rl_poll_watch(listener->poll, RL_POLL_READ);
    if (is_alive)
        read_all(listener);
    else
        lose(listener, PQerrorMessage(listener->pg));
    pthread_mutex_unlock(&listener->lock);
}

static void ignore_notice(void *owner, const PGresult *notice) {
    (void)owner;
    (void)notice;
}

static void take_connection(rl_pg_listener *listener, PGconn *pg) {
    listener->pg = pg;
    listener->stats.connects++;
    PQsetNoticeReceiver(pg, ignore_notice, NULL);
    if (PQsetnonblocking(pg, 1) != 0 ||
        rl_poll_open(listener->loop, PQsocket(pg), on_ready, listener, &listener->poll) != RL_OK) {
        lose(listener, "out of memory");
        return;
    }
    listener->failures = 0;
    listener->stats.is_connected = 1;
    listener->error[0] = '\0';
    rl_poll_watch(listener->poll, RL_POLL_READ);
    step(listener);
}

static void on_connected(void *owner, PGconn *pg, const char *why) {
    rl_pg_listener *listener = owner;
    pthread_mutex_lock(&listener->lock);
    listener->is_dialling = false;
    if (pg == NULL) {
        listener->stats.connect_failures++;
        back_off(listener, why);
    } else {
        take_connection(listener, pg);
    }
    pthread_mutex_unlock(&listener->lock);
}

/* ---- what is wanted, one thing at a time ------------------------------------------ */

static void dial(rl_pg_listener *listener) {
    if (listener->is_dialling || rl_timer_is_running(&listener->timer))
        return;
    if (rl_connector_dial(listener->connector, on_connected, listener) == RL_OK)
        listener->is_dialling = true;
    else
        back_off(listener, "out of memory or threads");
}

/* Sends the next command. False when there is nothing to ask, or no way to. */
static bool ask(rl_pg_listener *listener) {
    if (listener->pg == NULL || listener->is_asking)
        return false;
    for (rl_list *at = listener->channels.next; at != &listener->channels; at = at->next) {
        rl_pg_channel *channel = RL_CONTAINER(at, rl_pg_channel, link);
        bool is_wanted = !rl_list_is_empty(&channel->subscriptions);
        if (is_wanted == channel->is_heard)
            continue;
        send_command(listener, channel, is_wanted ? "listen" : "unlisten");
        return true;
    }
    return false;
}

static void free_unwanted(rl_pg_listener *listener) {
    for (rl_list *at = listener->channels.next, *next; at != &listener->channels; at = next) {
        next = at->next;
        rl_pg_channel *channel = RL_CONTAINER(at, rl_pg_channel, link);
        if (listener->asked == channel || !rl_list_is_empty(&channel->subscriptions) || channel->is_heard)
            continue;
        rl_list_remove(&channel->link);
        rl_mem_free(channel);
    }
}

static void step(rl_pg_listener *listener) {
    if (ask(listener))
        return;
    free_unwanted(listener);
    bool is_needed = !rl_list_is_empty(&listener->channels);
    if (is_needed && listener->pg == NULL)
        dial(listener);
    else if (is_needed && listener->pg != NULL)
        rl_timer_stop(listener->loop, &listener->timer);
    else if (listener->pg != NULL)
        rl_timer_start(listener->loop, &listener->timer, LINGER_MS);
}

static void on_timer(rl_timer *timer) {
    rl_pg_listener *listener = RL_CONTAINER(timer, rl_pg_listener, timer);
    pthread_mutex_lock(&listener->lock);
    if (listener->pg != NULL && rl_list_is_empty(&listener->channels))
        disconnect(listener);
    step(listener);
    pthread_mutex_unlock(&listener->lock);
}

static void on_bell(rl_post *post) {
    rl_pg_listener *listener = RL_CONTAINER(post, rl_pg_listener, bell);
    pthread_mutex_lock(&listener->lock);
    listener->is_rung = false;
    step(listener);
    pthread_mutex_unlock(&listener->lock);
}

void rl_pg_listener_ring(rl_pg_listener *listener) {
    if (listener->is_rung)
        return;
    listener->is_rung = true;
    rl_loop_post(listener->loop, &listener->bell);
}

/* ---- its life, for listeners.c ------------------------------------------------------ */

void rl_pg_listener_init(rl_pg_listener *listener) {
    rl_list_init(&listener->channels);
    rl_timer_init(&listener->timer, on_timer);
    rl_jitter_init(&listener->jitter);
    listener->bell.run = on_bell;
}

void rl_pg_listener_clear(rl_pg_listener *listener) {
    pthread_mutex_lock(&listener->lock);
    rl_timer_stop(listener->loop, &listener->timer);
    rl_connector_close(listener->connector);
    disconnect(listener);
    free_unwanted(listener);
    pthread_mutex_unlock(&listener->lock);
}

rl_pg_listener_stats rl_pg_listener_stats_of(rl_pg_listener *listener) {
    pthread_mutex_lock(&listener->lock);
    rl_pg_listener_stats stats = listener->stats;
    for (rl_list *at = listener->channels.next; at != &listener->channels; at = at->next)
        stats.channels += !rl_list_is_empty(&RL_CONTAINER(at, rl_pg_channel, link)->subscriptions);
    pthread_mutex_unlock(&listener->lock);
    return stats;
}
