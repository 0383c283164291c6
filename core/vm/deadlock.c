#include "vm/deadlock.h"

#include "base/log.h"
#include "base/mem.h"
#include "sync/party.h"
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

static bool is_bound(rl_task *task) {
    if (!rl_waiter_is_parked(&task->waiter))
        return false;
    for (const rl_case *one = task->waiter.cases; one != NULL; one = one->next)
        if (!is_inside(task->vm, one))
            return false;
    return rl_scope_remaining_ms(&task->scope) == UINT64_MAX;
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

static void push_task(lua_State *L, rl_task *task) {
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, (lua_Integer)task->slot + 1);
    lua_setfield(L, -2, "here");
    lua_pushboolean(L, rl_waiter_is_parked(&task->waiter));
    lua_setfield(L, -2, "is_parked");
    if (task->name != NULL) {
        lua_pushstring(L, task->name);
        lua_setfield(L, -2, "route");
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, task->ref);
    lua_setfield(L, -2, "co");
}

/* tasks() -> a list of those that have begun and not ended, 1,000 of them at most: here, is_parked, co and, of a
 * request, route; and how many there are */
static int list_tasks(lua_State *L) {
    const rl_vm *vm = rl_vm_of(L);
    lua_newtable(L);
    uint32_t slots = vm == NULL ? 0 : rl_sched_ids(vm->sched)->count;
    int count = 0;
    for (uint32_t slot = 0; slot < slots; slot++) {
        rl_task *task = task_at(vm, slot);
        if (task == NULL || task->co == NULL || ++count > MOST_LISTED)
            continue;
        push_task(L, task);
        lua_rawseti(L, -2, count);
    }
    lua_pushinteger(L, count);
    return 2;
}

void rl_vm_open_deadlock(lua_State *L) {
    const luaL_Reg functions[] = {{"tasks", list_tasks}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
