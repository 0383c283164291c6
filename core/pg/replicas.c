#include "pg/replicas.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pg/jitter.h"

enum {
    ROUND_MOST_MS = 500,
    ROUND_LEAST_MS = 20,
    ROUNDS_PER_LAG = 4 /* the lag is known to two rounds, which must not fill its bound */
};

/* Where the log ends that has all commits which were answered. Right behind a page's header
 * nothing was written yet: a replica calls the same place the end of the page before, and an
 * idle primary that has just begun a segment would never be caught up with. */
#define POSITION_SQL                                                                                                 \
    "select at - case when at % pg_size_bytes(current_setting('wal_segment_size')) = 40 then 40"                    \
    " when at % current_setting('wal_block_size')::int = 24 then 24 else 0 end"                                     \
    " from (select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as at) as log"

struct rl_replicas {
    rl_loop *loop;
    rl_pool *pool;
    rl_probe probe; /* of the primary */
    rl_trail trail;
    rl_timer round;
    uint64_t round_ms;
    rl_jitter jitter;
    uint64_t forgotten_ns; /* when a write was answered that could not be remembered */
    uint32_t turn;         /* which of those that are alike comes first */
    uint32_t count;
    rl_replica each[];
};

/* ---- rounds ------------------------------------------------------------------------- */

static void time_round(rl_replicas *replicas) {
    rl_timer_start(replicas->loop, &replicas->round, rl_jitter_about_ms(&replicas->jitter, replicas->round_ms));
}

/* First the primary, then the replicas: what it had, they mostly have by now. */
static void on_round(rl_timer *timer) {
    rl_replicas *replicas = RL_CONTAINER(timer, rl_replicas, round);
    time_round(replicas);
    rl_probe_ask(&replicas->probe);
}

static void on_position(rl_probe *probe, const rl_result *result, const char *why) {
    rl_replicas *replicas = RL_CONTAINER(probe, rl_replicas, probe);
    (void)why; /* the statements that go there say so to somebody */
    rl_slice position;
    if (result != NULL && rl_result_cell(result, 0, 0, &position))
        rl_trail_add(&replicas->trail, strtoull(position.ptr, NULL, 10), probe->asked_ns);
    for (uint32_t i = 0; i < replicas->count; i++)
        rl_replica_probe(&replicas->each[i]);
}

/* ---- a request's own writes ------------------------------------------------------------ */

/* Lent to the outermost scope. */
typedef struct mark {
    rl_lent lent;
    const rl_replicas *replicas;
    uint64_t wrote_ns;
} mark;

static void free_mark(rl_lent *lent) {
    rl_mem_free(RL_CONTAINER(lent, mark, lent));
}

/* That of the request, or of the task in the background: below the program's own. */
static rl_scope *outermost(rl_scope *scope) {
    while (scope->parent != NULL && scope->parent->parent != NULL)
        scope = scope->parent;
    return scope;
}

static mark *find_mark(const rl_replicas *replicas, const rl_scope *scope) {
    for (rl_list *at = scope->lent.next; at != &scope->lent; at = at->next) {
        rl_lent *lent = RL_CONTAINER(at, rl_lent, link);
        if (lent->release == free_mark && RL_CONTAINER(lent, mark, lent)->replicas == replicas)
            return RL_CONTAINER(lent, mark, lent);
    }
    return NULL;
}

void rl_replicas_note_write(rl_replicas *replicas, rl_scope *scope) {
    rl_scope *root = outermost(scope);
    mark *own = find_mark(replicas, root);
    if (own == NULL) {
        own = rl_mem_zalloc(1, sizeof *own);
        if (own == NULL) {
            replicas->forgotten_ns = rl_clock_ns();
            return;
        }
        own->replicas = replicas;
        rl_scope_lend(root, &own->lent, "last write", free_mark);
    }
    own->wrote_ns = rl_clock_ns();
}

/* ---- which one ---------------------------------------------------------------------------- */

rl_replica *rl_replicas_choose(rl_replicas *replicas, rl_scope *scope) {
    const mark *own = find_mark(replicas, outermost(scope));
    uint64_t since_ns = own == NULL ? replicas->forgotten_ns : own->wrote_ns;
    if (since_ns < replicas->forgotten_ns)
        since_ns = replicas->forgotten_ns;
    rl_replica *best = NULL;
    uint32_t turn = replicas->turn++;
    for (uint32_t i = 0; i < replicas->count; i++) {
        rl_replica *one = &replicas->each[(turn + i) % replicas->count];
        bool is_fit = one->state == RL_REPLICA_READY && one->complete_ns > since_ns;
        if (is_fit && (best == NULL || one->running < best->running))
            best = one;
    }
    return best;
}

/* ---- all of them ------------------------------------------------------------------------------ */

static void close_first(rl_replicas *replicas, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        rl_replica_close(&replicas->each[i]);
}

rl_err rl_replicas_open(rl_loop *loop, rl_pool *pool, const rl_pool_options *like, const rl_replicas_options *options,
                        rl_replicas **out) {
    rl_replicas *replicas = rl_mem_zalloc(1, sizeof *replicas + options->count * sizeof *replicas->each);
    if (replicas == NULL)
        return RL_ENOMEM;
    replicas->loop = loop;
    replicas->pool = pool;
    rl_jitter_init(&replicas->jitter);
    uint64_t round_ms = options->max_lag_ms / ROUNDS_PER_LAG;
    replicas->round_ms = round_ms > ROUND_MOST_MS ? ROUND_MOST_MS : round_ms < ROUND_LEAST_MS ? ROUND_LEAST_MS : round_ms;
    rl_timer_init(&replicas->round, on_round);
    rl_err err = rl_probe_open(&replicas->probe, loop, like->url, like, POSITION_SQL, on_position);
    if (err != RL_OK) {
        rl_mem_free(replicas);
        return err;
    }
    for (; replicas->count < options->count; replicas->count++) {
        err = rl_replica_open(&replicas->each[replicas->count], loop, options->urls[replicas->count], like,
                              options->max_lag_ms, &replicas->trail);
        if (err != RL_OK)
            goto fail;
    }
    rl_pool_set_replicas(pool, replicas);
    rl_timer_start(loop, &replicas->round, 0);
    *out = replicas;
    return RL_OK;
fail:
    close_first(replicas, replicas->count);
    rl_probe_close(&replicas->probe);
    rl_mem_free(replicas);
    return err;
}

void rl_replicas_close(rl_replicas *replicas) {
    rl_timer_stop(replicas->loop, &replicas->round);
    rl_pool_set_replicas(replicas->pool, NULL);
    rl_probe_close(&replicas->probe);
    close_first(replicas, replicas->count);
    rl_mem_free(replicas);
}

uint32_t rl_replicas_count(const rl_replicas *replicas) {
    return replicas->count;
}

const rl_replica *rl_replicas_at(const rl_replicas *replicas, uint32_t at) {
    return &replicas->each[at];
}
