/* generation -- an app's code in one worker: a VM, and the app in it.
 *
 *   new --loaded--> (ready) --start--> serving --retire--> draining --> ended --> freed
 *          `--failed--> retire ------------------------------^
 *
 * A worker has one that serves, at most one that loads beside it, and those that
 * were replaced and finish what they had begun. A retired generation waits for its
 * requests, runs app:on_stop, and waits for its background tasks. When its time is up
 * what still runs is cancelled. */
#ifndef RL_CLI_GENERATION_H
#define RL_CLI_GENERATION_H

#include "cli/edition.h"
#include "cli/worker.h"
#include "pg/databases.h"
#include "vm/app.h"

typedef struct rl_generation rl_generation;

typedef struct rl_generation_events {
    /* Each once, on the loop; `failure` is NULL, or what the app raised. */
    void (*loaded)(void *owner, rl_generation *generation, const char *failure);
    void (*started)(void *owner, rl_generation *generation, const char *failure);
    /* It was retired and is over: it can be freed. */
    void (*ended)(void *owner, rl_generation *generation);
} rl_generation_events;

struct rl_generation {
    rl_list link; /* the worker's */
    const rl_generation_events *events;
    void *owner;
    rl_loop *loop;
    rl_log *log;
    rl_edition *edition;
    rl_vm *vm;
    rl_app *app;
    rl_server *server; /* whose connections an abandoned request would still hold */
    rl_timer look;
    uint64_t retired_ms, most_ms;
    bool has_told_stop; /* the app's stop functions were called */
    bool runs_hooks;    /* ... and have not returned */
    bool is_cut;        /* its time was up */
    bool is_stuck;      /* ... and its grace; it was told */
    const char *argv[1];
};

/* A VM for `edition`, not loaded yet. Takes no reference on failure. `databases` are the worker's. */
RL_MUST_USE rl_err rl_generation_new(rl_serving *serving, rl_loop *loop, rl_databases *databases, rl_edition *edition,
                                     const rl_generation_events *events, void *owner, rl_generation **out);
/* Have the app in it loaded; requests for it will come from `server`. */
RL_MUST_USE rl_err rl_generation_load(rl_generation *generation, rl_server *server);
/* Run app:on_start. */
void rl_generation_start(rl_generation *generation);
/* Another one takes its place: what it does for the app as a whole, and both would do, is
 * cancelled (tasks begun in app:on_start, schedules). */
void rl_generation_end_services(rl_generation *generation);
/* It gets no new requests any more, and ends within `most_ms` and a grace. Called again, the
 * shorter time holds. */
void rl_generation_retire(rl_generation *generation, uint64_t most_ms);
/* Everything of it is over: it can be freed. */
bool rl_generation_is_over(const rl_generation *generation);
/* The same of all in a worker's list; and without waiting for the time to be up. */
void rl_generations_retire(rl_list *generations, uint64_t most_ms);
bool rl_generations_are_over(const rl_list *generations);
void rl_generations_cancel(rl_list *generations);
/* Free what is over: at once, or with the VM's memory given back by another thread. */
void rl_generation_free(rl_generation *generation);
void rl_generation_free_later(rl_generation *generation);

#endif
