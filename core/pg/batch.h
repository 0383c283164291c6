/* batch -- several queries of one errand, on their way at once.
 *
 *    errand -- its turn, its connection --> batch: query, query, query ...
 *           -- or a place on the lane -->          (answers in the same order)
 *
 * Each has a Sync of its own, so without a transaction around them each stands or
 * falls alone; reads alone have one together, which comes to the same
 * (pg/backend.h). One whose types must be asked for first holds back those behind
 * it, for they are promised to run in order. In an atomic batch one that cannot be
 * sent holds back the rest for good: the COMMIT at its end must not follow what is
 * incomplete.
 *
 * Quick reads, as many as the lane is deep at most, take one place there
 * (pg/lane.h). Those that a wire did not bring through all run once more on a
 * connection of their own: reads are harmless, and their order is kept. */
#ifndef RL_PG_BATCH_H
#define RL_PG_BATCH_H

#include "pg/lane.h"

typedef struct rl_batch rl_batch;
struct rl_backend;
struct rl_errand;

typedef struct rl_batch_item {
    rl_batch *batch;
    rl_lesson *lesson; /* held from the start to the end by the first of those in a row with one text; else NULL */
    rl_query query;
} rl_batch_item;

struct rl_batch {
    rl_batch_item *items;
    rl_buf text; /* of all */
    rl_results results;
    uint32_t count, sent, answered;
    bool is_atomic;
    bool are_reads; /* alone, outside of a transaction */
    bool is_on_lane;
    struct rl_backend *backend; /* while it runs */
    struct rl_errand *errand;
};

enum { RL_BATCH_MOST = 1000 /* their answers are all held at once; who has more wants COPY */ };

/* `count` queries to be filled, prepared or not as the errand says. RL_ENOMEM; RL_EFULL past the most. */
RL_MUST_USE rl_err rl_batch_init(rl_batch *batch, struct rl_errand *errand, uint32_t count);
/* Not while it runs. */
void rl_batch_clear(rl_batch *batch);

/* Whether its order makes no difference, and nothing is changed by it. */
bool rl_batch_only_reads(const rl_batch *batch);
/* That of the first statement that failed; one that is none, when all went well. */
const rl_failure *rl_batch_failure(const rl_batch *batch);

/* For errand.c, before the first run outside of a transaction: what is known of the
 * texts. True when the lane might take them. */
RL_MUST_USE bool rl_batch_recall(rl_batch *batch, rl_lane *lane);
void rl_batch_forget(rl_batch *batch);
/* False when they must run elsewhere; else rl_errand_answered follows. */
RL_MUST_USE bool rl_batch_run_shared(rl_batch *batch, rl_lane *lane);
/* Whether the lane was what failed them. Those of a replica that went are for the primary. */
bool rl_batch_may_repeat(const rl_batch *batch);
/* rl_errand_answered follows, unless this fails: then nothing was
 * sent, and the errand's query says why. */
RL_MUST_USE rl_err rl_batch_run(rl_batch *batch, struct rl_backend *backend);

#endif
