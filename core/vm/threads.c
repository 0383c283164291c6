/* threads -- OS threads for Lua: lua/rille/threads.lua makes a pool of them.
 *
 *   thread_open(setup, memory) -> thread       thread_run(thread, input)
 *   thread_wait(thread) -> case                thread_news(thread) -> "progress" | "end", bytes
 *
 * and, in a thread: job_tell(bytes), job_must_end(). */
#include "base/mem.h"
#include "vm/task.h"
#include "vm/thread.h"

#define THREAD_META "rille.thread"

typedef struct hand {
    rl_lent lent; /* in the VM's scope */
    rl_thread *thread;
    rl_signal news;
    rl_thread_note *taken; /* on its way to Lua, whose memory may end meanwhile */
    struct handle *handle; /* NULL once it was collected */
} hand;

typedef struct handle {
    hand *hand; /* NULL once closed */
} handle;

static void on_heard(void *owner) {
    rl_signal_all(&((hand *)owner)->news);
}

static void close_hand(rl_lent *lent) {
    hand *at = RL_CONTAINER(lent, hand, lent);
    rl_signal_all(&at->news);
    if (at->handle != NULL)
        at->handle->hand = NULL;
    rl_thread_close(at->thread);
    rl_thread_free_note(at->taken);
    rl_mem_free(at);
}

static hand *check_hand(lua_State *L) {
    const handle *at = luaL_checkudata(L, 1, THREAD_META);
    if (at->hand == NULL)
        luaL_error(L, "the thread was closed");
    return at->hand;
}

/* thread_open(setup, memory) -> thread: with a VM of `memory` bytes at most */
static int open_thread(lua_State *L) {
    size_t len;
    const char *setup = luaL_checklstring(L, 1, &len);
    lua_Number memory = luaL_checknumber(L, 2);
    rl_vm *vm = rl_vm_of(L);
    if (vm == NULL)
        return luaL_error(L, "the VM is being closed");
    handle *at = lua_newuserdata(L, sizeof *at);
    at->hand = NULL;
    luaL_getmetatable(L, THREAD_META);
    lua_setmetatable(L, -2);
    hand *one = rl_mem_zalloc(1, sizeof *one);
    if (one == NULL)
        return luaL_error(L, "not enough memory");
    rl_signal_init(&one->news);
    const rl_thread_options options = {.memory = (size_t)memory,
                                       .lua_dir = vm->lua_dir,
                                       .log = vm->log,
                                       .sources = vm->sources,
                                       .setup = rl_slice_of(setup, len),
                                       .heard = on_heard,
                                       .owner = one};
    rl_err err = rl_thread_open(vm->loop, &options, &one->thread);
    if (err != RL_OK) {
        rl_mem_free(one);
        return luaL_error(L, "a thread could not be started: %s", rl_err_name(err));
    }
    one->handle = at;
    at->hand = one;
    rl_scope_lend(&vm->scope, &one->lent, "thread", close_hand);
    return 1;
}

/* thread_run(thread, input): one job at a time */
static int run_job(lua_State *L) {
    hand *at = check_hand(L);
    size_t len;
    const char *input = luaL_checklstring(L, 2, &len);
    if (rl_thread_is_running(at->thread))
        return luaL_error(L, "the thread has a job already");
    if (rl_thread_run(at->thread, rl_slice_of(input, len)) != RL_OK)
        return luaL_error(L, "not enough memory");
    return 0;
}

/* thread_wait(thread[, ms]) -> case: 1 there may be news, 2 the time */
static int wait_for_news(lua_State *L) {
    hand *at = check_hand(L);
    lua_Number ms = luaL_optnumber(L, 2, -1);
    return rl_signal_wait(L, rl_task_may_wait(L), &at->news, ms >= 0 ? (uint64_t)ms : UINT64_MAX, "thread");
}

/* thread_news(thread) -> "progress" or "end", bytes; nil: there is none */
static int take_news(lua_State *L) {
    hand *at = check_hand(L);
    if (at->taken == NULL)
        at->taken = rl_thread_take(at->thread);
    if (at->taken == NULL)
        return 0;
    lua_pushstring(L, at->taken->is_end ? "end" : "progress");
    lua_pushlstring(L, at->taken->bytes, at->taken->len);
    rl_thread_free_note(at->taken);
    at->taken = NULL;
    return 2;
}

/* thread_interrupt(thread): its job is to end, if it can */
static int interrupt(lua_State *L) {
    rl_thread_interrupt(check_hand(L)->thread);
    return 0;
}

/* thread_close(thread): it goes, when its job has ended */
static int close_handle(lua_State *L) {
    handle *at = luaL_checkudata(L, 1, THREAD_META);
    if (at->hand != NULL) {
        rl_lent_return(&at->hand->lent);
        close_hand(&at->hand->lent);
    }
    return 0;
}

static rl_thread *own_thread(lua_State *L) {
    rl_vm *vm = rl_vm_of(L);
    if (vm == NULL || vm->thread == NULL)
        luaL_error(L, "this is no thread of rille.threads");
    return vm->thread;
}

/* job_tell(bytes): of the running job's progress */
static int tell(lua_State *L) {
    size_t len;
    const char *bytes = luaL_checklstring(L, 1, &len);
    if (rl_thread_tell(own_thread(L), rl_slice_of(bytes, len)) != RL_OK)
        return luaL_error(L, "not enough memory");
    return 0;
}

/* job_must_end() -> whether the running job was cancelled */
static int must_end(lua_State *L) {
    lua_pushboolean(L, rl_thread_must_end(own_thread(L)));
    return 1;
}

void rl_vm_open_threads(lua_State *L) {
    const luaL_Reg functions[] = {{"thread_open", open_thread},
                                  {"thread_run", run_job},
                                  {"thread_wait", wait_for_news},
                                  {"thread_news", take_news},
                                  {"thread_interrupt", interrupt},
                                  {"thread_close", close_handle},
                                  {"job_tell", tell},
                                  {"job_must_end", must_end},
                                  {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    luaL_newmetatable(L, THREAD_META);
    lua_pushcfunction(L, close_handle);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}
