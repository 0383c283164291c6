/* app -- an app's routes, and the way from a request to its Lua function.
 *
 *   request --> router --> route's composed function, in a coroutine
 *                              | returned       | failed
 *                              v                v
 *                            answer       the app's fault function, in another
 *
 * The router leads straight to one function for each route, its middleware
 * folded in: no Lua loop dispatches, so each route gets a trace of its own. */
#ifndef RL_VM_APP_H
#define RL_VM_APP_H

#include "http/server.h"
#include "vm/task.h"
#include "vm/vm.h"

typedef struct rl_app rl_app;

typedef struct rl_app_limits {
    uint64_t request_timeout_ms;
    size_t max_json;
} rl_app_limits;

/* Serves with `vm` from now on. */
RL_MUST_USE rl_err rl_app_new(rl_vm *vm, const rl_app_limits *limits, rl_app **out);
/* No request may be live. */
void rl_app_free(rl_app *app);
/* What a server is given: rl_server_new(..., rl_app_handler(), app, ...). */
const rl_handler *rl_app_handler(void);
/* The server whose requests come here; before the first one. */
void rl_app_attach(rl_app *app, rl_server *server);

/* ---- for the bindings of a request (request.c) ---- */

/* One request being handled. */
typedef struct rl_call {
    rl_task task;  /* runs the route's function */
    rl_task fault; /* runs the fault function after a failure */
    rl_list link;  /* among the app's free calls */
    rl_app *app;
    rl_request *request;
    rl_signal body_news; /* the body is done, or failed */
    rl_signal drained;   /* a stream has room again */
    int route;           /* -1: none */
    uint8_t running;     /* of task and fault, those not over yet */
    bool task_over, fault_over; /* their coroutines are; children may not be */
} rl_call;

/* The live request that the arguments slot, epoch at `index` and `index + 1`
 * mean; raises "request is over" else. */
rl_request *rl_app_request(lua_State *L, int index);
rl_call *rl_app_call(rl_request *request);
rl_server *rl_app_server(const rl_app *app);
const rl_app_limits *rl_app_read_limits(const rl_app *app);
#endif
