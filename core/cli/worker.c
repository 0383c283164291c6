/* 438 lines because starting, switching and stopping are orders of events in one state. */
#include "cli/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/generation.h"
#include "cli/suspects.h"
#include "loop/tcp.h"

enum {
    DRAIN_LOOK_MS = 10,     /* how often a draining worker looks whether it may end */
    SILENT_GRACE_MS = 1000, /* a request that a client sent before it heard of the stop still counts */
    ABORT_GRACE_MS = 2000,  /* for handlers to notice that they were cancelled */
    MOST_DRAINING = 2       /* generations: each has a VM's memory, and people who save often */
};

struct rl_worker {
    rl_serving *serving;
    uint32_t number; /* from 0 */
    pthread_t thread;
    _Atomic rl_worker_state state;
    char *failure; /* written before `state` says FAILED */
    _Atomic rl_worker_next next_state;
    char *next_failure; /* the same */
    int fd;             /* its bound socket, until the listener has it */
    rl_loop *loop;      /* made and freed by the starting thread: a post never comes too late */
    rl_server *server;
    rl_listener *listener, *admin; /* the second one of worker 0 alone, and only where there is one */
    rl_edition *edition;     /* that the next one is to be made from */
    rl_generation *current;  /* whose the requests are; NULL until the first has loaded, and once it has ended */
    rl_generation *next;     /* which loads */
    rl_databases databases;  /* whose connections outlive a generation */
    rl_list draining;        /* those that were replaced, the oldest first */
    rl_post load, orders[RL_DO_COUNT];
    rl_notice notice, look; /* for its present generation */
    rl_timer stop_delay, drain_look;
    uint64_t drain_since_ms;
    rl_bulletin_row *row;    /* NULL without a bulletin */
    rl_pulse pulse;
    bool is_serving;  /* it has been since its first generation was READY, to the end */
    bool is_retiring; /* every generation was told that the end has come */
    bool is_clean;    /* all of it was closed: the loop can be freed */
};

static void tell(rl_worker *worker, rl_worker_state state) {
    atomic_store(&worker->state, state);
    eventfd_write(worker->serving->news, 1);
}

static void fail(rl_worker *at, const char *why) {
    at->failure = rl_mem_strndup(why, strlen(why));
    tell(at, RL_WORKER_FAILED);
}

static void tell_next(rl_worker *at, rl_worker_next state) {
    atomic_store(&at->next_state, state);
    eventfd_write(at->serving->news, 1);
}

static void fail_next(rl_worker *at, const char *why) {
    at->next_failure = rl_mem_strndup(why, strlen(why));
    tell_next(at, RL_NEXT_FAILED);
}

/* ---- what generations tell ---------------------------------------------------- */

static void on_loaded(void *owner, rl_generation *generation, const char *failure) {
    rl_worker *at = owner;
    if (generation != at->next) /* it was given up meanwhile */
        return;
    if (!at->is_serving) {
        at->current = generation;
        at->next = NULL;
        failure != NULL ? fail(at, failure) : tell(at, RL_WORKER_READY);
    } else {
        failure != NULL ? fail_next(at, failure) : tell_next(at, RL_NEXT_READY);
    }
}

static void on_started(void *owner, rl_generation *generation, const char *failure) {
    rl_worker *at = owner;
    if (failure == NULL)
        return;
    if (generation->edition->number == 1) {
        fail(at, failure);
        return;
    }
    /* The one before it has gone already: this one serves, but whoever writes it is shown that. */
    rl_log_printf(at->serving->log, RL_LOG_ERROR, "app:on_start failed: %s", failure);
    if (at->serving->is_dev)
        rl_notice_send(&at->notice, failure);
}

static void on_ended(void *owner, rl_generation *generation) {
    rl_worker *at = owner;
    if (generation == at->current)
        at->current = NULL;
    rl_generation_free_later(generation);
}

static const rl_generation_events EVENTS = {.loaded = on_loaded, .started = on_started, .ended = on_ended};

/* ---- stopping -------------------------------------------------------------- */

static void retire_all(rl_worker *at, uint64_t most_ms) {
    at->is_retiring = true;
    if (at->next != NULL) {
        rl_list_push_back(&at->draining, &at->next->link);
        at->next = NULL;
    }
    if (at->current != NULL)
        rl_generation_retire(at->current, most_ms);
    rl_generations_retire(&at->draining, most_ms);
}

static bool has_ended(const rl_worker *at) {
    return at->current == NULL && at->next == NULL && rl_list_is_empty(&at->draining);
}

/* Requests end first, then generations hear of it. */
static void on_drain_look(rl_timer *timer) {
    rl_worker *at = RL_CONTAINER(timer, rl_worker, drain_look);
    uint64_t took_ms = rl_loop_now_ms(at->loop) - at->drain_since_ms;
    uint64_t most_ms = at->serving->settings->drain_timeout_ms;
    bool is_late = took_ms >= most_ms, is_idle = rl_server_is_idle(at->server);
    if (!at->is_retiring && (is_idle || is_late))
        retire_all(at, is_late ? 0 : most_ms - took_ms);
    if (is_idle && has_ended(at)) {
        rl_loop_stop(at->loop);
        return;
    }
    if (took_ms >= SILENT_GRACE_MS || is_late)
        rl_server_close_idle(at->server);
    if (took_ms >= most_ms + ABORT_GRACE_MS) {
        rl_server_abort(at->server);
        rl_loop_stop(at->loop);
        return;
    }
    rl_timer_start(at->loop, timer, DRAIN_LOOK_MS);
}

static void close_listener(rl_listener **listener) {
    if (*listener != NULL)
        rl_listener_close(*listener);
    *listener = NULL;
}

static void begin_drain(rl_timer *timer) {
    rl_worker *at = RL_CONTAINER(timer, rl_worker, stop_delay);
    close_listener(&at->listener);
    close_listener(&at->admin);
    rl_server_drain(at->server);
    at->drain_since_ms = rl_loop_now_ms(at->loop);
    on_drain_look(&at->drain_look);
}

static void on_stop(rl_post *post) {
    rl_worker *at = RL_CONTAINER(post, rl_worker, orders[RL_DO_STOP]);
    if (!at->is_serving)
        rl_loop_stop(at->loop);
    else
        rl_timer_start(at->loop, &at->stop_delay, at->serving->settings->stop_delay_ms);
}

/* ---- the next generation -------------------------------------------------------- */

static rl_err make_next(rl_worker *at) {
    rl_err err = rl_generation_new(at->serving, at->loop, &at->databases, at->edition, &EVENTS, at, &at->next);
    if (err == RL_OK) {
        at->next->vm->row = at->row;
        at->next->vm->bulletin = at->serving->bulletin;
    }
    rl_edition_drop(at->edition);
    at->edition = NULL;
    if (err == RL_OK)
        at->next->vm->worker = at->number;
    return err;
}

static void on_load(rl_post *post) {
    rl_worker *at = RL_CONTAINER(post, rl_worker, load);
    rl_err err = at->is_retiring ? RL_ECLOSED : make_next(at);
    if (err == RL_OK)
        err = rl_generation_load(at->next, at->server);
    if (err != RL_OK)
        fail_next(at, rl_err_name(err));
}

static void on_switch(rl_post *post) {
    rl_worker *at = RL_CONTAINER(post, rl_worker, orders[RL_DO_SWITCH]);
    if (at->is_retiring)
        return;
    rl_server_switch(at->server, rl_app_tenant(at->next->app));
    rl_list_push_back(&at->draining, &at->current->link);
    at->current = at->next;
    at->next = NULL;
    tell_next(at, RL_NEXT_NONE);
}

/* The newest MOST_DRAINING have their time, those before them no more. */
static void on_begin(rl_post *post) {
    rl_worker *at = RL_CONTAINER(post, rl_worker, orders[RL_DO_BEGIN]);
    size_t count = 0;
    if (at->is_retiring)
        return;
    rl_generation_end_services(RL_CONTAINER(at->draining.prev, rl_generation, link));
    for (rl_list *link = at->draining.prev; link != &at->draining; link = link->prev)
        rl_generation_retire(RL_CONTAINER(link, rl_generation, link),
                             ++count > MOST_DRAINING ? 0 : at->serving->settings->drain_timeout_ms);
    rl_generation_start(at->current);
}

static void on_discard(rl_post *post) {
    rl_worker *at = RL_CONTAINER(post, rl_worker, orders[RL_DO_DISCARD]);
    if (at->next != NULL) {
        rl_list_push_back(&at->draining, &at->next->link);
        rl_generation_retire(at->next, 0);
        at->next = NULL;
    }
    rl_mem_free(at->next_failure);
    at->next_failure = NULL;
    tell_next(at, RL_NEXT_NONE);
}

/* ---- does it turn? ------------------------------------------------------------ */

rl_pulse *rl_worker_pulse(rl_worker *worker) {
    return &worker->pulse;
}

bool rl_worker_tell_hung(rl_worker *at) {
    if (at->row == NULL || atomic_exchange(&at->row->is_hung, true))
        return true;
    rl_suspects_tell(at->row, at->serving->log, "a worker hangs: the process will be replaced");
    /* Read from another thread: the generation cannot change while the worker's own does not turn. */
    if (at->current != NULL && atomic_load(&at->row->is_running))
        rl_vm_ask_where(at->current->vm);
    return false;
}

bool rl_worker_is_loading(rl_worker *at, uint64_t silent_ns) {
    const rl_generation *next = at->next; /* as above */
    return next != NULL && atomic_load(&next->vm->is_loading) &&
           silent_ns < 2 * next->edition->settings->load_timeout_ms * 1000000;
}

bool rl_worker_is_hung(const rl_worker *worker) {
    return worker->row != NULL && atomic_load(&worker->row->is_hung) && rl_worker_read_state(worker) != RL_WORKER_ENDED;
}

static void on_notice(rl_notice *notice, char *text) {
    const rl_worker *at = RL_CONTAINER(notice, rl_worker, notice);
    if (at->current != NULL)
        rl_news_set_notice_take(rl_app_news(at->current->app), text);
    else
        rl_mem_free(text);
}

rl_notice *rl_worker_notice(rl_worker *worker) {
    return &worker->notice;
}

static void on_look(rl_notice *notice, char *number) {
    const rl_worker *at = RL_CONTAINER(notice, rl_worker, look);
    if (at->current != NULL && number != NULL)
        rl_news_set_look(rl_app_news(at->current->app), (uint32_t)strtoul(number, NULL, 10));
    rl_mem_free(number);
}

rl_notice *rl_worker_look(rl_worker *worker) {
    return &worker->look;
}

/* ---- serving --------------------------------------------------------------- */

static bool listen_to_admins(rl_worker *at) {
    if (at->number > 0 || at->serving->admin < 0)
        return true;
    int fd = at->serving->admin;
    at->serving->admin = -1;
    return rl_listener_open(at->loop, fd, rl_server_accept_admin, at->server, &at->admin) == RL_OK;
}

static void on_serve(rl_post *post) {
    rl_worker *at = RL_CONTAINER(post, rl_worker, orders[RL_DO_SERVE]);
    int fd = at->fd;
    at->fd = -1;
    rl_server_set_journal(at->server, at->serving->journal, at->number);
    if (rl_listener_open(at->loop, fd, rl_server_accept, at->server, &at->listener) != RL_OK || !listen_to_admins(at))
        fail(at, "cannot listen on the bound socket");
    else
        tell(at, RL_WORKER_SERVING);
    at->is_serving = true;
    rl_generation_start(at->current);
}

static rl_err open_worker(rl_worker *at) {
    rl_serving *serving = at->serving;
    rl_err err = make_next(at);
    if (err == RL_OK)
        err = rl_server_new(at->loop, &serving->limits, &serving->body_budget, rl_app_tenant(at->next->app),
                            serving->log, serving->settings->access_log, &at->server);
    return err == RL_OK ? rl_generation_load(at->next, at->server) : err;
}

/* ---- the end of the thread --------------------------------------------------------- */

/* Every generation that is left, in the list of those that drain. */
static void gather(rl_worker *at) {
    if (at->current != NULL)
        rl_list_push_back(&at->draining, &at->current->link);
    if (at->next != NULL)
        rl_list_push_back(&at->draining, &at->next->link);
    at->current = at->next = NULL;
}

/* Give tasks of the app that still run the time to notice that it is over. */
static void end_tasks(rl_worker *at) {
    rl_generations_cancel(&at->draining);
    uint64_t until_ms = rl_loop_now_ms(at->loop) + ABORT_GRACE_MS;
    while (!rl_generations_are_over(&at->draining) && rl_loop_now_ms(at->loop) < until_ms)
        rl_loop_turn(at->loop, false);
}

static void close_worker(rl_worker *at) {
    gather(at);
    end_tasks(at);
    while (at->server != NULL && !rl_server_is_idle(at->server) && rl_loop_turn(at->loop, true))
        ;
    if (!rl_generations_are_over(&at->draining))
        return; /* a task that ignores its end keeps its memory: the process ends now */
    if (at->server != NULL)
        rl_server_free(at->server);
    while (!rl_list_is_empty(&at->draining))
        rl_generation_free(RL_CONTAINER(at->draining.next, rl_generation, link));
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

static void (*const ORDERS[])(rl_post *post) = {[RL_DO_SERVE] = on_serve,
                                                [RL_DO_SWITCH] = on_switch,
                                                [RL_DO_BEGIN] = on_begin,
                                                [RL_DO_DISCARD] = on_discard,
                                                [RL_DO_STOP] = on_stop};

/* ---- from the thread that starts it ---------------------------------------------------- */

rl_err rl_worker_start(rl_serving *serving, rl_edition *edition, int fd, size_t number, rl_worker **out) {
    rl_worker *at = rl_mem_zalloc(1, sizeof *at);
    rl_err err = at == NULL ? RL_ENOMEM : rl_loop_new(&at->loop);
    if (err != RL_OK) {
        rl_mem_free(at);
        close(fd);
        return err;
    }
    at->serving = serving;
    at->number = serving->started++;
    at->fd = fd;
    at->edition = rl_edition_share(edition);
    at->row = serving->bulletin == NULL || number >= RL_BULLETIN_ROWS ? NULL : &serving->bulletin->rows[number];
    atomic_init(&at->state, RL_WORKER_LOADING);
    atomic_init(&at->next_state, RL_NEXT_NONE);
    rl_list_init(&at->databases.list);
    rl_list_init(&at->draining);
    at->load.run = on_load;
    for (size_t i = 0; i < RL_DO_COUNT; i++)
        at->orders[i].run = ORDERS[i];
    rl_notice_init(&at->notice, at->loop, on_notice);
    rl_notice_init(&at->look, at->loop, on_look);
    rl_pulse_init(&at->pulse, at->loop);
    rl_timer_init(&at->stop_delay, begin_drain);
    rl_timer_init(&at->drain_look, on_drain_look);
    if (pthread_create(&at->thread, NULL, run_worker, at) != 0) {
        rl_loop_free(at->loop);
        rl_edition_drop(at->edition);
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

void rl_worker_load(rl_worker *worker, rl_edition *edition) {
    worker->edition = rl_edition_share(edition);
    atomic_store(&worker->next_state, RL_NEXT_LOADING);
    rl_loop_post(worker->loop, &worker->load);
}

rl_worker_next rl_worker_read_next(const rl_worker *worker) {
    return atomic_load(&worker->next_state);
}

const char *rl_worker_next_failure(const rl_worker *worker) {
    return atomic_load(&worker->next_state) == RL_NEXT_FAILED ? worker->next_failure : NULL;
}

void rl_worker_order(rl_worker *worker, rl_worker_do what) {
    rl_loop_post(worker->loop, &worker->orders[what]);
}

void rl_worker_join(rl_worker *worker) {
    pthread_join(worker->thread, NULL);
    if (worker->is_clean)
        rl_loop_free(worker->loop);
    rl_edition_drop(worker->edition);
    rl_mem_free(worker->failure);
    rl_mem_free(worker->next_failure);
    rl_notice_clear(&worker->notice);
    rl_notice_clear(&worker->look);
    rl_mem_free(worker);
}
