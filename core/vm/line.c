/* line -- tasks that wait for other Lua code, first come first served: lua/rille/line.lua
 * makes channels and locks of it.
 *
 *   line (a signal) --> task, brings a value --> task, brings a value --> ...
 *
 * Who waits may bring a value, which stays on its coroutine's stack; who wakes it finds
 * that, and may give it one. Both are handed over in the moment of the wake, whatever
 * happens before the task runs again. A task that waits in several lines is in all of
 * them until one wakes it.
 *
 * The userdata stays as long as a task waits there, for it is on that task's stack; but
 * for a wait in a coroutine whose owner went on without it, and so it is finalized. */
#include <math.h>

#include "base/mem.h"
#include "vm/line.h"
#include "vm/shared.h"
#include "vm/task.h"

#define MOST_MS 1e15 /* no timer is due then: 30,000 years */

/* Its address says what a userdata is: its metatable would be slower to look up. */
static const char LINE[] = "rille.line";

typedef struct line {
    const void *mark;
    rl_signal signal;
} line;

enum { CASE_WOKEN = 1, CASE_TIMEOUT = 2 };

static rl_signal *check_line(lua_State *L, int index) {
    line *at = lua_touserdata(L, index); /* whatever userdata it is, it is no shorter than the mark */
    if (RL_UNLIKELY(at == NULL || at->mark != LINE))
        luaL_argerror(L, index < 0 ? 1 : index, "line expected");
    return &at->signal;
}

/* line() -> line */
static int new_line(lua_State *L) {
    line *at = lua_newuserdata(L, sizeof *at);
    at->mark = LINE;
    rl_signal_init(&at->signal);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setmetatable(L, -2);
    return 1;
}

/* Nobody can wake them any more. Whoever waits has a deadline, or is cancelled. */
static int collect_line(lua_State *L) {
    line *at = lua_touserdata(L, 1);
    while (rl_list_pop_front(&at->signal.waiting) != NULL)
        ;
    return 0;
}

static void limit_wait(lua_State *L, int index, rl_task *task, uint32_t number) {
    if (lua_isnoneornil(L, index))
        return;
    lua_Number ms = luaL_checknumber(L, index);
    if (ms >= 0 && ms < MOST_MS)
        rl_task_limit_wait(task, number, (uint64_t)ceil(ms));
}

static void leave_line(rl_case *one) {
    rl_list_remove(&RL_CONTAINER(one, rl_place, one)->link);
}

/* line_wait(line[, timeout_ms[, PARK, value]]) -> case: 1 woken, 2 the timeout; what it was given. The mark comes from
 * the caller, where it is a constant: made here it would be a tenth of the wait. */
static int wait_in_line(lua_State *L) {
    rl_signal *signal = check_line(L, 1);
    rl_task *task = rl_task_may_wait(L);
    limit_wait(L, 2, task, CASE_TIMEOUT);
    rl_waiter_add(&task->waiter, &task->place.one, CASE_WOKEN, leave_line);
    rl_list_push_back(&signal->waiting, &task->place.link);
    return lua_gettop(L) == 4 ? rl_task_wait_bringing(L, task, RL_WAIT_OF_LUA) : rl_task_wait(L, task, RL_WAIT_OF_LUA);
}

/* ---- several lines ------------------------------------------------------------- */

/* The places of one wait: those of cases 1 to `count`. */
typedef struct places {
    uint32_t left; /* in lines; with the last one all go */
    rl_place at[];
} places;

static void leave_one_of_many(rl_case *one) {
    rl_place *place = RL_CONTAINER(one, rl_place, one);
    rl_list_remove(&place->link);
    places *all = RL_CONTAINER(place - (one->number - 1), places, at);
    if (--all->left == 0)
        rl_mem_free(all);
}

bool rl_line_is_case(const rl_case *one) {
    return one->unlink == leave_line || one->unlink == leave_one_of_many;
}

static bool is_one_of_many(const rl_place *place) {
    return place->one.unlink == leave_one_of_many;
}

static rl_signal *line_of_list(lua_State *L, int list, uint32_t number) {
    lua_rawgeti(L, list, (int)number);
    rl_signal *signal = check_line(L, -1);
    lua_pop(L, 1); /* the list keeps it */
    return signal;
}

static void join_many(lua_State *L, rl_task *task, places *all, uint32_t count) {
    all->left = count;
    for (uint32_t i = 0; i < count; i++) {
        rl_waiter_add(&task->waiter, &all->at[i].one, i + 1, leave_one_of_many);
        rl_list_push_back(&line_of_list(L, 1, i + 1)->waiting, &all->at[i].link);
    }
}

/* line_wait_any({line, ...}, timeout_ms or nil, PARK, {value, ...}[, seat]) -> which woke it, and what it was given; one
 * more than there are lines: the timeout; the next ones: the parties of the seat (vm/shared.c), or -1 when one of those
 * can go on already: then nothing was waited for */
static int wait_in_any(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 4, LUA_TTABLE);
    lua_settop(L, 5);
    rl_task *task = rl_task_may_wait(L);
    rl_seat *seat = lua_isnil(L, 5) ? NULL : rl_seat_check(L, 5);
    lua_settop(L, 4); /* the caller keeps the seat */
    uint32_t count = (uint32_t)lua_objlen(L, 1);
    for (uint32_t i = 1; i <= count; i++)
        (void)line_of_list(L, 1, i); /* what is wrong is said before anything is linked */
    places *all = NULL;
    if (count > 0 && (all = rl_mem_alloc(sizeof *all + count * sizeof *all->at)) == NULL)
        return luaL_error(L, "not enough memory");
    if (seat != NULL && !rl_seat_wait(seat, &task->waiter, count + 2)) {
        rl_mem_free(all);
        lua_pushinteger(L, -1);
        return 1;
    }
    limit_wait(L, 2, task, count + 1);
    if (count > 0)
        join_many(L, task, all, count);
    return seat != NULL ? rl_task_yield_bringing(L, task, RL_WAIT_OF_LUA) : rl_task_wait_bringing(L, task, RL_WAIT_OF_LUA);
}

/* ---- waking --------------------------------------------------------------------- */

static rl_task *task_of(const rl_place *place) {
    return RL_CONTAINER(place->one.waiter, rl_task, waiter);
}

/* Its own coroutine is, always but where the wait was made in one whose owner went on without it: then nothing can be
 * handed over. */
static bool is_suspended(const rl_task *task) {
    return lua_status(task->co) == LUA_YIELD;
}

/* The task, claimed for that case and not woken yet, gets the value on the top of L's stack as the second result of its
 * wait. */
static void give_to(lua_State *L, rl_task *task, uint32_t number) {
    lua_settop(task->co, 0);
    lua_pushinteger(task->co, (lua_Integer)number);
    lua_xmove(L, task->co, 1);
    task->has_gift = true;
}

/* Onto L's stack, what the task brought to that place. */
static void push_brought(lua_State *L, const rl_place *place) {
    lua_State *co = task_of(place)->co;
    if (!is_one_of_many(place)) {
        lua_pushvalue(co, RL_BROUGHT);
        lua_xmove(co, L, 1);
        return;
    }
    lua_rawgeti(co, RL_BROUGHT, (int)place->one.number);
    lua_xmove(co, L, 1);
}

/* Takes those out to whom nothing can be handed over: they waited in a coroutine that was left behind, or another
 * worker has woken them. */
static void drop_stranded(rl_signal *signal) {
    while (!rl_list_is_empty(&signal->waiting)) {
        rl_place *place = RL_CONTAINER(signal->waiting.next, rl_place, link);
        if (RL_LIKELY(is_suspended(task_of(place)) && rl_waiter_is_parked(place->one.waiter)))
            return;
        rl_list_remove(&place->link);
    }
}

/* line_wake(line) -> whether somebody waited, and what he brought */
static int wake(lua_State *L) {
    rl_signal *signal = check_line(L, 1);
    drop_stranded(signal);
    rl_place *place = rl_signal_claim(signal);
    lua_pushboolean(L, place != NULL);
    if (place == NULL)
        return 1;
    push_brought(L, place);
    rl_waiter_wake(place->one.waiter);
    return 2;
}

/* line_give(line, value) -> whether somebody waited, who has `value` now */
static int give(lua_State *L) {
    rl_signal *signal = check_line(L, 1);
    luaL_checkany(L, 2);
    drop_stranded(signal);
    rl_place *place = rl_signal_claim(signal);
    if (place != NULL) {
        lua_settop(L, 2);
        give_to(L, task_of(place), place->one.number);
        rl_waiter_wake(place->one.waiter);
    }
    lua_pushboolean(L, place != NULL);
    return 1;
}

/* line_wake_all(line) */
static int wake_all(lua_State *L) {
    rl_signal_all(check_line(L, 1));
    return 0;
}

/* line_first(line) -> whether somebody waits; and what he brought */
static int first(lua_State *L) {
    rl_signal *signal = check_line(L, 1);
    drop_stranded(signal);
    bool is_waited = !rl_list_is_empty(&signal->waiting);
    lua_pushboolean(L, is_waited);
    if (is_waited)
        push_brought(L, RL_CONTAINER(signal->waiting.next, rl_place, link));
    return is_waited ? 2 : 1;
}

void rl_vm_open_line(lua_State *L) {
    const luaL_Reg functions[] = {{"line_wait", wait_in_line}, {"line_wait_any", wait_in_any}, {"line_wake", wake},
                                  {"line_give", give},         {"line_wake_all", wake_all},    {"line_first", first},
                                  {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    lua_newtable(L);
    lua_pushcfunction(L, collect_line);
    lua_setfield(L, -2, "__gc");
    lua_pushcclosure(L, new_line, 1);
    lua_setfield(L, -2, "line");
}
