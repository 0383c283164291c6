/* rig -- a VM on a loop, and Lua texts run in it as tasks.
 *
 *     rig *r = rig_opened();
 *     run(r, "core.sleep(1); return 'slept'");
 *     assert_result(r, 0, "slept");
 *
 * `core` is require "rille.core"; nothing of the framework is loaded. The clock
 * is frozen: where all tasks wait, `drive` jumps to what comes next. */
#ifndef RL_SPEC_VM_RIG_H
#define RL_SPEC_VM_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loop/clock.h"
#include "mem.h"
#include "vm/sched.h"
#include "vm/vm.h"

enum { RIG_RUNS = 32, RIG_CEILING = 64 << 20 };

typedef struct rig rig;

/* One task of the test. */
typedef struct rig_run {
    rl_task task;
    rig *rig;
    bool has_ended, is_over, is_started;
    int status;
    char text[256]; /* the first result, or the error */
} rig_run;

struct rig {
    rl_loop *loop;
    rl_vm *vm;
    rig_run runs[RIG_RUNS];
    size_t count;
    lua_Alloc alloc; /* of the VM, behind the refusing one */
    void *alloc_ud;
    long refuse_in; /* the growth that many from now is refused; 0: none */
    bool refuses_all_after, refused;
};

/* ---- Lua's memory, refused on demand -------------------------------------------- */

static inline void *rig_alloc(void *ud, void *ptr, size_t old_size, size_t new_size) {
    rig *r = ud;
    if (new_size > old_size && r->refuse_in > 0 &&
        (r->refuse_in > 1 || !r->refuses_all_after || r->refused) && --r->refuse_in == 0) {
        r->refused = true;
        r->refuse_in = r->refuses_all_after ? 1 : 0;
        return NULL;
    }
    if (new_size > old_size && r->refuses_all_after && r->refuse_in == 1) {
        r->refused = true;
        return NULL;
    }
    return r->alloc(r->alloc_ud, ptr, old_size, new_size);
}

/* Have the n-th growth from now refused, or all from the n-th on; 0 ends it. */
static inline void refuse_growth(rig *r, long n, bool all_after) {
    r->refuse_in = n;
    r->refuses_all_after = all_after;
    r->refused = false;
}

/* ---- running ---------------------------------------------------------------- */

static inline int rig_load_core(lua_State *L, void *arg) {
    (void)arg;
    lua_getglobal(L, "require");
    lua_pushliteral(L, "rille.core");
    lua_call(L, 1, 1);
    lua_setglobal(L, "core");
    return 0;
}

/* False when memory ran out. */
static inline bool rig_open(rig *r, size_t ceiling) {
    if (r->loop == NULL && rl_loop_new(&r->loop) != RL_OK)
        return false;
    rl_loop_freeze(r->loop, RL_FREEZE_JUMPS);
    if (rl_vm_new(r->loop, ceiling, NULL, &r->vm) != RL_OK)
        return false;
    r->alloc = r->vm->memory.alloc;
    r->alloc_ud = r->vm->memory.alloc_ud;
    r->vm->memory.alloc = rig_alloc;
    r->vm->memory.alloc_ud = r;
    return rl_vm_protect(r->vm, rig_load_core, NULL, NULL, 0) == RL_OK;
}

static inline rig *rig_new(void) {
    rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    return r;
}

static inline rig *rig_opened(void) {
    rig *r = rig_new();
    assert_true(rig_open(r, RIG_CEILING));
    return r;
}

static inline void rig_try_end(rig_run *one) {
    if (!one->has_ended || one->is_over || !rl_list_is_empty(&one->task.scope.children))
        return;
    one->is_over = true;
    one->task.scope.emptied = NULL;
    rl_scope_end(&one->task.scope);
}

static inline void rig_on_emptied(rl_scope *scope) {
    rig_try_end(RL_CONTAINER(scope, rig_run, task.scope));
}

static inline void rig_on_ended(rl_task *task, int status, int count) {
    rig_run *one = RL_CONTAINER(task, rig_run, task);
    assert_false(one->has_ended);
    one->has_ended = true;
    one->status = status;
    int index = status != 0 ? -1 : 1;
    const char *text = "";
    if (status != 0 || count > 0)
        text = lua_type(task->co, index) == LUA_TSTRING ? lua_tostring(task->co, index)
                                                        : lua_typename(task->co, lua_type(task->co, index));
    if (lua_type(task->co, index) == LUA_TNUMBER && count > 0 && status == 0)
        snprintf(one->text, sizeof one->text, "%.14g", lua_tonumber(task->co, index));
    else
        snprintf(one->text, sizeof one->text, "%s", text);
    rl_scope_cancel_children(&task->scope, RL_ECANCELLED);
    rig_try_end(one);
}

typedef struct rig_load {
    rl_task *task;
    const char *code;
} rig_load;

static inline int rig_push(lua_State *L, void *arg) {
    const rig_load *load = arg;
    if (luaL_loadstring(L, load->code) != 0)
        return lua_error(L);
    lua_xmove(L, load->task->co, 1);
    return 0;
}

/* Run `code` as a task, in the next turn. NULL when memory ran out. */
static inline rig_run *start(rig *r, const char *code) {
    assert_true(r->count < RIG_RUNS);
    rig_run *one = &r->runs[r->count];
    one->rig = r;
    if (rl_task_init(&one->task, r->vm, &r->vm->scope, rig_on_ended) != RL_OK)
        return NULL;
    one->task.scope.emptied = rig_on_emptied;
    rig_load load = {&one->task, code};
    char message[256];
    rl_err err = rl_vm_protect(r->vm, rig_push, &load, message, sizeof message);
    if (err != RL_OK) {
        if (err != RL_ENOMEM && !r->refused)
            fail_msg("%s", message);
        rl_task_abandon(&one->task);
        return NULL;
    }
    r->count++;
    rl_task_start(&one->task, 0);
    return one;
}

/* Let the loop turn until every task has ended, or until `turns` are over. */
static inline void drive(rig *r, int turns) {
    for (; turns > 0 && !rl_list_is_empty(&r->vm->scope.children); turns--)
        rl_loop_turn(r->loop, true);
}

static inline void turns(rig *r, int count) {
    while (count-- > 0)
        rl_loop_turn(r->loop, false);
}

static inline rig_run *run(rig *r, const char *code) {
    rig_run *one = start(r, code);
    assert_non_null(one);
    drive(r, 1000);
    return one;
}

static inline void assert_result(const rig_run *one, const char *text) {
    if (!one->has_ended || one->status != 0 || strcmp(one->text, text) != 0)
        fail_msg("%s: status %d, %s", one->has_ended ? "ended" : "not ended", one->status, one->text);
}

/* It failed, and the error's text holds `part`. */
static inline void assert_failed(const rig_run *one, const char *part) {
    if (!one->has_ended || one->status == 0 || strstr(one->text, part) == NULL)
        fail_msg("%s: status %d, %s", one->has_ended ? "ended" : "not ended", one->status, one->text);
}

/* The value of a global, as text. */
static inline const char *global(rig *r, const char *name) {
    lua_getglobal(r->vm->L, name);
    const char *text = lua_tostring(r->vm->L, -1); /* the global table keeps it */
    lua_pop(r->vm->L, 1);
    return text == NULL ? "nil" : text;
}

static inline void rig_free(rig *r) {
    refuse_growth(r, 0, false);
    if (r->vm != NULL) {
        rl_scope_cancel(&r->vm->scope, RL_ECANCELLED);
        drive(r, 1000);
        assert_true(rl_list_is_empty(&r->vm->scope.children));
        rl_vm_free(r->vm);
    }
    if (r->loop != NULL)
        rl_loop_free(r->loop);
    free(r);
}

#endif
