/* transaction -- a connection that stays with a scope from BEGIN to the end.
 *
 *    scope -- lent: transaction -- turns: errand, errand, ...
 *      +-- task born later: its statements take turns here
 *      +-- task born before BEGIN: outside
 *
 * All statements of the scope, and of the tasks that were spawned inside, run on
 * its connection one after another. When the scope ends with the transaction
 * still open, the connection goes back as it is and the pool rolls it back. */
#ifndef RL_PG_TRANSACTION_H
#define RL_PG_TRANSACTION_H

#include "loop/scope.h"
#include "pg/pool.h"

typedef struct rl_transaction rl_transaction;
struct rl_errand;

struct rl_transaction {
    rl_lent lent;
    rl_scope *scope;
    uint64_t births; /* children that the scope had had at BEGIN: those are outside */
    rl_pool *home; /* that it is found by: the primary's */
    rl_pool *pool; /* whose connection it has: that, or a replica's */
    bool has_written;
    bool is_held; /* for a session: what is begun and ended on it, statements say */
    struct rl_backend *backend;
    struct rl_errand *running;
    rl_list turns;
};

/* The transaction of the database of `home` that a statement of `scope` belongs to, or NULL. */
rl_transaction *rl_transaction_find(const rl_pool *home, rl_scope *scope);

/* False when its connection is only held, and nothing has been begun on it. */
bool rl_transaction_is_open(const rl_transaction *transaction);

/* For errand.c. The lease takes the borrowed connection over. */
RL_MUST_USE rl_err rl_transaction_open(rl_pool *home, rl_pool *pool, rl_scope *scope, struct rl_backend *backend,
                                       rl_transaction **out);
/* Give the connection back, in whatever state it is. Who waits for a turn is
 * told that the transaction is over. */
void rl_transaction_close(rl_transaction *transaction);
/* Start the next turn if there is one and the connection is quiet. */
void rl_transaction_next(rl_transaction *transaction);

#endif
