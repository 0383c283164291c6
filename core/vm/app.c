#include "vm/app.h"

#include <stdio.h>

#include "base/mem.h"
#include "http/lines.h"
#include "http/router.h"
#include "http/target.h"
#include "vm/answer.h"
#include "vm/sched.h"

typedef struct route {
    int ref; /* the composed function */
    char *pattern;
} route;

enum { COLLECT_PAUSE = 10 /* times as long as the last collection took: a full VM must not do nothing else */ };

struct rl_app {
    rl_vm *vm;
    rl_server *server;
    rl_app_limits limits;
    rl_router *router;
    route *routes;
    uint32_t route_count, route_cap;
    const char *last_route; /* dispatched last: whom to name when a turn took long */
    uint64_t collect_after_ns; /* when the collector may be asked again to make room */
    int fault_ref; /* LUA_NOREF until the framework sets it */
    rl_list free_calls;
    rl_answerer answerer;
};

rl_err rl_app_new(rl_vm *vm, const rl_app_limits *limits, rl_app **out) {
    rl_app *app = rl_mem_zalloc(1, sizeof *app);
    if (app == NULL)
        return RL_ENOMEM;
    app->router = rl_router_new();
    if (app->router == NULL) {
        rl_mem_free(app);
        return RL_ENOMEM;
    }
    app->vm = vm;
    app->limits = *limits;
    app->fault_ref = LUA_NOREF;
    rl_list_init(&app->free_calls);
    rl_answerer_init(&app->answerer, vm);
    vm->app = app;
    *out = app;
    return RL_OK;
}

void rl_app_free(rl_app *app) {
    for (rl_list *link; (link = rl_list_pop_front(&app->free_calls)) != NULL;)
        rl_mem_free(RL_CONTAINER(link, rl_call, link));
    for (uint32_t i = 0; i < app->route_count; i++)
        rl_mem_free(app->routes[i].pattern);
    rl_mem_free(app->routes);
    rl_router_free(app->router);
    rl_answerer_clear(&app->answerer);
    app->vm->app = NULL;
    rl_mem_free(app);
}

void rl_app_attach(rl_app *app, rl_server *server) {
    app->server = server;
}

const rl_app_limits *rl_app_read_limits(const rl_app *app) {
    return &app->limits;
}

rl_server *rl_app_server(const rl_app *app) {
    return app->server;
}

rl_call *rl_app_call(rl_request *request) {
    return request->handling;
}

/* ---- a request's life ---------------------------------------------------- */

static rl_call *acquire_call(rl_app *app) {
    rl_list *link = rl_list_pop_front(&app->free_calls);
    return link != NULL ? RL_CONTAINER(link, rl_call, link) : rl_mem_alloc(sizeof(rl_call));
}

/* One of the call's tasks is over; with the last of them the call is. */
static void one_less(rl_call *call) {
    if (--call->running > 0)
        return;
    rl_request *request = call->request;
    /* Tasks of the app may wait here, too: they find that the request is over. */
    rl_signal_all(&call->body_news);
    rl_signal_all(&call->drained);
    rl_list_push_front(&call->app->free_calls, &call->link);
    request->handling = NULL;
    rl_request_release(request);
}

/* A task is over when its coroutine and all its children are. */
static void try_end(rl_call *call, rl_task *task, bool has_ended) {
    if (!has_ended || !rl_list_is_empty(&task->scope.children))
        return;
    task->scope.emptied = NULL;
    rl_scope_end(&task->scope);
    one_less(call);
}

static void on_task_emptied(rl_scope *scope) {
    rl_call *call = RL_CONTAINER(scope, rl_call, task.scope);
    try_end(call, &call->task, call->task_over);
}

static void on_fault_emptied(rl_scope *scope) {
    rl_call *call = RL_CONTAINER(scope, rl_call, fault.scope);
    try_end(call, &call->fault, call->fault_over);
}

static void on_fault_ended(rl_task *task, int status, int count) {
    rl_call *call = RL_CONTAINER(task, rl_call, fault);
    const char *wrong = status != 0 ? "the fault handler failed itself"
                                    : rl_answer_results(&call->app->answerer, call->request, task->co, count);
    if (wrong != NULL) {
        rl_log_field fields[] = {rl_log_str("error", rl_slice_str(wrong)),
                                 rl_log_text("cause", rl_slice_str(status != 0 && lua_type(task->co, -1) == LUA_TSTRING
                                                                       ? lua_tostring(task->co, -1)
                                                                       : "-"))};
        rl_log_write(call->app->vm->log, RL_LOG_ERROR, "fault", fields, 2);
        (void)rl_request_fail(call->request, 500, "internal", "internal error");
    }
    call->fault_over = true;
    rl_scope_cancel_children(&task->scope, RL_ECANCELLED);
    try_end(call, task, true);
}

typedef struct fault_values {
    lua_State *from, *to;
    const char *wrong; /* a fault of ours, or NULL: the value on top of `from` is the error */
} fault_values;

/* Push what the fault function takes behind slot and epoch: the error, and the
 * coroutine that failed, whose stack it may read. What takes memory is done in
 * L: an error in a coroutine that does not run has no catcher. */
static int push_fault_values(lua_State *L, void *arg) {
    fault_values *values = arg;
    if (values->wrong != NULL) {
        lua_pushstring(L, values->wrong);
        lua_pushnil(L);
        lua_xmove(L, values->to, 2);
        return 0;
    }
    lua_xmove(values->from, values->to, 1);
    lua_pushthread(values->from);
    lua_xmove(values->from, values->to, 1);
    return 0;
}

/* The handler failed, or gave what cannot be sent. */
static void start_fault(rl_call *call, lua_State *co, const char *wrong) {
    rl_app *app = call->app;
    rl_lines_remove(&call->request->fields, RL_LIT("content-type")); /* it was meant for another body */
    if (rl_task_init(&call->fault, app->vm, &app->vm->scope, on_fault_ended) != RL_OK) {
        (void)rl_request_fail(call->request, 503, "overloaded", "out of memory: try again soon");
        return;
    }
    lua_State *to = call->fault.co;
    lua_rawgeti(to, LUA_REGISTRYINDEX, app->fault_ref);
    lua_pushinteger(to, (lua_Integer)call->request->slot);
    lua_pushinteger(to, (lua_Integer)call->request->epoch);
    fault_values values = {co, to, wrong};
    if (rl_vm_protect(app->vm, push_fault_values, &values, NULL, 0) != RL_OK) {
        rl_task_abandon(&call->fault);
        (void)rl_request_fail(call->request, 503, "overloaded", "out of memory: try again soon");
        return;
    }
    lua_pushinteger(to, call->route + 1);
    call->running++;
    call->fault_over = false;
    call->fault.scope.emptied = on_fault_emptied;
    rl_scope_set_deadline(&call->fault.scope, app->limits.request_timeout_ms);
    rl_task_run(&call->fault, 5);
}

static void on_task_ended(rl_task *task, int status, int count) {
    rl_call *call = RL_CONTAINER(task, rl_call, task);
    if (status == 0) {
        if (count == 2 && lua_isnil(task->co, 1) && !lua_isnil(task->co, 2)) {
            start_fault(call, task->co, NULL); /* `return nil, err` raises err */
        } else {
            const char *wrong = rl_answer_results(&call->app->answerer, call->request, task->co, count);
            if (wrong != NULL)
                start_fault(call, task->co, wrong);
        }
    } else {
        start_fault(call, task->co, NULL);
    }
    call->task_over = true;
    rl_scope_cancel_children(&task->scope, RL_ECANCELLED);
    try_end(call, task, true);
}

static void on_ran(void *owner, uint64_t took_ns) {
    rl_app *app = owner;
    if (RL_UNLIKELY(took_ns > RL_SLOW_TURN_NS) && app->last_route != NULL)
        rl_sched_report_slow(app->vm, app->last_route, took_ns);
}

static void start_call(rl_app *app, rl_request *request, int route_id) {
    rl_call *call = acquire_call(app);
    if (call == NULL || rl_task_init(&call->task, app->vm, &app->vm->scope, on_task_ended) != RL_OK) {
        if (call != NULL)
            rl_list_push_front(&app->free_calls, &call->link);
        (void)rl_request_fail(request, 503, "overloaded", "out of memory: try again soon");
        rl_request_release(request);
        return;
    }
    call->app = app;
    call->request = request;
    call->route = route_id;
    call->running = 1;
    call->task_over = false;
    call->task.scope.emptied = on_task_emptied;
    call->task.name = request->route;
    rl_signal_init(&call->body_news);
    rl_signal_init(&call->drained);
    rl_list_init(&call->link);
    request->handling = call;
    lua_State *co = call->task.co;
    lua_rawgeti(co, LUA_REGISTRYINDEX, app->routes[route_id].ref);
    lua_pushinteger(co, (lua_Integer)request->slot);
    lua_pushinteger(co, (lua_Integer)request->epoch);
    uint32_t slot = request->slot, epoch = request->epoch;
    rl_task_run(&call->task, 2);
    if (rl_server_request(app->server, slot, epoch) != request || request->handling != call || call->task_over)
        return;
    /* it waits: from now on it has a deadline, the route's own or the usual one */
    if (!rl_timer_is_running(&call->task.scope.deadline))
        rl_scope_set_deadline(&call->task.scope, app->limits.request_timeout_ms);
}

/* Answers that need no Lua: nothing of the app's is there. */
static void answer_miss(rl_request *request, rl_routing routing) {
    if (routing == RL_ROUTE_BAD_PATH) {
        (void)rl_request_fail(request, 400, "bad_request", "the path is malformed");
    } else if (routing == RL_ROUTE_NOT_FOUND) {
        (void)rl_request_fail(request, 404, "not_found", "there is nothing here");
    } else {
        char text[RL_METHOD_SET_CAP];
        const char *why;
        rl_slice allow = rl_method_set_text(request->match.allow, text);
        if (rl_lines_append(&request->fields, RL_LIT("Allow"), allow, &why) != RL_OK)
            (void)rl_request_fail(request, 503, "overloaded", "out of memory: try again soon");
        else if (request->head.method == RL_OPTIONS)
            (void)rl_request_answer(request, &(rl_answer){.status = 204});
        else
            (void)rl_request_fail(request, 405, "method_not_allowed", "this resource has other methods: see Allow");
    }
    rl_request_release(request);
}

/* Near its ceiling the VM takes no more until the collector has made room. */
static bool is_short_of_memory(rl_app *app) {
    rl_vm *vm = app->vm;
    if (RL_LIKELY(vm->used < vm->ceiling - vm->ceiling / 8))
        return false;
    uint64_t began_ns = rl_clock_ns();
    if (began_ns < app->collect_after_ns)
        return true;
    rl_err err = rl_vm_protect(vm, rl_vm_collect, NULL, NULL, 0);
    uint64_t ended_ns = rl_clock_ns();
    app->collect_after_ns = ended_ns + (ended_ns - began_ns) * COLLECT_PAUSE;
    return err != RL_OK || vm->used >= vm->ceiling - vm->ceiling / 8;
}

static void on_request(void *owner, rl_request *request) {
    rl_app *app = owner;
    if (request->head.asterisk) {
        request->match.allow = RL_METHOD_ALL;
        answer_miss(request, RL_ROUTE_METHOD);
        return;
    }
    rl_routing routing = rl_router_match(app->router, request->head.method, rl_head_path(&request->head), &request->match);
    if (routing != RL_ROUTE_FOUND) {
        request->match.count = 0;
        answer_miss(request, routing);
        return;
    }
    request->route = app->routes[request->match.route].pattern;
    if (is_short_of_memory(app)) {
        (void)rl_request_fail(request, 503, "overloaded", "out of memory: try again soon");
        rl_request_release(request);
        return;
    }
    app->last_route = request->route;
    start_call(app, request, request->match.route);
}

static void on_body(void *owner, rl_request *request) {
    (void)owner;
    rl_call *call = request->handling;
    if (call != NULL)
        rl_signal_all(&call->body_news);
}

static void on_drained(void *owner, rl_request *request) {
    (void)owner;
    rl_call *call = request->handling;
    if (call != NULL)
        rl_signal_all(&call->drained);
}

static void on_gone(void *owner, rl_request *request) {
    (void)owner;
    rl_call *call = request->handling;
    if (call == NULL)
        return;
    rl_signal_all(&call->drained);
    if (rl_request_is_safe(request) && !request->finish_on_disconnect && !call->task_over)
        rl_scope_cancel(&call->task.scope, RL_ECANCELLED);
}

const rl_handler *rl_app_handler(void) {
    static const rl_handler handler = {
        .request = on_request, .body = on_body, .drained = on_drained, .ran = on_ran, .gone = on_gone};
    return &handler;
}

/* ---- for Lua, at load ---------------------------------------------------- */

static rl_app *app_of(lua_State *L) {
    rl_vm *vm = rl_vm_of(L);
    if (vm == NULL || vm->app == NULL)
        luaL_error(L, "there is no server in this command: routes cannot be registered");
    return vm->app;
}

static bool grow_routes(rl_app *app) {
    if (app->route_count < app->route_cap)
        return true;
    uint32_t cap = app->route_cap == 0 ? 32 : app->route_cap * 2;
    route *routes = rl_mem_realloc(app->routes, cap * sizeof *routes);
    if (routes == NULL)
        return false;
    app->routes = routes;
    app->route_cap = cap;
    return true;
}

/* route(method, pattern, fn, where) -> number of the route; method "ANY" is every one */
static int add_route(lua_State *L) {
    rl_app *app = app_of(L);
    size_t method_len, pattern_len, where_len;
    const char *method = luaL_checklstring(L, 1, &method_len);
    const char *pattern = luaL_checklstring(L, 2, &pattern_len);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    const char *where = luaL_checklstring(L, 4, &where_len);
    rl_method which = strcmp(method, "ANY") == 0 ? RL_METHOD_ANY : rl_method_of(rl_slice_of(method, method_len));
    if (which == RL_METHOD_OTHER && strcmp(method, "ANY") != 0)
        return luaL_error(L, "there is no method '%s'", method);
    lua_pushvalue(L, 3);
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    char message[512] = "not enough memory";
    if (grow_routes(app)) {
        int id = (int)app->route_count;
        char *copy = rl_mem_strndup(pattern, pattern_len);
        if (copy != NULL && rl_router_add(app->router, which, rl_slice_of(pattern, pattern_len), id,
                                          rl_slice_of(where, where_len), message, sizeof message) == RL_OK) {
            app->routes[app->route_count++] = (route){ref, copy};
            lua_pushinteger(L, id + 1);
            return 1;
        }
        rl_mem_free(copy);
    }
    luaL_unref(L, LUA_REGISTRYINDEX, ref);
    lua_pushstring(L, message); /* it names the app's lines itself */
    return lua_error(L);
}

/* on_fault(fn): fn(slot, epoch, err, coroutine or nil, number of the route) answers a failed request */
static int set_fault(lua_State *L) {
    rl_app *app = app_of(L);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    luaL_unref(L, LUA_REGISTRYINDEX, app->fault_ref);
    app->fault_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

/* has_server() -> whether routes can be registered here */
static int has_server(lua_State *L) {
    rl_vm *vm = rl_vm_of(L);
    lua_pushboolean(L, vm != NULL && vm->app != NULL);
    return 1;
}

void rl_vm_open_app(lua_State *L) {
    const luaL_Reg functions[] = {
        {"route", add_route}, {"on_fault", set_fault}, {"has_server", has_server}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
