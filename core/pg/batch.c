#include "pg/batch.h"

#include "base/mem.h"
#include "pg/backend_state.h"
#include "pg/errand.h"

/* Of small answers, and a statement of a batch may be run again twice. */
enum { RESULT_MOST = 4 * 2048 };

static void send_more(rl_batch *batch);
static void hold_back_rest(rl_batch *batch);
static void learn(const rl_batch *batch);

static void on_answer(rl_query *query) {
    rl_batch *batch = RL_CONTAINER(query, rl_batch_item, query)->batch;
    batch->answered++;
    bool is_known = query->failure.server != NULL; /* then its COMMIT will be a ROLLBACK */
    if (batch->is_atomic && query->failure.err != RL_OK && !is_known)
        hold_back_rest(batch);
    else if (batch->sent < batch->count)
        send_more(batch);
    if (batch->answered < batch->count)
        return;
    learn(batch);
    rl_errand_answered(batch->errand);
}

rl_err rl_batch_init(rl_batch *batch, rl_errand *errand, uint32_t count) {
    *batch = (rl_batch){.errand = errand};
    if (count > RL_BATCH_MOST)
        return RL_EFULL;
    batch->items = rl_mem_alloc((count == 0 ? 1 : count) * sizeof *batch->items);
    if (batch->items == NULL)
        return RL_ENOMEM;
    batch->count = count;
    rl_query_init_text(&batch->text);
    rl_results_init(&batch->results, count * RESULT_MOST);
    for (uint32_t i = 0; i < count; i++) {
        rl_query_init_in(&batch->items[i].query, on_answer, &batch->text, &batch->results);
        batch->items[i].query.unprepared = errand->query.unprepared;
        batch->items[i].batch = batch;
        batch->items[i].lesson = NULL;
    }
    errand->batch = batch;
    return RL_OK;
}

void rl_batch_clear(rl_batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++)
        rl_query_clear(&batch->items[i].query);
    rl_results_clear(&batch->results);
    rl_buf_clear(&batch->text);
    rl_mem_free(batch->items);
    *batch = (rl_batch){0};
}

/* What is not on its way yet behind a failure in an atomic batch must not run: the
 * server may know nothing of it (a value that could not be sent), and would commit. */
static void hold_back_rest(rl_batch *batch) {
    for (; batch->sent < batch->count; batch->sent++, batch->answered++)
        rl_query_fail(&batch->items[batch->sent].query, RL_ECANCELLED, "25P02",
                      "not sent: an earlier statement of the batch had failed");
}

static void send_more(rl_batch *batch) {
    const rl_query *last = batch->sent == 0 ? NULL : &batch->items[batch->sent - 1].query;
    bool holds = last != NULL && batch->answered < batch->sent && !rl_dispatch_is_executing(last);
    while (!holds && batch->sent < batch->count) {
        rl_query *query = &batch->items[batch->sent++].query;
        query->in_order = batch->is_atomic;
        query->is_part = batch->sent < batch->count;
        query->shares = query->autocommit = batch->are_reads;
        query->timeout_ms = batch->errand->query.timeout_ms;
        if (rl_backend_run(batch->backend, query) == RL_OK) {
            holds = !rl_dispatch_is_executing(query);
            continue;
        }
        batch->answered++;
        if (batch->is_atomic)
            hold_back_rest(batch);
    }
    if (!batch->is_on_lane) /* which sends the Sync of all its reads when the turn ends */
        rl_backend_sync(batch->backend);
}

static rl_slice sql_of(const rl_query *query) {
    return rl_slice_of(rl_query_sql(query), query->sql_len);
}

/* Whether its SQL is that of the one before, with other values, as it mostly is. */
static bool is_like_before(const rl_batch *batch, uint32_t i) {
    return i > 0 && rl_query_has_same_sql(&batch->items[i].query, &batch->items[i - 1].query);
}

bool rl_batch_only_reads(const rl_batch *batch) {
    if (batch->are_reads)
        return true;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (is_like_before(batch, i))
            continue;
        rl_sql_shape shape = rl_sql_classify(sql_of(&batch->items[i].query));
        if (!shape.plain || !shape.reads)
            return false;
    }
    return true;
}

const rl_failure *rl_batch_failure(const rl_batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++)
        if (batch->items[i].query.failure.err != RL_OK)
            return &batch->items[i].query.failure;
    return &batch->errand->query.failure;
}

/* Among reads the order makes no difference: they leave in one write, under one Sync. */
bool rl_batch_recall(rl_batch *batch, rl_lane *lane) {
    bool is_for_lane = !batch->is_atomic && batch->count <= rl_lane_options_of(lane)->depth;
    batch->are_reads = !batch->is_atomic;
    for (uint32_t i = 0; i < batch->count && batch->are_reads; i++) {
        if (is_like_before(batch, i))
            continue;
        rl_batch_item *item = &batch->items[i];
        item->lesson = rl_lane_recall(lane, sql_of(&item->query));
        batch->are_reads = item->lesson != NULL && item->lesson->shape.plain && item->lesson->shape.reads;
        is_for_lane = is_for_lane && batch->are_reads && rl_lane_takes(lane, item->lesson);
    }
    return is_for_lane;
}

void rl_batch_forget(rl_batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->items[i].lesson != NULL)
            rl_lesson_release(batch->items[i].lesson);
        batch->items[i].lesson = NULL;
    }
}

/* Under one Sync each is taken to have had its part of the time. */
static void learn(const rl_batch *batch) {
    uint32_t count = batch->count * rl_errand_beside(batch->errand);
    uint64_t since_ns = batch->items[0].query.since_ns;
    for (uint32_t i = 0; i < batch->count && batch->are_reads; i++) {
        const rl_batch_item *item = &batch->items[i];
        if (item->lesson != NULL)
            rl_lane_learn(batch->errand->lane, item->lesson, &item->query, since_ns, count);
    }
}

bool rl_batch_may_repeat(const rl_batch *batch) {
    bool is_failed = false, is_at_replica = batch->errand->replica != NULL;
    for (uint32_t i = 0; i < batch->count; i++) {
        const rl_failure *failure = &batch->items[i].query.failure;
        if (failure->err == RL_OK)
            continue;
        if (failure->err == RL_ECLOSED)
            return false;
        is_failed = is_failed || rl_failure_is_stop(failure) || (failure->lost && !is_at_replica);
    }
    return is_failed;
}

/* What an earlier run left goes. */
static void begin(rl_batch *batch) {
    bool ran = batch->sent > 0;
    batch->sent = batch->answered = 0;
    if (!ran)
        return;
    for (uint32_t i = 0; i < batch->count; i++)
        rl_query_reset_answer(&batch->items[i].query);
    rl_results_clear(&batch->results);
}

bool rl_batch_run_shared(rl_batch *batch, rl_lane *lane) {
    batch->backend = rl_lane_begin(lane);
    if (batch->backend == NULL)
        return false;
    batch->is_on_lane = true;
    batch->errand->query.timeout_ms = 0; /* the session's own */
    begin(batch);
    send_more(batch);
    batch->is_on_lane = false;
    rl_lane_end(lane, batch->backend, batch->sent - batch->answered);
    return batch->answered < batch->count;
}

rl_err rl_batch_run(rl_batch *batch, rl_backend *backend) {
    batch->backend = backend;
    begin(batch);
    send_more(batch);
    if (batch->answered < batch->count)
        return RL_OK;
    /* Not one is on its way: told like a single statement's failure to be sent. */
    const rl_failure *first = &batch->items[0].query.failure;
    rl_query *query = &batch->errand->query;
    rl_query_fail(query, first->err, first->sqlstate, "%s", rl_failure_message(first));
    query->failure.sent = first->sent;
    query->failure.lost = first->lost;
    return first->err;
}
