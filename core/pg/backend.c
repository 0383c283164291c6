#include "pg/backend.h"

#include <assert.h>

#include "base/hash.h"
#include "base/mem.h"
#include "loop/clock.h"
#include "pg/backend_state.h"
#include "pg/copy.h"
#include "pg/intake.h"
#include "pg/sql.h"

enum { RECANCEL_LEAST_MS = 20 /* then doubling: a server that works has begun the statement by then */ };

static void on_ready(void *owner, int ready);
static void on_timer(rl_timer *timer);

/* Notices have nobody to read them here, and libpq would print them. */
static void ignore_notice(void *owner, const PGresult *notice) {
    (void)owner;
    (void)notice;
}

static uint64_t add_text(uint64_t sum, const char *text) {
    return text == NULL ? sum : rl_hash_bytes(sum, text, strlen(text));
}

/* Those of the settings that the server reports which a statement can change. A
 * changed search_path is not told of before PostgreSQL 18. */
static uint64_t sum_session(const PGconn *pg) {
    static const char *const names[] = {"TimeZone",      "DateStyle",        "client_encoding",
                                        "IntervalStyle", "application_name", "standard_conforming_strings",
                                        "search_path",   "session_authorization"};
    uint64_t sum = RL_HASH_BEGIN;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        sum = add_text(sum, PQparameterStatus(pg, names[i]));
    return sum;
}

/* A name may lead elsewhere by now: the address counts, where there is one. */
static uint64_t sum_address(const PGconn *pg) {
    const char *address = PQhostaddr(pg);
    return add_text(add_text(RL_HASH_BEGIN, *address == '\0' ? PQhost(pg) : address), PQport(pg)) | 1;
}

rl_err rl_backend_open_take(rl_loop *loop, PGconn *pg, const rl_backend_options *options,
                            const rl_backend_events *events, void *owner, rl_backend **out) {
    rl_err err = RL_ENOMEM;
    rl_backend *backend = rl_mem_zalloc(1, sizeof *backend);
    if (backend == NULL)
        goto fail;
    *backend = (rl_backend){
        .pg = pg, .loop = loop, .events = events, .owner = owner, .options = *options, .was_quiet = true,
        .session = sum_session(pg), .host = sum_address(pg)};
    rl_list_init(&backend->in_flight);
    rl_list_init(&backend->answered);
    rl_list_init(&backend->evicted);
    rl_timer_init(&backend->timer, on_timer);
    err = rl_statements_init(&backend->statements, options->max_statements);
    if (err != RL_OK)
        goto fail;
    PQsetNoticeReceiver(pg, ignore_notice, NULL);
    if (PQsetnonblocking(pg, 1) != 0 || PQenterPipelineMode(pg) != 1) {
        err = RL_ERESET;
        goto fail;
    }
    err = rl_poll_open(loop, PQsocket(pg), on_ready, backend, &backend->poll);
    if (err != RL_OK)
        goto fail;
    rl_poll_watch(backend->poll, RL_POLL_READ); /* idle too: a dead connection must be noticed */
    *out = backend;
    return RL_OK;
fail:
    if (backend != NULL)
        rl_statements_clear(&backend->statements);
    rl_mem_free(backend);
    PQfinish(pg);
    return err;
}

void rl_backend_detach(rl_backend *backend) {
    assert(!backend->lost && rl_backend_is_quiet(backend));
    rl_poll_close(backend->poll);
    backend->poll = NULL;
    rl_timer_stop(backend->loop, &backend->timer);
}

/* What arrived meanwhile makes the descriptor readable at once. */
rl_err rl_backend_attach(rl_backend *backend, rl_loop *loop, rl_crew *canceller) {
    backend->loop = loop;
    backend->options.canceller = canceller;
    rl_err err = rl_poll_open(loop, PQsocket(backend->pg), on_ready, backend, &backend->poll);
    if (err == RL_OK)
        rl_poll_watch(backend->poll, RL_POLL_READ);
    return err;
}

void *rl_backend_owner(const rl_backend *backend) {
    return backend->owner;
}

uint64_t rl_backend_host(const rl_backend *backend) {
    return backend->host;
}

bool rl_backend_is_demoted(const rl_backend *backend) {
    return backend->is_demoted;
}

uint64_t rl_backend_take_runs(rl_backend *backend) {
    uint64_t runs = backend->runs;
    backend->runs = 0;
    return runs;
}

bool rl_backend_is_lost(const rl_backend *backend) {
    return backend->lost;
}

static bool is_idle(const rl_backend *backend) {
    return rl_list_is_empty(&backend->in_flight) && rl_list_is_empty(&backend->answered);
}

bool rl_backend_is_quiet(const rl_backend *backend) {
    return is_idle(backend) && backend->cancel == NULL;
}

uint32_t rl_backend_load(const rl_backend *backend) {
    return backend->load;
}

uint64_t rl_backend_head_since_ns(const rl_backend *backend) {
    if (rl_list_is_empty(&backend->in_flight))
        return 0;
    return RL_CONTAINER(backend->in_flight.next, rl_query, link)->since_ns;
}

bool rl_backend_is_busy_telling(const rl_backend *backend) {
    return backend->telling;
}

bool rl_backend_is_dirty(const rl_backend *backend) {
    return backend->dirty;
}

bool rl_backend_is_altered(const rl_backend *backend) {
    return PQtransactionStatus(backend->pg) != PQTRANS_IDLE || sum_session(backend->pg) != backend->session;
}

const char *rl_backend_last_sql(const rl_backend *backend) {
    const rl_list *newest = &backend->statements.newest;
    return rl_list_is_empty(newest) ? "" : RL_CONTAINER(newest->next, rl_statement, link)->sql;
}

void rl_backend_mark_clean(rl_backend *backend) {
    backend->dirty = false;
}

rl_tx_state rl_backend_tx_state(const rl_backend *backend) {
    switch (PQtransactionStatus(backend->pg)) {
    case PQTRANS_IDLE: return RL_TX_NONE;
    case PQTRANS_INERROR: return RL_TX_FAILED;
    default: return RL_TX_OPEN;
    }
}

/* As of the last `quiet`, which is told on the change; the loop expects an answer meanwhile. */
static void set_quiet(rl_backend *backend, bool quiet) {
    if (quiet == backend->was_quiet)
        return;
    backend->was_quiet = quiet;
    (quiet ? rl_loop_heard : rl_loop_expect)(backend->loop);
}

static const char *text_of(rl_err why) {
    switch (why) {
    case RL_ETIMEOUT: return "the database gave no answer in time";
    case RL_ECLOSED: return "the database pool was closed";
    case RL_EINVAL: return "COPY ended this connection";
    default: return "the connection to the database broke";
    }
}

/* The rest of a dead connection's queries would hear nothing from libpq. */
static void fail_in_flight(rl_backend *backend, rl_err why) {
    bool before = backend->telling;
    backend->telling = true;
    rl_list failing;
    rl_list_init(&failing);
    rl_list_splice(&failing, &backend->answered);
    rl_list_splice(&failing, &backend->in_flight);
    while (!rl_list_is_empty(&failing)) {
        rl_query *query = RL_CONTAINER(failing.next, rl_query, link);
        rl_query_fail(query, why, "08006", "%s: outcome unknown, the statement may have been done",
                      text_of(why));
        query->failure.sent = query->failure.lost = true;
        rl_dispatch_detach(backend, query);
        query->done(query);
    }
    backend->telling = before;
}

/* The poll goes first: libpq has closed the descriptor, or is about to, and its
 * number may be somebody else's in a moment. */
static void lose(rl_backend *backend, rl_err why) {
    if (backend->lost)
        return;
    backend->lost = true;
    if (backend->poll != NULL)
        rl_poll_close(backend->poll);
    backend->poll = NULL;
    rl_timer_stop(backend->loop, &backend->timer);
    if (backend->cancel != NULL)
        backend->cancel->done = NULL;
    backend->cancel = NULL;
    set_quiet(backend, true);
    fail_in_flight(backend, why);
}

/* Last in every handler: the events may close the connection. */
static void tell(rl_backend *backend) {
    if (backend->lost) {
        backend->events->lost(backend->owner);
        return;
    }
    bool quiet = rl_backend_is_quiet(backend);
    bool became = quiet && !backend->was_quiet;
    set_quiet(backend, quiet);
    if (!became)
        return;
    backend->cancelling = false;
    rl_timer_stop(backend->loop, &backend->timer);
    backend->events->quiet(backend->owner);
}

static void flush(rl_backend *backend) {
    int left = PQflush(backend->pg);
    bool had_unsent = backend->has_unsent;
    backend->has_unsent = left > 0;
    if (left < 0)
        backend->broken = true;
    else if (backend->poll != NULL)
        rl_poll_watch(backend->poll,
                      (backend->is_paused ? 0 : RL_POLL_READ) | (left > 0 ? RL_POLL_WRITE : 0));
    rl_query *first = RL_CONTAINER(backend->in_flight.next, rl_query, link);
    if (!rl_list_is_empty(&backend->in_flight) && first->copy != NULL)
        rl_copy_flushed(first->copy, first->timeout_ms, had_unsent && left == 0);
}

void rl_backend_flush(rl_backend *backend) {
    if (!backend->telling)
        flush(backend);
    if (backend->broken && !backend->lost && !backend->telling)
        rl_timer_start(backend->loop, &backend->timer, 0);
}

static void on_ready(void *owner, int ready) {
    rl_backend *backend = owner;
    bool alive = true;
    backend->telling = true;
    if (ready & RL_POLL_READ)
        alive = rl_intake_read(backend);
    bool understood = rl_dispatch_receive(backend);
    rl_intake_drop_unasked(backend);
    bool is_full = rl_intake_is_full(backend);
    if (is_full)
        rl_dispatch_refuse(backend);
    if (alive && understood)
        flush(backend);
    if (!understood)
        lose(backend, RL_EINVAL);
    else if (is_full || !alive || backend->broken || PQstatus(backend->pg) == CONNECTION_BAD)
        lose(backend, RL_ERESET);
    backend->telling = false;
    tell(backend);
}

/* Behind a pooler the session may be another one after each transaction, and what a statement says
 * about it would hold for strangers. */
static rl_err suit_pooler(const rl_backend *backend, rl_query *query) {
    if (!backend->options.is_sessionless)
        return RL_OK;
    query->unprepared = true;
    if (!rl_sql_classify(rl_slice_of(rl_query_sql(query), query->sql_len)).stays)
        return RL_OK;
    rl_query_fail(query, RL_EINVAL, "0A000",
                  "this statement changes its session (SET without LOCAL, a temporary table, a session's lock, "
                  "LISTEN), and with db_prepared = false a session lasts for one transaction");
    return RL_EINVAL;
}

rl_err rl_backend_run(rl_backend *backend, rl_query *query) {
    assert(!query->script || rl_list_is_empty(&backend->in_flight));
    rl_query_reset_answer(query);
    query->retried = query->heard = false;
    if (backend->lost || backend->broken) {
        rl_query_fail(query, RL_ERESET, "08006", "the connection to the database is gone: nothing was done");
        query->failure.lost = true;
        return RL_ERESET;
    }
    rl_err unsuited = suit_pooler(backend, query);
    if (unsuited != RL_OK)
        return unsuited;
    rl_dispatch_queue(backend, query);
    rl_err err = rl_dispatch_send(backend, query);
    if (err == RL_OK && !backend->sync_due)
        flush(backend);
    if (err == RL_OK || backend->broken)
        set_quiet(backend, false);
    if (backend->broken) {
        /* Told later, by the poll: the caller's own failure needs no event, and
         * a failed flush may still have let the server see the statement. */
        if (err != RL_OK && is_idle(backend))
            lose(backend, RL_ERESET);
        else
            rl_timer_start(backend->loop, &backend->timer, 0);
        return err;
    }
    if (err != RL_OK)
        return err;
    backend->runs++;
    if (query->timeout_ms > 0 && !backend->cancelling)
        rl_timer_start(backend->loop, &backend->timer, query->timeout_ms);
    return RL_OK;
}

/* A write that fails is told by the poll, as it is after rl_backend_run. */
void rl_backend_sync(rl_backend *backend) {
    if (!backend->sync_due || backend->lost || backend->broken)
        return;
    rl_dispatch_sync(backend);
    flush(backend);
    if (backend->broken)
        rl_timer_start(backend->loop, &backend->timer, 0);
}

/* At most until the grace is over. */
static void time_grace(rl_backend *backend, uint64_t most_ms) {
    uint64_t now_ms = rl_loop_now_ms(backend->loop);
    uint64_t left_ms = backend->give_up_ms > now_ms ? backend->give_up_ms - now_ms : 0;
    rl_timer_start(backend->loop, &backend->timer, left_ms < most_ms ? left_ms : most_ms);
}

static void on_cancelled(void *owner) {
    rl_backend *backend = owner;
    backend->cancel = NULL;
    time_grace(backend, backend->recancel_ms);
    backend->recancel_ms *= 2;
    tell(backend);
}

/* libpq 15 would send the cancel in clear text even beside a TLS connection:
 * there, and when no thread is free, the connection is given up instead. */
static void send_cancel(rl_backend *backend) {
    if (PQsslInUse(backend->pg) || rl_cancel_start(backend->options.canceller, backend->pg, on_cancelled,
                                                   backend, &backend->cancel) != RL_OK)
        backend->give_up_ms = 0;
    time_grace(backend, UINT64_MAX);
}

void rl_backend_cancel(rl_backend *backend) {
    if (backend->lost || backend->cancelling || is_idle(backend))
        return;
    backend->cancelling = true;
    backend->give_up_ms = rl_loop_now_ms(backend->loop) + backend->options.cancel_grace_ms;
    backend->recancel_ms = RECANCEL_LEAST_MS;
    send_cancel(backend);
}

static void on_timer(rl_timer *timer) {
    rl_backend *backend = RL_CONTAINER(timer, rl_backend, timer);
    if (backend->broken) {
        lose(backend, RL_ERESET);
    } else if (!backend->cancelling) {
        rl_backend_cancel(backend);
        return;
    } else if (backend->cancel == NULL && rl_loop_now_ms(backend->loop) < backend->give_up_ms) {
        send_cancel(backend);
        return;
    } else {
        lose(backend, RL_ETIMEOUT);
    }
    tell(backend);
}

void rl_backend_abort(rl_backend *backend, rl_err why) {
    lose(backend, why);
}

void rl_backend_close(rl_backend *backend) {
    assert(!backend->telling);
    lose(backend, RL_ECLOSED);
    for (rl_list *link; (link = rl_list_pop_front(&backend->evicted)) != NULL;)
        rl_statement_free(RL_CONTAINER(link, rl_statement, link));
    rl_statements_clear(&backend->statements);
    PQfinish(backend->pg);
    rl_mem_free(backend);
}
