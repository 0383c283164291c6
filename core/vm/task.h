/* task -- one coroutine that the scheduler runs: a request's handler, a
 * spawned function, a background task.
 *
 *   rl_task_spawn -> READY -> running -> PARKED -> READY -> ... -> ended
 *                      ^         |          |
 *                      +---------+ run queue +--- waiter woken
 *
 * How a binding waits (core/vm/timer.c is the shortest example):
 *
 *     rl_task *task = rl_task_may_wait(L);       // raises where it cannot
 *     rl_waiter_add(&task->waiter, &one, 1, unlink);
 *     ... hand `one` to whoever will claim it ...
 *     return rl_task_wait(L, task, "sleep");     // yields
 *
 * and in Lua the call's result is the number of the case that won, after
 * lua/rille/wait.lua has turned RL_CASE_CANCEL into the raised cancellation.
 * The private PARK value that is yielded lets a wait pass outward through a
 * user's own coroutines. */
#ifndef RL_VM_TASK_H
#define RL_VM_TASK_H

#include "base/list.h"
#include "loop/scope.h"
#include "loop/waiter.h"
#include "vm/vm.h"

enum {
    RL_CASE_CANCEL = 0, /* in every wait: the task's scope was cancelled */
    RL_BROUGHT = 2      /* behind the mark that a wait yields */
};

/* Where a task stands in one signal's line, for one case of its wait. */
typedef struct rl_place {
    rl_list link;
    rl_case one;
} rl_place;

/* What Lua's channels, locks and groups wait with. */
#define RL_WAIT_OF_LUA "line"
/* What a task waits with that has nothing to wait for, and lets others go first. */
#define RL_WAIT_FOR_OTHERS "yield"

typedef struct rl_task rl_task;
struct rl_task {
    rl_scope scope; /* deadline, lent things, children */
    rl_waiter waiter;
    rl_vm *vm;
    lua_State *co;
    int ref;          /* keeps `co` from the collector */
    uint32_t slot;    /* with its epoch it is the task's id */
    const char *name; /* the route, or NULL: for reports */
    rl_list run_link; /* in the run queue while READY */
    uint32_t won;     /* the case to hand to the coroutine at its next resume */
    bool has_gift;    /* it lies on its stack already, below a value */
    bool is_fresh;    /* in the run queue for its first resume */
    bool has_parked;  /* its own coroutine has yielded as rl_task_yield does */
    uint32_t shields;   /* that it has put up: its waits go on although the scope was cancelled, and so do tasks begun there, */
    uint32_t shield_ms; /* but for no longer than that: the scope's grace */
    bool has_had_grace; /* that was it: further shields do nothing */
    uint32_t refusals;  /* waits that it tried although it was cancelled */
    const char *waits_for;  /* the word for what its latest wait is, or was, for */
    const struct rl_request *request; /* whose route's function it runs, or NULL: for reports */
    struct rl_entry *entry; /* in the journal: its request's; NULL: none */
    uint32_t under;         /* the event there that its waits are under, */
    uint32_t event;         /* and the one that its wait is; 0: it does not wait */
    uint64_t parked_ns;     /* when it began to; told only where a journal is kept */
    /* For waits of bindings: a task waits in one place at a time. */
    rl_place place;
    rl_case other;
    rl_timer timer;
    /* Called once, when the coroutine returned (status 0, `count` results on top
     * of co's stack) or failed (status LUA_ERR..., the error on top). The task
     * is over afterwards; the owner frees it. */
    void (*ended)(rl_task *task, int status, int count);
    int (*begin)(rl_task *task); /* makes the first call, of a task without a coroutine until then */
};

/* The task in whose coroutine (or one of its own inner coroutines) `L` runs;
 * NULL outside of any, at an app's load without a task for instance. */
rl_task *rl_task_current(lua_State *L);
/* What Lua may keep of a task: a number that no other task of this VM will have, also when this one is gone. */
lua_Number rl_task_id(const rl_task *task);
/* NULL when that task has ended, or never was. */
rl_task *rl_task_of_id(rl_vm *vm, lua_Number id);
/* The current task, ready to wait. Raises a Lua error when there is none, when
 * a C function stands between (table.sort, string.gsub), or the cancellation
 * when the task's scope is cancelled already. A task that catches that again and
 * again is given up: an error that no pcall keeps ends it, and its scope with it. */
rl_task *rl_task_may_wait(lua_State *L);
/* Parks the task and yields: `return rl_task_wait(L, task, "sleep")`. The last says what it waits for: a word, or
 * RL_WAIT_OF_LUA when Lua's own line is all that is known. */
int rl_task_wait(lua_State *L, rl_task *task, const char *what);
/* The same, for a wait that brings the value on the top of the stack, with PARK below it: whoever wakes the task
 * finds it at index RL_BROUGHT of the task's coroutine. */
int rl_task_wait_bringing(lua_State *L, rl_task *task, const char *what);
/* The same, for no event but that all who can run have run, or that the loop's next turn has come; case 1. PARK is
 * on the top of the stack. */
int rl_task_stand_back(lua_State *L, rl_task *task);
/* Let the task's waits go on after a cancellation, for `most_ms` at most, and with them the tasks that it spawns from now on;
 * all shields that it puts up then share the time of the first. */
void rl_task_shield(rl_task *task, uint32_t most_ms);
/* The last shield is taken down: the tasks spawned behind it are cancelled if this one is. */
void rl_task_unshield(rl_task *task);
/* The same two for a waiter that was parked before it was shown to other threads. */
int rl_task_yield(lua_State *L, rl_task *task, const char *what);
int rl_task_yield_bringing(lua_State *L, rl_task *task, const char *what);
/* Raises the error table for `why`: timeout, cancelled, ... Does not return. */
int rl_task_raise(lua_State *L, rl_err why);

/* Before rl_task_wait: adds the case `number`, that `delay_ms` from now have passed; the task's `timer` and
 * `other` are in use until the wait is over. */
void rl_task_limit_wait(rl_task *task, uint32_t number, uint64_t delay_ms);

/* A place where any number of tasks wait for the same news. */
typedef struct rl_signal {
    rl_list waiting;
} rl_signal;

void rl_signal_init(rl_signal *signal);
/* Before rl_task_wait: adds case 1, that it is signalled; the task's `place` is in use until the wait is over. */
void rl_signal_join(rl_task *task, rl_signal *signal);
/* Park the task there: `return rl_signal_wait(L, task, signal)`; case 1 is the
 * signal. A `timeout_ms` below UINT64_MAX adds case 2, its passing. */
int rl_signal_wait(lua_State *L, rl_task *task, rl_signal *signal, uint64_t timeout_ms, const char *what);
/* Claim the one that has waited longest, for the caller to wake by rl_waiter_wake; NULL when nobody waits. */
rl_place *rl_signal_claim(rl_signal *signal);
/* Wake the one that has waited longest; false when nobody waits. */
bool rl_signal_one(rl_signal *signal);
void rl_signal_all(rl_signal *signal);

/* A binding registers itself: luaL_Reg functions into the table on the top of
 * the stack. One such function a binding file. */
void rl_vm_open_json(lua_State *L);
void rl_vm_open_pg(lua_State *L);
void rl_vm_open_timer(lua_State *L);
void rl_vm_open_task(lua_State *L);
void rl_vm_open_line(lua_State *L);
void rl_vm_open_request(lua_State *L);
void rl_vm_open_app(lua_State *L);
void rl_vm_open_log(lua_State *L);
void rl_vm_open_test(lua_State *L);
void rl_vm_open_example(lua_State *L);
void rl_vm_open_deadlock(lua_State *L);
void rl_vm_open_stream(lua_State *L);
void rl_vm_open_file(lua_State *L);
void rl_vm_open_source(lua_State *L);
void rl_vm_open_threads(lua_State *L);
void rl_vm_open_journal(lua_State *L);
void rl_vm_open_gauge(lua_State *L);
void rl_vm_open_shared(lua_State *L);
void rl_vm_open_prompt(lua_State *L);
void rl_vm_open_news(lua_State *L);

#endif
