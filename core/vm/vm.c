#include "vm/vm.h"

#include <assert.h>
#include <luajit.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/journal.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/clock.h"
#include "sync/commons.h"
#include "vm/sched.h"
#include "vm/settings.h"
#include "vm/task.h"

enum { LOAD_STEPS = 10000 /* of the interpreter, between two looks at the clock */ };

rl_vm *rl_vm_of(lua_State *L) {
    rl_memory *memory = rl_memory_of(L);
    return memory == NULL ? NULL : RL_CONTAINER(memory, rl_vm, memory);
}

rl_vm *rl_vm_check(lua_State *L) {
    rl_vm *vm = rl_vm_of(L);
    if (vm == NULL)
        luaL_error(L, "the VM is closing");
    return vm;
}

typedef struct protected_call {
    int (*fn)(lua_State *L, void *arg);
    void *arg;
} protected_call;

static int run_protected(lua_State *L) {
    protected_call *call = lua_touserdata(L, 1);
    lua_settop(L, 0);
    return call->fn(L, call->arg);
}

rl_err rl_vm_protect(rl_vm *vm, int (*fn)(lua_State *L, void *arg), void *arg, char *message,
                     size_t message_cap) {
    lua_State *L = vm->L;
    int top = lua_gettop(L);
    protected_call call = {fn, arg};
    size_t limit = rl_memory_lift(&vm->memory);
    int status = lua_cpcall(L, run_protected, &call);
    rl_memory_lower(&vm->memory, limit);
    rl_err err = RL_OK;
    if (status != 0) {
        bool is_memory = rl_memory_has_thrown(&vm->memory) || status == LUA_ERRMEM;
        err = is_memory ? RL_ENOMEM : RL_EINVAL;
        if (message != NULL)
            /* lua_tostring of a number would allocate: only strings are shown */
            snprintf(message, message_cap, "%s",
                     lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "(error object is no string)");
    }
    lua_settop(L, top);
    return err;
}

static void log_where(lua_State *L, lua_Debug *ar) {
    (void)ar;
    lua_sethook(L, NULL, 0, 0);
    luaL_traceback(L, L, NULL, 0);
    const rl_log_field stack = rl_log_text("stack", rl_slice_str(lua_tostring(L, -1)));
    rl_log_write(rl_vm_of(L)->log, RL_LOG_ERROR, "where it hangs", &stack, 1);
    lua_pop(L, 1);
}

void rl_vm_ask_where(rl_vm *vm) {
    lua_sethook(vm->L, log_where, LUA_MASKCOUNT, 1);
}

/* ---- loads that do not end ---------------------------------------------------------- */

#define LOAD_FAILURE "rille.load_failure" /* in the registry: what it is broken off with */

/* Handlers have LOAD_STEPS to look at the error. What goes on after that has caught it, perhaps in a loop: then
 * nothing runs any more, whoever catches it. */
static void look_at_load(lua_State *L, lua_Debug *ar) {
    rl_vm *vm = rl_vm_of(L);
    (void)ar;
    if (vm->is_load_broken_off) {
        lua_sethook(L, look_at_load, LUA_MASKCOUNT, 1);
        lua_getfield(L, LUA_REGISTRYINDEX, LOAD_FAILURE);
        lua_error(L);
    }
    bool is_outdated = atomic_load_explicit(vm->is_load_outdated, memory_order_relaxed);
    if (!is_outdated && rl_loop_lag_ms(vm->loop) < vm->load_most_ms)
        return;
    vm->is_load_broken_off = true;
    luaL_where(L, 0);
    lua_pushstring(L, is_outdated ? "the app has changed while it loads"
                                  : "the app has been busy loading for longer than load_timeout");
    lua_concat(L, 2);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, LOAD_FAILURE);
    lua_error(L);
}

void rl_vm_begin_load(rl_vm *vm, uint64_t most_ms, const _Atomic bool *is_outdated) {
    luaJIT_setmode(vm->L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    vm->load_most_ms = most_ms;
    vm->is_load_outdated = is_outdated;
    lua_sethook(vm->L, look_at_load, LUA_MASKCOUNT, LOAD_STEPS);
    atomic_store(&vm->is_loading, true);
}

void rl_vm_end_load(rl_vm *vm) {
    atomic_store(&vm->is_loading, false);
    lua_sethook(vm->L, NULL, 0, 0);
    luaJIT_setmode(vm->L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_ON);
}

int rl_vm_collect(lua_State *L, void *arg) {
    (void)arg;
    lua_gc(L, LUA_GCCOLLECT, 0);
    return 0;
}

/* Why this LuaJIT: OpenResty's branch hashes strings with a random seed and
 * has what the scheduler needs; Debian's other LuaJIT has neither. */
static int check_luajit(lua_State *L, void *arg) {
    (void)arg;
    lua_getglobal(L, "require");
    lua_pushliteral(L, "thread.exdata");
    if (lua_pcall(L, 1, 1, 0) != 0)
        return luaL_error(L, "this rille was linked with another LuaJIT than OpenResty's: run `make clean build`");
    return 0;
}

/* Modules whose bytecode is in the binary, in order of their names: core/vm/embed.c writes them. Tests have none. */
typedef struct embedded {
    const char *name;
    const unsigned char *bytes;
    size_t len;
} embedded;

extern const embedded rl_embedded_lua[] __attribute__((weak));
extern const size_t rl_embedded_count __attribute__((weak));

static int compare_name(const void *name, const void *row) {
    return strcmp(name, ((const embedded *)row)->name);
}

static int load_embedded(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    const embedded *one = &rl_embedded_count == NULL ? NULL
        : bsearch(name, rl_embedded_lua, rl_embedded_count, sizeof *one, compare_name);
    if (one == NULL)
        lua_pushfstring(L, "\n\tno module '%s' in rille itself", name);
    else if (luaL_loadbuffer(L, (const char *)one->bytes, one->len, name) != 0)
        return lua_error(L);
    return 1;
}

static int open_core(lua_State *L) {
    lua_newtable(L);
    rl_vm_open_settings(L);
    lua_getfield(L, LUA_REGISTRYINDEX, "rille.park");
    lua_setfield(L, -2, "PARK");
    rl_vm_open_json(L);
    rl_vm_open_pg(L);
    rl_vm_open_timer(L);
    rl_vm_open_task(L);
    rl_vm_open_line(L);
    rl_vm_open_request(L);
    rl_vm_open_app(L);
    rl_vm_open_log(L);
    rl_vm_open_test(L);
    rl_vm_open_example(L);
    rl_vm_open_deadlock(L);
    rl_vm_open_stream(L);
    rl_vm_open_file(L);
    rl_vm_open_source(L);
    rl_vm_open_threads(L);
    rl_vm_open_shared(L);
    rl_vm_open_journal(L);
    rl_vm_open_prompt(L);
    rl_vm_open_news(L);
    rl_vm_open_gauge(L);
    return 1;
}

static int open_libraries(lua_State *L, void *arg) {
    const char *lua_dir = arg;
    rl_memory_prepare(L);
    luaL_openlibs(L);
    lua_getglobal(L, "package");
    if (lua_dir != NULL) {
        lua_getfield(L, -1, "path");
        lua_pushfstring(L, "%s/?.lua;%s", lua_dir, lua_tostring(L, -1));
        lua_setfield(L, -3, "path");
        lua_pop(L, 1);
    } else {
        lua_getfield(L, -1, "loaders");
        /* The first: nobody shadows the framework by accident. And package.preload's asks the dynamic linker for each
         * name that it does not have, which would cost more than to find the module. */
        for (int i = (int)lua_objlen(L, -1); i >= 1; i--) {
            lua_rawgeti(L, -1, i);
            lua_rawseti(L, -2, i + 1);
        }
        lua_pushcfunction(L, load_embedded);
        lua_rawseti(L, -2, 1);
        lua_pop(L, 1);
    }
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, open_core);
    lua_setfield(L, -2, "rille.core");
    return 0;
}

#ifdef __SANITIZE_ADDRESS__
/* Lua's objects as blocks of their own, so that the sanitizer sees each. */
static void *plain_alloc(void *ud, void *ptr, size_t old_size, size_t new_size) {
    (void)ud;
    (void)old_size;
    if (new_size > 0)
        return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

static lua_State *new_state(void) {
    return lua_newstate(plain_alloc, NULL);
}
#else
static lua_State *new_state(void) {
    return luaL_newstate();
}
#endif

rl_err rl_vm_new(rl_loop *loop, size_t ceiling, const char *lua_dir, rl_vm **out) {
    rl_vm *vm = rl_mem_zalloc(1, sizeof *vm);
    if (vm == NULL)
        return RL_ENOMEM;
    vm->loop = loop;
    vm->lua_dir = lua_dir;
    vm->L = new_state();
    if (vm->L == NULL) {
        rl_mem_free(vm);
        return RL_ENOMEM;
    }
    rl_memory_init(&vm->memory, vm->L);
    rl_scope_init(&vm->scope, loop, NULL, NULL);
    vm->base = &vm->scope;
    char message[256];
    rl_err err = rl_sched_new(vm, &vm->sched);
    if (err == RL_OK)
        err = rl_vm_protect(vm, open_libraries, (void *)(uintptr_t)lua_dir, message, sizeof message);
    if (err == RL_OK)
        err = rl_vm_protect(vm, check_luajit, NULL, message, sizeof message);
    if (err != RL_OK) {
        if (err == RL_EINVAL)
            fprintf(stderr, "rille: %s\n", message);
        rl_vm_free(vm);
        return err;
    }
    rl_memory_set_ceiling(&vm->memory, ceiling);
    *out = vm;
    return RL_OK;
}

void rl_vm_detach(rl_vm *vm) {
    if (vm->sched != NULL)
        rl_sched_free(vm->sched);
    rl_scope_end(&vm->scope);
    rl_memory_clear(&vm->memory);
}

void rl_vm_close(rl_vm *vm) {
    lua_close(vm->L);
    rl_commons_free(vm->own_commons);
    rl_journal_free(vm->own_journal);
    rl_mem_free(vm);
}

void rl_vm_free(rl_vm *vm) {
    rl_vm_detach(vm);
    rl_vm_close(vm);
}
