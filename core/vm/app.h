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
#include "vm/news.h"
#include "vm/task.h"
#include "vm/vm.h"

typedef struct rl_app rl_app;

typedef struct rl_app_limits {
    uint64_t request_timeout_ms;
    size_t max_json;
    const char *hosts; /* only those asked for by a local name, or one listed here, are served; NULL: all are.
                          Lives as long as the app */
} rl_app_limits;

/* Serves with `vm` from now on. */
RL_MUST_USE rl_err rl_app_new(rl_vm *vm, const rl_app_limits *limits, rl_app **out);
/* No request may be live. */
void rl_app_free(rl_app *app);
/* What a server is given: the app as whose the requests are. */
rl_tenant *rl_app_tenant(rl_app *app);
/* While it has a notice, browsers are shown that in place of pages. */
rl_news *rl_app_news(rl_app *app);
/* The server whose requests come here; before the first one. */
void rl_app_attach(rl_app *app, rl_server *server);

/* ---- for the other files of this folder ---- */

typedef struct rl_call rl_call;

/* Functions that the framework sets while the app loads. */
typedef enum rl_hook {
    RL_HOOK_MISS,   /* (slot, epoch, status, code, message): answers one that no route took; may be unset */
    RL_HOOK_NOTICE, /* the same: answers a browser while there is a notice; may be unset */
    RL_HOOK_FAULT,  /* (slot, epoch, error, coroutine or nil, route): answers a failed request */
    RL_HOOK_STREAM, /* (slot, epoch, answer, status, headers, route): sends an answer that has a function `run`;
                       status and headers are those returned behind it, or nil */
    RL_HOOK_COUNT
} rl_hook;

/* The live request that the arguments slot, epoch at `index` and `index + 1`
 * mean; raises "request is over" else. */
rl_request *rl_app_request(lua_State *L, int index);
rl_call *rl_app_call(rl_request *request);
rl_server *rl_app_server(const rl_app *app);
const rl_app_limits *rl_app_read_limits(const rl_app *app);
rl_vm *rl_app_vm(const rl_app *app);
struct rl_answerer *rl_app_answerer(rl_app *app);
rl_call **rl_app_free_calls(rl_app *app);
/* Registry references; LUA_NOREF for a hook that was not set. */
int rl_app_hook(const rl_app *app, rl_hook hook);
int rl_app_route(const rl_app *app, int route);

#endif
