/* gauge -- what a VM, and the process around it, say of themselves: for lua/rille/gauge.lua and timeline.lua. */
#include <stdio.h>
#include <string.h>

#include "base/board.h"
#include "base/log.h"
#include "base/tail.h"
#include "loop/clock.h"
#include "vm/app.h"
#include "vm/ids.h"
#include "vm/sched.h"
#include "vm/waits.h"

enum {
    PARKED_MOST = 100,        /* that are shown */
    LOOKED_AT_MOST = 100000,  /* slots: with a million tasks it is no second's work */
    STACK_MOST = 2000,        /* bytes */
    PROCESS_MOST = 1024 * 1024,
    SPARE = 4096              /* what the board's texts may grow by between the two looks */
};

static void set_number(lua_State *L, const char *name, lua_Number number) {
    lua_pushnumber(L, number);
    lua_setfield(L, -2, name);
}

static void set_words(lua_State *L, const char *name, const char *words) {
    if (words == NULL || words[0] == '\0')
        return;
    lua_pushstring(L, words);
    lua_setfield(L, -2, name);
}

/* ---- this VM ---------------------------------------------------------------------- */

/* gauge_vm() -> { worker, generation, memory, ceiling (bytes; nil: none), taken (bytes that were ever asked for),
 * live (requests) } */
static int tell_vm(lua_State *L) {
    const rl_vm *vm = rl_vm_check(L);
    lua_createtable(L, 0, 8);
    set_number(L, "worker", vm->worker);
    set_number(L, "generation", (lua_Number)vm->generation);
    set_number(L, "memory", (lua_Number)vm->memory.used);
    set_number(L, "taken", (lua_Number)vm->memory.taken);
    if (vm->memory.ceiling > 0)
        set_number(L, "ceiling", (lua_Number)vm->memory.ceiling);
    if (vm->app != NULL)
        set_number(L, "live", (lua_Number)rl_app_tenant(vm->app)->live);
    return 1;
}

typedef struct parked {
    uint32_t count; /* that wait */
    uint32_t kept;
    rl_task *longest[PARKED_MOST];
} parked;

/* They stay in order, and those that wait the longest stay. */
static void keep(parked *all, rl_task *task) {
    uint32_t at = all->kept;
    while (at > 0 && all->longest[at - 1]->parked_ns > task->parked_ns)
        at--;
    if (at == PARKED_MOST)
        return;
    all->kept += all->kept < PARKED_MOST;
    memmove(&all->longest[at + 1], &all->longest[at], (all->kept - at - 1) * sizeof *all->longest);
    all->longest[at] = task;
}

static void find_parked(const rl_vm *vm, parked *all) {
    const rl_ids *ids = rl_sched_ids(vm->sched);
    for (uint32_t slot = 0; slot < ids->count && slot < LOOKED_AT_MOST; slot++) {
        rl_task *task = rl_ids_at(ids, slot);
        if (task == NULL || task->co == NULL || !rl_waiter_is_parked(&task->waiter))
            continue;
        all->count++;
        keep(all, task);
    }
}

static void set_stack(lua_State *L, lua_State *co) {
    luaL_traceback(L, co, NULL, 0);
    size_t len;
    const char *text = lua_tolstring(L, -1, &len);
    lua_pushlstring(L, text, len < STACK_MOST ? len : STACK_MOST);
    lua_setfield(L, -3, "stack");
    lua_pop(L, 1);
}

static void push_parked(lua_State *L, const rl_vm *vm, const rl_task *task) {
    rl_waits_place place;
    rl_waits_find_place(task->co, vm, &place);
    lua_createtable(L, 0, 6);
    set_words(L, "what", rl_waits_word(task, &place));
    set_words(L, "at", place.at);
    set_words(L, "route", task->name);
    set_number(L, "waited", (lua_Number)(rl_loop_read_ns(vm->loop) - task->parked_ns) / 1e9);
    if (task->entry != NULL)
        set_words(L, "request", rl_entry_read(task->entry)->id);
    set_stack(L, task->co);
}

/* gauge_parked() -> the tasks that have waited the longest, and how many wait. Where a journal is kept. */
static int tell_parked(lua_State *L) {
    const rl_vm *vm = rl_vm_check(L);
    parked *all = lua_newuserdata(L, sizeof *all);
    all->count = all->kept = 0;
    find_parked(vm, all);
    lua_createtable(L, (int)all->kept, 0);
    for (uint32_t i = 0; i < all->kept; i++) {
        push_parked(L, vm, all->longest[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_pushnumber(L, all->count);
    return 2;
}

/* ---- all of the process ----------------------------------------------------------------- */

/* gauge_put(text or nil): what this VM says of itself -> whether it is told to anybody */
static int put(lua_State *L) {
    const rl_vm *vm = rl_vm_check(L);
    const char *text = luaL_optstring(L, 1, NULL);
    char key[64];
    snprintf(key, sizeof key, "%u %llu", vm->worker, (unsigned long long)vm->generation);
    lua_pushboolean(L, vm->gauges != NULL && rl_board_put(vm->gauges, key, text) == RL_OK);
    return 1;
}

/* Copied out of the board's lock, each behind its length. */
typedef struct texts {
    size_t len, cap;
    char *bytes;
} texts;

static void measure(void *owner, const char *text) {
    texts *all = owner;
    all->cap += sizeof(size_t) + strlen(text);
}

static void copy(void *owner, const char *text) {
    texts *all = owner;
    size_t len = strlen(text);
    if (all->cap - all->len < sizeof len + len)
        return;
    memcpy(all->bytes + all->len, &len, sizeof len);
    memcpy(all->bytes + all->len + sizeof len, text, len);
    all->len += sizeof len + len;
}

/* gauge_all() -> what each VM of the process said last */
static int tell_all(lua_State *L) {
    const rl_vm *vm = rl_vm_check(L);
    texts all = {.cap = SPARE};
    rl_board_look(vm->gauges, measure, &all);
    all.bytes = lua_newuserdata(L, all.cap);
    rl_board_look(vm->gauges, copy, &all);
    lua_newtable(L);
    size_t at = 0, len;
    for (int i = 1; at < all.len; i++, at += sizeof len + len) {
        memcpy(&len, all.bytes + at, sizeof len);
        lua_pushlstring(L, all.bytes + at + sizeof len, len);
        lua_rawseti(L, -2, i);
    }
    return 1;
}

typedef struct push {
    lua_State *to;
    rl_slice text;
} push;

static int push_text(lua_State *L, void *arg) {
    push *one = arg;
    lua_pushlstring(L, one->text.ptr, one->text.len);
    lua_xmove(L, one->to, 1);
    return 0;
}

/* process_tell() -> a JSON document: what `rille status` shows; or nothing */
static int tell_process(lua_State *L) {
    rl_vm *vm = rl_vm_check(L);
    if (vm->teller == NULL)
        return 0;
    rl_buf text;
    rl_buf_init(&text, PROCESS_MOST);
    rl_err err = vm->teller->tell(vm->teller, &text);
    push one = {L, rl_buf_live(&text)};
    if (err == RL_OK)
        err = rl_vm_protect(vm, push_text, &one, NULL, 0);
    rl_buf_clear(&text);
    return err == RL_OK ? 1 : luaL_error(L, "not enough memory");
}

/* log_tail() -> the log's last lines, as JSON */
static int tell_log(lua_State *L) {
    const rl_vm *vm = rl_vm_check(L);
    char *bytes = lua_newuserdata(L, RL_TAIL_MOST);
    lua_pushlstring(L, bytes, rl_log_copy_tail(vm->log, bytes));
    return 1;
}

void rl_vm_open_gauge(lua_State *L) {
    const luaL_Reg functions[] = {{"gauge_vm", tell_vm},   {"gauge_parked", tell_parked},  {"gauge_put", put},
                                  {"gauge_all", tell_all}, {"process_tell", tell_process}, {"log_tail", tell_log},
                                  {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
