/* memory -- how much a VM may take, and what happens near the end of it.
 *
 *   0 ----- 1/64 ----------- 3/4 --------- ceiling ---------- 5/4
 *     roomy  | as Lua likes it |    tight      |  machine code,  |
 *            |                 |               |  until it ended |
 *
 * To collect is to visit all that lives, and what was used last is then out of the
 * processor's caches. So a small VM is roomy: garbage gathers until a 64th of the
 * ceiling is in use (16 MB of 1 GB), instead of until it is as much as what lives.
 *
 * A bound for Lua is an allocator that says no, and "not enough memory" raised in
 * its place. Machine code of this LuaJIT (2.1-20230119) cannot take a no: it writes
 * the error over a live stack slot, and the process crashes. So from three quarters
 * on the VM is tight: nothing is compiled, machine code is thrown away as soon as
 * none of it runs, the collector works harder. By the ceiling it is the interpreter
 * that is refused, as a rule. Machine code that still runs may take a quarter more;
 * beyond that (a leap from below, a loop without garbage) the allocator raises by
 * itself, which harms nothing, but the error's value is whatever lay on the stack:
 * see rl_memory_has_thrown. When the VM is down to five eighths it compiles again.
 *
 * So an app's Lua never holds more than five quarters of its ceiling. C may take
 * more, a little at a time, to end what Lua could not go on with: rl_memory_lift.
 * While it gets tight the VM's debug hook is ours. */
#ifndef RL_VM_MEMORY_H
#define RL_VM_MEMORY_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct rl_memory rl_memory;

struct rl_memory {
    lua_State *L;
    lua_Alloc alloc; /* LuaJIT's own, which ours wraps */
    void *alloc_ud;
    size_t used, ceiling; /* bytes of Lua memory, and their bound */
    uint64_t taken;       /* bytes that were ever asked for: what is not in use any more was collected */
    size_t limit;         /* refused beyond: the ceiling, but more while C is in need */
    size_t mark;          /* below it the allocator only counts; beyond it is roomy no more, or gets tight */
    size_t relax_at;      /* below it rl_memory_relax is of use */
    lua_State *thrower;   /* never runs; the allocator's own errors start there */
    int pause, stepmul;   /* of the collector, when not tight */
    bool is_roomy;
    bool is_tight, is_jit_off, is_flushed; /* in this order */
    bool has_thrown;
    bool refuses; /* everything */
};

/* Count the memory of `L`, without a bound yet. */
void rl_memory_init(rl_memory *memory, lua_State *L);
/* What a bound will need; may raise. */
void rl_memory_prepare(lua_State *L);
void rl_memory_set_ceiling(rl_memory *memory, size_t ceiling);
/* Before lua_close: its finalizers run uncounted. */
void rl_memory_clear(rl_memory *memory);
/* Whose memory `L`'s is; NULL after rl_memory_clear. */
rl_memory *rl_memory_of(lua_State *L);

/* More room for C. It counts from what is in use: what C leaves behind (thousands of
 * coroutines dropped at once) may be past the ceiling by more than one reserve, and
 * even then the collector must be able to begin. Returns what to lower it to again. */
size_t rl_memory_lift(rl_memory *memory);
static inline void rl_memory_lower(rl_memory *memory, size_t limit) {
    memory->limit = limit;
}

/* Raise wherever more memory is asked for, which ends compiled code as well; also from a signal's handler, in the thread
 * that runs the VM. Until rl_memory_allow. */
void rl_memory_refuse(rl_memory *memory);
void rl_memory_allow(rl_memory *memory);

/* Compile again, or be roomy again, if memory has come back: `used` is below `relax_at`. Where no Lua runs. */
void rl_memory_relax(rl_memory *memory);
/* Whether an error since the last time it was asked was the allocator's own. */
bool rl_memory_has_thrown(rl_memory *memory);

#endif
