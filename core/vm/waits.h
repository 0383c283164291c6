/* waits -- what the journal (base/journal.h) is told of tasks: each wait is an event, and so is each task that a
 * request spawns.
 *
 *   request                      0
 *     |-- sql                    1
 *     `-- task                   2    a spawned one: its waits are under it
 *           `-- sleep            3
 *
 * Where no journal is kept nothing here is called but rl_waits_note. */
#ifndef RL_VM_WAITS_H
#define RL_VM_WAITS_H

#include "base/journal.h"
#include "pg/errand.h"
#include "vm/task.h"

/* The current task is about to wait; unless rl_waits_begin_statement has told it. */
void rl_waits_begin(lua_State *L, rl_task *task);
/* The same wherever it is, at next to no cost where nothing is kept. */
static inline void rl_waits_note(lua_State *L, rl_task *task, const char *what) {
    task->waits_for = what;
    if (RL_UNLIKELY(task->vm->journal != NULL))
        rl_waits_begin(L, task);
}
void rl_waits_begin_statement(lua_State *L, rl_task *task, const rl_errand *errand);
/* It will hear of it now. */
void rl_waits_answer_statement(const rl_task *task, const rl_errand *errand);
/* It goes on. */
void rl_waits_end(rl_task *task);

/* The current task, which has an entry, spawned another. */
void rl_waits_begin_task(lua_State *L, const rl_task *task, rl_task *spawned);
void rl_waits_end_task(rl_task *task);

/* What Lua does by itself, from now to the end that is told with the number that this returns; what the task waits for meanwhile is
 * under it. */
uint32_t rl_waits_begin_span(lua_State *L, rl_task *task, const char *what, rl_slice text);
void rl_waits_end_span(rl_task *task, uint32_t number);

enum { RL_WAITS_PLACE = 256 };
typedef struct rl_waits_place {
    char at[RL_WAITS_PLACE];    /* the app's line nearest to the top, as "routes/users.lua:12"; "" for none */
    char module[RL_WAITS_PLACE]; /* of the framework's, what it waits in: "channel"; "" for none */
} rl_waits_place;
/* Where on its stack a coroutine is, which is `L` or does not run. Takes no memory of Lua's. */
void rl_waits_find_place(lua_State *L, const rl_vm *vm, rl_waits_place *out);
/* What a task that waits there waits for. */
const char *rl_waits_word(const rl_task *task, const rl_waits_place *place);

#endif
