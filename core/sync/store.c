#include "sync/store.h"

#include <sys/random.h>

#include "base/mem.h"
#include "base/siphash.h"
#include "sync/stripe.h"

enum {
    MOST_STRIPES = 64,
    STRIPE_LEAST = 4 << 20, /* bytes: so much may one value take */
    BUCKETS_A_LOCK = 64     /* looked at before others get a turn */
};

struct rl_store {
    rl_siphash_key key;
    uint64_t bytes;
    size_t stripe_count; /* a power of two */
    rl_stripe stripes[];
};

rl_err rl_store_new(uint64_t bytes, rl_store **out) {
    size_t count = bytes < STRIPE_LEAST ? 1 : rl_power_of_two(bytes / STRIPE_LEAST);
    count = count > MOST_STRIPES ? MOST_STRIPES : count;
    rl_store *store = rl_mem_zalloc(1, sizeof *store + count * sizeof *store->stripes);
    if (store == NULL)
        return RL_ENOMEM;
    store->bytes = bytes;
    rl_err err = getrandom(&store->key, sizeof store->key, 0) == (ssize_t)sizeof store->key ? RL_OK : RL_EIO;
    while (err == RL_OK && store->stripe_count < count) {
        err = rl_stripe_init(&store->stripes[store->stripe_count], bytes / count);
        store->stripe_count += err == RL_OK;
    }
    if (err != RL_OK) {
        rl_store_free(store);
        return err;
    }
    *out = store;
    return RL_OK;
}

void rl_store_free(rl_store *store) {
    if (store == NULL)
        return;
    for (size_t i = 0; i < store->stripe_count; i++)
        rl_stripe_clear(&store->stripes[i]);
    rl_mem_free(store);
}

/* The stripe by the upper half of the hash: its bucket goes by the lower. */
static rl_visit enter(rl_store *store, rl_slice key, uint64_t now_ms) {
    uint64_t hash = rl_siphash(&store->key, key);
    return rl_stripe_enter(&store->stripes[(hash >> 32) & (store->stripe_count - 1)], key, hash, now_ms);
}

rl_err rl_store_get(rl_store *store, rl_slice key, uint64_t now_ms, rl_stored *out) {
    rl_visit visit = enter(store, key, now_ms);
    rl_entry *at = rl_visit_find(&visit);
    if (at != NULL) {
        visit.stripe->hits++;
        rl_visit_touch(&visit, at);
        *out = at->value;
        if (out->parcel != NULL)
            rl_parcel_ref(out->parcel);
    } else {
        visit.stripe->misses++;
    }
    rl_visit_leave(&visit);
    return at != NULL ? RL_OK : RL_ENOTFOUND;
}

/* ---- writing ------------------------------------------------------------------------ */

/* Its use of the value's parcel goes to the entry; without memory it is given up. */
static rl_entry *new_entry(rl_store *store, rl_slice key, rl_stored value, uint64_t ttl_ms, uint64_t now_ms) {
    rl_entry *entry = rl_mem_alloc(sizeof *entry + key.len);
    if (entry == NULL) {
        rl_parcel_unref(value.parcel);
        return NULL;
    }
    *entry = (rl_entry){.hash = rl_siphash(&store->key, key),
                        .expires_ms = ttl_ms == 0 ? 0 : now_ms + ttl_ms,
                        .value = value,
                        .key_len = (uint32_t)key.len};
    rl_list_init(&entry->used);
    memcpy(entry->key, key.ptr, key.len);
    return entry;
}

static rl_err may_put(rl_visit *visit, rl_store_rule rule) {
    if (rule == RL_STORE_ALWAYS)
        return RL_OK;
    bool is_there = rl_visit_find(visit) != NULL;
    if (is_there == (rule == RL_STORE_IF_PRESENT))
        return RL_OK;
    return is_there ? RL_EEXIST : RL_ENOTFOUND;
}

rl_err rl_store_put_take(rl_store *store, rl_slice key, rl_stored value, rl_store_rule rule, uint64_t ttl_ms,
                         uint64_t now_ms) {
    rl_entry *entry = new_entry(store, key, value, ttl_ms, now_ms);
    if (entry == NULL)
        return RL_ENOMEM;
    rl_visit visit = enter(store, key, now_ms);
    rl_err err = rl_visit_insert_take(&visit, entry, may_put(&visit, rule));
    rl_visit_leave(&visit);
    return err;
}

/* RL_ENOTFOUND when nothing is there. */
static rl_err add_to(rl_visit *visit, double by, double *out) {
    rl_entry *at = rl_visit_find(visit);
    if (at == NULL)
        return RL_ENOTFOUND;
    if (at->value.parcel != NULL)
        return RL_EINVAL;
    rl_visit_touch(visit, at);
    *out = at->value.number += by;
    return RL_OK;
}

/* Another one may have been quicker. */
static rl_err add_or_insert_take(rl_visit *visit, rl_entry *entry, double by, double *out) {
    double begins = entry->value.number;
    rl_err err = add_to(visit, by, out);
    if (err == RL_ENOTFOUND) {
        *out = begins;
        return rl_visit_insert_take(visit, entry, RL_OK);
    }
    (void)!rl_visit_insert_take(visit, entry, RL_EEXIST);
    return err;
}

rl_err rl_store_add(rl_store *store, rl_slice key, double by, const double *init, uint64_t ttl_ms, uint64_t now_ms,
                    double *out) {
    rl_visit visit = enter(store, key, now_ms);
    rl_err err = add_to(&visit, by, out);
    rl_visit_leave(&visit);
    if (err != RL_ENOTFOUND || init == NULL)
        return err;
    rl_entry *entry = new_entry(store, key, (rl_stored){.number = *init + by}, ttl_ms, now_ms);
    if (entry == NULL)
        return RL_ENOMEM;
    visit = enter(store, key, now_ms);
    err = add_or_insert_take(&visit, entry, by, out);
    rl_visit_leave(&visit);
    return err;
}

static bool is_equal(const rl_stored *a, const rl_stored *b) {
    if (a->parcel == NULL || b->parcel == NULL)
        return a->parcel == b->parcel && a->number == b->number;
    return rl_slice_eq(rl_parcel_bytes(a->parcel), rl_parcel_bytes(b->parcel));
}

static rl_err compare(const rl_entry *at, const rl_stored *expected) {
    if (at == NULL)
        return expected == NULL ? RL_OK : RL_ENOTFOUND;
    return expected != NULL && is_equal(&at->value, expected) ? RL_OK : RL_EEXIST;
}

rl_err rl_store_swap_take(rl_store *store, rl_slice key, const rl_stored *expected, const rl_stored *value,
                          uint64_t ttl_ms, uint64_t now_ms) {
    rl_entry *entry = value == NULL ? NULL : new_entry(store, key, *value, ttl_ms, now_ms);
    if (value != NULL && entry == NULL)
        return RL_ENOMEM;
    rl_visit visit = enter(store, key, now_ms);
    rl_entry *at = rl_visit_find(&visit);
    rl_err err = compare(at, expected);
    if (entry != NULL)
        err = rl_visit_insert_take(&visit, entry, err);
    else if (err == RL_OK && at != NULL)
        rl_visit_remove(&visit, at);
    rl_visit_leave(&visit);
    return err;
}

bool rl_store_delete(rl_store *store, rl_slice key, uint64_t now_ms) {
    rl_visit visit = enter(store, key, now_ms);
    rl_entry *at = rl_visit_find(&visit);
    if (at != NULL)
        rl_visit_remove(&visit, at);
    rl_visit_leave(&visit);
    return at != NULL;
}

/* ---- all of it ------------------------------------------------------------------------ */

static bool show_bucket(const rl_entry *at, rl_slice prefix, uint64_t now_ms, bool (*see)(void *owner, rl_slice key),
                        void *owner) {
    for (; at != NULL; at = at->next) {
        rl_slice key = rl_slice_of(at->key, at->key_len);
        if (rl_slice_has_prefix(key, prefix) && !rl_entry_is_over(at, now_ms) && !see(owner, key))
            return false;
    }
    return true;
}

void rl_store_keys(rl_store *store, rl_slice prefix, uint64_t now_ms, bool (*see)(void *owner, rl_slice key),
                   void *owner) {
    bool goes_on = true;
    for (size_t i = 0; goes_on && i < store->stripe_count; i++) {
        rl_stripe *stripe = &store->stripes[i];
        for (size_t bucket = 0; goes_on && bucket <= stripe->mask;) {
            pthread_mutex_lock(&stripe->lock);
            for (int n = 0; goes_on && n < BUCKETS_A_LOCK && bucket <= stripe->mask; n++)
                goes_on = show_bucket(stripe->buckets[bucket++], prefix, now_ms, see, owner);
            pthread_mutex_unlock(&stripe->lock);
        }
    }
}

rl_store_stats rl_store_stats_of(rl_store *store) {
    rl_store_stats stats = {.ceiling = store->bytes};
    for (size_t i = 0; i < store->stripe_count; i++) {
        rl_stripe *stripe = &store->stripes[i];
        pthread_mutex_lock(&stripe->lock);
        stats.bytes += stripe->bytes;
        stats.count += stripe->count;
        stats.hits += stripe->hits;
        stats.misses += stripe->misses;
        stats.evicted += stripe->evicted;
        stats.expired += stripe->expired;
        pthread_mutex_unlock(&stripe->lock);
    }
    return stats;
}

void rl_store_sweep(rl_store *store, uint32_t parts, uint64_t now_ms) {
    for (size_t i = 0; i < store->stripe_count; i++) {
        rl_stripe *stripe = &store->stripes[i];
        for (size_t left = (stripe->mask + 1) / parts + 1; left > 0;) {
            size_t count = left < BUCKETS_A_LOCK ? left : BUCKETS_A_LOCK;
            rl_visit visit = rl_stripe_enter(stripe, RL_LIT(""), 0, now_ms);
            rl_visit_sweep(&visit, count);
            rl_visit_leave(&visit);
            left -= count;
        }
    }
}
