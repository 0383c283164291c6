/* backend_state -- what backend.c and dispatch.c share of a connection.
 *
 * backend.c owns its life (poll, timer, cancel, loss), dispatch.c speaks the
 * extended protocol: sends a query's steps and reads their answers. */
#ifndef RL_PG_BACKEND_STATE_H
#define RL_PG_BACKEND_STATE_H

#include "loop/poll.h"
#include "loop/timer.h"
#include "pg/canceller.h"
#include "pg/backend.h"
#include "pg/statement.h"

struct rl_backend {
    PGconn *pg;
    rl_loop *loop;
    rl_poll *poll;     /* NULL once lost */
    rl_timer timer;    /* the query's timeout, then the grace of its cancel */
    rl_list in_flight; /* rl_query, the one that is answered first */
    rl_list evicted;   /* rl_statement to be closed on the server */
    rl_statements statements;
    rl_cancel *cancel; /* under way, or NULL */
    const rl_backend_events *events;
    void *owner;
    rl_backend_options options;
    bool cancelling; /* since the cancel began and until quiet */
    bool broken;     /* libpq refused to send: soon lost */
    bool lost, dirty;
    bool telling;   /* inside the handler that calls `done` */
    bool was_quiet; /* as of the last `quiet` */
};

/* Send the query's steps. On failure query->failure is set, the query is out of
 * the connection again and, when libpq itself refused, backend->broken. */
RL_MUST_USE rl_err rl_dispatch_send(rl_backend *backend, rl_query *query);
/* Read every answer that has arrived; settles queries. Returns false when the
 * protocol got where this file cannot follow (COPY). */
bool rl_dispatch_receive(rl_backend *backend);
/* Take the query out of the connection, remember what it taught. */
void rl_dispatch_detach(rl_backend *backend, rl_query *query);

#endif
