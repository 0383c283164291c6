#include "vm/sched.h"

#include <assert.h>

#include "base/bulletin.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/request_id.h"
#include "vm/coroutines.h"
#include "vm/deadlock.h"
#include "vm/ids.h"
#include "vm/waits.h"
#include "vm/pin.h"
#include "vm/refusal.h"
#include "vm/shuffle.h"

enum {
    MOST_RESUMES = 1000,         /* per turn, and */
    MOST_TURN_NS = 1000 * 1000,  /* at most this long, */
    RESUMES_A_LOOK = 16          /* as is seen after every so many */
};

struct rl_sched {
    rl_vm *vm;
    rl_turn turn;
    rl_list ready;
    rl_signal stood_back; /* those who let all others go first */
    rl_task *running;
    int stray_yield_ref, no_memory_ref; /* texts */
    uint64_t dice; /* draws who is next; 0: first come, first served */
    rl_ids ids;
    rl_coroutines coroutines;
};

static bool run_ready(rl_turn *turn);

/* The yielded mark of a wait. Its address is the value: nobody can forge it by accident. */
static const char PARK;

/* What is made now because it could not be made when it is needed. */
static int prepare(lua_State *L, void *arg) {
    rl_sched *sched = arg;
    lua_pushlightuserdata(L, (void *)(uintptr_t)&PARK);
    lua_setfield(L, LUA_REGISTRYINDEX, "rille.park");
    lua_pushliteral(L, "coroutine.yield: there is no coroutine here to yield to "
                       "(a handler or task waits with rille's own calls)");
    sched->stray_yield_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushliteral(L, "not enough memory");
    sched->no_memory_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

rl_err rl_sched_new(rl_vm *vm, rl_sched **out) {
    rl_sched *sched = rl_mem_alloc(sizeof *sched);
    if (sched == NULL)
        return RL_ENOMEM;
    sched->vm = vm;
    sched->turn.run = run_ready;
    sched->running = NULL;
    rl_coroutines_init(&sched->coroutines, vm);
    sched->dice = 0;
    rl_ids_init(&sched->ids);
    rl_list_init(&sched->ready);
    rl_signal_init(&sched->stood_back);
    rl_err err = rl_vm_protect(vm, prepare, sched, NULL, 0);
    if (err != RL_OK) {
        rl_mem_free(sched);
        return err;
    }
    rl_loop_add_turn(vm->loop, &sched->turn);
    *out = sched;
    return RL_OK;
}

void rl_sched_free(rl_sched *sched) {
    assert(rl_list_is_empty(&sched->ready) && rl_list_is_empty(&sched->stood_back.waiting));
    rl_loop_remove_turn(sched->vm->loop, &sched->turn);
    rl_ids_free(&sched->ids);
    rl_mem_free(sched);
}

/* ---- tasks ------------------------------------------------------------ */

static void make_ready(rl_task *task) {
    rl_list_push_back(&task->vm->sched->ready, &task->run_link);
    rl_loop_wake_turn(task->vm->loop);
}

static void on_woken(rl_waiter *waiter, uint32_t number) {
    rl_task *task = RL_CONTAINER(waiter, rl_task, waiter);
    task->won = number;
    make_ready(task);
}

static void on_shield_over(rl_timer *deadline);

static void on_scope_cancelled(rl_scope *scope) {
    rl_task *task = RL_CONTAINER(scope, rl_task, scope);
    rl_deadlock_look_at_late(task);
    if (task->shields > 0)
        rl_scope_begin_grace(scope, task->shield_ms, on_shield_over);
    else if (rl_waiter_is_parked(&task->waiter) && rl_waiter_claim(&task->waiter, RL_CASE_CANCEL))
        rl_waiter_wake(&task->waiter);
}

static void on_shield_over(rl_timer *deadline) {
    rl_task *task = RL_CONTAINER(deadline, rl_task, scope.deadline);
    task->shields = 0;
    task->has_had_grace = true;
    rl_scope_unshelter(&task->scope);
    on_scope_cancelled(&task->scope);
}

void rl_task_shield(rl_task *task, uint32_t most_ms) {
    if (task->has_had_grace)
        return;
    task->shields++;
    task->shield_ms = most_ms;
    if (task->scope.why != RL_OK)
        rl_scope_begin_grace(&task->scope, most_ms, on_shield_over);
}

/* Once cancelled, the time of one shield is all there is, also for the next one. */
void rl_task_unshield(rl_task *task) {
    if (task->shields > 0 && --task->shields == 0)
        rl_scope_unshelter(&task->scope);
}

static rl_err acquire_coroutine(rl_task *task) {
    rl_coroutine one;
    rl_err err = rl_coroutines_acquire(&task->vm->sched->coroutines, &one);
    if (err != RL_OK)
        return err;
    task->co = one.co;
    task->ref = one.ref;
    return RL_OK;
}

uint32_t rl_sched_next_slot(const rl_sched *sched) {
    return rl_ids_next(&sched->ids);
}

const rl_ids *rl_sched_ids(const rl_sched *sched) {
    return &sched->ids;
}

rl_err rl_task_init_late(rl_task *task, rl_vm *vm, rl_scope *parent, int (*begin)(rl_task *task),
                         void (*ended)(rl_task *task, int status, int count)) {
    task->vm = vm;
    rl_err err = rl_ids_give(&vm->sched->ids, task, &task->slot);
    if (err != RL_OK)
        return err;
    task->co = NULL;
    task->begin = begin;
    rl_scope_init(&task->scope, vm->loop, parent, on_scope_cancelled);
    rl_waiter_init(&task->waiter, vm->loop, on_woken);
    rl_list_init(&task->run_link);
    task->ended = ended;
    task->name = task->waits_for = NULL;
    task->request = NULL;
    task->entry = NULL;
    task->won = task->under = task->event = 0;
    task->has_gift = task->is_fresh = task->has_had_grace = false;
    task->refusals = task->shields = 0;
    return RL_OK;
}

rl_err rl_task_init(rl_task *task, rl_vm *vm, rl_scope *parent,
                    void (*ended)(rl_task *task, int status, int count)) {
    rl_err err = rl_task_init_late(task, vm, parent, NULL, ended);
    if (err != RL_OK)
        return err;
    err = acquire_coroutine(task);
    if (err != RL_OK) {
        rl_ids_take_back(&vm->sched->ids, task->slot);
        rl_scope_end(&task->scope);
    }
    return err;
}

/* A wait that nobody will come back to, a shield that nobody needs, and its id. */
static void leave(rl_task *task) {
    rl_scope_end_grace(&task->scope);
    if (RL_UNLIKELY(!rl_waiter_is_idle(&task->waiter)))
        rl_waiter_give_up(&task->waiter, RL_CASE_CANCEL);
    rl_list_remove(&task->run_link);
    rl_ids_take_back(&task->vm->sched->ids, task->slot);
}

static void finish(rl_task *task, int status) {
    rl_sched *sched = task->vm->sched;
    leave(task); /* a wait may be open: made in a coroutine whose owner went on without it */
    int count = status == 0 ? lua_gettop(task->co) : 1;
    rl_coroutine one = {task->co, task->ref};
    task->ended(task, status, count); /* which may free the task, never the coroutine */
    if (status == 0)
        rl_coroutines_reuse(&sched->coroutines, one);
    else
        rl_coroutines_drop(&sched->coroutines, one);
}

/* What memory's end raised in machine code is no value to go by: it is put right
 * here, unless somebody has caught it before. */
static void correct_thrown(rl_task *task, int status) {
    if (status != 0 && status != LUA_YIELD) {
        lua_pop(task->co, 1);
        lua_rawgeti(task->co, LUA_REGISTRYINDEX, task->vm->sched->no_memory_ref);
        return;
    }
    const rl_log_field route = rl_log_str("route", rl_slice_str(task->name != NULL ? task->name : "-"));
    rl_log_write(task->vm->log, RL_LOG_WARN,
                 "memory ran out in compiled code: the error that was caught there has a value that means nothing",
                 &route, 1);
}

static void resume(rl_task *task, int argc) {
    rl_sched *sched = task->vm->sched;
    rl_memory *memory = &task->vm->memory;
    rl_task *outer = sched->running;
    if (RL_UNLIKELY(memory->used < memory->relax_at) && outer == NULL)
        rl_memory_relax(memory);
    if (task->vm->row != NULL)
        rl_request_pin(task->request, task->name, task->vm->row);
    sched->running = task;
    task->has_parked = false;
    int status = lua_resume(task->co, argc);
    sched->running = outer;
    if (outer == NULL)
        rl_bulletin_take_down(task->vm->row);
    if (RL_UNLIKELY(task->refusals > RL_MOST_REFUSALS))
        lua_sethook(task->co, NULL, 0, 0);
    if (RL_UNLIKELY(memory->is_tight) && rl_memory_has_thrown(memory))
        correct_thrown(task, status);
    if (status != LUA_YIELD) {
        finish(task, status);
        return;
    }
    if (RL_UNLIKELY(!task->has_parked && lua_touserdata(task->co, 1) != (const void *)&PARK)) {
        /* coroutine.yield outside of a coroutine of the user's own */
        lua_settop(task->co, 0);
        lua_rawgeti(task->co, LUA_REGISTRYINDEX, sched->stray_yield_ref);
        finish(task, LUA_ERRRUN);
    }
}

void rl_task_run(rl_task *task, int argc) {
    resume(task, argc);
}

static void start_in_turn(rl_task *task) {
    int argc = (int)task->won;
    task->won = 0;
    task->is_fresh = false;
    if (task->co == NULL) {
        if (acquire_coroutine(task) != RL_OK) {
            leave(task);
            task->ended(task, LUA_ERRMEM, 0);
            return;
        }
        argc = task->begin(task);
    }
    resume(task, argc);
}

void rl_task_start(rl_task *task, int argc) {
    task->is_fresh = true;
    task->won = (uint32_t)argc;
    make_ready(task);
}

void rl_task_abandon(rl_task *task) {
    leave(task);
    rl_scope_end(&task->scope);
    if (task->co != NULL)
        rl_coroutines_drop(&task->vm->sched->coroutines, (rl_coroutine){task->co, task->ref});
}

static void continue_in_turn(rl_task *task) {
    lua_State *co = task->co;
    if (RL_UNLIKELY(task->event != 0))
        rl_waits_end(task);
    if (task->has_gift) {
        task->has_gift = false;
        resume(task, 2);
        return;
    }
    lua_settop(co, 0); /* the mark, and what the wait brought */
    lua_pushinteger(co, (lua_Integer)task->won);
    resume(task, 1);
}

void rl_sched_report_slow(const rl_vm *vm, const char *who, uint64_t took_ns) {
    const rl_log_field fields[] = {rl_log_str("route", rl_slice_str(who)), rl_log_ms("ms", (double)took_ns / 1e6)};
    rl_log_write(vm->log, RL_LOG_WARN, "Lua ran long without a wait: everybody else on the worker waited", fields, 2);
}

/* One task, until its next wait. A coarse clock notices what holds the worker for long; what has no name has no report. */
static uint64_t run_one(rl_sched *sched, rl_task *task, uint64_t now_ns) {
    const char *name = task->name;
    uint64_t began_ns = name == NULL || now_ns != 0 ? now_ns : rl_clock_coarse_ns();
    if (task->is_fresh)
        start_in_turn(task);
    else
        continue_in_turn(task);
    now_ns = name == NULL ? 0 : rl_clock_coarse_ns();
    if (name != NULL && RL_UNLIKELY(now_ns - began_ns > RL_SLOW_TURN_NS))
        rl_sched_report_slow(sched->vm, name, now_ns - began_ns);
    return now_ns;
}

void rl_sched_shuffle(rl_sched *sched, uint64_t seed) {
    sched->dice = rl_shuffle_begin(seed);
}

static rl_list *take_next(rl_sched *sched) {
    if (rl_list_is_empty(&sched->ready))
        rl_signal_all(&sched->stood_back);
    return RL_LIKELY(sched->dice == 0) ? rl_list_pop_front(&sched->ready) : rl_shuffle_take(&sched->dice, &sched->ready);
}

static bool run_ready(rl_turn *turn) {
    rl_sched *sched = RL_CONTAINER(turn, rl_sched, turn);
    rl_signal_all(&sched->stood_back); /* although others may have woken each other for the whole of the last turn */
    if (rl_list_is_empty(&sched->ready))
        return false;
    uint64_t began_ns = rl_clock_ns(), last_ns = 0; /* unknown */
    for (int resumes = 1; resumes <= MOST_RESUMES; resumes++) {
        rl_list *link = take_next(sched);
        if (link == NULL)
            return false;
        last_ns = run_one(sched, RL_CONTAINER(link, rl_task, run_link), last_ns);
        if (resumes % RESUMES_A_LOOK == 0 && rl_clock_ns() - began_ns >= MOST_TURN_NS)
            break;
    }
    return !rl_list_is_empty(&sched->ready) || !rl_list_is_empty(&sched->stood_back.waiting);
}

/* ---- for the bindings -------------------------------------------------- */

lua_Number rl_task_id(const rl_task *task) {
    return rl_ids_number(&task->vm->sched->ids, task->slot);
}

rl_task *rl_task_of_id(rl_vm *vm, lua_Number id) {
    return rl_ids_find(&vm->sched->ids, id);
}

rl_task *rl_task_current(lua_State *L) {
    rl_vm *vm = rl_vm_of(L);
    return vm == NULL ? NULL : vm->sched->running;
}

rl_task *rl_task_may_wait(lua_State *L) {
    rl_task *task = rl_task_current(L);
    if (task == NULL)
        luaL_error(L, "this call waits, and nothing here can wait: make it in a handler, a task or while the app loads");
    if (task->scope.why != RL_OK && task->shields == 0)
        rl_task_refuse(L, task);
    if (!lua_isyieldable(L))
        rl_pin_raise(L);
    if (rl_waiter_is_parked(&task->waiter) || !rl_list_is_empty(&task->run_link))
        luaL_error(L, "this task waits already, in a coroutine that was made without rille's coroutine library");
    return task;
}

/* A task that hands itself over, not a coroutine in it, is seen to have: nobody has to look at what it yields. */
static void note_yield(lua_State *L, rl_task *task, const char *what) {
    task->has_parked = L == task->co;
    rl_waits_note(L, task, what);
}

int rl_task_yield(lua_State *L, rl_task *task, const char *what) {
    note_yield(L, task, what);
    lua_pushlightuserdata(L, (void *)(uintptr_t)&PARK);
    return lua_yield(L, 1);
}

int rl_task_yield_bringing(lua_State *L, rl_task *task, const char *what) {
    note_yield(L, task, what);
    return lua_yield(L, 2);
}

int rl_task_wait(lua_State *L, rl_task *task, const char *what) {
    rl_waiter_park(&task->waiter);
    return rl_task_yield(L, task, what);
}

int rl_task_wait_bringing(lua_State *L, rl_task *task, const char *what) {
    rl_waiter_park(&task->waiter);
    return rl_task_yield_bringing(L, task, what);
}

/* It may be woken by a cancellation before: it waits as for any signal. */
int rl_task_stand_back(lua_State *L, rl_task *task) {
    rl_signal_join(task, &task->vm->sched->stood_back);
    rl_loop_wake_turn(task->vm->loop);
    rl_waiter_park(&task->waiter);
    note_yield(L, task, RL_WAIT_FOR_OTHERS);
    return lua_yield(L, 1);
}
