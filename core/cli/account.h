/* account -- what a running server says of itself, as a JSON document.
 *
 *    { version, pid, supervisor, restarts, failed_upgrades, banned, app, generation, reloads, failure, host, port,
 *      uptime, workers, connections, body_memory,
 *      databases: [ { name, workers, most, exclusive: { in_use, ... }, shared: { in_use, ... },
 *                     replicas: [ { name, workers, readers, most, exclusive, shared } ] } ],
 *      listeners: [ { name, connected, channels, ... } ],
 *      channels: [ { name, depth, ... } ], topics: [ { name, subscribers, ... } ], stores: [ { name, count, ... } ],
 *      schedules: [ { name, scope, worker, due, runs, ... } ] }
 *
 * Made from what threads share under locks and in atomics: no worker is asked, so
 * that one that is stuck keeps nobody from hearing of it. Times are seconds. */
#ifndef RL_CLI_ACCOUNT_H
#define RL_CLI_ACCOUNT_H

#include "cli/reload.h"

typedef struct rl_account {
    rl_teller teller; /* rl_account_tell: without what only the thread that reloads knows */
    const rl_serving *serving;
    size_t workers;
    uint16_t port;
    uint64_t since_ns; /* when it began to serve */
    int64_t supervisor; /* its process; 0 without one */
    unsigned restarts;  /* unplanned, of processes before this one */
    unsigned failed_upgrades; /* since it began to serve */
    const rl_reload *reload; /* NULL before */
} rl_account;

/* Appends it to `out`. */
RL_MUST_USE rl_err rl_account_write(const rl_account *account, rl_buf *out);
/* The same from any thread: without generation, reloads and failure. */
RL_MUST_USE rl_err rl_account_tell(const rl_teller *teller, rl_buf *out);

#endif
