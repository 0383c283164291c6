/* store -- values by key, in a bounded memory that all workers share.
 *
 *   key --keyed hash--> stripe 0: lock | buckets -> entry -> entry | least recently used ... most
 *                       stripe 1: lock | ...
 *
 * Each stripe has its part of the store's bytes, and when that is full what has not been
 * used for the longest time there goes: so it is the oldest of one stripe in so many,
 * not of the store. The bytes are those that the stripes' tables and entries take, each
 * block with RL_STORE_BLOCK bytes of the allocator's own.
 * A lock is held for a lookup and a few pointers: values are parcels that readers share,
 * made before it and freed after it, and a number lies in its entry. So nobody waits
 * for longer than that, and counting takes no memory.
 * What is over is not found any more; its memory comes back when somebody comes by, at
 * writes a little and by rl_store_sweep. `now_ms` is the caller's clock: all who share a
 * store must have the same. */
#ifndef RL_SYNC_STORE_H
#define RL_SYNC_STORE_H

#include <stdint.h>

#include "sync/parcel.h"

typedef struct rl_store rl_store;

enum {
    RL_STORE_KEY_MAX = 1024,     /* bytes */
    RL_STORE_LEAST = 64 * 1024,  /* bytes of a store: with fewer hardly anything would stay */
    RL_STORE_BLOCK = 16
};

/* A number, or the parcel of anything else. */
typedef struct rl_stored {
    rl_parcel *parcel; /* NULL: a number */
    double number;
} rl_stored;

typedef struct rl_store_stats {
    uint64_t bytes, ceiling, count;
    uint64_t hits, misses, evicted, expired;
} rl_store_stats;

typedef enum rl_store_rule { RL_STORE_ALWAYS, RL_STORE_IF_ABSENT, RL_STORE_IF_PRESENT } rl_store_rule;

/* `bytes` from RL_STORE_LEAST on. */
RL_MUST_USE rl_err rl_store_new(uint64_t bytes, rl_store **out);
/* NULL is allowed. */
void rl_store_free(rl_store *store);

/* RL_ENOTFOUND. A parcel in `out` is a use of the caller's. */
RL_MUST_USE rl_err rl_store_get(rl_store *store, rl_slice key, uint64_t now_ms, rl_stored *out);
/* The value's use goes to the store, in any case. `ttl_ms` 0: it does not expire. RL_EEXIST or
 * RL_ENOTFOUND when the rule forbids it, RL_EFULL when it is larger than a stripe, RL_ENOMEM:
 * all is as before then. */
RL_MUST_USE rl_err rl_store_put_take(rl_store *store, rl_slice key, rl_stored value, rl_store_rule rule, uint64_t ttl_ms,
                                     uint64_t now_ms);
/* Add `by` to a number. When there is nothing: RL_ENOTFOUND, or with `init` that and `by` for `ttl_ms`.
 * RL_EINVAL when it is no number. */
RL_MUST_USE rl_err rl_store_add(rl_store *store, rl_slice key, double by, const double *init, uint64_t ttl_ms,
                                uint64_t now_ms, double *out);
/* Put `value`, or delete with NULL, when what is there equals `expected`, byte for byte; NULL: when nothing is.
 * RL_EEXIST when something else is there, RL_ENOTFOUND when nothing. Takes over the use of `value`'s parcel. */
RL_MUST_USE rl_err rl_store_swap_take(rl_store *store, rl_slice key, const rl_stored *expected, const rl_stored *value,
                                      uint64_t ttl_ms, uint64_t now_ms);
/* Whether it was there. */
bool rl_store_delete(rl_store *store, rl_slice key, uint64_t now_ms);

/* Shows keys that begin so, in no order, until `see` says false; it must be quick. What others write
 * meanwhile is seen or not. */
void rl_store_keys(rl_store *store, rl_slice prefix, uint64_t now_ms, bool (*see)(void *owner, rl_slice key),
                   void *owner);
rl_store_stats rl_store_stats_of(rl_store *store);
/* Free what is over, in a part of the store: 1 in `parts` of it. */
void rl_store_sweep(rl_store *store, uint32_t parts, uint64_t now_ms);

#endif
