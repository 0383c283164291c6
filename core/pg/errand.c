#include "pg/errand.h"

#include "pg/backend.h"
#include "pg/sql.h"

enum {
    MAX_TRIES = 3, /* connections that died in their sleep, one after another */
    /* The server's statement_timeout comes first: its answer says more than ours. */
    TIMEOUT_SLACK_MS = 1000
};

static void seek_connection(rl_errand *errand);

static void free_errand(rl_errand *errand) {
    rl_query_clear(&errand->query);
    errand->freed(errand);
}

static void finish(rl_errand *errand) {
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

/* The connection's quiet comes next, and with it the transaction's next turn. */
static void on_answer(rl_query *query) {
    rl_errand *errand = RL_CONTAINER(query, rl_errand, query);
    give_back(errand);
    finish(errand);
}

static void on_scope_end(rl_lent *lent) {
    rl_errand_drop(RL_CONTAINER(lent, rl_errand, lent));
}

void rl_errand_init(rl_errand *errand, rl_errand_kind kind, rl_pool *pool, rl_scope *scope,
                    void (*done)(rl_errand *errand), void (*freed)(rl_errand *errand)) {
    *errand = (rl_errand){.kind = kind, .pool = pool, .scope = scope, .done = done, .freed = freed};
    rl_query_init(&errand->query, on_answer);
    rl_list_init(&errand->acquire.link);
    rl_scope_lend(scope, &errand->lent, "statement", on_scope_end);
}

static rl_err run_on(rl_errand *errand, rl_backend *backend) {
    uint64_t timeout_ms = rl_pool_options_of(errand->pool)->query_timeout_ms;
    errand->state = RL_ERRAND_RUNNING;
    errand->query.timeout_ms = timeout_ms == 0 || errand->query.script ? 0 : timeout_ms + TIMEOUT_SLACK_MS;
    return rl_backend_run(backend, &errand->query);
}

static void run_borrowed(rl_errand *errand, rl_backend *backend) {
    if (errand->kind == RL_ERRAND_BEGIN) {
        if (rl_transaction_open(errand->pool, errand->scope, backend, &errand->transaction) != RL_OK) {
            rl_query_fail(&errand->query, RL_ENOMEM, "53200", "out of memory");
            rl_pool_release(errand->pool, backend);
            finish(errand);
            return;
        }
        errand->transaction->running = errand;
    } else {
        errand->backend = backend;
    }
    rl_err err = run_on(errand, backend);
    if (err == RL_OK)
        return;
    give_back(errand);
    if (err == RL_ERESET && !errand->query.failure.sent && ++errand->tries < MAX_TRIES)
        seek_connection(errand);
    else
        finish(errand);
}

static void fail_acquire(rl_errand *errand, rl_err err) {
    const rl_pool_options *options = rl_pool_options_of(errand->pool);
    const char *why = rl_pool_connect_error(errand->pool);
    rl_query *query = &errand->query;
    if (err == RL_ECLOSED)
        rl_query_fail(query, err, "57P01", "the database pool is closed");
    else if (why[0] != '\0')
        rl_query_fail(query, err, "08001", "cannot connect to the database: %s", why);
    else if (err == RL_EFULL)
        rl_query_fail(query, err, "", "%u statements wait for a database connection already",
                      options->max_waiters);
    else
        rl_query_fail(query, err, "", "none of %u database connections became free within %.3g s",
                      options->max, (double)options->acquire_timeout_ms / 1000);
    finish(errand);
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
    rl_query_reset_answer(&errand->query);
    errand->state = RL_ERRAND_QUEUED;
    errand->acquire.granted = on_granted;
    rl_err err = rl_pool_acquire(errand->pool, &errand->acquire, &backend);
    if (err != RL_OK)
        fail_acquire(errand, err);
    else if (backend != NULL)
        run_borrowed(errand, backend);
}

void rl_errand_start(rl_errand *errand) {
    rl_transaction *transaction = rl_transaction_find(errand->pool, errand->scope);
    bool is_end = errand->kind == RL_ERRAND_END;
    if (errand->kind == RL_ERRAND_BEGIN && transaction != NULL) {
        rl_query_fail(&errand->query, RL_EEXIST, "25001", "a transaction is open here already");
        finish(errand);
    } else if (is_end && (transaction == NULL || transaction->scope != errand->scope)) {
        rl_query_fail(&errand->query, RL_ENOTFOUND, "25P01", "no transaction was opened here");
        finish(errand);
    } else if (transaction != NULL) {
        errand->state = RL_ERRAND_TURN;
        errand->transaction = transaction;
        rl_list_push_back(&transaction->turns, &errand->query.link);
        rl_transaction_next(transaction);
    } else {
        seek_connection(errand);
    }
}

bool rl_errand_take_turn(rl_errand *errand) {
    if (run_on(errand, errand->transaction->backend) == RL_OK)
        return true;
    bool goes_on = give_back(errand);
    finish(errand);
    return goes_on;
}

void rl_errand_refuse_turn(rl_errand *errand) {
    rl_query_fail(&errand->query, RL_ECANCELLED, "25P01",
                  "the transaction ended before this statement's turn");
    finish(errand);
}

static void become_orphan(rl_errand *errand) {
    errand->orphan = true;
    rl_query *query = &errand->query;
    bool reads = !query->script && rl_sql_classify(rl_slice_of(rl_query_sql(query), query->sql_len)).reads;
    if (errand->backend != NULL && reads)
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
    if (errand->state == RL_ERRAND_QUEUED)
        rl_acquire_forget(&errand->acquire);
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
