#include "sync/names.h"

#include <sys/random.h>
#include <time.h>

#include "base/mem.h"

enum { FIRST_CAP = 16 };

/* Where the kernel has no randomness to give, early in its life, time must do. */
static void draw_key(rl_siphash_key *key) {
    if (getrandom(key, sizeof *key, GRND_NONBLOCK) == (ssize_t)sizeof *key)
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *key = (rl_siphash_key){(uint64_t)now.tv_nsec, (uint64_t)now.tv_sec ^ (uint64_t)(uintptr_t)key};
}

void rl_names_init(rl_names *names) {
    *names = (rl_names){.buckets = NULL};
    draw_key(&names->key);
}

void rl_names_clear(rl_names *names) {
    rl_mem_free(names->buckets);
    names->buckets = NULL;
    names->cap = 0;
}

bool rl_name_is_valid(rl_slice name) {
    return name.len > 0 && name.len <= RL_NAME_MAX;
}

static rl_named **bucket_of(const rl_names *names, uint64_t hash) {
    return &names->buckets[hash & (names->cap - 1)];
}

rl_named *rl_names_find(const rl_names *names, rl_slice name) {
    if (names->cap == 0)
        return NULL;
    uint64_t hash = rl_siphash(&names->key, name);
    rl_named *at = *bucket_of(names, hash);
    while (at != NULL && !(at->hash == hash && rl_slice_eq(rl_slice_of(at->name, at->len), name)))
        at = at->next;
    return at;
}

static void put(rl_names *names, rl_named *named) {
    rl_named **bucket = bucket_of(names, named->hash);
    named->next = *bucket;
    *bucket = named;
}

/* Without memory for more buckets it goes on with these. */
static rl_err grow(rl_names *names) {
    size_t cap = names->cap == 0 ? FIRST_CAP : 2 * names->cap;
    rl_named **buckets = rl_mem_zalloc(cap, sizeof *buckets);
    if (buckets == NULL)
        return names->cap == 0 ? RL_ENOMEM : RL_OK;
    rl_names old = *names;
    names->buckets = buckets;
    names->cap = cap;
    for (size_t i = 0; i < old.cap; i++)
        for (rl_named *at = old.buckets[i], *next; at != NULL; at = next) {
            next = at->next;
            put(names, at);
        }
    rl_mem_free(old.buckets);
    return RL_OK;
}

rl_err rl_names_add(rl_names *names, rl_named *named, rl_slice name) {
    if (names->count >= names->cap) {
        rl_err err = grow(names);
        if (err != RL_OK)
            return err;
    }
    named->hash = rl_siphash(&names->key, name);
    named->len = name.len;
    memcpy(named->name, name.ptr, name.len);
    named->name[name.len] = '\0';
    put(names, named);
    names->count++;
    return RL_OK;
}

void rl_names_remove(rl_names *names, rl_named *named) {
    rl_named **at = bucket_of(names, named->hash);
    while (*at != named)
        at = &(*at)->next;
    *at = named->next;
    names->count--;
}

rl_named *rl_names_next(const rl_names *names, const rl_named *named) {
    if (named != NULL && named->next != NULL)
        return named->next;
    size_t i = named == NULL ? 0 : (named->hash & (names->cap - 1)) + 1;
    while (i < names->cap && names->buckets[i] == NULL)
        i++;
    return i < names->cap ? names->buckets[i] : NULL;
}
