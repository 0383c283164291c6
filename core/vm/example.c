/* example -- the scope of a running example, for lua/rille/test/.
 *
 *   app
 *    +-- example (test_enter)      rl_vm.base: parent of requests and background tasks
 *          +-- its body
 *          +-- request
 *          +-- request, in a transaction of its own (test_mark)
 *                +-- task spawned there: in the same
 */
#include "base/mem.h"
#include "loop/alarm.h"
#include "loop/clock.h"
#include "vm/deadlock.h"
#include "vm/sched.h"

typedef struct stage {
    rl_lent lent; /* in the example's scope */
    rl_vm *vm;
    rl_scope *scope;
    rl_alarm *limit; /* NULL: the example may take as long as it likes */
    char report[80]; /* what is said when it has taken too long */
} stage;

static void leave_stage(rl_lent *lent) {
    stage *at = RL_CONTAINER(lent, stage, lent);
    if (at->vm->base == at->scope) /* else the next example has begun */
        at->vm->base = &at->vm->scope;
    if (at->limit != NULL)
        rl_alarm_close(at->limit);
    rl_mem_free(at);
}

static void on_too_long(void *owner) {
    const stage *at = owner;
    if (at->vm->base == at->scope)
        (void)rl_deadlock_raise(at->vm, at->report); /* if nobody could, one of the next rings will do */
}

/* test_enter([seconds]): until this task ends, requests and background tasks are below it. When it takes longer than that,
 * by the real clock, the task that answers for all (rille.deadlock) raises a report of what they wait for. */
static int enter(lua_State *L) {
    lua_Number seconds = luaL_optnumber(L, 1, 0);
    rl_task *task = rl_task_may_wait(L);
    stage *at = rl_mem_zalloc(1, sizeof *at);
    if (at == NULL)
        return luaL_error(L, "not enough memory");
    at->vm = task->vm;
    snprintf(at->report, sizeof at->report, "the example has taken longer than %g s (--timeout)", seconds);
    if (seconds > 0 &&
        rl_alarm_open(at->vm->loop, (uint64_t)(seconds * 1000), on_too_long, at, &at->limit) != RL_OK) {
        rl_mem_free(at);
        return luaL_error(L, "not enough memory");
    }
    at->vm->base = at->scope = &task->scope;
    rl_scope_lend(&task->scope, &at->lent, "example", leave_stage);
    return 0;
}

/* test_freeze(): until test_thaw the clock goes on only where all tasks wait, and then by a jump */
static int freeze(lua_State *L) {
    rl_loop_freeze(rl_task_may_wait(L)->vm->loop, RL_FREEZE_JUMPS);
    return 0;
}

/* test_thaw(): harmless when the clock runs */
static int thaw(lua_State *L) {
    rl_loop_thaw(rl_task_may_wait(L)->vm->loop);
    return 0;
}

/* test_shuffle(seed): from now on it draws whom of the tasks that are ready runs next; 0: who has been for longest */
static int shuffle(lua_State *L) {
    rl_sched_shuffle(rl_vm_of(L)->sched, (uint64_t)luaL_checknumber(L, 1));
    return 0;
}

/* test_settle() -> whether nothing runs below the current task; what does is cancelled */
static int settle(lua_State *L) {
    rl_task *task = rl_task_may_wait(L);
    rl_scope_cancel_children(&task->scope, RL_ECANCELLED);
    lua_pushboolean(L, rl_list_is_empty(&task->scope.children));
    return 1;
}

/* A number that holds for a task, and for those spawned in it afterwards. */
typedef struct mark {
    rl_lent lent;
    uint64_t births; /* children that the scope had had before */
    lua_Integer number;
} mark;

static void free_mark(rl_lent *lent) {
    rl_mem_free(RL_CONTAINER(lent, mark, lent));
}

/* test_mark(number): holds until test_unmark, or the task's end */
static int set_mark(lua_State *L) {
    lua_Integer given = luaL_checkinteger(L, 1);
    rl_task *task = rl_task_may_wait(L);
    mark *at = rl_mem_zalloc(1, sizeof *at);
    if (at == NULL)
        return luaL_error(L, "not enough memory");
    at->births = task->scope.births;
    at->number = given;
    rl_scope_lend(&task->scope, &at->lent, "mark", free_mark);
    return 0;
}

/* The newest mark among what `scope` was lent that holds for its child `below`, or for itself. */
static mark *mark_in(const rl_scope *scope, const rl_scope *below) {
    for (const rl_list *at = scope->lent.next; at != &scope->lent; at = at->next) {
        rl_lent *lent = RL_CONTAINER((uintptr_t)at, rl_lent, link);
        if (lent->release != free_mark)
            continue;
        mark *one = RL_CONTAINER(lent, mark, lent);
        if (below == NULL || below->birth > one->births)
            return one;
    }
    return NULL;
}

/* test_marked() -> the number that holds here, or nil */
static int get_mark(lua_State *L) {
    const rl_task *task = rl_task_current(L);
    const rl_scope *below = NULL;
    for (const rl_scope *at = task == NULL ? NULL : &task->scope; at != NULL; below = at, at = at->parent) {
        const mark *found = mark_in(at, below);
        if (found == NULL)
            continue;
        lua_pushinteger(L, found->number);
        return 1;
    }
    lua_pushnil(L);
    return 1;
}

/* test_unmark(number): takes it from the current task */
static int remove_mark(lua_State *L) {
    lua_Integer given = luaL_checkinteger(L, 1);
    rl_task *task = rl_task_current(L);
    mark *found = task == NULL ? NULL : mark_in(&task->scope, NULL);
    if (found == NULL || found->number != given)
        return luaL_error(L, "this task has no such mark");
    rl_lent_return(&found->lent);
    rl_mem_free(found);
    return 0;
}

void rl_vm_open_example(lua_State *L) {
    const luaL_Reg functions[] = {{"test_enter", enter},   {"test_settle", settle},   {"test_freeze", freeze},
                                  {"test_thaw", thaw},     {"test_mark", set_mark},   {"test_marked", get_mark},
                                  {"test_unmark", remove_mark}, {"test_shuffle", shuffle}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
