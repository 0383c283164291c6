#include "sync/stores.h"

#include <pthread.h>

#include "base/list.h"
#include "base/mem.h"

struct rl_stores {
    pthread_mutex_t lock;
    rl_names names;
};

typedef struct named_store {
    rl_named named;
    rl_store *store;
    uint64_t bytes;
} named_store;

rl_err rl_stores_new(rl_stores **out) {
    rl_stores *stores = rl_mem_alloc(sizeof *stores);
    if (stores == NULL)
        return RL_ENOMEM;
    pthread_mutex_init(&stores->lock, NULL);
    rl_names_init(&stores->names);
    *out = stores;
    return RL_OK;
}

static named_store *of(rl_named *named) {
    return named == NULL ? NULL : RL_CONTAINER(named, named_store, named);
}

void rl_stores_free(rl_stores *stores) {
    if (stores == NULL)
        return;
    for (rl_named *named; (named = rl_names_next(&stores->names, NULL)) != NULL;) {
        rl_names_remove(&stores->names, named);
        rl_store_free(of(named)->store);
        rl_mem_free(of(named));
    }
    rl_names_clear(&stores->names);
    pthread_mutex_destroy(&stores->lock);
    rl_mem_free(stores);
}

static rl_err add(rl_stores *stores, rl_slice name, uint64_t bytes, named_store **out) {
    if (stores->names.count >= RL_STORES_MOST)
        return RL_EFULL;
    named_store *one = rl_mem_zalloc(1, sizeof *one);
    if (one == NULL)
        return RL_ENOMEM;
    one->bytes = bytes;
    rl_err err = rl_store_new(bytes, &one->store);
    if (err == RL_OK)
        err = rl_names_add(&stores->names, &one->named, name);
    if (err != RL_OK) {
        rl_store_free(one->store);
        rl_mem_free(one);
        return err;
    }
    *out = one;
    return RL_OK;
}

rl_err rl_stores_open(rl_stores *stores, rl_slice name, uint64_t bytes, rl_store **out, uint64_t *bytes_there) {
    pthread_mutex_lock(&stores->lock);
    named_store *one = of(rl_names_find(&stores->names, name));
    rl_err err = one == NULL ? add(stores, name, bytes, &one) : one->bytes == bytes ? RL_OK : RL_EEXIST;
    if (err == RL_OK)
        *out = one->store;
    else if (err == RL_EEXIST)
        *bytes_there = one->bytes;
    pthread_mutex_unlock(&stores->lock);
    return err;
}

void rl_stores_sweep(rl_stores *stores, uint32_t parts, uint64_t now_ms) {
    pthread_mutex_lock(&stores->lock);
    for (rl_named *at = rl_names_next(&stores->names, NULL); at != NULL; at = rl_names_next(&stores->names, at))
        rl_store_sweep(of(at)->store, parts, now_ms);
    pthread_mutex_unlock(&stores->lock);
}

void rl_stores_look(rl_stores *stores, void (*see)(void *owner, const char *name, const rl_store_stats *stats),
                    void *owner) {
    pthread_mutex_lock(&stores->lock);
    for (rl_named *at = rl_names_next(&stores->names, NULL); at != NULL; at = rl_names_next(&stores->names, at)) {
        rl_store_stats stats = rl_store_stats_of(of(at)->store);
        see(owner, at->name, &stats);
    }
    pthread_mutex_unlock(&stores->lock);
}
