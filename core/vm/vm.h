/* vm -- one lua_State: an app's code, its memory, its coroutines.
 *
 * A VM belongs to one loop's thread. Near its memory's ceiling Lua sees "not enough
 * memory" as an error of the running coroutine (vm/memory.h). So every call into
 * the Lua API that may allocate is made inside a coroutine, or under rl_vm_protect:
 * outside of both it would end the process. */
#ifndef RL_VM_VM_H
#define RL_VM_VM_H

#include <lauxlib.h>
#include <lua.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "vm/memory.h"

typedef struct rl_vm rl_vm;
struct rl_sched;

/* Appends a JSON document to `out`; from any thread. */
typedef struct rl_teller {
    rl_err (*tell)(const struct rl_teller *teller, rl_buf *out);
} rl_teller;

struct rl_vm {
    lua_State *L;
    rl_loop *loop;
    rl_memory memory;
    struct rl_sched *sched;
    rl_scope scope; /* the app's */
    rl_scope *base; /* parent of new requests and background tasks: `scope`, but in a spec its example's */
    uint32_t worker; /* which of the process's workers it is of, from 0 */
    uint64_t generation; /* of its app's code; 0: it has none */
    bool is_dev; /* `rille dev`: for whoever writes the app */
    bool looks_at_late; /* what requests wait for whose deadline passes is noted (vm/deadlock.h) */
    _Atomic bool is_loading;
    uint64_t load_most_ms;               /* while it is */
    const _Atomic bool *is_load_outdated; /* the same */
    bool is_load_broken_off;
    lua_State *kept; /* vm/task.c's: a coroutine that never runs, on whose stack it keeps what it needs */
    struct rl_app *app; /* what serves with this VM; NULL: nothing does */
    const char *lua_dir; /* the framework's folder instead of the embedded one, or NULL */
    struct rl_thread *thread; /* whose VM this is: nothing waits in it, its loop never runs; NULL: a loop's */
    struct rl_log *log; /* may be NULL */
    struct rl_board *board; /* of the process; may be NULL */
    struct rl_budgets *budgets; /* of the process's database connections; NULL: each pool has its own */
    struct rl_databases *databases; /* of the worker; NULL: this VM shares its pools with none */
    struct rl_pg_listeners *listeners; /* of the process; NULL: the same */
    const struct rl_sources *sources; /* what its app's Lua files hold; NULL: what the disk does */
    struct rl_bulletin_row *row; /* where what it runs is pinned up; NULL: nowhere */
    const struct rl_bulletin *bulletin; /* which routes must not run; NULL: all may */
    uint32_t jobs; /* of its files, under way on other threads: it may not be freed */
    struct rl_commons *commons; /* of the process; NULL: what this VM makes for itself, when it wants some */
    struct rl_commons *own_commons;
    struct rl_journal *journal; /* of the process; NULL: none is kept */
    struct rl_journal *own_journal;
    struct rl_board *gauges; /* of the process: what each VM last said of itself; NULL: none does */
    const struct rl_teller *teller; /* what the process says of itself; NULL: nothing */
};

/* A VM with the standard libraries and Rille's primitives (`require "rille.core"`),
 * the embedded framework on its loaders, nothing of an app loaded yet.
 * `lua_dir` names a folder to read the framework from instead, or is NULL; it outlives the VM. */
RL_MUST_USE rl_err rl_vm_new(rl_loop *loop, size_t ceiling, const char *lua_dir, rl_vm **out);
/* Every task must have ended, and every job. */
void rl_vm_free(rl_vm *vm);
/* The same in two steps, because the second takes as long as its memory is large: nothing of
 * the loop's is in it after the first, so the second may be on any thread. Finalizers run
 * there: they find what was lent given back already, and rl_vm_of is NULL. */
void rl_vm_detach(rl_vm *vm);
void rl_vm_close(rl_vm *vm);

/* The VM of any of its coroutines. */
rl_vm *rl_vm_of(lua_State *L);
/* The same, never NULL: raises in a finalizer of a VM that closes. */
rl_vm *rl_vm_check(lua_State *L);

/* From another thread, while the VM's own is busy in it for too long: have the stack logged that Lua stands at.
 * Nothing comes of it while machine code runs, which looks at no hook. */
void rl_vm_ask_where(rl_vm *vm);

/* From here to `rl_vm_end_load` Lua is interpreted, so that a hook can raise an error in what does not wait for
 * `most_ms`, or once `is_outdated` (borrowed until then; any thread may set it): code that is run once gains
 * nothing from the compiler. */
void rl_vm_begin_load(rl_vm *vm, uint64_t most_ms, const _Atomic bool *is_outdated);
void rl_vm_end_load(rl_vm *vm);

/* A full collection, for rl_vm_protect: finalizers may raise. */
int rl_vm_collect(lua_State *L, void *arg);

/* Call `fn(vm->L, arg)` where Lua may raise; the stack is as before afterwards.
 * RL_ENOMEM when memory ran out, RL_EINVAL for any other error, whose text is
 * then in `message` (cut to fit, NUL-terminated; may be NULL). */
RL_MUST_USE rl_err rl_vm_protect(rl_vm *vm, int (*fn)(lua_State *L, void *arg), void *arg, char *message,
                                 size_t message_cap);

#endif
