/* backend -- one established connection to a server process, attached to a loop.
 *
 * Always in libpq's pipeline mode, a Sync behind every query:
 *
 *     [close evicted, Sync]  [prepare, describe]  execute  Sync
 *
 * so a statement's first run costs one round trip like every later one, and
 * a query is settled only when its Sync has answered: a deferred constraint
 * may still refuse what looked done. Any number of queries may be in flight.
 *
 * Reads that say so (query->shares) have one Sync together, and leave in one
 * write:  execute  execute  execute  Sync.  They are one transaction to the server
 * then: when one of them fails, the others are run again by themselves, so that
 * nobody hears of a neighbour's failure. Scripts (several statements in one text,
 * for migrations only) leave the mode for their run.
 *
 * An answer larger than max_result fails its query with 54000, and ends the
 * connection: the rest of it would come all the same.
 *
 * `quiet`: nothing in flight and no cancel on its way. A cancel that is still
 * under way would hit the *next* statement (seen in half of all tries), so a
 * connection changes hands only when quiet, and one that does not become so
 * within the grace is given up. */
#ifndef RL_PG_BACKEND_H
#define RL_PG_BACKEND_H

#include <libpq-fe.h>

#include "loop/loop.h"
#include "pg/crew.h"
#include "pg/query.h"

typedef struct rl_backend rl_backend;

/* Both are the last thing the connection does in its turn: it may be closed in
 * them, and new queries may be run. */
typedef struct rl_backend_events {
    void (*quiet)(void *owner); /* became quiet */
    void (*lost)(void *owner);  /* broke; every query in flight has been told already */
} rl_backend_events;

typedef struct rl_backend_options {
    uint32_t max_statements;
    uint64_t max_result; /* bytes of one answer, which libpq gathers whole; 0: no bound */
    uint64_t cancel_grace_ms;
    rl_crew *canceller; /* outlives the connection */
    bool is_sessionless; /* a pooler stands between: nothing is prepared, and no session is ours to reset */
} rl_backend_options;

typedef enum rl_tx_state { RL_TX_NONE, RL_TX_OPEN, RL_TX_FAILED } rl_tx_state;

/* Takes `pg` always. */
RL_MUST_USE rl_err rl_backend_open_take(rl_loop *loop, PGconn *pg, const rl_backend_options *options,
                                        const rl_backend_events *events, void *owner, rl_backend **out);
/* Fails what is in flight; no event comes after this. Not from within a `done`. */
void rl_backend_close(rl_backend *backend);

/* Take a quiet connection off its loop: another thread may attach it then. */
void rl_backend_detach(rl_backend *backend);
/* To this thread's loop. On failure it can only be closed. */
RL_MUST_USE rl_err rl_backend_attach(rl_backend *backend, rl_loop *loop, rl_crew *canceller);

/* The query must live until its `done`, which comes later, never from here.
 * On failure there will be no `done`: query->failure says why. */
RL_MUST_USE rl_err rl_backend_run(rl_backend *backend, rl_query *query);
/* Have the server stop what runs; its `done` comes all the same. A cancel that
 * overtakes its statement is ignored there, so it is told again until that has
 * ended, or the grace has, and with it the connection. */
void rl_backend_cancel(rl_backend *backend);
/* Break the connection now: what is in flight fails with `why` (RL_ERESET, RL_ETIMEOUT, RL_ECLOSED), `lost` is not
 * called. */
void rl_backend_abort(rl_backend *backend, rl_err why);

void *rl_backend_owner(const rl_backend *backend);
/* Which server it is at: the same for all connections to one address. Never 0. */
uint64_t rl_backend_host(const rl_backend *backend);
/* Whether it has refused a write because its server follows another one (25006). */
bool rl_backend_is_demoted(const rl_backend *backend);
/* Statements run since the last call. */
uint64_t rl_backend_take_runs(rl_backend *backend);
bool rl_backend_is_lost(const rl_backend *backend);
bool rl_backend_is_quiet(const rl_backend *backend);
/* In the middle of telling of an answer: wait for its `quiet` or `lost`. */
bool rl_backend_is_busy_telling(const rl_backend *backend);
/* Queries in flight; those of a batch together are one. */
uint32_t rl_backend_load(const rl_backend *backend);
/* Since when, by rl_loop_turn_ns, the query that is answered next has been so; 0 when none is in flight. */
uint64_t rl_backend_head_since_ns(const rl_backend *backend);
/* Send the Sync of the reads that were run since the last one: once a turn. */
void rl_backend_sync(rl_backend *backend);
rl_tx_state rl_backend_tx_state(const rl_backend *backend);
/* Whether a statement may have left something in the session. */
bool rl_backend_is_dirty(const rl_backend *backend);
void rl_backend_mark_clean(rl_backend *backend);
/* Whether the session is not as it was when the connection was opened: a transaction is open, or
 * a setting that the server reports (TimeZone, role, ...) has changed. Of a quiet connection. */
bool rl_backend_is_altered(const rl_backend *backend);
/* The text that was sent last, "" when none was. */
const char *rl_backend_last_sql(const rl_backend *backend);

#endif
