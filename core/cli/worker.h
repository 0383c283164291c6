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

#include <pthread.h>
#include <stdatomic.h>

#include "cli/settings.h"
#include "http/server.h"

typedef enum rl_worker_state { RL_WORKER_LOADING, RL_WORKER_READY, RL_WORKER_FAILED, RL_WORKER_ENDED } rl_worker_state;

/* What all workers of a process share. */
typedef struct rl_serving {
    const rl_settings *settings;
    const char *app_dir;
    const char *lua_dir; /* the framework's folder instead of the embedded one, or NULL */
    rl_log *log;
    rl_body_budget body_budget;
    rl_server_limits limits;
    int news; /* an eventfd: some worker's state changed */
} rl_serving;

typedef struct rl_worker {
    rl_serving *serving;
    int fd; /* its bound socket; the worker closes it */
    pthread_t thread;
    _Atomic rl_worker_state state;
    char *failure; /* when FAILED: why, to be freed with rl_mem_free */
    struct rl_loop *loop;
    struct rl_post *stop;  /* how it is told to drain */
    struct rl_post *serve; /* how it is told to begin */
} rl_worker;

RL_MUST_USE rl_err rl_worker_start(rl_worker *worker, rl_serving *serving, int fd);
/* All have loaded: accept connections. From the starting thread, once READY. */
void rl_worker_serve(rl_worker *worker);
/* Drain and end. From the starting thread, once, in any state but ENDED. */
void rl_worker_stop(rl_worker *worker);
/* Wait for its thread. */
void rl_worker_join(rl_worker *worker);

#endif
