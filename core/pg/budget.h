/* budget -- the connections of one database, lent across all threads of the process.
 *
 *       worker 0: member                 worker 1: member
 *     +------------------+            +------------------+
 *     | loop   idle: S   |            | loop   ticket: W |
 *     +------------------+            +------------------+
 *               |   the budget, under its lock   |
 *               |    queue: W, ...   idle: S     |
 *               v                                v
 *      1. W finds nothing idle at home: it queues, S is called
 *      2. bell ------> S is put: W is the oldest; S leaves its loop
 *      3. send --------------------------------> bell: S joins the loop, W is granted
 *
 * A connection (berth) is always one of: lent or being tidied, known to its
 * borrower's member alone; idle, attached to the loop that used it last and
 * polled there, so that a dead one is noticed at once; called, the same but
 * somebody waits; or sent, on no loop at all. Whoever waits (ticket) is queued,
 * or promised a berth that was sent.
 *
 *  - First come, first served, whichever worker it is: whatever becomes free goes
 *    to the oldest ticket. A member lends what is idle at home only while nobody
 *    waits anywhere.
 *  - A call promises nothing: the oldest ticket when the berth is put gets it, so
 *    a worker that is stuck in a handler keeps no ticket waiting for its own
 *    connections while another one comes free.
 *  - A ticket that is forgotten while its berth is under way lets it arrive all
 *    the same; there it is put again. One whose berth dies is the oldest again.
 *  - A stream holds its connection as long as somebody takes to read it: only so
 *    many are let into the queue, and what is lent to them counts until it is put.
 *  - A member that leaves has forgotten its tickets first: from then on nothing
 *    is sent to it. What others hold stays theirs.
 *
 * All calls are made on the member's own thread, and take the lock for a moment;
 * nothing is called back under it. What a member must know of others' doing comes
 * as its bell, on its loop. */
#ifndef RL_PG_BUDGET_H
#define RL_PG_BUDGET_H

#include <stdint.h>

#include "base/list.h"
#include "loop/loop.h"
#include "pg/lane.h"

/* The budgets of the process, one for each database; made before its threads. */
typedef struct rl_budgets rl_budgets;
RL_MUST_USE rl_err rl_budgets_new(rl_budgets **out);
/* Left alone while a member is there. */
void rl_budgets_free(rl_budgets *budgets);
/* Another process like this one runs beside it, and has budgets for the same databases; or does so no more. Meanwhile
 * half of each budget's connections may be open (the odd one too): what is idle beyond them is closed, and what is lent
 * when it is put. From any thread. */
void rl_budgets_halve(rl_budgets *budgets, bool are_halved);

typedef struct rl_budget rl_budget;
typedef struct rl_berth rl_berth;
typedef struct rl_member rl_member;
typedef struct rl_ticket rl_ticket;

typedef struct rl_budget_limits {
    const char *name;     /* of the database, for people; copied; NULL: not for their eyes */
    const char *follows;  /* of a replica: the key of its primary's budget; copied */
    uint32_t max;         /* connections, those that are being made too */
    uint32_t max_waiters; /* of all members together */
    uint32_t max_streams; /* tickets of streams that are let in; the others wait at the gate */
    uint32_t min_open;    /* idleness alone never leaves fewer */
} rl_budget_limits;

/* Of all members since the first one joined, and now. */
typedef struct rl_budget_stats {
    uint32_t in_use, idle, connecting, waiting; /* now; being tidied is in use */
    uint32_t streams;                           /* those let in: lent, or in the queue */
    uint64_t acquired, timeouts, refused;       /* grants; waits that ended; queue full */
    uint64_t waited_ns;                         /* by those who were granted */
    uint64_t connects, connect_failures, lost, reconnects;
    uint64_t queries, resets, leaked;
    uint64_t handovers; /* from one member to another */
} rl_budget_stats;

/* Tells each figure by the name that people know it by; times are seconds. */
typedef void rl_tell_fn(void *owner, const char *name, double value);
void rl_budget_stats_tell(const rl_budget_stats *stats, rl_tell_fn *tell, void *owner);
void rl_lane_stats_tell(const rl_lane_stats *stats, rl_tell_fn *tell, void *owner);

/* What the connections of one server do, as of now. */
typedef struct rl_budget_report {
    const char *name;
    bool is_replica;
    uint32_t workers, max;
    uint32_t readers; /* of a replica: workers that read it now */
    rl_budget_stats exclusive;
    rl_lane_stats shared;
} rl_budget_report;
/* Shows each database's, and behind it those of its replicas; `see` must be quick, since all wait for it. From
 * any thread. */
void rl_budgets_look(rl_budgets *budgets, void (*see)(void *owner, const rl_budget_report *report), void *owner);

struct rl_member {
    rl_list link;
    rl_budget *budget;
    rl_loop *loop;
    void (*on_bell)(rl_member *member);
    rl_post bell;
    rl_list idle, called, arrived; /* berths */
    uint32_t queued, dialing;
    uint64_t heard; /* of demoted hosts, up to this epoch */
    bool is_rung, is_leaving;
    bool is_reader;     /* of a replica: it is read */
    rl_lane_stats lane; /* of the worker's shared connections, as of its last turn */
};

struct rl_ticket {
    bool is_stream; /* the caller's: it will be held at somebody's reading pace */
    rl_list link;   /* in the queue, or at the gate */
    rl_member *member;
    rl_berth *coming; /* promised, and under way */
    uint64_t since_ns;
    bool is_at_gate;
};

struct rl_berth {
    rl_list link; /* in its member's idle, called or arrived */
    rl_list all;  /* in the budget's idle */
    rl_member *member;
    rl_ticket *promised_to;
    uint64_t host, epoch; /* pg/demoted.h */
    bool is_idle, is_called;
    bool is_stream; /* lent to one */
};

/* Members with the same key share a budget; the first one's limits hold. With
 * NULL for `budgets` it is a budget of its own. */
RL_MUST_USE rl_err rl_member_join(rl_member *member, rl_budgets *budgets, const char *key,
                                  const rl_budget_limits *limits, rl_loop *loop,
                                  void (*on_bell)(rl_member *member));
/* Nothing more will be sent to it. Its tickets have been forgotten; its dials
 * will not be reported by anybody else. It then empties idle, called and arrived. */
void rl_member_leave(rl_member *member);
/* No bell is on its way any more: rl_member_clear may follow. */
bool rl_member_is_silent(rl_member *member);
/* The last call; the budget goes with its last member. */
void rl_member_clear(rl_member *member);

/* A berth that is idle here, at once, in *out; or NULL there, and the ticket is
 * queued. RL_EFULL when too many wait. */
RL_MUST_USE rl_err rl_member_take(rl_member *member, rl_ticket *ticket, rl_berth **out);
/* It wants none any more. */
void rl_ticket_forget(rl_ticket *ticket, bool has_timed_out);

typedef enum rl_put {
    RL_PUT_IDLE,  /* it is idle here now */
    RL_PUT_GRANT, /* a ticket of this member gets it: it is in *out */
    RL_PUT_STALE, /* its host was demoted after it was made, or too many are open: to be closed */
    RL_PUT_AWAY   /* an older ticket waits elsewhere: take it off the loop, then rl_member_send */
} rl_put;
/* A usable berth on the member's loop that nobody holds. */
rl_put rl_member_put(rl_member *member, rl_berth *berth, rl_ticket **out);
/* That host has refused a write: no connection that was made to it before is lent again, and
 * every member hears of it by its bell. Once a second at most (pg/demoted.h). */
void rl_member_demote(rl_member *member, uint64_t host);
/* On a bell, until it gives 0: the hosts that were demoted since. */
uint64_t rl_member_next_demoted(rl_member *member);
/* One that is on no loop. False when nobody can have it: it is closed then. */
RL_MUST_USE bool rl_member_send(rl_member *member, rl_berth *berth);

/* On a bell: what others want, and what they sent. NULL when that was all. A
 * called berth is put; an arrived one joins the loop and is put. */
rl_berth *rl_member_next_called(rl_member *member);
rl_berth *rl_member_next_arrived(rl_member *member);
/* When leaving. */
rl_berth *rl_member_next_idle(rl_member *member);

/* Whether to make one more connection; then it counts, and rl_member_dialed
 * follows. `is_warming`: for nobody, until min_open are there. `is_impatient`:
 * not content with those that were called and did not come yet. */
RL_MUST_USE bool rl_member_may_dial(rl_member *member, bool is_warming, bool is_impatient);
/* Without success (NULL) it counts no more; with it the berth, to that host, is the member's, to be put. */
void rl_member_dialed(rl_member *member, rl_berth *berth, uint64_t host);
/* Removes an idle one, which is to be closed; false when it is called, or when
 * it is not `is_old` and too few would be left. */
RL_MUST_USE bool rl_member_retire(rl_member *member, rl_berth *berth, bool is_old);
/* It died or is to be closed: one of the member's, in whatever state. */
void rl_member_remove(rl_member *member, rl_berth *berth);

void rl_member_count_lost(rl_member *member);
void rl_member_count_loan(rl_member *member, uint64_t queries, bool was_reset);
void rl_member_count_leak(rl_member *member);
/* How many wait on all threads; and whether some of this member's do while
 * connections were called and did not come yet. */
uint32_t rl_member_queued(rl_member *member, bool *are_called);
/* The worker's shared connections do this now. */
void rl_member_count_lane(rl_member *member, const rl_lane_stats *now);
void rl_member_set_reader(rl_member *member, bool is_reader);
rl_budget_report rl_member_report(rl_member *member);

#endif
