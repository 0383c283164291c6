/* canceller -- asks the server to stop a statement, on threads of its own.
 *
 * PQcancel opens a second connection, blocks, and on a stopped server blocks
 * for ever. Two such threads may be lost to it; then cancelling is refused and
 * the connection is closed instead, which ends the statement a little later. */
#ifndef RL_PG_CANCELLER_H
#define RL_PG_CANCELLER_H

#include <libpq-fe.h>

#include "pg/crew.h"

typedef struct rl_cancel rl_cancel;
struct rl_cancel {
    rl_crew_job job;
    PGcancel *request;
    void (*done)(void *owner); /* NULL once nobody cares any more */
    void *owner;
};

/* The crew to hand to rl_cancel_start. */
RL_MUST_USE rl_err rl_canceller_new(rl_loop *loop, rl_crew **out);
/* `done` is called on the loop when the server has taken the request, or
 * refused it. To stop caring set (*out)->done to NULL: it frees itself. */
RL_MUST_USE rl_err rl_cancel_start(rl_crew *crew, PGconn *pg, void (*done)(void *owner), void *owner,
                                   rl_cancel **out);

#endif
