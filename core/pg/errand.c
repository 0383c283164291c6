#include "pg/errand.h"

#include "pg/backend.h"
#include "pg/batch.h"
#include "pg/copy.h"
#include "pg/errand_state.h"
#include "pg/sql.h"

enum {
    MAX_TRIES = 5, /* connections that are found dead, one after another: a server was restarted */
    /* The server's statement_timeout comes first: its answer says more than ours. */
    TIMEOUT_SLACK_MS = 1000,
    MOST_BESIDE = 4 /* so that what takes 8 ms is slow, whatever runs beside it */
};

static void free_errand(rl_errand *errand) {
    rl_query_clear(&errand->query);
    errand->freed(errand);
}

/* Where a server is short of CPU, eight statements on eight connections take eight times as long as
 * one by itself. Without this, what crowds there under load would never show that it is quick, and never
 * get to where it would be. */
uint32_t rl_errand_beside(const rl_errand *errand) {
    uint32_t running = errand->state == RL_ERRAND_RUNNING ? rl_pool_running(errand->pool) : 0;
    return 1 + (running < MOST_BESIDE ? running : MOST_BESIDE - 1);
}

static void learn(rl_errand *errand) {
    if (errand->lesson != NULL && (errand->state == RL_ERRAND_SHARED || errand->state == RL_ERRAND_RUNNING))
        rl_lane_learn(errand->lane, errand->lesson, &errand->query, errand->query.since_ns, rl_errand_beside(errand));
}

static void forget_lesson(rl_errand *errand) {
    if (errand->batch != NULL)
        rl_batch_forget(errand->batch);
    if (errand->lesson != NULL)
        rl_lesson_release(errand->lesson);
    errand->lesson = NULL;
}

void rl_errand_stay_at(rl_errand *errand, rl_pool *pool) {
    errand->pool = pool;
    errand->lane = rl_pool_lane(pool);
}

static void leave_replica(rl_errand *errand) {
    if (errand->replica == NULL)
        return;
    rl_replica_leave(errand->replica, &errand->aboard);
    errand->replica = NULL;
    rl_errand_stay_at(errand, errand->home);
}

void rl_errand_finish(rl_errand *errand) {
    forget_lesson(errand);
    leave_replica(errand);
    if (errand->writes && !errand->orphan)
        rl_replicas_note_write(errand->replicas, errand->scope);
    errand->state = RL_ERRAND_DONE;
    errand->backend = NULL;
    errand->transaction = NULL;
    if (errand->orphan)
        free_errand(errand);
    else
        errand->done(errand);
}

/* Give back what the errand ran on. False when that ended the transaction. */
static bool give_back(rl_errand *errand) {
    rl_transaction *transaction = errand->transaction;
    if (errand->backend != NULL)
        rl_pool_release(errand->pool, errand->backend);
    errand->backend = NULL;
    errand->transaction = NULL;
    if (transaction == NULL)
        return false;
    transaction->running = NULL;
    bool failed = errand->query.failure.err != RL_OK || errand->orphan;
    if (errand->kind == RL_ERRAND_STATEMENT || (errand->kind == RL_ERRAND_BEGIN && !failed))
        return true;
    rl_transaction_close(transaction);
    return false;
}

/* ---- at a replica ------------------------------------------------------------ */

static const rl_failure *first_failure(const rl_errand *errand) {
    const rl_failure *failure = &errand->query.failure;
    if (failure->err != RL_OK || errand->batch == NULL)
        return failure;
    return rl_batch_failure(errand->batch);
}

/* That it writes is no reason to let it do so on the primary, and one that took its whole time
 * has none left. A replica that must drop what is being read says so in these words, or with 40001. */
static bool may_differ_at_home(const rl_failure *failure) {
    if (failure->err == RL_OK || failure->err == RL_ECLOSED || failure->err == RL_ETIMEOUT)
        return false;
    if (failure->server == NULL)
        return failure->lost;
    if (strcmp(failure->sqlstate, "57014") == 0)
        return strstr(rl_failure_message(failure), "conflict with recovery") != NULL;
    return strcmp(failure->sqlstate, "25006") != 0;
}

static void go_home(rl_errand *errand) {
    rl_replica *replica = errand->replica;
    const rl_failure *failure = first_failure(errand);
    if (failure->lost)
        rl_replica_suspect(replica, rl_failure_message(failure));
    replica->sent_home++;
    if (errand->place == RL_ERRAND_REPLICA_ONLY) {
        errand->query.failure.of_replica = true;
        rl_errand_finish(errand);
        return;
    }
    forget_lesson(errand);
    leave_replica(errand);
    rl_query_reset_answer(&errand->query);
    errand->place = RL_ERRAND_PRIMARY;
    errand->tries = 0;
    rl_errand_recall(errand);
    rl_errand_seek_place(errand);
}

/* It is not tried again where it ran. */
static void end(rl_errand *errand) {
    if (errand->replica != NULL && !errand->orphan && may_differ_at_home(first_failure(errand)))
        go_home(errand);
    else
        rl_errand_finish(errand);
}

void rl_errand_leave_queue(rl_errand *errand) {
    if (errand->state != RL_ERRAND_QUEUED)
        return;
    rl_acquire_forget(&errand->acquire);
    rl_query_fail(&errand->query, RL_ERESET, "08001", "cannot connect to the replica: %s",
                  rl_pool_connect_error(errand->pool));
    go_home(errand);
}

/* Whether a statement outside of transactions shall run again: what was not done,
 * and what does nothing when it is done twice. */
static bool may_repeat(rl_errand *errand) {
    const rl_failure *failure = &errand->query.failure;
    if (errand->lesson == NULL || errand->orphan || failure->err == RL_OK || failure->err == RL_ECLOSED)
        return false;
    if (errand->state == RL_ERRAND_SHARED && rl_failure_is_stop(failure)) {
        errand->may_share = false;
        return true;
    }
    /* A read that was never quick may have worked for long, or have been what the server fell over. */
    const rl_sql_shape *shape = &errand->lesson->shape;
    bool was_quick = errand->state == RL_ERRAND_SHARED || errand->tries > 0;
    bool is_harmless = !failure->sent || (was_quick && shape->plain && shape->reads);
    return failure->lost && is_harmless && errand->replica == NULL && ++errand->tries < MAX_TRIES;
}

/* The connection's quiet comes next, and with it the transaction's next turn. */
static void conclude(rl_errand *errand, bool repeats) {
    if (errand->state != RL_ERRAND_SHARED)
        give_back(errand);
    if (repeats)
        rl_errand_seek_place(errand);
    else
        end(errand);
}

static void on_answer(rl_query *query) {
    rl_errand *errand = RL_CONTAINER(query, rl_errand, query);
    learn(errand);
    conclude(errand, may_repeat(errand));
}

/* Reads that did not get through on the lane run once more, by themselves. */
void rl_errand_answered(rl_errand *errand) {
    bool repeats = errand->state == RL_ERRAND_SHARED && !errand->orphan && rl_batch_may_repeat(errand->batch);
    if (repeats)
        errand->may_share = false;
    conclude(errand, repeats);
}

static void on_scope_end(rl_lent *lent) {
    rl_errand_drop(RL_CONTAINER(lent, rl_errand, lent));
}

void rl_errand_init(rl_errand *errand, rl_errand_kind kind, rl_pool *pool, rl_scope *scope,
                    void (*done)(rl_errand *errand), void (*freed)(rl_errand *errand)) {
    *errand = (rl_errand){.kind = kind, .home = pool, .scope = scope, .done = done, .freed = freed};
    rl_errand_stay_at(errand, pool);
    errand->replicas = rl_pool_replicas(pool);
    rl_query_init(&errand->query, on_answer);
    rl_list_init(&errand->acquire.link);
    rl_scope_lend(scope, &errand->lent, "statement", on_scope_end);
}

static rl_err run_on(rl_errand *errand, rl_backend *backend) {
    uint64_t timeout_ms = errand->timeout_ms; /* which the server knows nothing of */
    const rl_pool_options *options = rl_pool_options_of(errand->pool);
    bool is_long = errand->query.script || errand->query.copy != NULL;
    if (timeout_ms == 0 && options->query_timeout_ms > 0 && !is_long)
        timeout_ms = options->query_timeout_ms + (options->is_sessionless ? 0 : TIMEOUT_SLACK_MS);
    errand->state = RL_ERRAND_RUNNING;
    errand->query.autocommit = errand->query.shares = false;
    errand->query.timeout_ms = timeout_ms;
    if (errand->batch != NULL)
        return rl_batch_run(errand->batch, backend);
    return rl_backend_run(backend, &errand->query);
}

static void run_borrowed(rl_errand *errand, rl_backend *backend) {
    if (errand->kind == RL_ERRAND_BEGIN) {
        if (rl_transaction_open(errand->home, errand->pool, errand->scope, backend, &errand->transaction) != RL_OK) {
            rl_query_fail(&errand->query, RL_ENOMEM, "53200", "out of memory");
            rl_pool_release(errand->pool, backend);
            rl_errand_finish(errand);
            return;
        }
        rl_slice sql = rl_slice_of(rl_query_sql(&errand->query), errand->query.sql_len);
        errand->transaction->is_held = !rl_sql_classify(sql).control;
        errand->transaction->running = errand;
    } else {
        errand->backend = backend;
    }
    rl_err err = run_on(errand, backend);
    if (err == RL_OK)
        return;
    give_back(errand);
    bool was_dead = err == RL_ERESET && !errand->query.failure.sent && errand->replica == NULL;
    if (was_dead && ++errand->tries < MAX_TRIES)
        rl_errand_seek_place(errand);
    else
        end(errand);
}

/* Waiting for it while the first one is kept could last for ever. */
static void fail_second(rl_errand *errand) {
    const char *first = rl_pool_held_since(errand->pool, errand->scope);
    rl_query_fail(&errand->query, RL_EEXIST, "25001",
                  "a second database connection is asked for%s%s while the first one is held%s%s",
                  errand->where == NULL ? "" : " at ", errand->where == NULL ? "" : errand->where,
                  first == NULL || first[0] == '\0' ? "" : " since ", first == NULL ? "" : first);
}

static void fail_acquire(rl_errand *errand, rl_err err) {
    const rl_pool_options *options = rl_pool_options_of(errand->pool);
    const char *why = rl_pool_connect_error(errand->pool);
    rl_query *query = &errand->query;
    query->failure.lost = why[0] != '\0' && errand->replica != NULL;
    if (err == RL_ECLOSED)
        rl_query_fail(query, err, "57P01", "the database pool is closed: nothing was done");
    else if (err == RL_EEXIST)
        fail_second(errand);
    else if (why[0] != '\0')
        rl_query_fail(query, err, "08001", "cannot connect to the database, nothing was done: %s", why);
    else if (err == RL_EFULL)
        rl_query_fail(query, err, "", "%u statements wait for a database connection already: nothing was done",
                      options->max_waiters);
    else if (errand->acquire.ticket.is_at_gate)
        rl_query_fail(query, err, "",
                      "%u streams of the database are being read already, and none ended within %.3g s",
                      rl_pool_most_streams(options), (double)options->acquire_timeout_ms / 1000);
    else
        rl_query_fail(query, err, "",
                      "none of %u database connections became free within %.3g s: nothing was done",
                      options->exclusive, (double)options->acquire_timeout_ms / 1000);
    end(errand);
}

static void on_granted(rl_acquire *acquire, rl_err err, rl_backend *backend) {
    rl_errand *errand = RL_CONTAINER(acquire, rl_errand, acquire);
    if (err == RL_OK)
        run_borrowed(errand, backend);
    else
        fail_acquire(errand, err);
}

static void seek_connection(rl_errand *errand) {
    rl_backend *backend = NULL;
    errand->state = RL_ERRAND_QUEUED;
    errand->acquire.granted = on_granted;
    errand->acquire.scope = errand->scope;
    errand->acquire.holds = errand->kind == RL_ERRAND_BEGIN;
    errand->acquire.where = errand->where;
    errand->acquire.ticket.is_stream = errand->is_stream;
    rl_err err = rl_pool_acquire(errand->pool, &errand->acquire, &backend);
    if (err != RL_OK)
        fail_acquire(errand, err);
    else if (backend != NULL)
        run_borrowed(errand, backend);
}

void rl_errand_seek_place(rl_errand *errand) {
    rl_query_reset_answer(&errand->query);
    bool is_shared = false;
    if (errand->may_share && errand->batch != NULL)
        is_shared = rl_batch_run_shared(errand->batch, errand->lane);
    else if (errand->may_share)
        is_shared = rl_lane_run(errand->lane, &errand->query, errand->lesson);
    errand->was_shared = is_shared;
    if (is_shared)
        errand->state = RL_ERRAND_SHARED;
    else
        seek_connection(errand);
}

bool rl_errand_take_turn(rl_errand *errand) {
    if (run_on(errand, errand->transaction->backend) == RL_OK)
        return true;
    bool goes_on = give_back(errand);
    rl_errand_finish(errand);
    return goes_on;
}

void rl_errand_refuse_turn(rl_errand *errand) {
    rl_query_fail(&errand->query, RL_ECANCELLED, "25P01",
                  "the transaction ended before this statement's turn");
    rl_errand_finish(errand);
}

static bool only_reads(const rl_errand *errand) {
    const rl_query *query = &errand->query;
    if (errand->batch != NULL)
        return rl_batch_only_reads(errand->batch);
    return !query->script && rl_sql_classify(rl_slice_of(rl_query_sql(query), query->sql_len)).reads;
}

static void become_orphan(rl_errand *errand) {
    errand->orphan = true;
    if (errand->query.copy != NULL)
        rl_copy_abandon(errand->query.copy);
    if (errand->backend != NULL && (errand->is_cancellable || only_reads(errand)))
        rl_backend_cancel(errand->backend);
    else if (errand->transaction != NULL && errand->kind != RL_ERRAND_END)
        rl_backend_cancel(errand->transaction->backend);
}

void rl_errand_drop(rl_errand *errand) {
    rl_lent_return(&errand->lent);
    if (errand->state == RL_ERRAND_RUNNING) {
        become_orphan(errand);
        return;
    }
    if (errand->state == RL_ERRAND_SHARED && !rl_lane_forget(errand->lane, &errand->query)) {
        become_orphan(errand);
        return;
    }
    if (errand->state == RL_ERRAND_QUEUED)
        rl_acquire_forget(&errand->acquire);
    forget_lesson(errand);
    leave_replica(errand);
    rl_list_remove(&errand->query.link); /* its turn */
    free_errand(errand);
}

rl_errand *rl_errand_newest_done(const rl_scope *scope) {
    for (rl_list *at = scope->lent.next; at != &scope->lent; at = at->next) {
        rl_lent *lent = RL_CONTAINER(at, rl_lent, link);
        rl_errand *errand = RL_CONTAINER(lent, rl_errand, lent);
        if (lent->release == on_scope_end && errand->state == RL_ERRAND_DONE)
            return errand;
    }
    return NULL;
}
