#include "vm/app.h"

#include "base/board.h"
#include "base/bulletin.h"
#include "base/mem.h"
#include "http/host.h"
#include "http/lines.h"
#include "vm/answer.h"
#include "vm/call.h"
#include "vm/routes.h"
#include "vm/sched.h"

static const rl_handler HANDLER;

enum { COLLECT_PAUSE = 10 /* times as long as the last collection took: a full VM must not do nothing else */ };

struct rl_app {
    rl_tenant tenant;
    rl_vm *vm;
    rl_server *server;
    rl_app_limits limits;
    rl_routes routes;
    const char *last_route; /* dispatched last: whom to name when a turn took long */
    uint64_t collect_after_ns; /* when the collector may be asked again to make room */
    int hooks[RL_HOOK_COUNT]; /* in the registry; LUA_NOREF until the framework sets them */
    rl_call *free_calls;
    rl_answerer answerer;
    rl_news news;
};

rl_err rl_app_new(rl_vm *vm, const rl_app_limits *limits, rl_app **out) {
    rl_app *app = rl_mem_zalloc(1, sizeof *app);
    if (app == NULL)
        return RL_ENOMEM;
    if (rl_routes_init(&app->routes) != RL_OK) {
        rl_mem_free(app);
        return RL_ENOMEM;
    }
    app->tenant = (rl_tenant){.handler = &HANDLER, .owner = app};
    app->vm = vm;
    app->limits = *limits;
    for (int i = 0; i < RL_HOOK_COUNT; i++)
        app->hooks[i] = LUA_NOREF;
    rl_news_init(&app->news, vm);
    rl_answerer_init(&app->answerer, vm, &app->news);
    vm->app = app;
    *out = app;
    return RL_OK;
}

rl_news *rl_app_news(rl_app *app) {
    return &app->news;
}

void rl_app_free(rl_app *app) {
    rl_news_clear(&app->news);
    rl_call_free_all(app->free_calls);
    rl_routes_clear(&app->routes);
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

rl_vm *rl_app_vm(const rl_app *app) {
    return app->vm;
}

rl_answerer *rl_app_answerer(rl_app *app) {
    return &app->answerer;
}

rl_call **rl_app_free_calls(rl_app *app) {
    return &app->free_calls;
}

int rl_app_hook(const rl_app *app, rl_hook hook) {
    return app->hooks[hook];
}

int rl_app_route(const rl_app *app, int route) {
    return app->routes.list[route].ref;
}

rl_call *rl_app_call(rl_request *request) {
    return request->handling;
}

/* ---- requests that no route takes ------------------------------------------ */

static rl_miss miss_of(rl_request *request, rl_routing routing) {
    if (routing == RL_ROUTE_BAD_PATH)
        return (rl_miss){400, "bad_request", "the path is malformed", RL_HOOK_MISS};
    if (routing == RL_ROUTE_NOT_FOUND)
        return (rl_miss){404, "not_found", "there is nothing here", RL_HOOK_MISS};
    if (request->head.method == RL_OPTIONS)
        return (rl_miss){204, "options", "", RL_HOOK_MISS};
    return (rl_miss){405, "method_not_allowed", "this resource has other methods: see Allow", RL_HOOK_MISS};
}

static bool set_allow(rl_request *request) {
    char text[RL_METHOD_SET_CAP];
    const char *why;
    rl_slice allow = rl_method_set_text(request->match.allow, text);
    return rl_lines_append(&request->fields, RL_LIT("Allow"), allow, &why) == RL_OK;
}

/* In Lua when the app wants to see every answer, else here: a flood of 404s
 * should cost as little as it can. */
static void answer_miss(rl_app *app, rl_request *request, rl_routing routing) {
    rl_miss miss = miss_of(request, routing);
    request->match.count = 0;
    if (routing == RL_ROUTE_METHOD && !set_allow(request))
        miss = (rl_miss){503, "overloaded", "out of memory: try again soon", RL_HOOK_MISS};
    if (app->hooks[RL_HOOK_MISS] != LUA_NOREF) {
        rl_call_start(app, request, -1, &miss);
        return;
    }
    if (miss.status == 204)
        (void)rl_request_answer(request, &(rl_answer){.status = 204});
    else
        (void)rl_request_fail(request, miss.status, miss.code, miss.message);
    rl_request_release(request);
}

static bool on_refused(void *owner, rl_request *request, int status, const char *code, const char *message) {
    rl_app *app = owner;
    if (app->hooks[RL_HOOK_MISS] == LUA_NOREF || request->door == RL_DOOR_ADMIN)
        return false;
    rl_call_start(app, request, -1, &(rl_miss){status, code, message, RL_HOOK_MISS});
    return true;
}

/* ---- requests ---------------------------------------------------------------- */

static void on_ran(void *owner, uint64_t took_ns) {
    rl_app *app = owner;
    if (RL_UNLIKELY(took_ns > RL_SLOW_TURN_NS) && app->last_route != NULL)
        rl_sched_report_slow(app->vm, app->last_route, took_ns);
}

/* Near its ceiling the VM takes no more until the collector has made room. */
static bool is_short_of_memory(rl_app *app) {
    rl_memory *memory = &app->vm->memory;
    size_t enough = memory->ceiling - memory->ceiling / 8;
    if (RL_LIKELY(memory->used < enough))
        return false;
    uint64_t began_ns = rl_clock_ns();
    if (began_ns < app->collect_after_ns)
        return true;
    (void)!rl_vm_protect(app->vm, rl_vm_collect, NULL, NULL, 0); /* what counts is what was freed */
    uint64_t ended_ns = rl_clock_ns();
    app->collect_after_ns = ended_ns + (ended_ns - began_ns) * COLLECT_PAUSE;
    return memory->used >= enough;
}

/* A page of somebody else's whose name suddenly leads to this machine (DNS rebinding) is told apart by the name that it
 * asks for: its browser takes both for one site, and would hand it what we answer. */
static bool is_for_us(const rl_app *app, const rl_request *request) {
    rl_slice host = rl_head_host(&request->head);
    return rl_host_is_local(host) || rl_host_is_listed(host, app->limits.hosts);
}

/* A browser that wants a page: only the one who writes the app has it open. */
static bool shows_notice(const rl_app *app, const rl_request *request) {
    if (app->hooks[RL_HOOK_NOTICE] == LUA_NOREF || request->head.method != RL_GET)
        return false;
    rl_slice accept = rl_head_find(&request->head, RL_LIT("accept"));
    return accept.ptr != NULL && memmem(accept.ptr, accept.len, "text/html", sizeof "text/html" - 1) != NULL;
}

/* The app itself is not to be had by that door, nor asked what to say there. */
static void on_admin_request(rl_app *app, rl_request *request) {
    rl_routing routing = rl_router_match(app->routes.routers[RL_DOOR_ADMIN], request->head.method,
                                         rl_head_path(&request->head), &request->match);
    if (routing == RL_ROUTE_FOUND) {
        request->route = app->routes.list[request->match.route].pattern;
        rl_call_start(app, request, request->match.route, NULL);
        return;
    }
    rl_miss miss = miss_of(request, routing);
    request->match.count = 0;
    (void)rl_request_fail(request, miss.status == 204 ? 405 : miss.status, miss.code, miss.message);
    rl_request_release(request);
}

static void on_request(void *owner, rl_request *request) {
    rl_app *app = owner;
    if (RL_UNLIKELY(request->door == RL_DOOR_ADMIN)) {
        on_admin_request(app, request);
        return;
    }
    if (RL_UNLIKELY(app->limits.hosts != NULL) && !is_for_us(app, request)) {
        (void)rl_request_fail(request, 421, "other_host", "while it is being written this app answers to localhost, and to "
                              "the names in the setting allowed_hosts; with --expose it answers to any");
        rl_request_release(request);
        return;
    }
    if (RL_UNLIKELY(app->news.notice != NULL) && shows_notice(app, request)) {
        rl_call_start(app, request, -1, &(rl_miss){500, "not_reloaded", app->news.notice, RL_HOOK_NOTICE});
        return;
    }
    if (request->head.asterisk) {
        request->match.allow = RL_METHOD_ALL;
        answer_miss(app, request, RL_ROUTE_METHOD);
        return;
    }
    rl_routing routing = rl_router_match(app->routes.routers[RL_DOOR_PUBLIC], request->head.method, rl_head_path(&request->head),
                                        &request->match);
    if (routing != RL_ROUTE_FOUND) {
        answer_miss(app, request, routing);
        return;
    }
    request->route = app->routes.list[request->match.route].pattern;
    if (RL_UNLIKELY(app->vm->bulletin != NULL && app->vm->bulletin->banned_count > 0) &&
        rl_bulletin_bans(app->vm->bulletin, request->route)) {
        (void)rl_request_fail(request, 503, "quarantined", "this route has brought the server down: it rests");
        rl_request_release(request);
        return;
    }
    if (is_short_of_memory(app)) {
        (void)rl_request_fail(request, 503, "overloaded", "out of memory: try again soon");
        rl_request_release(request);
        return;
    }
    app->last_route = request->route;
    rl_call_start(app, request, request->match.route, NULL);
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

static void on_leaving(void *owner) {
    rl_app *app = owner;
    rl_news_leave(&app->news);
}

static void on_gone(void *owner, rl_request *request) {
    (void)owner;
    if (request->handling != NULL)
        rl_call_gone(request->handling);
}

static const rl_handler HANDLER = {
    .request = on_request, .refused = on_refused, .body = on_body, .drained = on_drained, .ran = on_ran,
    .leaving = on_leaving, .gone = on_gone};

rl_tenant *rl_app_tenant(rl_app *app) {
    return &app->tenant;
}

/* ---- for Lua, at load ---------------------------------------------------- */

static rl_app *app_of(lua_State *L) {
    rl_vm *vm = rl_vm_of(L);
    if (vm == NULL || vm->app == NULL)
        luaL_error(L, "there is no server in this command: routes cannot be registered");
    return vm->app;
}

/* route(method, pattern, fn, where[, "admin"]): see rl_routes_add */
static int add_route(lua_State *L) {
    return rl_routes_add(L, &app_of(L)->routes);
}

/* hook("fault" | "miss" | "notice" | "stream", fn): see rl_hook */
static int set_hook(lua_State *L) {
    static const char *const names[] = {
        [RL_HOOK_MISS] = "miss", [RL_HOOK_NOTICE] = "notice", [RL_HOOK_FAULT] = "fault", [RL_HOOK_STREAM] = "stream",
        [RL_HOOK_COUNT] = NULL};
    rl_app *app = app_of(L);
    int hook = luaL_checkoption(L, 1, NULL, names);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    luaL_unref(L, LUA_REGISTRYINDEX, app->hooks[hook]);
    app->hooks[hook] = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

/* worker() -> which of the process's workers this is, from 0 */
static int worker(lua_State *L) {
    const rl_vm *vm = rl_vm_of(L);
    lua_pushinteger(L, vm == NULL ? 0 : (lua_Integer)vm->worker);
    return 1;
}

/* is_local(slot, epoch, hosts) -> whether a program of this machine asks, by a name of this machine's, or one in `hosts` */
static int is_local(lua_State *L) {
    const rl_request *request = rl_app_request(L, 1);
    const char *hosts = luaL_checkstring(L, 3);
    char text[64];
    rl_slice peer = {text, rl_request_peer(request, text, sizeof text)}, host = rl_head_host(&request->head);
    bool is_here = rl_slice_has_prefix(peer, RL_LIT("127.")) || rl_slice_eq(peer, RL_LIT("::1")) ||
                   rl_slice_has_prefix(peer, RL_LIT("::ffff:127."));
    lua_pushboolean(L, is_here && (rl_host_is_local(host) || rl_host_is_listed(host, hosts)));
    return 1;
}

/* is_same(text, secret) -> whether they are, in a time that does not tell how much of the secret was right */
static int is_same(lua_State *L) {
    size_t len, secret_len;
    const char *text = luaL_checklstring(L, 1, &len), *secret = luaL_checklstring(L, 2, &secret_len);
    volatile unsigned char differs = len != secret_len;
    for (size_t i = 0; i < len; i++)
        differs |= (unsigned char)(text[i] ^ secret[secret_len == 0 ? 0 : i % secret_len]);
    lua_pushboolean(L, !differs);
    return 1;
}

/* keep_quiet(slot, epoch): the access log gets no line of this request */
static int keep_quiet(lua_State *L) {
    rl_app_request(L, 1)->is_quiet = true;
    return 0;
}

/* board_put(key, text or nil): for `rille status` -> whether there was room */
static int put_on_board(lua_State *L) {
    const rl_vm *vm = rl_vm_of(L);
    const char *key = luaL_checkstring(L, 1), *text = luaL_optstring(L, 2, NULL);
    lua_pushboolean(L, vm != NULL && rl_board_put(vm->board, key, text) == RL_OK);
    return 1;
}

void rl_vm_open_app(lua_State *L) {
    const luaL_Reg functions[] = {{"route", add_route}, {"hook", set_hook}, {"worker", worker},
                                  {"board_put", put_on_board},
                                  {"is_local", is_local}, {"keep_quiet", keep_quiet}, {"is_same", is_same}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
