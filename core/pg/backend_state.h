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
    rl_timer timer;    /* the query's timeout, then the next cancel or the end of the grace */
    rl_list in_flight; /* rl_query, the one that is answered first */
    rl_list answered;  /* reads whose rows are here, and their common Sync not yet */
    uint32_t load;     /* queries in both lists, without the parts of a batch */
    rl_list evicted;   /* rl_statement to be closed on the server */
    rl_statements statements;
    rl_cancel *cancel;    /* under way, or NULL */
    uint64_t give_up_ms;  /* when the cancel's grace ends */
    uint64_t recancel_ms; /* until the next try */
    const rl_backend_events *events;
    void *owner;
    rl_backend_options options;
    uint64_t head_bytes; /* of the answer at the head of the line, about: as far as counted */
    uint32_t head_reads; /* since it came to the head */
    uint64_t host;    /* a sum of its server's address */
    uint64_t session; /* a sum of what the server reported of the session when it began */
    uint64_t runs;    /* statements, since they were last taken */
    bool is_demoted;
    bool cancelling;  /* since the cancel began and until quiet */
    bool broken;      /* libpq refused to send: soon lost */
    bool lost, dirty;
    bool sync_due;    /* reads were sent whose Sync was not */
    bool is_paused;   /* a COPY's rows wait to be read: the socket is not */
    bool has_unsent;  /* as of the last flush */
    bool telling;   /* inside the handler that calls `done` */
    bool was_quiet; /* as of the last `quiet` */
};

/* Send what libpq holds, and watch for what comes next. When it fails the
 * connection is soon lost. Not for the handler of the poll, which flushes itself. */
void rl_backend_flush(rl_backend *backend);

/* Send the query's steps. On failure query->failure is set, the query is out of
 * the connection again and, when libpq itself refused, backend->broken. */
RL_MUST_USE rl_err rl_dispatch_send(rl_backend *backend, rl_query *query);
/* Send the Sync that the reads at the end of the line share. */
void rl_dispatch_sync(rl_backend *backend);
/* Whether all of the query is on its way: one whose types must be asked for first
 * is executed only after that answer, behind what was sent meanwhile. */
bool rl_dispatch_is_executing(const rl_query *query);
/* Read every answer that has arrived; settles queries. Returns false when the
 * protocol got where this file cannot follow (COPY). */
bool rl_dispatch_receive(rl_backend *backend);
/* The answer that is coming is too large: its query fails. What comes of it further
 * is for nobody, so that the connection must go. */
void rl_dispatch_refuse(rl_backend *backend);
/* The query takes the last place in line. */
void rl_dispatch_queue(rl_backend *backend, rl_query *query);
/* Take the query out of the connection, remember what it taught. */
void rl_dispatch_detach(rl_backend *backend, rl_query *query);

#endif
