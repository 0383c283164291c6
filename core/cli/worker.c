#include "cli/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/vm_settings.h"
#include "loop/tcp.h"
#include "vm/app.h"
#include "vm/run.h"

enum {
    DRAIN_LOOK_MS = 10,     /* how often a draining worker looks whether it may end */
    SILENT_GRACE_MS = 1000, /* a request that a client sent before it heard of the stop still counts */
    ABORT_GRACE_MS = 2000   /* for handlers to notice that they were cancelled */
};

struct rl_worker {
    rl_serving *serving;
    pthread_t thread;
    _Atomic rl_worker_state state;
    char *failure; /* written before `state` says FAILED */
    int fd;        /* its bound socket, until the listener has it */
    rl_loop *loop; /* made and freed by the starting thread: a post never comes too late */
    rl_vm *vm;
    rl_app *app;
    rl_server *server;
    rl_listener *listener;
    rl_post stop, serve;
    rl_timer stop_delay, drain_look;
    uint64_t drain_since_ms;
    bool has_told_stop; /* the app's stop functions were called */
    bool is_aborting;
    bool is_clean; /* all of it was closed: the loop can be freed */
    const char *argv[1];
};

static void tell(rl_worker *worker, rl_worker_state state) {
    atomic_store(&worker->state, state);
    eventfd_write(worker->serving->news, 1);
}

static void fail(rl_worker *at, const char *why) {
    at->failure = rl_mem_strndup(why, strlen(why));
    tell(at, RL_WORKER_FAILED);
}

/* ---- stopping -------------------------------------------------------------- */

static void log_failure(rl_worker *at, const char *failure) {
    if (failure != NULL)
        rl_log_printf(at->serving->log, RL_LOG_ERROR, "stopping: %s", failure);
}

static void on_stop_hooks_ended(void *owner, int status, const char *failure) {
    rl_worker *at = owner;
    (void)status;
    log_failure(at, failure);
    rl_timer_start(at->loop, &at->drain_look, 0);
}

/* No request runs any more: the app's own last words. */
static void run_stop_hooks(rl_worker *at) {
    static const char *const argv[] = {"stop"};
    at->has_told_stop = true;
    if (rl_run_start(at->vm, "rille.lifecycle", argv, 1, on_stop_hooks_ended, at) != RL_OK)
        rl_loop_stop(at->loop);
}

static void on_cut_told(void *owner, int status, const char *failure) {
    (void)status;
    log_failure(owner, failure);
}

/* Time is up. The app tells whom it had in the background before they hear of it: it is first in the run queue. */
static void cancel_rest(rl_worker *at) {
    static const char *const argv[] = {"cut"};
    at->is_aborting = true;
    uint64_t live = rl_server_live(at->server);
    if (live > 0)
        rl_log_printf(at->serving->log, RL_LOG_WARN,
                      "stopping: %llu requests did not end within drain_timeout and are cancelled", (unsigned long long)live);
    (void)!rl_run_start(at->vm, "rille.lifecycle", argv, 1, on_cut_told, at); /* without memory nobody is named */
    rl_scope_cancel(&at->vm->scope, RL_ECANCELLED);
}

/* Requests end first, then the app hears of the stop, then what it has in the background ends. */
static void on_drain_look(rl_timer *timer) {
    rl_worker *at = RL_CONTAINER(timer, rl_worker, drain_look);
    uint64_t took_ms = rl_loop_now_ms(at->loop) - at->drain_since_ms;
    uint64_t most_ms = at->serving->settings->drain_timeout_ms;
    bool is_idle = rl_server_is_idle(at->server);
    if (is_idle && !at->has_told_stop) {
        run_stop_hooks(at);
        return;
    }
    if (is_idle && rl_list_is_empty(&at->vm->scope.children)) {
        rl_loop_stop(at->loop);
        return;
    }
    if (took_ms >= SILENT_GRACE_MS || took_ms >= most_ms)
        rl_server_close_idle(at->server);
    if (took_ms >= most_ms && !at->is_aborting)
        cancel_rest(at);
    if (took_ms >= most_ms + ABORT_GRACE_MS) {
        rl_server_abort(at->server);
        rl_loop_stop(at->loop);
        return;
    }
    rl_timer_start(at->loop, timer, DRAIN_LOOK_MS);
}

static void begin_drain(rl_timer *timer) {
    rl_worker *at = RL_CONTAINER(timer, rl_worker, stop_delay);
    if (at->listener != NULL)
        rl_listener_close(at->listener);
    at->listener = NULL;
    rl_server_drain(at->server);
    at->drain_since_ms = rl_loop_now_ms(at->loop);
    on_drain_look(&at->drain_look);
}

static void on_stop(rl_post *post) {
    rl_worker *at = RL_CONTAINER(post, rl_worker, stop);
    if (at->listener == NULL) /* it never served */
        rl_loop_stop(at->loop);
    else
        rl_timer_start(at->loop, &at->stop_delay, at->serving->settings->stop_delay_ms);
}

/* ---- serving --------------------------------------------------------------- */

static void on_start_hooks_ended(void *owner, int status, const char *failure) {
    (void)status;
    if (failure != NULL)
        fail(owner, failure);
}

static void on_serve(rl_post *post) {
    rl_worker *at = RL_CONTAINER(post, rl_worker, serve);
    int fd = at->fd;
    at->fd = -1;
    if (rl_listener_open(at->loop, fd, rl_server_accept, at->server, &at->listener) != RL_OK)
        fail(at, "cannot listen on the bound socket");
    else
        tell(at, RL_WORKER_SERVING);
    static const char *const argv[] = {"start"};
    if (rl_run_start(at->vm, "rille.lifecycle", argv, 1, on_start_hooks_ended, at) != RL_OK)
        fail(at, "out of memory");
}

static void on_loaded(void *owner, int status, const char *failure) {
    rl_worker *at = owner;
    (void)status;
    if (failure != NULL)
        fail(at, failure);
    else
        tell(at, RL_WORKER_READY);
}

static rl_err open_worker(rl_worker *at) {
    rl_serving *serving = at->serving;
    const rl_settings *settings = serving->settings;
    rl_err err = rl_vm_new(at->loop, settings->vm_memory, serving->lua_dir, &at->vm);
    if (err != RL_OK)
        return err;
    at->vm->log = serving->log;
    at->vm->budgets = serving->database_budgets;
    at->vm->listeners = serving->database_listeners;
    err = rl_vm_settings_apply(at->vm, settings, serving->app_dir);
    rl_app_limits limits = {.request_timeout_ms = settings->request_timeout_ms, .max_json = settings->max_json};
    if (err == RL_OK)
        err = rl_app_new(at->vm, &limits, &at->app);
    if (err == RL_OK)
        err = rl_server_new(at->loop, &serving->limits, &serving->body_budget, rl_app_tenant(at->app),
                            serving->log, settings->access_log, &at->server);
    if (err != RL_OK)
        return err;
    rl_app_attach(at->app, at->server);
    at->argv[0] = serving->app_dir;
    return rl_run_start(at->vm, "rille.boot", at->argv, 1, on_loaded, at);
}

/* Give tasks of the app that still run the time to notice that it is over. */
static void end_tasks(rl_worker *at) {
    rl_scope_cancel(&at->vm->scope, RL_ECANCELLED);
    uint64_t until_ms = rl_loop_now_ms(at->loop) + ABORT_GRACE_MS;
    while (!rl_list_is_empty(&at->vm->scope.children) && rl_loop_now_ms(at->loop) < until_ms)
        rl_loop_turn(at->loop, false);
}

static void close_worker(rl_worker *at) {
    if (at->vm != NULL)
        end_tasks(at);
    while (at->server != NULL && !rl_server_is_idle(at->server) && rl_loop_turn(at->loop, true))
        ;
    if (at->vm != NULL && !rl_list_is_empty(&at->vm->scope.children))
        return; /* a task that ignores its end keeps its memory: the process ends now */
    if (at->server != NULL)
        rl_server_free(at->server);
    if (at->app != NULL)
        rl_app_free(at->app);
    if (at->vm != NULL)
        rl_vm_free(at->vm);
    at->is_clean = true;
}

static void *run_worker(void *arg) {
    rl_worker *at = arg;
    rl_err err = open_worker(at);
    if (err != RL_OK)
        fail(at, rl_err_name(err));
    rl_loop_hold(at->loop); /* after a failure too: until it is told to stop */
    rl_loop_run(at->loop);
    close_worker(at);
    if (at->fd >= 0)
        close(at->fd);
    tell(at, RL_WORKER_ENDED);
    return NULL;
}

rl_err rl_worker_start(rl_serving *serving, int fd, rl_worker **out) {
    rl_worker *at = rl_mem_zalloc(1, sizeof *at);
    rl_err err = at == NULL ? RL_ENOMEM : rl_loop_new(&at->loop);
    if (err != RL_OK) {
        rl_mem_free(at);
        close(fd);
        return err;
    }
    at->serving = serving;
    at->fd = fd;
    atomic_init(&at->state, RL_WORKER_LOADING);
    at->stop.run = on_stop;
    at->serve.run = on_serve;
    rl_timer_init(&at->stop_delay, begin_drain);
    rl_timer_init(&at->drain_look, on_drain_look);
    if (pthread_create(&at->thread, NULL, run_worker, at) != 0) {
        rl_loop_free(at->loop);
        rl_mem_free(at);
        close(fd);
        return RL_EIO;
    }
    *out = at;
    return RL_OK;
}

rl_worker_state rl_worker_read_state(const rl_worker *worker) {
    return atomic_load(&worker->state);
}

const char *rl_worker_failure(const rl_worker *worker) {
    return atomic_load(&worker->state) == RL_WORKER_LOADING ? NULL : worker->failure;
}

void rl_worker_serve(rl_worker *worker) {
    rl_loop_post(worker->loop, &worker->serve);
}

void rl_worker_stop(rl_worker *worker) {
    rl_loop_post(worker->loop, &worker->stop);
}

void rl_worker_join(rl_worker *worker) {
    pthread_join(worker->thread, NULL);
    if (worker->is_clean)
        rl_loop_free(worker->loop);
    rl_mem_free(worker->failure);
    rl_mem_free(worker);
}
