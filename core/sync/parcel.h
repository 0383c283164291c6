/* parcel -- the bytes of one value, on their way between workers.
 *
 * Packed by whoever sends (vm/pack.h), read by whoever receives; nothing here knows
 * what they mean. A parcel never changes, so that many may read it at once: it is
 * freed by whoever gives up its last use. */
#ifndef RL_SYNC_PARCEL_H
#define RL_SYNC_PARCEL_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

typedef struct rl_parcel {
    _Atomic uint32_t uses;
    uint32_t len;
    char bytes[];
} rl_parcel;

/* A copy of `bytes`, with one use: the caller's. NULL without memory. */
RL_MUST_USE rl_parcel *rl_parcel_new(rl_slice bytes);

static inline rl_slice rl_parcel_bytes(const rl_parcel *parcel) {
    return rl_slice_of(parcel->bytes, parcel->len);
}

/* One use more. */
static inline rl_parcel *rl_parcel_ref(rl_parcel *parcel) {
    atomic_fetch_add_explicit(&parcel->uses, 1, memory_order_relaxed);
    return parcel;
}

/* One use less; NULL is allowed. */
void rl_parcel_unref(rl_parcel *parcel);

#endif
