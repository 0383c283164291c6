#include "sync/stripe.h"

#include "base/mem.h"

enum {
    BYTES_A_BUCKET = 256, /* small entries take half of it and more: chains stay short, and the table never grows */
    BUCKETS_A_WRITE = 2   /* swept by each write */
};

size_t rl_power_of_two(uint64_t number) {
    size_t power = 1;
    while (power * 2 <= number)
        power *= 2;
    return power;
}

static uint64_t table_cost(const rl_stripe *stripe) {
    return (stripe->mask + 1) * sizeof *stripe->buckets + RL_STORE_BLOCK;
}

rl_err rl_stripe_init(rl_stripe *stripe, uint64_t ceiling) {
    size_t count = rl_power_of_two(ceiling / BYTES_A_BUCKET);
    stripe->buckets = rl_mem_zalloc(count, sizeof *stripe->buckets);
    if (stripe->buckets == NULL)
        return RL_ENOMEM;
    stripe->mask = count - 1;
    stripe->ceiling = ceiling;
    stripe->bytes = table_cost(stripe);
    rl_list_init(&stripe->used);
    pthread_mutex_init(&stripe->lock, NULL);
    return RL_OK;
}

static void free_entry(rl_entry *entry) {
    rl_parcel_unref(entry->value.parcel);
    rl_mem_free(entry);
}

void rl_stripe_clear(rl_stripe *stripe) {
    for (rl_list *link; (link = rl_list_pop_front(&stripe->used)) != NULL;)
        free_entry(RL_CONTAINER(link, rl_entry, used));
    rl_mem_free(stripe->buckets);
    pthread_mutex_destroy(&stripe->lock);
}

rl_visit rl_stripe_enter(rl_stripe *stripe, rl_slice key, uint64_t hash, uint64_t now_ms) {
    pthread_mutex_lock(&stripe->lock);
    return (rl_visit){.stripe = stripe, .key = key, .hash = hash, .now_ms = now_ms};
}

void rl_visit_leave(rl_visit *visit) {
    pthread_mutex_unlock(&visit->stripe->lock);
    for (rl_entry *next; visit->dead != NULL; visit->dead = next) {
        next = visit->dead->next;
        free_entry(visit->dead);
    }
}

static uint64_t cost_of(const rl_entry *entry) {
    uint64_t bytes = sizeof *entry + entry->key_len + RL_STORE_BLOCK;
    if (entry->value.parcel != NULL)
        bytes += sizeof *entry->value.parcel + entry->value.parcel->len + RL_STORE_BLOCK;
    return bytes;
}

static rl_entry **bucket_of(rl_stripe *stripe, uint64_t hash) {
    return &stripe->buckets[hash & stripe->mask];
}

static void bury(rl_visit *visit, rl_entry *entry) {
    entry->next = visit->dead;
    visit->dead = entry;
}

void rl_visit_remove(rl_visit *visit, rl_entry *entry) {
    rl_stripe *stripe = visit->stripe;
    rl_entry **link = bucket_of(stripe, entry->hash);
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    rl_list_remove(&entry->used);
    stripe->bytes -= cost_of(entry);
    stripe->count--;
    stripe->mortal -= entry->expires_ms != 0;
    bury(visit, entry);
}

bool rl_entry_is_over(const rl_entry *entry, uint64_t now_ms) {
    return entry->expires_ms != 0 && entry->expires_ms <= now_ms;
}

static void expire(rl_visit *visit, rl_entry *entry) {
    visit->stripe->expired++;
    rl_visit_remove(visit, entry);
}

rl_entry *rl_visit_find(rl_visit *visit) {
    rl_entry *at = *bucket_of(visit->stripe, visit->hash);
    while (at != NULL && !(at->hash == visit->hash && rl_slice_eq(rl_slice_of(at->key, at->key_len), visit->key)))
        at = at->next;
    if (at == NULL || !rl_entry_is_over(at, visit->now_ms))
        return at;
    expire(visit, at);
    return NULL;
}

void rl_visit_touch(rl_visit *visit, rl_entry *entry) {
    rl_list_remove(&entry->used);
    rl_list_push_back(&visit->stripe->used, &entry->used);
}

static void sweep_bucket(rl_visit *visit) {
    rl_stripe *stripe = visit->stripe;
    for (rl_entry *at = stripe->buckets[stripe->hand], *next; at != NULL; at = next) {
        next = at->next;
        if (rl_entry_is_over(at, visit->now_ms))
            expire(visit, at);
    }
    stripe->hand = (stripe->hand + 1) & stripe->mask;
}

void rl_visit_sweep(rl_visit *visit, size_t buckets) {
    for (; buckets > 0 && visit->stripe->mortal > 0; buckets--)
        sweep_bucket(visit);
}

static void make_room(rl_visit *visit, uint64_t cost) {
    rl_stripe *stripe = visit->stripe;
    rl_visit_sweep(visit, BUCKETS_A_WRITE);
    for (; stripe->bytes + cost > stripe->ceiling; stripe->evicted++)
        rl_visit_remove(visit, RL_CONTAINER(stripe->used.next, rl_entry, used));
}

static void insert(rl_visit *visit, rl_entry *entry) {
    rl_stripe *stripe = visit->stripe;
    rl_entry **bucket = bucket_of(stripe, entry->hash);
    entry->next = *bucket;
    *bucket = entry;
    rl_list_push_back(&stripe->used, &entry->used);
    stripe->bytes += cost_of(entry);
    stripe->count++;
    stripe->mortal += entry->expires_ms != 0;
}

rl_err rl_visit_insert_take(rl_visit *visit, rl_entry *entry, rl_err err) {
    if (err == RL_OK && table_cost(visit->stripe) + cost_of(entry) > visit->stripe->ceiling)
        err = RL_EFULL;
    if (err != RL_OK) {
        bury(visit, entry);
        return err;
    }
    rl_entry *old = rl_visit_find(visit);
    if (old != NULL)
        rl_visit_remove(visit, old);
    make_room(visit, cost_of(entry));
    insert(visit, entry);
    return RL_OK;
}
