#include "sync/channels.h"

#include <pthread.h>

#include "base/mem.h"

struct rl_channels {
    pthread_mutex_t lock;
    rl_names names;
};

rl_err rl_channels_new(rl_channels **out) {
    rl_channels *channels = rl_mem_alloc(sizeof *channels);
    if (channels == NULL)
        return RL_ENOMEM;
    pthread_mutex_init(&channels->lock, NULL);
    rl_names_init(&channels->names);
    *out = channels;
    return RL_OK;
}

static rl_shared_channel *of(rl_named *named) {
    return named == NULL ? NULL : RL_CONTAINER(named, rl_shared_channel, named);
}

static void remove_one(rl_channels *channels, rl_shared_channel *shared) {
    rl_names_remove(&channels->names, &shared->named);
    rl_channel_unref(shared->channel);
    rl_mem_free(shared);
}

static bool is_held(const rl_channels *channels) {
    rl_named *at = rl_names_next(&channels->names, NULL);
    while (at != NULL && of(at)->holders == 0)
        at = rl_names_next(&channels->names, at);
    return at != NULL;
}

void rl_channels_free(rl_channels *channels) {
    if (channels == NULL || is_held(channels))
        return; /* a task that ignored the end of its worker holds it: it ends with the process */
    for (rl_named *named; (named = rl_names_next(&channels->names, NULL)) != NULL;)
        remove_one(channels, of(named));
    rl_names_clear(&channels->names);
    pthread_mutex_destroy(&channels->lock);
    rl_mem_free(channels);
}

static rl_err add(rl_channels *channels, rl_slice name, size_t capacity, rl_shared_channel **out) {
    if (channels->names.count >= RL_CHANNELS_MOST)
        return RL_EFULL;
    rl_shared_channel *shared = rl_mem_zalloc(1, sizeof *shared);
    if (shared == NULL)
        return RL_ENOMEM;
    shared->home = channels;
    shared->capacity = capacity;
    rl_err err = rl_channel_new(capacity, &shared->channel);
    if (err == RL_OK)
        err = rl_names_add(&channels->names, &shared->named, name);
    if (err != RL_OK) {
        rl_channel_unref(shared->channel);
        rl_mem_free(shared);
        return err;
    }
    *out = shared;
    return RL_OK;
}

static rl_err find_or_add(rl_channels *channels, rl_slice name, size_t capacity, rl_shared_channel **out,
                          size_t *capacity_there) {
    rl_shared_channel *shared = of(rl_names_find(&channels->names, name));
    if (shared == NULL)
        return add(channels, name, capacity, out);
    *capacity_there = shared->capacity;
    if (shared->capacity != capacity)
        return RL_EEXIST;
    *out = shared;
    return RL_OK;
}

rl_err rl_shared_channel_hold(rl_channels *channels, rl_slice name, size_t capacity, rl_shared_channel **out,
                              size_t *capacity_there) {
    pthread_mutex_lock(&channels->lock);
    rl_err err = find_or_add(channels, name, capacity, out, capacity_there);
    if (err == RL_OK)
        (*out)->holders++;
    pthread_mutex_unlock(&channels->lock);
    return err;
}

/* What a closed channel still holds nobody can come for: its name leads to another one from now on. */
static bool is_over(const rl_channel_stats *now) {
    return now->is_closed || now->depth == 0;
}

void rl_shared_channel_let_go(rl_shared_channel *shared) {
    rl_channels *channels = shared->home;
    pthread_mutex_lock(&channels->lock);
    if (--shared->holders == 0) {
        rl_channel_stats now = rl_channel_stats_of(shared->channel);
        if (is_over(&now))
            remove_one(channels, shared);
    }
    pthread_mutex_unlock(&channels->lock);
}

void rl_channels_look(rl_channels *channels,
                      void (*see)(void *owner, const char *name, const rl_channel_stats *stats), void *owner) {
    pthread_mutex_lock(&channels->lock);
    for (rl_named *at = rl_names_next(&channels->names, NULL); at != NULL; at = rl_names_next(&channels->names, at)) {
        rl_channel_stats stats = rl_channel_stats_of(of(at)->channel);
        see(owner, at->name, &stats);
    }
    pthread_mutex_unlock(&channels->lock);
}
