/* worker -- one thread that serves: a loop, a VM with the app, a server.
 *
 *   start --> loading --ready--> serving --stop--> draining --> ended
 *                 |
 *                 +--failed--> ended
 *
 * The thread that starts workers hears of each step through an eventfd, and
 * reads `state` and `failure` after it. */
#ifndef RL_CLI_WORKER_H
#define RL_CLI_WORKER_H

#include "cli/settings.h"
#include "http/server.h"
#include "pg/budget.h"
#include "pg/listener.h"

typedef enum rl_worker_state { RL_WORKER_LOADING, RL_WORKER_READY, RL_WORKER_SERVING, RL_WORKER_FAILED, RL_WORKER_ENDED } rl_worker_state;

/* What all workers of a process share. */
typedef struct rl_serving {
    const rl_settings *settings;
    const char *app_dir;
    const char *lua_dir; /* the framework's folder instead of the embedded one, or NULL */
    rl_log *log;
    rl_body_budget body_budget;
    rl_budgets *database_budgets;
    rl_pg_listeners *database_listeners;
    _Atomic uint64_t connections;
    rl_server_limits limits;
    int news; /* an eventfd: some worker's state changed */
} rl_serving;

typedef struct rl_worker rl_worker;

/* Starts its thread. `fd`, a bound socket, belongs to the worker from here on. */
RL_MUST_USE rl_err rl_worker_start(rl_serving *serving, int fd, rl_worker **out);
rl_worker_state rl_worker_read_state(const rl_worker *worker);
/* Why it FAILED; NULL when it has not. */
const char *rl_worker_failure(const rl_worker *worker);
/* All have loaded: accept connections, and be SERVING. Once, when READY. */
void rl_worker_serve(rl_worker *worker);
/* Drain and end; once, in any state. */
void rl_worker_stop(rl_worker *worker);
/* Waits for its thread and frees it. */
void rl_worker_join(rl_worker *worker);

#endif
