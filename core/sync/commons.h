/* commons -- what the workers of one process have in common: channels, topics, stores.
 *
 * Made before the threads that use it, freed behind them; a VM that nobody gave one
 * (a spec's, a command's) makes its own. All of it is lost with the process. */
#ifndef RL_SYNC_COMMONS_H
#define RL_SYNC_COMMONS_H

#include "sync/channels.h"
#include "sync/stores.h"
#include "sync/topics.h"

typedef struct rl_commons {
    rl_channels *channels;
    rl_topics *topics;
    rl_stores *stores;
} rl_commons;

RL_MUST_USE rl_err rl_commons_new(rl_commons **out);
/* NULL is allowed. */
void rl_commons_free(rl_commons *commons);

#endif
