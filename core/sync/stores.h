/* stores -- the stores that workers find by name.
 *
 * A store is there as long as the process is: nobody need hold it, so that a reload
 * finds what was in it. */
#ifndef RL_SYNC_STORES_H
#define RL_SYNC_STORES_H

#include "sync/names.h"
#include "sync/store.h"

enum { RL_STORES_MOST = 256 };

typedef struct rl_stores rl_stores;

RL_MUST_USE rl_err rl_stores_new(rl_stores **out);
/* Nobody uses one any more. NULL is allowed. */
void rl_stores_free(rl_stores *stores);
/* Find or make it. RL_EEXIST: it is there with `*bytes_there` instead. RL_EFULL: there are
 * RL_STORES_MOST already. `name` is valid. */
RL_MUST_USE rl_err rl_stores_open(rl_stores *stores, rl_slice name, uint64_t bytes, rl_store **out,
                                  uint64_t *bytes_there);
/* rl_store_sweep for each. */
void rl_stores_sweep(rl_stores *stores, uint32_t parts, uint64_t now_ms);
void rl_stores_look(rl_stores *stores, void (*see)(void *owner, const char *name, const rl_store_stats *stats),
                    void *owner);

#endif
