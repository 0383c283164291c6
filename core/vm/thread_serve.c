/* In a thread: its VM, its jobs, and how they are interrupted. */
#include <unistd.h>

#include "base/mem.h"
#include "vm/thread_state.h"

enum { MESSAGE_CAP = 512 };

/* ---- interrupting ------------------------------------------------------ */

static void on_hook(lua_State *L, lua_Debug *ar) {
    (void)ar;
    const rl_vm *vm = rl_vm_of(L);
    if (vm != NULL && vm->thread->is_armed)
        luaL_error(L, "interrupted: the task was cancelled, or its time was over");
}

static void refuse_all(rl_thread *thread) {
    rl_memory_refuse(&thread->vm->memory);
    lua_sethook(thread->vm->L, on_hook, LUA_MASKCOUNT, 1);
}

void rl_thread_on_interrupt(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    if (info->si_code != SI_QUEUE || info->si_pid != getpid())
        return;
    rl_thread *thread = info->si_value.sival_ptr;
    if (thread->is_armed)
        refuse_all(thread);
}

static void arm(rl_thread *thread) {
    thread->is_armed = 1;
    atomic_signal_fence(memory_order_seq_cst);
    if (rl_thread_must_end(thread)) /* its signal came before */
        refuse_all(thread);
}

static void disarm(rl_thread *thread) {
    thread->is_armed = 0;
    atomic_signal_fence(memory_order_seq_cst);
    rl_memory_allow(&thread->vm->memory);
    if (rl_thread_must_end(thread))
        lua_sethook(thread->vm->L, NULL, 0, 0);
}

/* ---- a job --------------------------------------------------------------- */

static int begin(lua_State *L, void *arg) {
    rl_thread *thread = arg;
    lua_getglobal(L, "require");
    lua_pushliteral(L, "rille.thread");
    lua_call(L, 1, 1);
    lua_pushlstring(L, thread->setup->bytes, thread->setup->len);
    lua_call(L, 1, 2);
    thread->finish_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    thread->run_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

/* The error, and below it in the registry where it was raised: what unwinds takes the stack along. */
static int keep_trace(lua_State *L) {
    luaL_traceback(L, L, "", 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "rille.trace");
    lua_settop(L, 1);
    return 1;
}

typedef struct run {
    rl_thread *thread;
    rl_thread_note *end; /* what came of it */
} run;

/* run(input) as an app's code, and then finish(how it ended, its result or error, a traceback) -> bytes. */
static int run_job(lua_State *L, void *arg) {
    run *at = arg;
    rl_thread *thread = at->thread;
    lua_pushnil(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "rille.trace");
    lua_rawgeti(L, LUA_REGISTRYINDEX, thread->finish_ref);
    lua_pushcfunction(L, keep_trace);
    lua_rawgeti(L, LUA_REGISTRYINDEX, thread->run_ref);
    lua_pushlstring(L, thread->input->bytes, thread->input->len);
    arm(thread);
    int status = lua_pcall(L, 1, 1, -3);
    disarm(thread);
    bool is_short = rl_memory_has_thrown(&thread->vm->memory) || status == LUA_ERRMEM;
    if (is_short)
        lua_gc(L, LUA_GCCOLLECT, 0); /* or there is none for the answer */
    const char *how = status == 0 ? "returned" : rl_thread_must_end(thread) ? "interrupted" : is_short ? "memory" : "raised";
    lua_remove(L, -2);
    lua_pushstring(L, how);
    lua_insert(L, -2);
    lua_getfield(L, LUA_REGISTRYINDEX, "rille.trace");
    lua_call(L, 3, 1);
    size_t len;
    const char *bytes = lua_tolstring(L, -1, &len);
    at->end = rl_thread_new_note(rl_slice_of(bytes, len), true);
    return 0;
}

/* Without memory even for the answer: an empty one, which the other side understands. */
static rl_thread_note *run_input(rl_thread *thread) {
    run at = {.thread = thread};
    char message[MESSAGE_CAP];
    rl_err err = rl_vm_protect(thread->vm, run_job, &at, message, sizeof message);
    if (err == RL_EINVAL)
        rl_log_printf(thread->log, RL_LOG_ERROR, "a thread of rille.threads failed: %s", message);
    if (thread->vm->memory.is_tight) {
        (void)!rl_vm_protect(thread->vm, rl_vm_collect, NULL, NULL, 0);
        rl_memory_relax(&thread->vm->memory);
    }
    return at.end;
}

static rl_err open_vm(rl_thread *thread) {
    rl_err err = rl_loop_new(&thread->loop);
    if (err == RL_OK)
        err = rl_vm_new(thread->loop, thread->memory, thread->lua_dir, &thread->vm);
    if (err != RL_OK)
        return err;
    thread->vm->log = thread->log;
    thread->vm->sources = thread->sources;
    thread->vm->thread = thread;
    char message[MESSAGE_CAP];
    err = rl_vm_protect(thread->vm, begin, thread, message, sizeof message);
    if (err == RL_EINVAL)
        rl_log_printf(thread->log, RL_LOG_ERROR, "a thread of rille.threads cannot begin: %s", message);
    return err;
}

static void close_vm(rl_thread *thread) {
    if (thread->vm != NULL)
        rl_vm_free(thread->vm);
    if (thread->loop != NULL)
        rl_loop_free(thread->loop);
}

/* Waits for a job under the lock; false: there will be none. */
static bool next_job(rl_thread *thread) {
    while (!thread->has_job && thread->home != NULL)
        pthread_cond_wait(&thread->wanted, &thread->lock);
    return thread->has_job;
}

void *rl_thread_serve(void *arg) {
    rl_thread *thread = arg;
    rl_err err = open_vm(thread);
    pthread_mutex_lock(&thread->lock);
    while (next_job(thread)) {
        pthread_mutex_unlock(&thread->lock);
        rl_thread_note *end = err == RL_OK ? run_input(thread) : NULL;
        pthread_mutex_lock(&thread->lock);
        thread->has_job = false;
        pthread_mutex_unlock(&thread->lock);
        /* A note of no bytes can be made when nothing else can: it was, with the job. */
        rl_thread_note *input = thread->input;
        thread->input = NULL;
        if (end != NULL) {
            rl_thread_free_note(input);
        } else {
            input->len = 0;
            input->is_end = true;
            end = input;
        }
        rl_thread_tell_take(thread, end);
        pthread_mutex_lock(&thread->lock);
    }
    pthread_mutex_unlock(&thread->lock);
    close_vm(thread);
    pthread_mutex_lock(&thread->lock);
    rl_thread_unlock_and_leave(thread);
    return NULL;
}

rl_err rl_thread_tell(rl_thread *thread, rl_slice bytes) {
    rl_thread_note *note = rl_thread_new_note(bytes, false);
    if (note == NULL)
        return RL_ENOMEM;
    rl_thread_tell_take(thread, note);
    return RL_OK;
}

bool rl_thread_must_end(const rl_thread *thread) {
    return atomic_load(&thread->must_end);
}
