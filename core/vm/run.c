#include "vm/run.h"

#include "base/mem.h"
#include "vm/sched.h"

typedef struct run {
    rl_task task;
    rl_run_ended_fn *ended;
    void *owner;
    const char *module;
    const char *const *argv;
    size_t argc;
    bool has_ended; /* its coroutine has; children may not have */
} run;

static int push_call(lua_State *L, void *arg) {
    run *one = arg;
    lua_State *co = one->task.co;
    int argc = (int)one->argc;
    luaL_checkstack(L, argc + 2, "too many arguments");
    lua_getglobal(L, "require");
    lua_pushliteral(L, "rille.run");
    lua_call(L, 1, 1);
    lua_pushstring(L, one->module);
    for (int i = 0; i < argc; i++)
        lua_pushstring(L, one->argv[i]);
    luaL_checkstack(co, argc + 2, "too many arguments");
    lua_xmove(L, co, argc + 2); /* made here: an error in a coroutine that does not run has no catcher */
    return 0;
}

/* Tasks that it spawned end with it, but in a later turn. */
static void try_free(run *one) {
    if (!one->has_ended || !rl_list_is_empty(&one->task.scope.children))
        return;
    one->task.scope.emptied = NULL;
    rl_scope_end(&one->task.scope);
    rl_mem_free(one);
}

static void on_emptied(rl_scope *scope) {
    try_free(RL_CONTAINER(scope, run, task.scope));
}

/* lua/rille/run.lua returns a number, or nil and a text. */
static void on_ended(rl_task *task, int status, int count) {
    run *one = RL_CONTAINER(task, run, task);
    lua_State *co = task->co;
    const char *failure = NULL;
    int result = 0;
    if (status != 0)
        failure = lua_type(co, -1) == LUA_TSTRING ? lua_tostring(co, -1) : "the command failed";
    else if (count >= 2 && lua_type(co, 2) == LUA_TSTRING)
        failure = lua_tostring(co, 2);
    else if (count >= 1 && lua_type(co, 1) == LUA_TNUMBER)
        result = (int)lua_tointeger(co, 1);
    one->ended(one->owner, result, failure);
    one->has_ended = true;
    rl_scope_cancel_children(&task->scope, RL_ECANCELLED);
    try_free(one);
}

rl_err rl_run_start(rl_vm *vm, const char *module, const char *const *argv, size_t argc, rl_run_ended_fn *ended,
                    void *owner) {
    run *one = rl_mem_zalloc(1, sizeof *one);
    if (one == NULL)
        return RL_ENOMEM;
    *one = (run){.ended = ended, .owner = owner, .module = module, .argv = argv, .argc = argc};
    rl_err err = rl_task_init(&one->task, vm, &vm->scope, on_ended);
    if (err != RL_OK) {
        rl_mem_free(one);
        return err;
    }
    one->task.scope.emptied = on_emptied;
    char message[256];
    err = rl_vm_protect(vm, push_call, one, message, sizeof message);
    if (err != RL_OK) {
        ended(owner, 1, err == RL_ENOMEM ? "out of memory" : message);
        rl_task_abandon(&one->task);
        rl_mem_free(one);
        return RL_OK; /* said by `ended` */
    }
    rl_task_start(&one->task, (int)argc + 1);
    return RL_OK;
}
