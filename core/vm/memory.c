#include "vm/memory.h"

#include <luajit.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"

enum {
    RESERVE = 256 * 1024, /* C's, past the ceiling */
    ROOMY_SHARE = 64,     /* of the ceiling: one part */
    ROOMY_PAUSE = 1000,   /* percent: the share is what ends it */
    USUAL_PAUSE = 200,    /* percent, LuaJIT's own: collect again when as much has come as lives */
    TIGHT_PAUSE = 110,    /* percent: collect again when a tenth has come */
    TIGHT_STEPMUL = 1000, /* percent: ten times as fast as memory is taken */
    WHOLE_CYCLE = 0       /* percent, as LuaJIT takes it: do not stop before the end */
};

static void *counting_alloc(void *ud, void *ptr, size_t old_size, size_t new_size);

rl_memory *rl_memory_of(lua_State *L) {
    void *ud;
    return lua_getallocf(L, &ud) == counting_alloc ? ud : NULL;
}

/* The hook comes at the next interpreted instructions, when no machine code runs.
 * First the compiler is turned off, which ends a recording at the next one: a
 * flush during a recording would crash as well. */
static void leave_machine_code(lua_State *L, lua_Debug *ar) {
    (void)ar;
    rl_memory *memory = rl_memory_of(L);
    if (!memory->is_jit_off) {
        luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
        memory->is_jit_off = true;
        return;
    }
    lua_sethook(L, NULL, 0, 0);
    luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_FLUSH);
    memory->is_flushed = true;
}

/* One that the app has chosen stays. */
static void change_pause(lua_State *L, int from, int to) {
    int was = lua_gc(L, LUA_GCSETPAUSE, to);
    if (was != from)
        lua_gc(L, LUA_GCSETPAUSE, was);
}

static void set_marks(rl_memory *memory) {
    size_t ceiling = memory->ceiling, usual_mark = ceiling - ceiling / 4;
    memory->mark = memory->is_roomy ? ceiling / ROOMY_SHARE : usual_mark;
    if (memory->is_roomy)
        memory->relax_at = 0;
    else
        memory->relax_at = memory->is_tight ? ceiling / 8 * 5 : ceiling / ROOMY_SHARE / 2;
    atomic_signal_fence(memory_order_seq_cst); /* a signal's handler may have refused meanwhile */
    if (memory->refuses)
        memory->mark = 0;
}

/* For the allocator: nothing in these two does more than set a number in the VM. */
static void end_roomy(rl_memory *memory) {
    memory->is_roomy = false;
    set_marks(memory);
    change_pause(memory->L, ROOMY_PAUSE, USUAL_PAUSE);
    if (lua_gc(memory->L, LUA_GCISRUNNING, 0))
        lua_gc(memory->L, LUA_GCRESTART, 0); /* begin at once */
}

static void tighten(rl_memory *memory) {
    lua_State *L = memory->L;
    memory->is_tight = true;
    set_marks(memory);
    lua_sethook(L, leave_machine_code, LUA_MASKCOUNT, 1);
    memory->pause = lua_gc(L, LUA_GCSETPAUSE, TIGHT_PAUSE);
    memory->stepmul = lua_gc(L, LUA_GCSETSTEPMUL, TIGHT_STEPMUL);
    lua_gc(L, LUA_GCRESTART, 0);
}

static void compile_again(rl_memory *memory) {
    lua_State *L = memory->L;
    lua_sethook(L, NULL, 0, 0);
    if (memory->is_jit_off)
        luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_ON);
    lua_gc(L, LUA_GCSETPAUSE, memory->pause);
    lua_gc(L, LUA_GCSETSTEPMUL, memory->stepmul);
    memory->is_tight = memory->is_jit_off = memory->is_flushed = false;
}

void rl_memory_relax(rl_memory *memory) {
    if (memory->used >= memory->relax_at)
        return;
    if (memory->is_tight) {
        compile_again(memory);
    } else {
        memory->is_roomy = true;
        change_pause(memory->L, USUAL_PAUSE, ROOMY_PAUSE);
    }
    set_marks(memory);
}

/* A throw unwinds machine code as it should; only a NULL makes it write. */
static void throw(rl_memory *memory) {
    memory->has_thrown = true;
    lua_error(memory->thrower);
}

/* Whether `used` bytes in all may be taken, above the mark as it was. */
static __attribute__((cold, noinline)) bool may_use(rl_memory *memory, size_t used) {
    size_t ceiling = memory->ceiling;
    if (memory->refuses)
        throw(memory);
    if (memory->is_roomy)
        end_roomy(memory);
    if (used <= memory->mark)
        return true;
    if (!memory->is_tight)
        tighten(memory);
    if (used > ceiling - ceiling / 8)
        lua_gc(memory->L, LUA_GCSETSTEPMUL, WHOLE_CYCLE);
    if (used <= memory->limit)
        return true;
    if (memory->is_flushed)
        return false;
    if (used - ceiling > ceiling / 4)
        throw(memory);
    return true;
}

static void *counting_alloc(void *ud, void *ptr, size_t old_size, size_t new_size) {
    rl_memory *memory = ud;
    size_t used = memory->used - old_size + new_size;
    if (new_size == 0) {
        memory->used = used;
        return memory->alloc(memory->alloc_ud, ptr, old_size, 0);
    }
    if (RL_UNLIKELY(used > memory->mark) && new_size > old_size && !may_use(memory, used))
        return NULL;
    void *block = memory->alloc(memory->alloc_ud, ptr, old_size, new_size);
    if (block == NULL)
        return NULL;
    memory->used = used;
    memory->taken += new_size > old_size ? new_size - old_size : 0;
    return block;
}

void rl_memory_init(rl_memory *memory, lua_State *L) {
    *memory = (rl_memory){.L = L};
    memory->alloc = lua_getallocf(L, &memory->alloc_ud);
    memory->used = (size_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB, 0);
    rl_memory_set_ceiling(memory, SIZE_MAX);
    lua_setallocf(L, counting_alloc, memory);
}

void rl_memory_prepare(lua_State *L) {
    rl_memory *memory = rl_memory_of(L);
    memory->thrower = lua_newthread(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "rille.thrower");
    lua_pushboolean(memory->thrower, 0);
}

void rl_memory_set_ceiling(rl_memory *memory, size_t ceiling) {
    memory->ceiling = memory->limit = ceiling;
    set_marks(memory);
}

void rl_memory_refuse(rl_memory *memory) {
    memory->refuses = true;
    memory->mark = 0;
}

void rl_memory_allow(rl_memory *memory) {
    memory->refuses = false;
    set_marks(memory);
}

void rl_memory_clear(rl_memory *memory) {
    lua_sethook(memory->L, NULL, 0, 0);
    lua_setallocf(memory->L, memory->alloc, memory->alloc_ud);
}

size_t rl_memory_lift(rl_memory *memory) {
    size_t limit = memory->limit, from = memory->used > memory->ceiling ? memory->used : memory->ceiling;
    memory->limit = from > SIZE_MAX - RESERVE ? SIZE_MAX : from + RESERVE;
    return limit;
}

bool rl_memory_has_thrown(rl_memory *memory) {
    bool has_thrown = memory->has_thrown;
    memory->has_thrown = false;
    return has_thrown;
}
