/* task -- spawning and cancelling, for Lua.
 *
 * lua/rille/task.lua builds await, all and any from these: a task there is a
 * Lua table that holds its results, and a line that its end wakes. */
#include "vm/task.h"

#include "base/log.h"
#include "base/mem.h"
#include "vm/ids.h"
#include "vm/waits.h"
#include "vm/sched.h"

#define MOST_MS 1e15 /* no timer is due then: 30,000 years */

/* What is on the stack of vm->kept. A number in the registry would not do: where memory ends while the registry
 * grows, LuaJIT loses some of those. */
enum {
    KEPT_TASKS = 1, /* what was spawned and has not ended, by slot from 1 on */
    KEPT_RUN,       /* what runs a table, and */
    KEPT_BROKEN     /* what tells it that this went wrong; both are false until register_tasks */
};

typedef struct spawned {
    rl_task task;
    bool has_ended; /* its coroutine has; children may not have */
} spawned;

/* What Lua calls it. */
static lua_Integer name_of(const rl_task *task) {
    return (lua_Integer)task->slot + 1;
}

static void try_free(spawned *one) {
    if (!one->has_ended || !rl_list_is_empty(&one->task.scope.children))
        return;
    one->task.scope.emptied = NULL;
    rl_scope_end(&one->task.scope);
    rl_mem_free(one);
}

static void on_emptied(rl_scope *scope) {
    try_free(RL_CONTAINER(scope, spawned, task.scope));
}

static void push_kept(lua_State *L, const rl_vm *vm, int index) {
    lua_pushvalue(vm->kept, index);
    lua_xmove(vm->kept, L, 1);
}

/* What was spawned in the task's slot. */
static void push_spawned(lua_State *L, const rl_task *task) {
    lua_State *kept = task->vm->kept;
    lua_rawgeti(kept, KEPT_TASKS, (int)task->slot + 1);
    lua_xmove(kept, L, 1);
}

static int push_broken(lua_State *L, void *arg) {
    rl_task *task = arg;
    push_kept(L, task->vm, KEPT_BROKEN);
    push_spawned(L, task);
    if (!lua_istable(L, -1))
        return 0;
    if (task->co != NULL)
        lua_xmove(task->co, L, 1);
    else
        lua_pushliteral(L, "not enough memory");
    lua_call(L, 2, 0);
    return 0;
}

/* lua/rille/task.lua catches what the function raises, and tells whoever awaits it. What is left here has
 * kept it from that, or from ever running: then they hear of it by us. */
static void tell_broken(rl_task *task) {
    char message[256] = "";
    if (rl_vm_protect(task->vm, push_broken, task, message, sizeof message) == RL_OK)
        return;
    const rl_log_field why = rl_log_str("why", rl_slice_str(message));
    rl_log_write(task->vm->log, RL_LOG_ERROR, "a task ended, and whoever awaits it could not be told", &why, 1);
}

static void forget(const rl_task *task) {
    lua_State *kept = task->vm->kept;
    lua_pushboolean(kept, false);
    lua_rawseti(kept, KEPT_TASKS, (int)task->slot + 1);
}

static void on_ended(rl_task *task, int status, int count) {
    (void)count;
    if (status != 0)
        tell_broken(task);
    spawned *one = RL_CONTAINER(task, spawned, task);
    forget(task);
    if (RL_UNLIKELY(task->entry != NULL))
        rl_waits_end_task(task);
    one->has_ended = true;
    rl_scope_cancel_children(&task->scope, RL_ECANCELLED);
    try_free(one);
}

static int begin(rl_task *task) {
    lua_State *co = task->co;
    push_spawned(co, task);
    if (!lua_istable(co, 1))
        return 0;
    push_kept(co, task->vm, KEPT_RUN);
    lua_insert(co, 1);
    return 1;
}

/* Before there is anything that an error would leave behind. */
static void remember(lua_State *L, const rl_vm *vm, int index) {
    push_kept(L, vm, KEPT_TASKS);
    lua_pushvalue(L, index);
    lua_rawseti(L, -2, (int)rl_sched_next_slot(vm->sched) + 1);
    lua_pop(L, 1);
}

static int push_caller(lua_State *L, int level) {
    lua_Debug ar;
    if (!lua_getstack(L, level, &ar) || !lua_getinfo(L, "fl", &ar))
        return 0;
    lua_pushinteger(L, ar.currentline);
    return 2;
}

/* spawn(detached, task[, level]) -> its id; as caller(level) if that is given. It runs in the next turn: a function is
 * called, of a table what was registered. A detached one belongs to the app, any other to the current task. */
static int spawn(lua_State *L) {
    rl_vm *vm = rl_vm_of(L);
    if (vm == NULL)
        return luaL_error(L, "the VM is being closed");
    bool detached = lua_toboolean(L, 1);
    if (!lua_istable(L, 2))
        luaL_checktype(L, 2, LUA_TFUNCTION);
    int level = (int)luaL_optinteger(L, 3, -1);
    rl_task *current = rl_task_current(L);
    remember(L, vm, 2);
    spawned *one = rl_mem_alloc(sizeof *one);
    if (one == NULL)
        return luaL_error(L, "not enough memory");
    one->has_ended = false;
    rl_scope *parent = detached || current == NULL ? vm->base : &current->scope;
    if (rl_task_init_late(&one->task, vm, parent, begin, on_ended) != RL_OK) {
        rl_mem_free(one);
        return luaL_error(L, "not enough memory");
    }
    one->task.scope.emptied = on_emptied;
    if (RL_UNLIKELY(current != NULL && current->shields > 0 && !detached))
        rl_scope_shelter(&one->task.scope);
    if (RL_UNLIKELY(current != NULL && current->entry != NULL && !detached))
        rl_waits_begin_task(L, current, &one->task);
    rl_task_start(&one->task, 0);
    lua_pushnumber(L, rl_task_id(&one->task));
    return level < 0 ? 1 : 1 + push_caller(L, level);
}

/* cancel(id): it raises at its next wait; nothing when it has ended */
static int cancel(lua_State *L) {
    rl_vm *vm = rl_vm_of(L);
    rl_task *task = vm == NULL ? NULL : rl_task_of_id(vm, luaL_checknumber(L, 1));
    if (task != NULL)
        rl_scope_cancel(&task->scope, RL_ECANCELLED);
    return 0;
}

/* caller(level) -> the function there, and the line it is at; or nothing. As debug.getinfo, without its table */
static int caller(lua_State *L) {
    return push_caller(L, (int)luaL_checkinteger(L, 1));
}

/* deadline(seconds): the current task is cancelled with "timeout" then */
static int set_deadline(lua_State *L) {
    rl_task *task = rl_task_current(L);
    if (task == NULL)
        return luaL_error(L, "there is no task here");
    lua_Number ms = luaL_checknumber(L, 1) * 1000;
    luaL_argcheck(L, ms >= 0 && ms < MOST_MS, 1, "a time from 0 on, in seconds");
    rl_scope_set_deadline(&task->scope, (uint64_t)ms);
    return 0;
}

/* shield(ms): waits go on after a cancellation, that long at most; unshield() ends it */
static int shield(lua_State *L) {
    rl_task *task = rl_task_current(L);
    lua_Number ms = luaL_checknumber(L, 1);
    luaL_argcheck(L, ms >= 0 && ms < UINT32_MAX, 1, "a time from 0 on, in milliseconds");
    if (task != NULL)
        rl_task_shield(task, (uint32_t)ms);
    return 0;
}

static int unshield(lua_State *L) {
    rl_task *task = rl_task_current(L);
    if (task != NULL)
        rl_task_unshield(task);
    return 0;
}

/* here() -> a small integer that stands for the current task while it runs, or nil */
static int here(lua_State *L) {
    rl_task *task = rl_task_current(L);
    if (task == NULL)
        lua_pushnil(L);
    else
        lua_pushinteger(L, name_of(task));
    return 1;
}

/* parent(here) -> here() in the task that spawned that one; nil when none did, or it has ended */
static int parent(lua_State *L) {
    rl_vm *vm = rl_vm_check(L);
    const rl_ids *ids = rl_sched_ids(vm->sched);
    lua_Integer name = luaL_checkinteger(L, 1);
    rl_task *task = name >= 1 && name <= ids->count ? rl_ids_at(ids, (uint32_t)name - 1) : NULL;
    rl_scope *scope = task == NULL ? NULL : task->scope.parent;
    if (scope == NULL || scope == &vm->scope)
        lua_pushnil(L);
    else
        lua_pushinteger(L, name_of(RL_CONTAINER(scope, rl_task, scope))); /* below the VM's, all scopes are tasks' */
    return 1;
}

/* remaining() -> seconds until the current deadline, or nil */
static int remaining(lua_State *L) {
    rl_task *task = rl_task_current(L);
    uint64_t left_ms = task == NULL ? UINT64_MAX : rl_scope_remaining_ms(&task->scope);
    if (left_ms == UINT64_MAX)
        lua_pushnil(L);
    else
        lua_pushnumber(L, (lua_Number)left_ms / 1000);
    return 1;
}

/* why() -> nil, "timeout" or "cancelled": of the current task's scope */
static int why(lua_State *L) {
    rl_task *task = rl_task_current(L);
    if (task == NULL || task->scope.why == RL_OK)
        lua_pushnil(L);
    else
        lua_pushstring(L, task->scope.why == RL_ETIMEOUT ? "timeout" : "cancelled");
    return 1;
}

/* register_tasks(run, broken) -> the tables that were spawned and have not ended, by what here() is in them. run(task)
 * runs one in its coroutine; broken(task, err) is called when one ends otherwise than by the return of that. */
static int register_tasks(lua_State *L) {
    rl_vm *vm = rl_vm_of(L);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    lua_xmove(L, vm->kept, 2);
    lua_replace(vm->kept, KEPT_BROKEN);
    lua_replace(vm->kept, KEPT_RUN);
    push_kept(L, vm, KEPT_TASKS);
    return 1;
}

/* register_errors(timeout, cancelled): the values that waits raise */
static int register_errors(lua_State *L) {
    lua_settop(L, 2);
    lua_setfield(L, LUA_REGISTRYINDEX, "rille.cancelled");
    lua_setfield(L, LUA_REGISTRYINDEX, "rille.timeout");
    return 0;
}

void rl_vm_open_task(lua_State *L) {
    const luaL_Reg functions[] = {{"spawn", spawn},
                                  {"cancel", cancel},
                                  {"caller", caller},
                                  {"set_deadline", set_deadline},
                                  {"shield", shield},
                                  {"unshield", unshield},
                                  {"here", here},
                                  {"parent", parent},
                                  {"remaining", remaining},
                                  {"why", why},
                                  {"register_tasks", register_tasks},
                                  {"register_errors", register_errors},
                                  {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    lua_State *kept = lua_newthread(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "rille.kept");
    lua_newtable(L); /* not on its own stack: nobody would catch what that raised */
    lua_pushboolean(L, false);
    lua_pushboolean(L, false);
    lua_xmove(L, kept, 3);
    rl_vm_of(L)->kept = kept;
}
