/* test -- the server that lua/rille/test.lua sends requests to, without a socket.
 *
 *   spec's task --wire (loopback)--> one server of the VM --> the wire's app
 *
 * Made when a spec first asks for it, in the spec's own VM. Several apps share
 * the server, as contexts name a request by its slot there; the wire that a
 * request came on says which of them is meant. What the apps start runs below
 * the scope of the running example (rl_vm.base): inside its transaction, and
 * ended with it. */
#include <stdatomic.h>

#include "base/mem.h"
#include "http/conn.h"
#include "loop/loopback.h"
#include "vm/app.h"
#include "vm/call.h"
#include "vm/task.h"

#define BENCH "rille.test"
#define WIRE_META "rille.test.wire"

enum { MOST_APPS = 256, WIRE_MOST = 256 * 1024 * 1024 /* an answer beyond it is a mistake */ };

typedef struct bench {
    rl_lent lent; /* in the VM's scope: its end takes all down */
    rl_vm *vm;
    rl_tenant tenant;
    rl_server *server;
    rl_server_limits limits;
    rl_app_limits app_limits;
    rl_body_budget budget;
    _Atomic uint64_t connections;
    size_t app_count;
    rl_app *apps[MOST_APPS];
} bench;

typedef struct wire {
    rl_lent lent; /* in the scope of the task that opened it */
    rl_loopback *loopback;
    rl_app *app;
    rl_signal news;
    struct handle *handle; /* NULL once it was collected */
} wire;

typedef struct handle {
    wire *wire; /* NULL once closed */
} handle;

/* ---- from the server to the wire's app --------------------------------------- */

/* NULL when the task that sent it has ended meanwhile. */
static rl_app *app_of(const rl_request *request) {
    const wire *w = rl_loopback_peer(request->conn->stream);
    return w == NULL ? NULL : w->app;
}

static void on_request(void *owner, rl_request *request) {
    (void)owner;
    rl_app *app = app_of(request);
    if (app != NULL) {
        rl_app_tenant(app)->handler->request(app, request);
        return;
    }
    (void)rl_request_fail(request, 503, "cancelled", "the task that sent this has ended");
    rl_request_release(request);
}

static bool on_refused(void *owner, rl_request *request, int status, const char *code, const char *message) {
    (void)owner;
    rl_app *app = app_of(request);
    return app != NULL && rl_app_tenant(app)->handler->refused(app, request, status, code, message);
}

/* Later news may come when the wire has gone: the call knows its app. */
static void on_body(void *owner, rl_request *request) {
    (void)owner;
    if (request->handling != NULL)
        rl_app_tenant(rl_app_call(request)->app)->handler->body(rl_app_call(request)->app, request);
}

static void on_drained(void *owner, rl_request *request) {
    (void)owner;
    if (request->handling != NULL)
        rl_app_tenant(rl_app_call(request)->app)->handler->drained(rl_app_call(request)->app, request);
}

static void on_gone(void *owner, rl_request *request) {
    (void)owner;
    if (request->handling != NULL)
        rl_app_tenant(rl_app_call(request)->app)->handler->gone(rl_app_call(request)->app, request);
}

static void on_ran(void *owner, uint64_t took_ns) {
    (void)owner;
    (void)took_ns; /* nobody else waits in a spec */
}

static const rl_handler HANDLER = {.request = on_request,
                                   .refused = on_refused,
                                   .body = on_body,
                                   .drained = on_drained,
                                   .ran = on_ran,
                                   .gone = on_gone};

/* ---- the bench ------------------------------------------------------------------ */

static uint64_t number(lua_State *L, const char *name, double unit, uint64_t otherwise) {
    lua_getfield(L, 1, name);
    uint64_t value = lua_isnumber(L, -1) ? (uint64_t)(lua_tonumber(L, -1) * unit) : otherwise;
    lua_pop(L, 1);
    return value;
}

/* From the settings at index 1: sizes in bytes, durations in seconds. */
static void read_limits(lua_State *L, bench *b) {
    rl_parser_limits parser = RL_PARSER_LIMITS_DEFAULT;
    parser.max_request_line = number(L, "max_request_line", 1, parser.max_request_line);
    parser.max_headers = number(L, "max_headers", 1, parser.max_headers);
    parser.max_header_count = (uint32_t)number(L, "max_header_count", 1, parser.max_header_count);
    parser.max_body = number(L, "max_body", 1, parser.max_body);
    b->limits = (rl_server_limits){.parser = parser,
                                   .max_body_memory = number(L, "max_body_memory", 1, 1 << 20),
                                   .header_timeout_ms = number(L, "header_timeout", 1000, 10000),
                                   .body_timeout_ms = number(L, "body_timeout", 1000, 30000),
                                   .write_timeout_ms = number(L, "write_timeout", 1000, 30000),
                                   .keepalive_timeout_ms = number(L, "keepalive_timeout", 1000, 75000),
                                   .half_close_grace_ms = number(L, "half_close_grace", 1000, 1000),
                                   .max_connections = UINT64_MAX,
                                   .connections = &b->connections,
                                   .max_requests = number(L, "max_requests", 1, 1000),
                                   .pipeline = number(L, "pipeline", 1, 16)};
    b->app_limits = (rl_app_limits){.request_timeout_ms = number(L, "request_timeout", 1000, 30000),
                                    .max_json = number(L, "max_json", 1, 1 << 20)};
    b->budget.ceiling = number(L, "body_memory", 1, 64 << 20);
}

static void close_bench(rl_lent *lent) {
    bench *b = RL_CONTAINER(lent, bench, lent);
    rl_server_abort(b->server);
    while (!rl_server_is_idle(b->server) && rl_loop_turn(b->vm->loop, false))
        ;
    rl_server_free(b->server);
    while (b->app_count > 0)
        rl_app_free(b->apps[--b->app_count]);
    rl_mem_free(b);
}

static bench *find_bench(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, BENCH);
    bench *b = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return b;
}

static bench *open_bench(lua_State *L, rl_vm *vm) {
    bench *b = find_bench(L);
    if (b != NULL)
        return b;
    lua_pushlightuserdata(L, NULL); /* the field's memory, while nothing can be lost yet */
    lua_setfield(L, LUA_REGISTRYINDEX, BENCH);
    b = rl_mem_zalloc(1, sizeof *b);
    if (b == NULL)
        luaL_error(L, "not enough memory");
    b->vm = vm;
    b->tenant = (rl_tenant){.handler = &HANDLER, .owner = b};
    read_limits(L, b);
    if (rl_server_new(vm->loop, &b->limits, &b->budget, &b->tenant, vm->log, false, &b->server) != RL_OK) {
        rl_mem_free(b);
        luaL_error(L, "not enough memory");
    }
    rl_server_set_journal(b->server, vm->journal, vm->worker);
    rl_scope_lend(&vm->scope, &b->lent, "test server", close_bench);
    lua_pushlightuserdata(L, b);
    lua_setfield(L, LUA_REGISTRYINDEX, BENCH);
    return b;
}

/* test_app(settings) -> the number of a new app: what core.route and core.hook
 * are given from now on is its own */
static int new_app(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    rl_vm *vm = rl_vm_of(L);
    bench *b = open_bench(L, vm);
    if (b->app_count == MOST_APPS)
        return luaL_error(L, "a spec file tests at most %d apps: make them outside of the examples", MOST_APPS);
    if (rl_app_new(vm, &b->app_limits, &b->apps[b->app_count]) != RL_OK)
        return luaL_error(L, "not enough memory");
    rl_app_attach(b->apps[b->app_count], b->server);
    lua_pushinteger(L, (lua_Integer)++b->app_count);
    return 1;
}

/* ---- wires ------------------------------------------------------------------------ */

static void on_news(void *peer) {
    wire *w = peer;
    rl_signal_all(&w->news);
}

static void close_wire(rl_lent *lent) {
    wire *w = RL_CONTAINER(lent, wire, lent);
    rl_signal_all(&w->news);
    if (w->handle != NULL)
        w->handle->wire = NULL;
    rl_loopback_close(w->loopback);
    rl_mem_free(w);
}

static handle *check_handle(lua_State *L) {
    return luaL_checkudata(L, 1, WIRE_META);
}

static wire *check_wire(lua_State *L) {
    handle *at = check_handle(L);
    if (at->wire == NULL)
        luaL_error(L, "the task that opened this connection has ended");
    return at->wire;
}

/* test_open(app) -> wire: a connection to that app, closed by the end of this task */
static int open_wire(lua_State *L) {
    bench *b = find_bench(L);
    lua_Integer app = luaL_checkinteger(L, 1);
    luaL_argcheck(L, b != NULL && app >= 1 && (size_t)app <= b->app_count, 1, "the number of an app");
    rl_task *task = rl_task_may_wait(L);
    handle *at = lua_newuserdata(L, sizeof *at);
    at->wire = NULL;
    luaL_getmetatable(L, WIRE_META);
    lua_setmetatable(L, -2);
    wire *w = rl_mem_zalloc(1, sizeof *w);
    if (w == NULL || rl_loopback_open(b->vm->loop, WIRE_MOST, on_news, w, &w->loopback) != RL_OK) {
        rl_mem_free(w);
        return luaL_error(L, "not enough memory");
    }
    w->app = b->apps[app - 1];
    w->handle = at;
    at->wire = w;
    rl_signal_init(&w->news);
    rl_scope_lend(&task->scope, &w->lent, "test connection", close_wire);
    rl_server_accept(b->server, rl_loopback_stream(w->loopback));
    return 1;
}

/* test_send(wire, bytes) */
static int send_bytes(lua_State *L) {
    wire *w = check_wire(L);
    size_t len;
    const char *bytes = luaL_checklstring(L, 2, &len);
    rl_err err = rl_loopback_send(w->loopback, rl_slice_of(bytes, len));
    if (err != RL_OK)
        return luaL_error(L, "the request could not be sent: %s", rl_err_name(err));
    return 0;
}

/* test_got(wire) -> bytes that came since the last call, whether these were the last */
static int take_bytes(lua_State *L) {
    wire *w = check_wire(L);
    rl_slice got = rl_loopback_got(w->loopback);
    lua_pushlstring(L, got.len == 0 ? "" : got.ptr, got.len);
    rl_loopback_drop(w->loopback, got.len);
    lua_pushboolean(L, rl_loopback_has_ended(w->loopback));
    return 2;
}

/* test_wait(wire) -> case: until there is more to get */
static int wait_for_news(lua_State *L) {
    wire *w = check_wire(L);
    return rl_signal_wait(L, rl_task_may_wait(L), &w->news, UINT64_MAX, "answer");
}

static int close_handle(lua_State *L) {
    handle *at = check_handle(L);
    if (at->wire != NULL) {
        rl_lent_return(&at->wire->lent);
        close_wire(&at->wire->lent);
    }
    return 0;
}

static int collect_handle(lua_State *L) {
    handle *at = lua_touserdata(L, 1);
    if (at->wire != NULL)
        at->wire->handle = NULL;
    return 0;
}

void rl_vm_open_test(lua_State *L) {
    const luaL_Reg functions[] = {{"test_app", new_app},
                                  {"test_open", open_wire},
                                  {"test_send", send_bytes},
                                  {"test_got", take_bytes},
                                  {"test_wait", wait_for_news},
                                  {"test_close", close_handle},
                                  {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    luaL_newmetatable(L, WIRE_META);
    lua_pushcfunction(L, collect_handle);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}
