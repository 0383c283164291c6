/* lane -- the few connections that a worker's quick statements share.
 *
 *      errands       waiting            wires (2 of them, or 1)
 *     q q q q q  -->  [ q q ]  -->  [ q q q q q q . . . ] ==> server
 *         |        room for none    [ q q q . . . . . . ] ==> server
 *         |
 *         +--> "no": the caller borrows a connection of its own (pg/pool.h)
 *
 * Statements of many requests are in flight on one connection, up to `depth`,
 * which costs half the CPU of a connection for each. What runs there must leave
 * nothing behind in the session and take next to no time, because all behind it
 * wait: so a text has to be of a plain shape (pg/sql.h) and to have been quick
 * before (pg/learn.h). The least loaded wire takes a statement, but none whose
 * head the server has worked on for more than 2 ms. Where every wire is stuck
 * like that the answer is no, and what waited for room comes back unsent.
 *
 * The sessions have a short lock_timeout and statement_timeout, which bound what a
 * head can do to the others. A statement that they stop (55P03, 57014) did
 * nothing: it may run once more elsewhere. There is no cancelling here, since it
 * would hit whichever statement runs.
 *
 * Reads of one turn share a Sync and leave in one write, when the turn ends. A
 * batch of quick reads takes one place on one wire. */
#ifndef RL_PG_LANE_H
#define RL_PG_LANE_H

#include <stdint.h>

#include "base/log.h"
#include "loop/loop.h"
#include "pg/learn.h"
#include "pg/query.h"

typedef struct rl_lane rl_lane;

typedef struct rl_lane_stats {
    uint32_t wires, busy, connecting; /* now; busy: with statements in flight */
    uint32_t in_flight, waiting;      /* statements, now */
    uint64_t queries, turned_away;    /* sent; quick ones for which there was no room */
    uint64_t timeouts;                /* of those sent, stopped by the session's short timeouts */
    uint64_t waited_ns;               /* for room, by those whose wait is over */
    uint64_t connects, connect_failures, reconnects;
    uint64_t lost, expelled; /* expelled: left with a changed session */
} rl_lane_stats;
/* The counts of many lanes. */
void rl_lane_stats_add(rl_lane_stats *sum, const rl_lane_stats *more);

typedef struct rl_lane_options {
    const char *url; /* copied */
    uint32_t max;    /* wires; 0: nothing runs here, and only what is known of statements is kept */
    uint32_t depth;  /* statements in flight on each */
    uint32_t max_waiting;
    uint32_t max_statements; /* prepared, per wire */
    uint64_t max_result;     /* bytes of one statement's answer; 0: no bound */
    uint64_t connect_timeout_ms;
    uint64_t lock_timeout_ms, statement_timeout_ms; /* of the sessions */
    uint64_t dead_after_ms; /* of silence past statement_timeout_ms, which the server itself would have kept */
    uint64_t max_lifetime_ms;                       /* give or take a tenth; 0: no limit */
    bool is_replica;                                /* the sessions refuse writes */
    bool looks_at_sessions;                         /* for what statements have left there (pg/session.h) */
    rl_log *log;                                    /* may be NULL */
    /* A host has refused a write, since its server follows another one. In a turn; may be NULL. */
    void (*on_demoted)(void *owner, uint64_t host);
    void *owner;
} rl_lane_options;

/* The defaults of every limit, without a URL. */
rl_lane_options rl_lane_defaults(void);

/* RL_EINVAL when the URL is none. Connects when a quick statement wants to. */
RL_MUST_USE rl_err rl_lane_open(rl_loop *loop, const rl_lane_options *options, rl_lane **out);
/* Fails all that is here with RL_ECLOSED, in this call, and frees the lane. Not
 * from within a query's `done`. */
void rl_lane_close(rl_lane *lane);

/* What is known of a statement's text; NULL when memory ran out. */
rl_lesson *rl_lane_recall(rl_lane *lane, rl_slice sql);
/* The query, on whichever lane it ran, was answered as one of `count` that the server worked on since
 * then, under one Sync or side by side: learn from it. */
void rl_lane_learn(rl_lane *lane, rl_lesson *lesson, const rl_query *query, uint64_t since_ns, uint32_t count);

/* Take the query, to be sent now or soon; its `done` comes later, never from
 * here. False when it must run elsewhere. A query that was never sent comes back
 * with failure.lost and not failure.sent. */
RL_MUST_USE bool rl_lane_run(rl_lane *lane, rl_query *query, const rl_lesson *lesson);
/* Whether a text is for this lane. */
bool rl_lane_takes(const rl_lane *lane, const rl_lesson *lesson);
/* A wire with a place for several reads, to be run on it at once; NULL when they must
 * run elsewhere. Then say how many went, before anything else happens: this is what
 * sends them, or what finds the wire lost. */
struct rl_backend *rl_lane_begin(rl_lane *lane);
void rl_lane_end(rl_lane *lane, struct rl_backend *wire, uint32_t sent);
/* Nobody wants the answer. True when the query had not been sent and is the
 * caller's again; else its `done` will come. */
RL_MUST_USE bool rl_lane_forget(rl_lane *lane, rl_query *query);

/* No more is sent to that host (rl_backend_host) over connections that are there now. */
void rl_lane_leave(rl_lane *lane, uint64_t host);
/* The server hangs: what is in flight fails, as if the connections had broken. Not
 * from within a query's `done`. */
void rl_lane_hang_up(rl_lane *lane);

const rl_lane_options *rl_lane_options_of(const rl_lane *lane);
rl_lane_stats rl_lane_stats_of(const rl_lane *lane);

#endif
