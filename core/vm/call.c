#include "vm/call.h"

#include "base/log.h"
#include "base/mem.h"
#include "http/lines.h"
#include "vm/answer.h"
#include "vm/sched.h"

enum { MOST_RESULTS = 3 /* body, status, headers */ };

static void try_end(rl_call *call, rl_task *task, bool has_ended);
static bool start_follow(rl_call *call, rl_follow step, lua_State *co, const char *wrong);

static rl_call *acquire(rl_app *app) {
    rl_call **free_calls = rl_app_free_calls(app), *call = *free_calls;
    if (call != NULL) {
        *free_calls = call->next_free;
        return call; /* nobody waits for its signals: its end has told all who did */
    }
    call = rl_mem_alloc(sizeof *call);
    if (call != NULL) {
        rl_signal_init(&call->body_news);
        rl_signal_init(&call->drained);
    }
    return call;
}

static void give_back(rl_app *app, rl_call *call) {
    rl_call **free_calls = rl_app_free_calls(app);
    call->next_free = *free_calls;
    *free_calls = call;
}

void rl_call_free_all(rl_call *free_calls) {
    for (rl_call *call = free_calls, *next; call != NULL; call = next) {
        next = call->next_free;
        rl_mem_free(call);
    }
}

static void refuse_for_memory(rl_request *request) {
    (void)rl_request_fail(request, 503, "overloaded", "out of memory: try again soon");
}

/* ---- ends ------------------------------------------------------------------ */

/* One of the call's coroutines is over; with the last of them the call is. */
static void one_less(rl_call *call) {
    if (--call->running > 0)
        return;
    if (call->after_ref != LUA_NOREF && start_follow(call, RL_FOLLOW_AFTER, NULL, NULL))
        return; /* its end comes here again, and may have done so */
    rl_request *request = call->request;
    /* Tasks of the app may wait here, too: they find that the request is over. */
    rl_signal_all(&call->body_news);
    rl_signal_all(&call->drained);
    give_back(call->app, call);
    request->handling = NULL;
    rl_request_release(request);
}

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

static void on_follow_emptied(rl_scope *scope) {
    rl_call *call = RL_CONTAINER(scope, rl_call, follow.scope);
    try_end(call, &call->follow, call->follow_over);
}

/* ---- what follows ------------------------------------------------------------ */

static void report(const rl_call *call, const char *message, const char *wrong, lua_State *co, int status) {
    bool has_text = status != 0 && lua_type(co, -1) == LUA_TSTRING;
    rl_log_field fields[] = {
        rl_log_str("error", rl_slice_str(wrong)),
        rl_log_text("cause", rl_slice_str(has_text ? lua_tostring(co, -1) : "-"))};
    rl_log_write(rl_app_vm(call->app)->log, RL_LOG_ERROR, message, fields, 2);
}

static void end_fault(rl_call *call, lua_State *co, int status, int count) {
    const char *wrong = "the fault handler failed itself";
    rl_answering answering =
        status != 0 ? RL_ANSWER_WRONG
                    : rl_answer_results(rl_app_answerer(call->app), call->request, co, count, &wrong);
    if (answering == RL_ANSWERED)
        return;
    if (answering == RL_ANSWER_STREAMS)
        wrong = "the fault handler answered with a stream, which nobody would hear fail: answer with a text or a table";
    report(call, "fault", wrong, co, status);
    (void)rl_request_fail(call->request, 500, "internal", "internal error");
}

/* A stream that failed on its way must not look like one that ended. */
static void end_stream(rl_call *call, lua_State *co, int status, int count) {
    if (status == 0 && count == 0)
        return;
    if (status == 0) { /* nothing was sent yet: it answers otherwise */
        end_fault(call, co, status, count);
        return;
    }
    if (lua_type(co, -1) == LUA_TSTRING) /* else the app's function has told it already */
        report(call, "a streamed answer failed", "its function raised", co, status);
    if (!rl_request_fail(call->request, 500, "internal", "internal error"))
        rl_request_break(call->request);
}

static void on_follow_ended(rl_task *task, int status, int count) {
    rl_call *call = RL_CONTAINER(task, rl_call, follow);
    if (call->step == RL_FOLLOW_FAULT)
        end_fault(call, task->co, status, count);
    else if (call->step == RL_FOLLOW_STREAM)
        end_stream(call, task->co, status, count);
    else if (status != 0)
        report(call, "fault in c:after", "its function raised", task->co, status);
    call->follow_over = true;
    rl_scope_cancel_children(&task->scope, RL_ECANCELLED);
    try_end(call, task, true);
}

typedef struct follow_values {
    lua_State *from, *to;
    const char *wrong; /* a fault of ours, or NULL: the value on top of `from` is meant */
} follow_values;

/* Push the error and the coroutine it comes from, whose stack may be read; or
 * nil, when the words are ours, and those are made in L: an error in a coroutine
 * that does not run has no catcher. */
static int push_error(lua_State *L, void *arg) {
    follow_values *values = arg;
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

/* What a step is told beside slot and epoch; 0 when memory ran out. */
static int push_values(rl_vm *vm, rl_follow step, follow_values *values) {
    if (step == RL_FOLLOW_STREAM) {
        lua_settop(values->from, MOST_RESULTS);
        lua_xmove(values->from, values->to, MOST_RESULTS);
        return MOST_RESULTS;
    }
    return rl_vm_protect(vm, push_error, values, NULL, 0) == RL_OK ? 2 : 0;
}

static int function_of(const rl_call *call, rl_follow step) {
    switch (step) {
    case RL_FOLLOW_FAULT: return rl_app_hook(call->app, RL_HOOK_FAULT);
    case RL_FOLLOW_STREAM: return rl_app_hook(call->app, RL_HOOK_STREAM);
    case RL_FOLLOW_AFTER: break;
    }
    return call->after_ref;
}

static int drop_function(lua_State *L, void *arg) {
    luaL_unref(L, LUA_REGISTRYINDEX, *(int *)arg); /* may take memory */
    return 0;
}

/* `co` holds the error on its top, or the answer and what was returned behind it,
 * unless `wrong` says it in words.
 * False when memory ran out; else it may be over when this returns. */
static bool start_follow(rl_call *call, rl_follow step, lua_State *co, const char *wrong) {
    rl_vm *vm = rl_app_vm(call->app);
    call->step = step;
    if (step == RL_FOLLOW_FAULT)
        rl_lines_remove(&call->request->fields, RL_LIT("content-type")); /* it was meant for another body */
    int ref = function_of(call, step);
    bool has_task = rl_task_init(&call->follow, vm, vm->base, on_follow_ended) == RL_OK;
    if (step == RL_FOLLOW_AFTER) {
        if (has_task)
            lua_rawgeti(call->follow.co, LUA_REGISTRYINDEX, ref);
        (void)!rl_vm_protect(vm, drop_function, &ref, NULL, 0);
        call->after_ref = LUA_NOREF;
    }
    if (!has_task) {
        refuse_for_memory(call->request);
        return false;
    }
    lua_State *to = call->follow.co;
    int argc = 0;
    if (step != RL_FOLLOW_AFTER) {
        lua_rawgeti(to, LUA_REGISTRYINDEX, ref);
        lua_pushinteger(to, (lua_Integer)call->request->slot);
        lua_pushinteger(to, (lua_Integer)call->request->epoch);
        follow_values values = {co, to, wrong};
        int count = push_values(vm, step, &values);
        if (count == 0) {
            rl_task_abandon(&call->follow);
            refuse_for_memory(call->request);
            return false;
        }
        lua_pushinteger(to, call->route + 1);
        argc = 2 + count + 1;
    }
    call->running++;
    call->follow_over = false;
    call->follow.name = call->request->route;
    call->follow.request = call->request;
    call->follow.entry = call->request->entry;
    call->follow.scope.emptied = on_follow_emptied;
    if (step != RL_FOLLOW_STREAM) /* which may take as long as its client reads: write_timeout bounds it */
        rl_scope_set_deadline(&call->follow.scope, rl_app_read_limits(call->app)->request_timeout_ms);
    /* What failed for want of memory still holds it. */
    size_t limit = rl_memory_lift(&vm->memory);
    rl_task_run(&call->follow, argc);
    rl_memory_lower(&vm->memory, limit);
    return true;
}

/* ---- the route's function ------------------------------------------------------ */

/* `return nil, err` raises err; a number there was meant as a status, which is said of it. */
static bool returned_an_error(lua_State *co, int count) {
    return count == 2 && lua_isnil(co, 1) && !lua_isnil(co, 2) && lua_type(co, 2) != LUA_TNUMBER;
}

static void answer(rl_call *call, lua_State *co, int count) {
    const char *wrong;
    switch (rl_answer_results(rl_app_answerer(call->app), call->request, co, count, &wrong)) {
    case RL_ANSWERED: break;
    case RL_ANSWER_STREAMS: (void)start_follow(call, RL_FOLLOW_STREAM, co, NULL); break;
    case RL_ANSWER_WRONG: (void)start_follow(call, RL_FOLLOW_FAULT, co, wrong); break;
    }
}

static void on_task_ended(rl_task *task, int status, int count) {
    rl_call *call = RL_CONTAINER(task, rl_call, task);
    lua_State *co = task->co;
    if (status != 0 || returned_an_error(co, count))
        (void)start_follow(call, RL_FOLLOW_FAULT, co, NULL);
    else
        answer(call, co, count);
    call->task_over = true;
    rl_scope_cancel_children(&task->scope, RL_ECANCELLED);
    try_end(call, task, true);
}

typedef struct miss_push {
    lua_State *to;
    const rl_miss *miss;
} miss_push;

static int push_miss(lua_State *L, void *arg) {
    miss_push *push = arg;
    lua_pushstring(L, push->miss->code);
    lua_pushstring(L, push->miss->message);
    lua_xmove(L, push->to, 2);
    return 0;
}

static void init(rl_call *call, rl_app *app, rl_request *request, int route) {
    call->app = app;
    call->request = request;
    call->route = route;
    call->after_ref = LUA_NOREF;
    call->running = 1;
    call->task_over = false;
    call->task.scope.emptied = on_task_emptied;
    call->task.name = request->route;
    call->task.request = request;
    call->task.entry = request->entry;
    if (RL_UNLIKELY(request->entry != NULL && request->route != NULL))
        rl_entry_set_route(request->entry, request->route);
    request->handling = call;
    request->finish_on_disconnect = !rl_request_is_safe(request); /* unless the route says otherwise */
}

void rl_call_start(rl_app *app, rl_request *request, int route, const rl_miss *miss) {
    rl_vm *vm = rl_app_vm(app);
    rl_call *call = acquire(app);
    if (call == NULL || rl_task_init(&call->task, vm, vm->base, on_task_ended) != RL_OK) {
        if (call != NULL)
            give_back(app, call);
        refuse_for_memory(request);
        rl_request_release(request);
        return;
    }
    init(call, app, request, route);
    lua_State *co = call->task.co;
    lua_rawgeti(co, LUA_REGISTRYINDEX, route >= 0 ? rl_app_route(app, route) : rl_app_hook(app, miss->hook));
    lua_pushinteger(co, (lua_Integer)request->slot);
    lua_pushinteger(co, (lua_Integer)request->epoch);
    int argc = 2;
    if (miss != NULL) {
        lua_pushinteger(co, miss->status);
        miss_push push = {co, miss};
        argc += rl_vm_protect(vm, push_miss, &push, NULL, 0) == RL_OK ? 3 : 1;
    }
    rl_server *server = rl_app_server(app);
    uint32_t slot = request->slot, epoch = request->epoch;
    rl_task_run(&call->task, argc);
    if (rl_server_request(server, slot, epoch) != request || request->handling != call || call->task_over)
        return;
    /* it waits: from now on it has a deadline, the route's own or the usual one */
    if (!rl_timer_is_running(&call->task.scope.deadline))
        rl_scope_set_deadline(&call->task.scope, rl_app_read_limits(app)->request_timeout_ms);
}

rl_call *rl_call_of(rl_task *task) {
    if (task != NULL && task->ended == on_task_ended)
        return RL_CONTAINER(task, rl_call, task);
    return task != NULL && task->ended == on_follow_ended ? RL_CONTAINER(task, rl_call, follow) : NULL;
}

void rl_call_gone(rl_call *call) {
    rl_signal_all(&call->drained);
    if (call->request->finish_on_disconnect)
        return;
    if (!call->task_over)
        rl_scope_cancel(&call->task.scope, RL_ECANCELLED);
    else if (call->step == RL_FOLLOW_STREAM && call->running > 0 && !call->follow_over)
        rl_scope_cancel(&call->follow.scope, RL_ECANCELLED);
}
