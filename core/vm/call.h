/* call -- one request being handled: the coroutines that it takes.
 *
 *   route's function --returned--> answer --------------------+
 *        |                   `---- a stream: its function ----+--> after function --> over
 *        +--failed--> the app's fault function --> answer ----+
 *
 * What follows the route's function runs in a coroutine of its own: one that
 * failed cannot be used again. A coroutine is over when all tasks spawned in it
 * are, and the call when its last coroutine is: then the request is released. */
#ifndef RL_VM_CALL_H
#define RL_VM_CALL_H

#include "vm/app.h"

typedef enum rl_follow { RL_FOLLOW_FAULT, RL_FOLLOW_STREAM, RL_FOLLOW_AFTER } rl_follow;

typedef struct rl_call {
    rl_task task;   /* runs the route's function, or the app's for a request without one */
    rl_task follow; /* runs what follows it */
    rl_call *next_free; /* while it is not in use */
    rl_app *app;
    rl_request *request;
    rl_signal body_news; /* the body is done, or failed */
    rl_signal drained;   /* a stream has room again */
    int route;           /* its number, or -1 */
    int after_ref;       /* the after function, or LUA_NOREF */
    rl_follow step;      /* what `follow` runs */
    uint8_t running;     /* of task and follow, those not over yet */
    bool task_over, follow_over; /* their coroutines are; children may not be */
} rl_call;

/* The values of a call that no route took: the status to answer, and words. */
typedef struct rl_miss {
    int status;
    const char *code, *message;
    rl_hook hook; /* who answers */
} rl_miss;

/* Run `request` through route `route`; with -1, and a miss, through the app's
 * function for misses. Answers and releases the request, now or later. */
void rl_call_start(rl_app *app, rl_request *request, int route, const rl_miss *miss);
/* Its client has gone: a safe request is cancelled. */
void rl_call_gone(rl_call *call);
/* The call whose route's function, or what follows it, runs as `task`; NULL: none. */
rl_call *rl_call_of(rl_task *task);
/* Give back the memory of calls that are not in use. */
void rl_call_free_all(rl_call *free_calls);

#endif
