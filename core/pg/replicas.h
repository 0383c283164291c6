/* replicas -- the servers that follow a primary, and which of them a read may go to.
 *
 *     every half second, or four times as often as the bound:
 *
 *       primary  --pg_current_wal_insert_lsn()-->  trail: it stood at P, asked at T
 *       replica  --pg_last_wal_replay_lsn()----->  it has P: it is complete up to T
 *                --pg_is_in_recovery()---------->  it is one still
 *
 *     a request writes ... answered at W ... reads: from a replica with W < T, else the primary
 *
 * A read goes to the least loaded of those that are READY (pg/replica.h), and to the primary
 * when there is none. A request reads its own writes: the moment at which the last one was
 * answered is kept in the outermost scope, and no replica is read that is not known to be
 * complete beyond it. So no write costs a statement more. The position asked for is that of
 * insertion: with synchronous_commit off, a commit is answered before it is flushed.
 *
 * All is known per worker: one that is stuck misleads no other. */
#ifndef RL_PG_REPLICAS_H
#define RL_PG_REPLICAS_H

#include "loop/scope.h"
#include "pg/replica.h"

typedef struct rl_replicas rl_replicas;

enum { RL_REPLICAS_MOST = 32 };

typedef struct rl_replicas_options {
    const char *urls[RL_REPLICAS_MOST]; /* copied */
    uint32_t count;
    uint64_t max_lag_ms; /* one that is further behind is not read */
} rl_replicas_options;

/* From now on what runs for `pool`, which was opened like `like`, finds them there
 * (rl_pool_replicas). RL_EINVAL when a URL is none. */
RL_MUST_USE rl_err rl_replicas_open(rl_loop *loop, rl_pool *pool, const rl_pool_options *like,
                                    const rl_replicas_options *options, rl_replicas **out);
/* Before the pool. What runs on them fails. */
void rl_replicas_close(rl_replicas *replicas);

/* Where a read of the scope may go now; NULL: to the primary. */
rl_replica *rl_replicas_choose(rl_replicas *replicas, rl_scope *scope);
/* A write of the scope was answered just now. */
void rl_replicas_note_write(rl_replicas *replicas, rl_scope *scope);

uint32_t rl_replicas_count(const rl_replicas *replicas);
const rl_replica *rl_replicas_at(const rl_replicas *replicas, uint32_t at);

#endif
