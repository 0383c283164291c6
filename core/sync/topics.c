#include "sync/topics.h"

#include <pthread.h>

#include "base/mem.h"

struct rl_topics {
    pthread_mutex_t lock; /* of the names and of what topics say is so */
    rl_names names;
    size_t subscribers;
};

struct rl_topic {
    rl_named named;
    rl_topics *home;
    size_t uses; /* subscribers, and whoever publishes now; under home's lock */
    pthread_mutex_t lock; /* of what is below; behind home's, if both */
    rl_list subscribers;
    size_t count;
    uint64_t published;
};

rl_err rl_topics_new(rl_topics **out) {
    rl_topics *topics = rl_mem_zalloc(1, sizeof *topics);
    if (topics == NULL)
        return RL_ENOMEM;
    pthread_mutex_init(&topics->lock, NULL);
    rl_names_init(&topics->names);
    *out = topics;
    return RL_OK;
}

void rl_topics_free(rl_topics *topics) {
    if (topics == NULL || topics->names.count > 0)
        return;
    rl_names_clear(&topics->names);
    pthread_mutex_destroy(&topics->lock);
    rl_mem_free(topics);
}

static rl_topic *of(rl_named *named) {
    return named == NULL ? NULL : RL_CONTAINER(named, rl_topic, named);
}

/* ---- which topics there are, under the lock of `topics` ---------------------------- */

static rl_err add(rl_topics *topics, rl_slice name, rl_topic **out) {
    if (topics->names.count >= RL_TOPICS_MOST)
        return RL_EFULL;
    rl_topic *topic = rl_mem_zalloc(1, sizeof *topic);
    if (topic == NULL)
        return RL_ENOMEM;
    rl_err err = rl_names_add(&topics->names, &topic->named, name);
    if (err != RL_OK) {
        rl_mem_free(topic);
        return err;
    }
    topic->home = topics;
    pthread_mutex_init(&topic->lock, NULL);
    rl_list_init(&topic->subscribers);
    *out = topic;
    return RL_OK;
}

static rl_err find_or_add(rl_topics *topics, rl_slice name, rl_topic **out) {
    if (topics->subscribers >= RL_SUBSCRIBERS_MOST)
        return RL_EFULL;
    rl_topic *topic = of(rl_names_find(&topics->names, name));
    rl_err err = topic == NULL ? add(topics, name, &topic) : RL_OK;
    if (err != RL_OK)
        return err;
    topic->uses++;
    topics->subscribers++;
    *out = topic;
    return RL_OK;
}

static void let_go(rl_topic *topic, bool subscribed) {
    rl_topics *topics = topic->home;
    pthread_mutex_lock(&topics->lock);
    topics->subscribers -= subscribed;
    bool is_last = --topic->uses == 0;
    if (is_last)
        rl_names_remove(&topics->names, &topic->named);
    pthread_mutex_unlock(&topics->lock);
    if (!is_last)
        return;
    pthread_mutex_destroy(&topic->lock);
    rl_mem_free(topic);
}

/* ---- subscribing --------------------------------------------------------------------- */

rl_err rl_topics_subscribe(rl_topics *topics, rl_slice name, size_t buffer, rl_on_full on_full,
                           rl_subscriber *out) {
    rl_channel *channel;
    rl_err err = rl_channel_new(buffer, &channel);
    if (err != RL_OK)
        return err;
    rl_topic *topic;
    pthread_mutex_lock(&topics->lock);
    err = find_or_add(topics, name, &topic);
    pthread_mutex_unlock(&topics->lock);
    if (err != RL_OK) {
        rl_channel_unref(channel);
        return err;
    }
    *out = (rl_subscriber){.topic = topic, .channel = channel, .on_full = on_full};
    pthread_mutex_lock(&topic->lock);
    rl_list_push_back(&topic->subscribers, &out->link);
    topic->count++;
    pthread_mutex_unlock(&topic->lock);
    return RL_OK;
}

void rl_subscriber_leave(rl_subscriber *subscriber, rl_loop *here) {
    rl_topic *topic = subscriber->topic;
    if (topic == NULL)
        return;
    subscriber->topic = NULL;
    pthread_mutex_lock(&topic->lock);
    rl_list_remove(&subscriber->link);
    topic->count--;
    pthread_mutex_unlock(&topic->lock);
    let_go(topic, true);
    (void)!rl_channel_close(subscriber->channel, here); /* the topic may have disconnected it */
}

void rl_subscriber_clear(rl_subscriber *subscriber) {
    rl_channel_unref(subscriber->channel);
    subscriber->channel = NULL;
}

/* ---- publishing ------------------------------------------------------------------------ */

static void count_dropped(rl_subscriber *subscriber) {
    atomic_fetch_add_explicit(&subscriber->dropped, 1, memory_order_relaxed);
}

/* Only the topic sends, so that the room that this makes stays there. */
static void drop_oldest(rl_subscriber *subscriber, rl_loop *here) {
    rl_message oldest = {.parcel = NULL};
    if (rl_channel_receive(subscriber->channel, &oldest, here) == RL_OK)
        count_dropped(subscriber);
    rl_message_clear(&oldest);
}

/* Whether it will be heard. */
static bool send_to(rl_subscriber *subscriber, rl_parcel *parcel, rl_loop *here) {
    rl_err err = rl_channel_send_parcel(subscriber->channel, parcel, here);
    if (err == RL_EFULL && subscriber->on_full == RL_DROP_OLDEST) {
        drop_oldest(subscriber, here);
        err = rl_channel_send_parcel(subscriber->channel, parcel, here);
    }
    if (err == RL_OK)
        return true;
    if (err != RL_ECLOSED)
        count_dropped(subscriber);
    if (err == RL_EFULL && subscriber->on_full == RL_DISCONNECT)
        (void)!rl_channel_close(subscriber->channel, here);
    return false;
}

static rl_topic *find(rl_topics *topics, rl_slice name) {
    pthread_mutex_lock(&topics->lock);
    rl_topic *topic = of(rl_names_find(&topics->names, name));
    if (topic != NULL)
        topic->uses++;
    pthread_mutex_unlock(&topics->lock);
    return topic;
}

bool rl_topics_is_heard(rl_topics *topics, rl_slice name) {
    pthread_mutex_lock(&topics->lock);
    bool is_heard = rl_names_find(&topics->names, name) != NULL;
    pthread_mutex_unlock(&topics->lock);
    return is_heard;
}

size_t rl_topics_publish(rl_topics *topics, rl_slice name, rl_parcel *parcel, rl_loop *here) {
    rl_topic *topic = find(topics, name);
    if (topic == NULL)
        return 0;
    size_t heard = 0;
    pthread_mutex_lock(&topic->lock);
    topic->published++;
    for (rl_list *at = topic->subscribers.next; at != &topic->subscribers; at = at->next)
        heard += send_to(RL_CONTAINER(at, rl_subscriber, link), parcel, here);
    pthread_mutex_unlock(&topic->lock);
    let_go(topic, false);
    return heard;
}

/* ---- looking ----------------------------------------------------------------------------- */

static rl_topic_stats stats_of(rl_topic *topic) {
    rl_topic_stats stats = {.published = topic->published, .subscribers = topic->count};
    for (rl_list *at = topic->subscribers.next; at != &topic->subscribers; at = at->next) {
        rl_subscriber *one = RL_CONTAINER(at, rl_subscriber, link);
        rl_channel_stats channel = rl_channel_stats_of(one->channel);
        stats.depth += channel.depth;
        stats.bytes += channel.bytes;
        stats.dropped += atomic_load_explicit(&one->dropped, memory_order_relaxed);
    }
    return stats;
}

void rl_topics_look(rl_topics *topics, void (*see)(void *owner, const char *name, const rl_topic_stats *stats),
                    void *owner) {
    pthread_mutex_lock(&topics->lock);
    for (rl_named *at = rl_names_next(&topics->names, NULL); at != NULL; at = rl_names_next(&topics->names, at)) {
        rl_topic *topic = of(at);
        pthread_mutex_lock(&topic->lock);
        rl_topic_stats stats = stats_of(topic);
        pthread_mutex_unlock(&topic->lock);
        see(owner, at->name, &stats);
    }
    pthread_mutex_unlock(&topics->lock);
}
