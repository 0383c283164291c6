/* replica -- one server that follows the primary: its connections, and what is known of it.
 *
 *                 a probe finds it following, and near enough
 *     +---------+ -------------------------------------------> +-------+
 *     | UNKNOWN |            LAGGING: too far behind           | READY |
 *     +---------+ <-- or --  PROMOTED: follows nobody  <------ +-------+
 *                            DOWN: no answer, or a connection broke
 *
 * Only a probe makes it READY. Whoever finds a connection broken says so, and then no
 * more reads come until the next probe; what waits there for a connection is sent
 * home to the primary. What runs there is let be until the third probe in a row
 * that fails: then its connections are closed, for a server that hangs.
 *
 * Its sessions refuse writes (default_transaction_read_only), also after a promotion. */
#ifndef RL_PG_REPLICA_H
#define RL_PG_REPLICA_H

#include "pg/probe.h"
#include "pg/trail.h"

typedef struct rl_replica rl_replica;

typedef enum rl_replica_state {
    RL_REPLICA_UNKNOWN,
    RL_REPLICA_READY,
    RL_REPLICA_LAGGING,
    RL_REPLICA_PROMOTED,
    RL_REPLICA_DOWN
} rl_replica_state;

enum { RL_REPLICA_NAME_CAP = 96 };

typedef struct rl_replica_stats {
    const char *name;       /* "host:port", without what is secret */
    rl_replica_state state;
    bool is_lag_known;
    uint64_t lag_ms;        /* behind what was last seen of the primary, to the time between two probes */
    uint32_t running;       /* statements there now, of this worker */
    uint64_t queries, sent_home; /* begun there; of those, asked of the primary in the end */
} rl_replica_stats;

struct rl_replica {
    rl_loop *loop;
    rl_pool *pool;
    rl_probe probe;
    const rl_trail *trail;
    struct rl_log *log;
    uint64_t max_lag_ms;
    rl_list aboard;        /* rl_errand */
    rl_timer sweep;
    rl_replica_state state;
    uint64_t position;     /* replayed, as of the last probe */
    uint64_t complete_ns;  /* it has all that the primary had then; 0: unknown */
    uint32_t failures;     /* probes in a row */
    uint32_t running;
    uint64_t queries, sent_home;
    char name[RL_REPLICA_NAME_CAP];
};

/* Has the bounds of `like`, which is how the primary's pool was opened. RL_EINVAL when the URL is none. */
RL_MUST_USE rl_err rl_replica_open(rl_replica *replica, rl_loop *loop, const char *url, const rl_pool_options *like,
                                   uint64_t max_lag_ms, const rl_trail *trail);
/* Fails what runs and waits there. */
void rl_replica_close(rl_replica *replica);
/* What does it say of itself? Has no effect while it is being asked. */
void rl_replica_probe(rl_replica *replica);

/* For errand.c: a statement is to run there, by the link; and does so no more. */
void rl_replica_board(rl_replica *replica, rl_list *aboard);
void rl_replica_leave(rl_replica *replica, rl_list *aboard);
/* A connection broke, or none could be made. */
void rl_replica_suspect(rl_replica *replica, const char *why);

rl_replica_stats rl_replica_stats_of(const rl_replica *replica);
const char *rl_replica_state_name(rl_replica_state state);

#endif
