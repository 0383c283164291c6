/* databases -- the pools of one worker, for whoever in it opens the same ones.
 *
 *     VM of generation 1 --+
 *                          +--> database: pool, replicas, audience
 *     VM of generation 2 --+
 *
 * Connections are worth more than the code that uses them: the next generation of an
 * app finds those of the one before it. A database is closed by the last who opened it. */
#ifndef RL_PG_DATABASES_H
#define RL_PG_DATABASES_H

#include "pg/audience.h"
#include "pg/replicas.h"

/* Belongs to one loop. Zero by rl_list_init. */
typedef struct rl_databases {
    rl_list list;
} rl_databases;

typedef struct rl_database {
    rl_list link;
    unsigned users;
    rl_buf key; /* everything it was opened with */
    rl_pool *pool;
    rl_replicas *replicas; /* NULL without any */
    rl_audience *audience; /* NULL until somebody listens */
} rl_database;

/* The one in `databases` that was opened with the same options, or a new one; NULL for `databases` makes a new one
 * always. Connects to nothing yet. RL_EINVAL when a URL is none; *wrong is then "url" or "replicas". */
RL_MUST_USE rl_err rl_database_open(rl_databases *databases, rl_loop *loop, const rl_pool_options *options,
                                    const rl_replicas_options *replicas, const char **wrong, rl_database **out);
/* As rl_pool_close, when nobody else has it. */
void rl_database_close(rl_database *database);

#endif
