#include "pg/probe.h"

#include "pg/backend.h"

enum {
    LIMIT_MS = 2000, /* for a connection, and for the answer; libpq cannot be given less for connecting */
    CONNECTIONS = 2  /* a worker that is stuck in a handler may keep one */
};

static void finish(rl_probe *probe, const rl_result *result, const char *why) {
    probe->is_asking = false;
    if (!probe->is_closing)
        probe->answered(probe, result, why);
}

static void on_answer(rl_query *query) {
    rl_probe *probe = RL_CONTAINER(query, rl_probe, query);
    rl_pool_release(probe->pool, probe->backend);
    probe->backend = NULL;
    rl_result *result = query->result;
    query->result = NULL;
    bool is_answer = query->failure.err == RL_OK && result != NULL && rl_result_rows(result) == 1;
    finish(probe, is_answer ? result : NULL, rl_failure_message(&query->failure));
    rl_result_free(result);
}

static void run(rl_probe *probe, rl_backend *backend) {
    probe->backend = backend;
    probe->query.timeout_ms = LIMIT_MS;
    probe->asked_ns = rl_clock_ns();
    if (rl_backend_run(backend, &probe->query) == RL_OK)
        return;
    rl_pool_release(probe->pool, backend);
    probe->backend = NULL;
    finish(probe, NULL, rl_failure_message(&probe->query.failure));
}

static void on_granted(rl_acquire *acquire, rl_err err, rl_backend *backend) {
    rl_probe *probe = RL_CONTAINER(acquire, rl_probe, acquire);
    const char *why = rl_pool_connect_error(probe->pool);
    if (err == RL_OK)
        run(probe, backend);
    else
        finish(probe, NULL, why[0] == '\0' ? "no connection became free" : why);
}

/* Nothing will come of waiting: the next question is not far. */
static void on_refused(void *owner) {
    rl_probe *probe = owner;
    if (!probe->is_asking || probe->backend != NULL)
        return;
    rl_acquire_forget(&probe->acquire);
    finish(probe, NULL, rl_pool_connect_error(probe->pool));
}

rl_err rl_probe_open(rl_probe *probe, rl_loop *loop, const char *url, const rl_pool_options *like, const char *sql,
                     void (*answered)(rl_probe *probe, const rl_result *result, const char *why)) {
    *probe = (rl_probe){.sql = sql, .answered = answered, .acquire.granted = on_granted};
    rl_pool_options options = *like;
    options.url = url;
    options.exclusive = CONNECTIONS;
    options.shared = options.min_idle = 0;
    options.connect_timeout_ms = options.acquire_timeout_ms = options.query_timeout_ms = LIMIT_MS;
    options.leak_after_ms = 0;
    options.is_unseen = true;
    options.on_refused = on_refused;
    options.owner = probe;
    rl_query_init(&probe->query, on_answer);
    rl_err err = rl_query_set_sql(&probe->query, rl_slice_str(sql));
    if (err == RL_OK)
        err = rl_pool_open(loop, &options, &probe->pool);
    if (err != RL_OK)
        rl_query_clear(&probe->query);
    return err;
}

void rl_probe_close(rl_probe *probe) {
    probe->is_closing = true;
    rl_pool_close(probe->pool);
    rl_query_clear(&probe->query);
}

void rl_probe_ask(rl_probe *probe) {
    if (probe->is_asking)
        return;
    rl_backend *backend = NULL;
    probe->is_asking = true;
    rl_err err = rl_pool_acquire(probe->pool, &probe->acquire, &backend);
    if (err != RL_OK)
        finish(probe, NULL, rl_err_name(err));
    else if (backend != NULL)
        run(probe, backend);
}
