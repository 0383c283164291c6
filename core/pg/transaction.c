#include "pg/transaction.h"

#include "base/mem.h"
#include "pg/backend.h"
#include "pg/errand.h"

static void on_scope_end(rl_lent *lent) {
    rl_transaction *transaction = RL_CONTAINER(lent, rl_transaction, lent);
    rl_errand *running = transaction->running;
    /* A COMMIT on its way is let finish: its own end closes the transaction. */
    if (running != NULL && running->kind == RL_ERRAND_END)
        return;
    rl_transaction_close(transaction);
}

static bool is_inside(const rl_transaction *transaction, const rl_scope *below) {
    return below == NULL || below->birth > transaction->births;
}

rl_transaction *rl_transaction_find(const rl_pool *home, rl_scope *scope) {
    const rl_scope *below = NULL;
    for (; scope != NULL; below = scope, scope = scope->parent) {
        for (rl_list *at = scope->lent.next; at != &scope->lent; at = at->next) {
            rl_lent *lent = RL_CONTAINER(at, rl_lent, link);
            if (lent->release != on_scope_end)
                continue;
            rl_transaction *one = RL_CONTAINER(lent, rl_transaction, lent);
            if (one->home == home && is_inside(one, below))
                return one;
        }
    }
    return NULL;
}

bool rl_transaction_is_open(const rl_transaction *transaction) {
    return rl_backend_tx_state(transaction->backend) != RL_TX_NONE;
}

static void on_quiet(void *borrower) {
    rl_transaction_next(borrower);
}

rl_err rl_transaction_open(rl_pool *home, rl_pool *pool, rl_scope *scope, rl_backend *backend,
                           rl_transaction **out) {
    rl_transaction *transaction = rl_mem_zalloc(1, sizeof *transaction);
    if (transaction == NULL)
        return RL_ENOMEM;
    transaction->scope = scope;
    transaction->births = scope->births;
    transaction->home = home;
    transaction->pool = pool;
    transaction->backend = backend;
    rl_list_init(&transaction->turns);
    rl_scope_lend(scope, &transaction->lent, "transaction", on_scope_end);
    rl_pool_on_quiet(backend, on_quiet, transaction);
    *out = transaction;
    return RL_OK;
}

void rl_transaction_close(rl_transaction *transaction) {
    rl_lent_return(&transaction->lent);
    if (transaction->running != NULL)
        transaction->running->transaction = NULL; /* an orphan: its answer goes nowhere */
    rl_list turns;
    rl_list_init(&turns);
    rl_list_splice(&turns, &transaction->turns);
    rl_backend *backend = transaction->backend;
    rl_pool *pool = transaction->pool;
    rl_mem_free(transaction);
    while (!rl_list_is_empty(&turns))
        rl_errand_refuse_turn(RL_CONTAINER(rl_list_pop_front(&turns), rl_errand, query.link));
    rl_pool_release(pool, backend);
}

void rl_transaction_next(rl_transaction *transaction) {
    rl_backend *backend = transaction->backend;
    while (transaction->running == NULL && !rl_list_is_empty(&transaction->turns)) {
        if (!rl_backend_is_lost(backend) && !rl_backend_is_quiet(backend))
            return;
        rl_errand *next = RL_CONTAINER(rl_list_pop_front(&transaction->turns), rl_errand, query.link);
        transaction->running = next;
        if (!rl_errand_take_turn(next))
            return;
    }
}
