/* stripe -- one part of a store (sync/store.h): its entries under one lock.
 *
 *   buckets: [ ] [ entry -> entry ] [ ] [ entry ] ...       as many for ever: nothing is ever rehashed
 *   used:    entry <-> entry <-> entry                      the least recently used first
 *
 * What is taken out goes to the dead of the visit, and is freed when the lock is free. */
#ifndef RL_SYNC_STRIPE_H
#define RL_SYNC_STRIPE_H

#include <pthread.h>

#include "base/list.h"
#include "sync/store.h"

typedef struct rl_entry {
    struct rl_entry *next; /* in its bucket, or among the dead */
    rl_list used;
    uint64_t hash, expires_ms; /* 0: never */
    rl_stored value;
    uint32_t key_len;
    char key[];
} rl_entry;

typedef struct rl_stripe {
    pthread_mutex_t lock;
    rl_entry **buckets;
    size_t mask;
    rl_list used;
    uint64_t bytes, ceiling, count;
    uint64_t mortal; /* entries that will expire */
    size_t hand;     /* the bucket to be swept next */
    uint64_t hits, misses, evicted, expired;
    char apart[64]; /* a cache line */
} rl_stripe;

/* Somebody in a stripe, with its lock, about a key. */
typedef struct rl_visit {
    rl_stripe *stripe;
    rl_slice key;
    uint64_t hash, now_ms;
    rl_entry *dead;
} rl_visit;

RL_MUST_USE rl_err rl_stripe_init(rl_stripe *stripe, uint64_t ceiling);
void rl_stripe_clear(rl_stripe *stripe);
/* The greatest power of two that is not greater. */
size_t rl_power_of_two(uint64_t number);

rl_visit rl_stripe_enter(rl_stripe *stripe, rl_slice key, uint64_t hash, uint64_t now_ms);
/* Gives the lock back, then frees the dead. */
void rl_visit_leave(rl_visit *visit);
/* NULL when there is none, or it is over. */
rl_entry *rl_visit_find(rl_visit *visit);
/* It was used just now. */
void rl_visit_touch(rl_visit *visit, rl_entry *entry);
void rl_visit_remove(rl_visit *visit, rl_entry *entry);
/* In place of what is there, with room made for it; it is among the dead when `err` says that it may not be.
 * RL_EFULL when it is larger than all the room there is. */
RL_MUST_USE rl_err rl_visit_insert_take(rl_visit *visit, rl_entry *entry, rl_err err);
/* Free what is over in the next buckets. */
void rl_visit_sweep(rl_visit *visit, size_t buckets);
bool rl_entry_is_over(const rl_entry *entry, uint64_t now_ms);

#endif
