#include "vm/deadlock.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "sync/party.h"
#include "vm/call.h"
#include "vm/ids.h"
#include "vm/line.h"
#include "vm/sched.h"

enum { MOST_LISTED = 1000 /* tasks in a report, which counts lines of code and not tasks */ };

typedef struct watch {
    rl_lent lent; /* in the VM's scope */
    rl_vm *vm;
    uint32_t witness; /* the slot of a task that was not bound the last time: it is asked first */
} watch;

/* What only this worker has: a channel that is the process's has other ends. */
static bool is_inside(const rl_vm *vm, const rl_case *one) {
    return rl_line_is_case(one) || (vm->commons == NULL && rl_party_is_case(one));
}

static bool waits_for_tasks(rl_task *task) {
    if (!rl_waiter_is_parked(&task->waiter))
        return false;
    for (const rl_case *one = task->waiter.cases; one != NULL; one = one->next)
        if (!is_inside(task->vm, one))
            return false;
    return true;
}

static bool is_bound(rl_task *task) {
    return waits_for_tasks(task) && rl_scope_remaining_ms(&task->scope) == UINT64_MAX;
}

static rl_task *task_at(const rl_vm *vm, uint32_t slot) {
    const rl_ids *ids = rl_sched_ids(vm->sched);
    return slot < ids->count ? rl_ids_at(ids, slot) : NULL;
}

static bool is_free(const rl_vm *vm, uint32_t slot) {
    rl_task *task = task_at(vm, slot);
    return task != NULL && !is_bound(task);
}

static bool are_all_bound(watch *at) {
    if (is_free(at->vm, at->witness))
        return false;
    uint32_t count = 0, slots = rl_sched_ids(at->vm->sched)->count;
    for (uint32_t slot = 0; slot < slots; slot++) {
        if (is_free(at->vm, slot)) {
            at->witness = slot;
            return false;
        }
        count += task_at(at->vm, slot) != NULL;
    }
    return count > 0;
}

static void before_wait(void *owner) {
    watch *at = owner;
    if (are_all_bound(at))
        (void)rl_deadlock_raise(at->vm, "deadlock");
}

static void end_watch(rl_lent *lent) {
    watch *at = RL_CONTAINER(lent, watch, lent);
    rl_loop_watch_waits(at->vm->loop, NULL, NULL);
    rl_mem_free(at);
}

rl_err rl_deadlock_watch(rl_vm *vm) {
    watch *at = rl_mem_zalloc(1, sizeof *at);
    if (at == NULL)
        return RL_ENOMEM;
    at->vm = vm;
    rl_scope_lend(&vm->scope, &at->lent, "deadlock watch", end_watch);
    rl_loop_watch_waits(vm->loop, before_wait, at);
    return RL_OK;
}

/* ---- the report ------------------------------------------------------------------ */

typedef struct report {
    const char *why;
    uint32_t slot; /* of who raises it */
} report;

static int write_report(lua_State *L, void *arg) {
    report *one = arg;
    lua_getglobal(L, "require");
    lua_pushliteral(L, "rille.deadlock");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "report");
    lua_pushstring(L, one->why);
    lua_call(L, 1, 1);
    one->slot = (uint32_t)luaL_checkinteger(L, -1) - 1;
    return 0;
}

/* By the cancelled case, although its scope is not: the next wait is like any. A task that was woken and has not run
 * since is in its wait still; what it was given is lost. */
static bool end_wait(rl_task *task) {
    if (rl_waiter_is_parked(&task->waiter)) {
        if (!rl_waiter_claim(&task->waiter, RL_CASE_CANCEL))
            return false;
        rl_waiter_wake(&task->waiter);
        return true;
    }
    if (task->is_fresh || rl_list_is_empty(&task->run_link))
        return false;
    task->won = RL_CASE_CANCEL;
    task->has_gift = false;
    return true;
}

bool rl_deadlock_raise(rl_vm *vm, const char *why) {
    report one = {.why = why};
    char message[256] = "out of memory";
    if (rl_vm_protect(vm, write_report, &one, message, sizeof message) != RL_OK) {
        const rl_log_field field = rl_log_str("why", rl_slice_str(message));
        rl_log_write(vm->log, RL_LOG_ERROR, "tasks are in a deadlock, and they could not be reported", &field, 1);
        return false;
    }
    rl_task *task = task_at(vm, one.slot);
    return task != NULL && end_wait(task);
}

/* ---- tasks, for Lua ---------------------------------------------------------------- */

static bool is_within(const rl_task *task, const rl_scope *root) {
    const rl_scope *scope = &task->scope;
    while (scope != NULL && scope != root)
        scope = scope->parent;
    return scope == root;
}

/* Whether it needs something to happen before it goes on. */
static bool is_held(rl_task *task) {
    return rl_waiter_is_parked(&task->waiter) && strcmp(task->waits_for, RL_WAIT_FOR_OTHERS) != 0;
}

static void push_task(lua_State *L, rl_task *task) {
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, (lua_Integer)task->slot + 1);
    lua_setfield(L, -2, "here");
    lua_pushboolean(L, is_held(task));
    lua_setfield(L, -2, "is_parked");
    if (task->name != NULL) {
        lua_pushstring(L, task->name);
        lua_setfield(L, -2, "route");
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, task->ref);
    lua_setfield(L, -2, "co");
}

/* A list of those within `root` that have begun and not ended, MOST_LISTED of them at most; and how many there are. */
static void push_tasks(lua_State *L, const rl_vm *vm, const rl_scope *root) {
    lua_newtable(L);
    uint32_t slots = vm == NULL ? 0 : rl_sched_ids(vm->sched)->count;
    int count = 0;
    for (uint32_t slot = 0; slot < slots; slot++) {
        rl_task *task = task_at(vm, slot);
        if (task == NULL || task->co == NULL || !is_within(task, root) || ++count > MOST_LISTED)
            continue;
        push_task(L, task);
        lua_rawseti(L, -2, count);
    }
    lua_pushinteger(L, count);
}

/* tasks() -> a list of those that have begun and not ended, 1,000 of them at most: here, is_parked, co and, of a
 * request, route; and how many there are */
static int list_tasks(lua_State *L) {
    const rl_vm *vm = rl_vm_of(L);
    push_tasks(L, vm, vm == NULL ? NULL : &vm->scope);
    return 2;
}

/* ---- one request whose time is over --------------------------------------------- */

static bool do_all_wait_for_tasks(const rl_call *call) {
    const rl_vm *vm = call->task.vm;
    uint32_t slots = rl_sched_ids(vm->sched)->count;
    for (uint32_t slot = 0; slot < slots; slot++) {
        rl_task *task = task_at(vm, slot);
        if (task != NULL && is_within(task, &call->task.scope) && !waits_for_tasks(task))
            return false;
    }
    return true;
}

static int note_late(lua_State *L, void *arg) {
    const rl_call *call = arg;
    lua_getglobal(L, "require");
    lua_pushliteral(L, "rille.deadlock");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "note_late");
    lua_pushinteger(L, (lua_Integer)call->request->slot);
    lua_pushinteger(L, (lua_Integer)call->request->epoch);
    lua_pushinteger(L, (lua_Integer)call->task.slot + 1);
    push_tasks(L, call->task.vm, &call->task.scope);
    lua_call(L, 5, 0);
    return 0;
}

/* The call whose deadline has passed, because of which the task is cancelled; NULL when it is not that. */
static rl_call *late_call_of(rl_task *task) {
    rl_scope *root = &task->scope;
    while (root->parent != NULL && root->parent->why == RL_ETIMEOUT)
        root = root->parent;
    if (root->why != RL_ETIMEOUT || root == &task->vm->scope)
        return NULL;
    rl_task *handler = RL_CONTAINER(root, rl_task, scope); /* below the VM's, all scopes are tasks' */
    rl_call *call = rl_call_of(handler);
    return call != NULL && handler == &call->task ? call : NULL;
}

/* Behind the first of a request's tasks that is cancelled, not all of them wait any more. */
void rl_deadlock_look_at_late(rl_task *task) {
    if (RL_LIKELY(!task->vm->looks_at_late))
        return;
    rl_call *call = late_call_of(task);
    if (call == NULL || !do_all_wait_for_tasks(call))
        return;
    char message[256] = "out of memory";
    if (rl_vm_protect(task->vm, note_late, call, message, sizeof message) == RL_OK)
        return;
    const rl_log_field why = rl_log_str("why", rl_slice_str(message));
    rl_log_write(task->vm->log, RL_LOG_ERROR, "what a late request waited for could not be told", &why, 1);
}

/* watch_late(): from now on late requests are looked at */
static int watch_late(lua_State *L) {
    rl_vm_check(L)->looks_at_late = true;
    return 0;
}

void rl_vm_open_deadlock(lua_State *L) {
    const luaL_Reg functions[] = {{"tasks", list_tasks}, {"watch_late", watch_late}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
