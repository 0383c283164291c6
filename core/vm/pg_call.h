/* pg_call -- one statement that a task waits for: what the files of pg_* share.
 *
 *    new -> (fill errand.query) -> start_and_wait ~~ yields ~~> case
 *
 * The errand belongs to the task's scope. When the wait ends otherwise than by
 * its news, nobody will come for the answer, and the errand is dropped. */
#ifndef RL_VM_PG_CALL_H
#define RL_VM_PG_CALL_H

#include "pg/audience.h"
#include "pg/errand.h"
#include "vm/task.h"

enum { RL_PG_CASE_ANSWER = 1, RL_PG_CASE_ABANDONED = 2, RL_PG_CASE_REFUSED = 3, RL_PG_MESSAGE_CAP = 512 };

typedef struct rl_pg_call {
    rl_errand errand; /* first: the two are freed as one */
    rl_case one;
    bool is_waiting; /* `one` is in the task's wait */
    bool is_told;    /* and has claimed it */
} rl_pg_call;

/* The pool at stack index 1; raises when it is none, or closed. */
rl_pool *rl_pg_check_pool(lua_State *L);

/* That pool's audience, made now if there is none, of the URL at index 2 within
 * the milliseconds at index 3. */
rl_audience *rl_pg_check_audience(lua_State *L);

/* The same, NULL when nobody has listened yet. */
rl_audience *rl_pg_audience(lua_State *L);
/* pg_stats(pool) -> table: what db:stats() says */
int rl_pg_stats(lua_State *L);

/* pg_how(is_exclusive, is_unprepared, is_cancellable, timeout_ms, place) -> how: what
 * a statement is run with; nil where one is wanted asks for nothing. The place is 0 for the
 * primary, 1 for a replica and else the primary, 2 for a replica alone */
int rl_pg_new_how(lua_State *L);
/* Heed the one at stack index 2; raises when it is neither that nor nil. */
void rl_pg_check_how(lua_State *L);
void rl_pg_apply_how(lua_State *L, rl_errand *errand);

/* Call this on the call's errand when it is done, or has other news. */
void rl_pg_call_tell(rl_pg_call *call);
void rl_pg_call_init(rl_pg_call *call, rl_task *task, rl_errand_kind kind, rl_pool *pool,
                     void (*freed)(rl_errand *errand));
/* `return rl_pg_call_wait(L, task, call)`: yields, the result is the case. */
int rl_pg_call_wait(lua_State *L, rl_task *task, rl_pg_call *call);
/* The same with the start of the errand in front. */
int rl_pg_call_start(lua_State *L, rl_task *task, rl_pg_call *call);
/* Drop it: the caller's values cannot be sent. Results: the case, `message`. */
int rl_pg_call_refuse(lua_State *L, rl_pg_call *call, const char *message);

/* The newest errand of the task that has its answer; raises when there is none. */
rl_errand *rl_pg_check_answer(lua_State *L);
/* Pushes nil and the error when the errand failed, and drops it. */
bool rl_pg_push_if_failed(lua_State *L, rl_errand *errand);

/* The bindings of pg_batch.c, pg_copy.c and pg_listen.c, into the table on top. */
void rl_vm_open_pg_batch(lua_State *L);
void rl_vm_open_pg_copy(lua_State *L);
void rl_vm_open_pg_listen(lua_State *L);

/* pg_replicas.c. Those of `replicas` and `max_lag_ms` in the table at index 1, whose texts they borrow. */
rl_replicas_options rl_vm_pg_read_replicas(lua_State *L);
/* pg_replicas(pool) -> a list of { name, state, lag (seconds, or nil), running, queries, sent_home } */
int rl_vm_pg_replicas(lua_State *L);

#endif
