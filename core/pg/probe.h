/* probe -- one question to a server, with a limit to the wait for the answer.
 *
 *      ask --> [connection] --> statement --> answered(result)
 *                   |               |
 *                   +---------------+-------> answered(NULL, why)
 *
 * All workers of the process ask over the same few connections, which nothing else
 * uses: a server whose other connections are all busy is not down. */
#ifndef RL_PG_PROBE_H
#define RL_PG_PROBE_H

#include "pg/pool.h"
#include "pg/query.h"

typedef struct rl_probe rl_probe;

struct rl_probe {
    rl_pool *pool;
    const char *sql;
    rl_acquire acquire;
    struct rl_backend *backend;
    rl_query query;
    uint64_t asked_ns; /* by rl_clock_ns, before the question left */
    bool is_asking, is_closing;
    /* On the loop, once for each question; `result` is borrowed. It may not close the probe. */
    void (*answered)(rl_probe *probe, const rl_result *result, const char *why);
};

/* `like` gives what is not the probe's own: the process's budgets, the log. `sql` must
 * outlive it. RL_EINVAL when the URL is none. */
RL_MUST_USE rl_err rl_probe_open(rl_probe *probe, rl_loop *loop, const char *url, const rl_pool_options *like,
                                 const char *sql,
                                 void (*answered)(rl_probe *probe, const rl_result *result, const char *why));
/* No `answered` comes after this. */
void rl_probe_close(rl_probe *probe);
/* Does nothing while an answer is awaited. */
void rl_probe_ask(rl_probe *probe);

#endif
