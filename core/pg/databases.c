#include "pg/databases.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"

enum { KEY_MOST = 1024 * 1024 };

/* Texts end with a NUL, so that no two of them are as one. */
static rl_err add_text(rl_buf *key, const char *text) {
    return rl_buf_append(key, rl_slice_of(text, strlen(text) + 1));
}

static rl_err write_key(rl_buf *key, const rl_pool_options *o, const rl_replicas_options *replicas) {
    char numbers[512];
    snprintf(numbers, sizeof numbers,
             "%u %u %u %u %u %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
             " %d %d %" PRIu64,
             o->exclusive, o->shared, o->depth, o->min_idle, o->max_waiters, o->max_statements, o->max_result,
             o->connect_timeout_ms, o->acquire_timeout_ms, o->query_timeout_ms, o->cancel_grace_ms, o->idle_timeout_ms, o->max_lifetime_ms,
             o->leak_after_ms, o->is_sessionless, o->looks_at_sessions, replicas->max_lag_ms);
    rl_err err = add_text(key, numbers);
    if (err == RL_OK)
        err = add_text(key, o->url);
    for (uint32_t i = 0; i < replicas->count && err == RL_OK; i++)
        err = add_text(key, replicas->urls[i]);
    return err;
}

static void free_database(rl_database *at) {
    if (at->audience != NULL)
        rl_audience_close(at->audience);
    if (at->replicas != NULL)
        rl_replicas_close(at->replicas);
    if (at->pool != NULL)
        rl_pool_close(at->pool);
    rl_list_remove(&at->link);
    rl_buf_clear(&at->key);
    rl_mem_free(at);
}

static rl_database *find(const rl_databases *databases, const rl_buf *key) {
    for (rl_list *link = databases->list.next; link != &databases->list; link = link->next) {
        rl_database *at = RL_CONTAINER(link, rl_database, link);
        if (rl_slice_eq(rl_buf_live(&at->key), rl_buf_live(key)))
            return at;
    }
    return NULL;
}

rl_err rl_database_open(rl_databases *databases, rl_loop *loop, const rl_pool_options *options,
                        const rl_replicas_options *replicas, const char **wrong, rl_database **out) {
    rl_database *at = rl_mem_zalloc(1, sizeof *at);
    if (at == NULL)
        return RL_ENOMEM;
    rl_list_init(&at->link);
    rl_buf_init(&at->key, KEY_MOST);
    rl_err err = write_key(&at->key, options, replicas);
    rl_database *there = err == RL_OK && databases != NULL ? find(databases, &at->key) : NULL;
    if (there != NULL) {
        free_database(at);
        there->users++;
        *out = there;
        return RL_OK;
    }
    *wrong = "url";
    if (err == RL_OK)
        err = rl_pool_open(loop, options, &at->pool);
    if (err == RL_OK && replicas->count > 0) {
        *wrong = "replicas";
        err = rl_replicas_open(loop, at->pool, options, replicas, &at->replicas);
    }
    if (err != RL_OK) {
        free_database(at);
        return err;
    }
    at->users = 1;
    if (databases != NULL)
        rl_list_push_back(&databases->list, &at->link);
    *out = at;
    return RL_OK;
}

void rl_database_close(rl_database *database) {
    if (--database->users == 0)
        free_database(database);
}
