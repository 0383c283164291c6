#include "pg/audience.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "loop/clock.h"
#include "pg/listener_state.h"

static rl_pg_listener *lock_of(const rl_audience *audience) {
    pthread_mutex_lock(&audience->listener->lock);
    return audience->listener;
}

static void unlock(rl_pg_listener *listener) {
    pthread_mutex_unlock(&listener->lock);
}

void rl_note_unref(rl_note *note) {
    if (note != NULL && atomic_fetch_sub_explicit(&note->uses, 1, memory_order_acq_rel) == 1)
        rl_mem_free(note);
}

/* ---- under the lock ------------------------------------------------------------ */

void rl_subscription_has_news(rl_subscription *subscription) {
    rl_audience *audience = subscription->audience;
    if (rl_list_is_empty(&subscription->news_link))
        rl_list_push_back(&audience->with_news, &subscription->news_link);
    if (audience->is_rung)
        return;
    audience->is_rung = true;
    rl_loop_post(audience->loop, &audience->bell);
}

static rl_note *pop(rl_subscription *subscription) {
    rl_note *note = subscription->notes[subscription->first];
    subscription->first = (subscription->first + 1) % RL_SUBSCRIPTION_NOTES;
    subscription->count--;
    return note;
}

void rl_subscription_keep(rl_subscription *subscription, rl_note *note) {
    if (note == NULL || subscription->count == RL_SUBSCRIPTION_NOTES) {
        subscription->dropped++;
        subscription->channel->listener->stats.dropped++;
    }
    if (note == NULL)
        return;
    if (subscription->count == RL_SUBSCRIPTION_NOTES)
        rl_note_unref(pop(subscription));
    uint32_t at = (subscription->first + subscription->count++) % RL_SUBSCRIPTION_NOTES;
    subscription->notes[at] = note;
    atomic_fetch_add_explicit(&note->uses, 1, memory_order_relaxed);
    rl_subscription_has_news(subscription);
}

rl_pg_channel *rl_pg_channel_find(rl_pg_listener *listener, rl_slice name) {
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

static rl_err enter(rl_pg_listener *listener, rl_subscription *subscription, rl_slice name) {
    rl_pg_channel *channel = rl_pg_channel_find(listener, name);
    if (channel == NULL && (channel = add_channel(listener, name)) == NULL)
        return RL_ENOMEM;
    subscription->channel = channel;
    /* While it is asked for, a channel that is heard is about to be heard no more. */
    subscription->is_heard = channel->is_heard && listener->asked != channel;
    rl_list_push_back(&channel->subscriptions, &subscription->link);
    listener->stats.subscriptions++;
    rl_pg_listener_ring(listener);
    return RL_OK;
}

/* ---- the worker's side ------------------------------------------------------------ */

/* The first news ends the wait of the loop's frozen clock, also that there is no connection. */
static void heed(rl_subscription *subscription) {
    if (subscription->is_expected)
        rl_loop_heard(subscription->audience->loop);
    subscription->is_expected = false;
}

static rl_subscription *next_with_news(rl_audience *audience) {
    rl_pg_listener *listener = lock_of(audience);
    rl_list *link = rl_list_pop_front(&audience->with_news);
    unlock(listener);
    return link == NULL ? NULL : RL_CONTAINER(link, rl_subscription, news_link);
}

static void on_bell(rl_post *post) {
    rl_audience *audience = RL_CONTAINER(post, rl_audience, bell);
    if (audience->is_closed) {
        rl_mem_free(audience);
        return;
    }
    rl_pg_listener *listener = lock_of(audience);
    audience->is_rung = false;
    unlock(listener);
    for (rl_subscription *one; !audience->is_closed && (one = next_with_news(audience)) != NULL;) {
        heed(one);
        one->news(one);
    }
}

rl_err rl_audience_open(rl_loop *loop, rl_pg_listeners *listeners, const char *url,
                        uint64_t connect_timeout_ms, rl_audience **out) {
    rl_audience *audience = rl_mem_zalloc(1, sizeof *audience);
    if (audience == NULL)
        return RL_ENOMEM;
    audience->loop = loop;
    audience->bell.run = on_bell;
    rl_list_init(&audience->subscriptions);
    rl_list_init(&audience->with_news);
    rl_err err = rl_pg_listener_hold(listeners, url, connect_timeout_ms, &audience->listener);
    if (err != RL_OK) {
        rl_mem_free(audience);
        return err;
    }
    *out = audience;
    return RL_OK;
}

/* Its audience will not hear of it again. */
static void detach(rl_subscription *subscription) {
    rl_pg_listener *listener = lock_of(subscription->audience);
    rl_list_remove(&subscription->link);
    rl_list_remove(&subscription->news_link);
    subscription->channel = NULL;
    listener->stats.subscriptions--;
    rl_pg_listener_ring(listener);
    unlock(listener);
    heed(subscription);
    rl_list_remove(&subscription->of_audience);
    subscription->audience = NULL;
}

void rl_audience_close(rl_audience *audience) {
    while (!rl_list_is_empty(&audience->subscriptions)) {
        rl_subscription *one = RL_CONTAINER(audience->subscriptions.next, rl_subscription, of_audience);
        detach(one);
        one->news(one);
    }
    rl_pg_listener *listener = lock_of(audience);
    bool is_rung = audience->is_rung;
    unlock(listener);
    audience->is_closed = true;
    rl_pg_listener_let_go(listener);
    if (!is_rung)
        rl_mem_free(audience);
}

void rl_audience_read_error(rl_audience *audience, char *out, size_t cap) {
    rl_pg_listener *listener = lock_of(audience);
    snprintf(out, cap, "%s", listener->error);
    unlock(listener);
}

rl_pg_listener_stats rl_audience_stats(rl_audience *audience) {
    return rl_pg_listener_stats_of(audience->listener);
}

/* ---- subscriptions ----------------------------------------------------------------- */

rl_err rl_subscription_join(rl_subscription *subscription, rl_audience *audience, rl_slice name,
                            void (*news)(rl_subscription *subscription)) {
    *subscription = (rl_subscription){.news = news};
    rl_list_init(&subscription->link);
    rl_list_init(&subscription->news_link);
    rl_list_init(&subscription->of_audience);
    if (name.len == 0 || name.len > RL_CHANNEL_NAME_MAX || memchr(name.ptr, '\0', name.len) != NULL)
        return RL_EINVAL;
    subscription->notes = rl_mem_zalloc(RL_SUBSCRIPTION_NOTES, sizeof *subscription->notes);
    if (subscription->notes == NULL)
        return RL_ENOMEM;
    subscription->audience = audience;
    rl_pg_listener *listener = lock_of(audience);
    rl_err err = enter(listener, subscription, name);
    bool is_heard = subscription->is_heard;
    unlock(listener);
    if (err != RL_OK) {
        subscription->audience = NULL;
        rl_mem_free(subscription->notes);
        subscription->notes = NULL;
        return err;
    }
    rl_list_push_back(&audience->subscriptions, &subscription->of_audience);
    subscription->is_expected = !is_heard;
    if (!is_heard)
        rl_loop_expect(audience->loop);
    return RL_OK;
}

void rl_subscription_leave(rl_subscription *subscription) {
    if (subscription->audience != NULL)
        detach(subscription);
    rl_note_unref(subscription->current);
    subscription->current = NULL;
    while (subscription->count > 0)
        rl_note_unref(pop(subscription));
    rl_mem_free(subscription->notes);
    subscription->notes = NULL;
}

rl_hearing rl_subscription_hearing(rl_subscription *subscription) {
    if (subscription->audience == NULL)
        return RL_HEARING_OVER;
    rl_pg_listener *listener = lock_of(subscription->audience);
    bool is_heard = subscription->is_heard;
    unlock(listener);
    return is_heard ? RL_HEARING : RL_HEARING_SOON;
}

/* After the close nobody else knows of the subscription any more. */
static rl_heard look(rl_subscription *subscription) {
    if (subscription->current == NULL && subscription->count > 0 && !subscription->has_gap) {
        subscription->current = pop(subscription);
        subscription->missed = subscription->dropped;
        subscription->dropped = 0;
    }
    if (subscription->current != NULL)
        return RL_HEARD_NOTE;
    return subscription->has_gap ? RL_HEARD_GAP : RL_HEARD_NOTHING;
}

rl_heard rl_subscription_peek(rl_subscription *subscription) {
    if (subscription->audience == NULL)
        return look(subscription);
    rl_pg_listener *listener = lock_of(subscription->audience);
    rl_heard heard = look(subscription);
    unlock(listener);
    return heard;
}

void rl_subscription_shift(rl_subscription *subscription) {
    if (subscription->current != NULL) {
        rl_note_unref(subscription->current);
        subscription->current = NULL;
        return;
    }
    rl_pg_listener *listener = subscription->audience == NULL ? NULL : lock_of(subscription->audience);
    subscription->has_gap = false;
    if (listener != NULL)
        unlock(listener);
}
