#include <signal.h>
#include <string.h>

#include "base/mem.h"
#include "pg/listener_state.h"

struct rl_pg_listeners {
    pthread_mutex_t lock;
    rl_list all;
};

/* ---- its thread --------------------------------------------------------------- */

static void *serve(void *arg) {
    rl_pg_listener *listener = arg;
    rl_loop_hold(listener->loop);
    rl_loop_run(listener->loop);
    return NULL;
}

static void on_stop(rl_post *post) {
    rl_pg_listener *listener = RL_CONTAINER(post, rl_pg_listener, stop);
    rl_pg_listener_clear(listener);
    rl_loop_stop(listener->loop);
}

/* Signals are for the thread that waits for them. */
static rl_err start(rl_pg_listener *listener) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(&listener->thread, NULL, serve, listener);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status == 0 ? RL_OK : RL_EIO;
}

/* ---- one listener --------------------------------------------------------------- */

static void free_listener(rl_pg_listener *listener) {
    if (listener->loop != NULL)
        rl_loop_free(listener->loop);
    pthread_mutex_destroy(&listener->lock);
    rl_mem_free(listener->url);
    rl_mem_free(listener);
}

static rl_err new_listener(rl_pg_listeners *home, const char *url, uint64_t connect_timeout_ms,
                           rl_pg_listener **out) {
    rl_pg_listener *listener = rl_mem_zalloc(1, sizeof *listener);
    if (listener == NULL)
        return RL_ENOMEM;
    pthread_mutex_init(&listener->lock, NULL);
    rl_pg_listener_init(listener);
    rl_list_init(&listener->link);
    listener->home = home;
    listener->stop.run = on_stop;
    listener->url = rl_mem_strndup(url, strlen(url));
    rl_err err = listener->url == NULL ? RL_ENOMEM : rl_loop_new(&listener->loop);
    if (err == RL_OK)
        err = rl_connector_new(listener->loop, url, connect_timeout_ms, 0, &listener->connector);
    if (err == RL_OK && (err = start(listener)) != RL_OK)
        rl_connector_close(listener->connector);
    if (err != RL_OK) {
        free_listener(listener);
        return err;
    }
    *out = listener;
    return RL_OK;
}

static void end(rl_pg_listener *listener) {
    rl_loop_post(listener->loop, &listener->stop);
    pthread_join(listener->thread, NULL);
    free_listener(listener);
}

/* ---- those of the process -------------------------------------------------------- */

/* Under the lock of `listeners`. */
static rl_err find_or_add(rl_pg_listeners *listeners, const char *url, uint64_t connect_timeout_ms,
                          rl_pg_listener **out) {
    for (rl_list *at = listeners->all.next; at != &listeners->all; at = at->next) {
        *out = RL_CONTAINER(at, rl_pg_listener, link);
        if (strcmp((*out)->url, url) == 0)
            return RL_OK;
    }
    rl_err err = new_listener(listeners, url, connect_timeout_ms, out);
    if (err == RL_OK)
        rl_list_push_back(&listeners->all, &(*out)->link);
    return err;
}

rl_err rl_pg_listener_hold(rl_pg_listeners *listeners, const char *url, uint64_t connect_timeout_ms,
                           rl_pg_listener **out) {
    if (listeners == NULL)
        return new_listener(NULL, url, connect_timeout_ms, out);
    pthread_mutex_lock(&listeners->lock);
    rl_err err = find_or_add(listeners, url, connect_timeout_ms, out);
    if (err == RL_OK)
        (*out)->refs++;
    pthread_mutex_unlock(&listeners->lock);
    return err;
}

void rl_pg_listener_let_go(rl_pg_listener *listener) {
    rl_pg_listeners *home = listener->home;
    bool is_last = home == NULL;
    if (home != NULL) {
        pthread_mutex_lock(&home->lock);
        is_last = --listener->refs == 0;
        if (is_last)
            rl_list_remove(&listener->link);
        pthread_mutex_unlock(&home->lock);
    }
    if (is_last)
        end(listener);
}

void rl_pg_listener_stats_tell(const rl_pg_listener_stats *stats,
                               void (*tell)(void *owner, const char *name, double value), void *owner) {
    tell(owner, "channels", stats->channels);
    tell(owner, "subscriptions", stats->subscriptions);
    tell(owner, "notes", (double)stats->notes);
    tell(owner, "dropped", (double)stats->dropped);
    tell(owner, "connects", (double)stats->connects);
    tell(owner, "connect_failures", (double)stats->connect_failures);
    tell(owner, "lost", (double)stats->lost);
}

void rl_pg_listeners_look(rl_pg_listeners *listeners,
                          void (*see)(void *owner, const char *name, const rl_pg_listener_stats *stats),
                          void *owner) {
    pthread_mutex_lock(&listeners->lock);
    for (rl_list *at = listeners->all.next; at != &listeners->all; at = at->next) {
        rl_pg_listener *listener = RL_CONTAINER(at, rl_pg_listener, link);
        char name[128];
        rl_connector_name(listener->url, name, sizeof name);
        rl_pg_listener_stats stats = rl_pg_listener_stats_of(listener);
        see(owner, name, &stats);
    }
    pthread_mutex_unlock(&listeners->lock);
}

rl_err rl_pg_listeners_new(rl_pg_listeners **out) {
    rl_pg_listeners *listeners = rl_mem_alloc(sizeof *listeners);
    if (listeners == NULL)
        return RL_ENOMEM;
    pthread_mutex_init(&listeners->lock, NULL);
    rl_list_init(&listeners->all);
    *out = listeners;
    return RL_OK;
}

void rl_pg_listeners_free(rl_pg_listeners *listeners) {
    /* One is left over when a task ignored the end of its worker: so is this. */
    if (listeners == NULL || !rl_list_is_empty(&listeners->all))
        return;
    pthread_mutex_destroy(&listeners->lock);
    rl_mem_free(listeners);
}
