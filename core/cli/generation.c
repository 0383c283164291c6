#include "cli/generation.h"

#include "base/mem.h"
#include "cli/vm_settings.h"
#include "loop/job.h"
#include "vm/run.h"

enum {
    LOOK_MS = 10,          /* how often a retired one looks whether it is over */
    STUCK_LOOK_MS = 1000,
    ABORT_GRACE_MS = 2000 /* for handlers to notice that they were cancelled */
};

static void on_look(rl_timer *timer);

rl_err rl_generation_new(rl_serving *serving, rl_loop *loop, rl_databases *databases, rl_edition *edition,
                         const rl_generation_events *events, void *owner, rl_generation **out) {
    const rl_settings *settings = edition->settings;
    rl_generation *at = rl_mem_zalloc(1, sizeof *at);
    if (at == NULL)
        return RL_ENOMEM;
    *at = (rl_generation){.events = events, .owner = owner, .loop = loop, .log = serving->log};
    rl_list_init(&at->link);
    rl_timer_init(&at->look, on_look);
    at->argv[0] = serving->app_dir;
    rl_err err = rl_vm_new(loop, settings->vm_memory, serving->lua_dir, &at->vm);
    if (err == RL_OK) {
        at->vm->log = serving->log;
        at->vm->board = serving->board;
        at->vm->journal = serving->journal;
        at->vm->gauges = serving->gauges;
        at->vm->teller = serving->teller;
        at->vm->budgets = serving->database_budgets;
        at->vm->databases = databases;
        at->vm->listeners = serving->database_listeners;
        at->vm->commons = serving->commons;
        at->vm->sources = edition->sources;
        at->vm->generation = edition->number;
        at->vm->is_dev = serving->is_dev;
        err = rl_vm_settings_apply(at->vm, settings, serving->app_dir);
    }
    rl_app_limits limits = {.request_timeout_ms = settings->request_timeout_ms, .max_json = settings->max_json,
                            .hosts = serving->is_dev && !settings->expose ? settings->allowed_hosts : NULL};
    if (err == RL_OK)
        err = rl_app_new(at->vm, &limits, &at->app);
    if (err != RL_OK) {
        rl_generation_free(at);
        return err;
    }
    at->edition = rl_edition_share(edition);
    *out = at;
    return RL_OK;
}

/* ---- beginning ---------------------------------------------------------------- */

static void on_loaded(void *owner, int status, const char *failure) {
    rl_generation *at = owner;
    (void)status;
    rl_vm_end_load(at->vm);
    at->events->loaded(at->owner, at, failure);
}

rl_err rl_generation_load(rl_generation *at, rl_server *server) {
    at->server = server;
    rl_app_attach(at->app, server);
    rl_vm_begin_load(at->vm, at->edition->settings->load_timeout_ms, &at->edition->is_outdated);
    return rl_run_start(at->vm, "rille.boot", at->argv, 1, on_loaded, at);
}

static void on_started(void *owner, int status, const char *failure) {
    rl_generation *at = owner;
    (void)status;
    at->events->started(at->owner, at, failure);
}

void rl_generation_start(rl_generation *at) {
    static const char *const argv[] = {"start"};
    if (rl_run_start(at->vm, "rille.lifecycle", argv, 1, on_started, at) != RL_OK)
        at->events->started(at->owner, at, "out of memory");
}

/* ---- ending ------------------------------------------------------------------------ */

static void on_told(void *owner, int status, const char *failure) {
    const rl_generation *at = owner;
    (void)status;
    if (failure != NULL)
        rl_log_printf(at->log, RL_LOG_ERROR, "stopping: %s", failure);
}

/* Have rille.lifecycle do it; without memory it is left undone. */
static void tell(rl_generation *at, const char *const *argv) {
    (void)!rl_run_start(at->vm, "rille.lifecycle", argv, 1, on_told, at);
}

static void on_hooks_ended(void *owner, int status, const char *failure) {
    rl_generation *at = owner;
    on_told(owner, status, failure);
    at->runs_hooks = false;
}

/* No request runs any more: the app's own last words. */
static void run_stop_hooks(rl_generation *at) {
    static const char *const argv[] = {"stop"};
    at->has_told_stop = at->runs_hooks = true;
    if (rl_run_start(at->vm, "rille.lifecycle", argv, 1, on_hooks_ended, at) != RL_OK)
        at->runs_hooks = false;
}

/* Time is up. The app tells whom it had in the background before they hear of it: it is first in the run queue. */
static void cut(rl_generation *at) {
    static const char *const argv[] = {"cut"};
    at->is_cut = true;
    uint64_t live = rl_app_tenant(at->app)->live;
    if (live > 0)
        rl_log_printf(at->log, RL_LOG_WARN, "stopping: %llu requests did not end within drain_timeout and are cancelled",
                      (unsigned long long)live);
    tell(at, argv);
    rl_scope_cancel(&at->vm->scope, RL_ECANCELLED);
}

bool rl_generation_is_over(const rl_generation *at) {
    return rl_app_tenant(at->app)->live == 0 && rl_list_is_empty(&at->vm->scope.children) && at->vm->jobs == 0;
}

/* Requests end first, then the app hears of the stop, then what it has in the background ends. */
static void on_look(rl_timer *timer) {
    rl_generation *at = RL_CONTAINER(timer, rl_generation, look);
    uint64_t took_ms = rl_loop_now_ms(at->loop) - at->retired_ms;
    if (took_ms >= at->most_ms && !at->is_cut)
        cut(at);
    if (rl_app_tenant(at->app)->live == 0 && !at->has_told_stop)
        run_stop_hooks(at);
    if (at->has_told_stop && !at->runs_hooks && rl_generation_is_over(at)) {
        at->events->ended(at->owner, at);
        return;
    }
    if (took_ms >= at->most_ms + ABORT_GRACE_MS && !at->is_stuck) {
        at->is_stuck = true;
        rl_log_printf(at->log, RL_LOG_WARN, "generation %llu does not end: something in it ignores that it was cancelled",
                      (unsigned long long)at->edition->number);
    }
    rl_timer_start(at->loop, timer, at->is_stuck ? STUCK_LOOK_MS : LOOK_MS);
}

void rl_generation_retire(rl_generation *at, uint64_t most_ms) {
    bool is_first = !rl_timer_is_running(&at->look);
    uint64_t now_ms = rl_loop_now_ms(at->loop);
    if (is_first || now_ms + most_ms < at->retired_ms + at->most_ms) {
        at->retired_ms = now_ms;
        at->most_ms = most_ms;
    }
    rl_timer_start(at->loop, &at->look, 0);
}

void rl_generations_retire(rl_list *generations, uint64_t most_ms) {
    for (rl_list *link = generations->next; link != generations; link = link->next)
        rl_generation_retire(RL_CONTAINER(link, rl_generation, link), most_ms);
}

bool rl_generations_are_over(const rl_list *generations) {
    for (const rl_list *link = generations->next; link != generations; link = link->next)
        if (!rl_generation_is_over(RL_CONTAINER(link, rl_generation, link)))
            return false;
    return true;
}

void rl_generations_cancel(rl_list *generations) {
    for (rl_list *link = generations->next; link != generations; link = link->next)
        rl_scope_cancel(&RL_CONTAINER(link, rl_generation, link)->vm->scope, RL_ECANCELLED);
}

void rl_generation_end_services(rl_generation *at) {
    static const char *const argv[] = {"end_services"};
    tell(at, argv);
}

/* ---- freeing --------------------------------------------------------------------- */

static void take_names_down(const rl_generation *at) {
    if (at->vm != NULL && at->vm->row != NULL)
        rl_bulletin_forget(at->vm->row);
}

void rl_generation_free(rl_generation *at) {
    take_names_down(at);
    rl_list_remove(&at->link);
    rl_timer_stop(at->loop, &at->look);
    if (at->app != NULL)
        rl_app_free(at->app);
    if (at->vm != NULL)
        rl_vm_free(at->vm);
    rl_edition_drop(at->edition);
    rl_mem_free(at);
}

typedef struct closing {
    rl_job job;
    rl_vm *vm;
    rl_edition *edition;
} closing;

static void close_vm(rl_job *job) {
    rl_vm_close(RL_CONTAINER(job, closing, job)->vm);
}

static void on_vm_closed(rl_job *job) {
    closing *one = RL_CONTAINER(job, closing, job);
    rl_edition_drop(one->edition);
    rl_mem_free(one);
}

void rl_generation_free_later(rl_generation *at) {
    closing *one = rl_mem_alloc(sizeof *one);
    if (one == NULL) {
        rl_generation_free(at);
        return;
    }
    take_names_down(at);
    rl_list_remove(&at->link);
    rl_timer_stop(at->loop, &at->look);
    rl_app_free(at->app);
    rl_vm_detach(at->vm);
    *one = (closing){.job = {.work = close_vm, .done = on_vm_closed}, .vm = at->vm, .edition = at->edition};
    if (rl_job_submit(at->loop, &one->job) != RL_OK) {
        close_vm(&one->job);
        on_vm_closed(&one->job);
    }
    rl_mem_free(at);
}
