/* step -- what a query sends, and in which order.
 *
 *     [CLOSE SYNC] ...  [PREPARE DESCRIBE]  EXECUTE  SYNC
 *
 * query->steps is the list of what was sent; dispatch.c goes through it as the
 * answers come. Every step but SYNC answers with results and a NULL; SYNC with one
 * PGRES_PIPELINE_SYNC. Scripts and COPY leave the pipeline mode and have no steps. */
#ifndef RL_PG_STEP_H
#define RL_PG_STEP_H

#include "pg/backend_state.h"

typedef enum rl_step {
    RL_STEP_CLOSE,
    RL_STEP_PREPARE,
    RL_STEP_DESCRIBE,
    RL_STEP_EXECUTE,
    RL_STEP_SYNC
} rl_step;

/* All of the query that can be sent now. When libpq refused, backend->broken;
 * another failure is in query->failure, and is returned when nothing was sent. */
RL_MUST_USE rl_err rl_step_send(rl_backend *backend, rl_query *query);
/* Of a query whose statement has been described. RL_EINVAL, with the failure set,
 * for values that cannot be sent; RL_ENOMEM. */
RL_MUST_USE rl_err rl_step_send_execute(rl_backend *backend, rl_query *query);
/* False when libpq refused. */
RL_MUST_USE bool rl_step_send_sync(rl_backend *backend, rl_query *query);
bool rl_step_is_sent(const rl_query *query, rl_step step);

#endif
