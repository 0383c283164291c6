#include <inttypes.h>
#include <string.h>

#include "pg/copy.h"
#include "pg/step.h"

static void fail_broken(rl_backend *backend, rl_query *query) {
    rl_query_fail(query, RL_ERESET, "08006", "the connection to the database broke: %s",
                  PQerrorMessage(backend->pg));
}

rl_err rl_dispatch_send(rl_backend *backend, rl_query *query) {
    query->prepares = query->aborted = query->was_ready = false;
    rl_err err = rl_step_send(backend, query);
    if (!backend->broken && err == RL_OK)
        return RL_OK;
    if (backend->broken)
        fail_broken(backend, query);
    rl_dispatch_detach(backend, query);
    return err == RL_OK ? RL_ERESET : err;
}

/* The query's hold on its statement ends. */
static void release_statement(rl_backend *backend, rl_query *query) {
    rl_statement *statement = query->statement;
    if (statement == NULL)
        return;
    query->statement = NULL;
    backend->dirty = backend->dirty || !statement->shape.plain;
    if (query->prepares)
        statement->preparing = query->prepares = false;
    if (--statement->uses > 0)
        return;
    if (statement->stale) {
        rl_list_push_back(&backend->evicted, &statement->link);
    } else if (!statement->ready) {
        /* Never became a name on the server: nothing to close there. */
        rl_statements_take_out(&backend->statements, statement);
        rl_statement_free(statement);
    }
}

/* Who comes to the head of the line is what the server works on from now. */
static void note_head(rl_backend *backend) {
    backend->head_reads = 0;
    backend->head_bytes = 0;
    if (!rl_list_is_empty(&backend->in_flight))
        RL_CONTAINER(backend->in_flight.next, rl_query, link)->since_ns = rl_loop_turn_ns(backend->loop);
}

void rl_dispatch_queue(rl_backend *backend, rl_query *query) {
    bool is_head = rl_list_is_empty(&backend->in_flight);
    rl_list_push_back(&backend->in_flight, &query->link);
    backend->load += !query->is_part;
    if (is_head)
        note_head(backend);
}

void rl_dispatch_detach(rl_backend *backend, rl_query *query) {
    rl_list_remove(&query->link);
    backend->load -= !query->is_part;
    if (query->copy != NULL)
        rl_copy_end(query->copy);
    backend->dirty = backend->dirty || query->script;
    if (query->unprepared)
        backend->dirty = backend->dirty || !rl_sql_classify(rl_slice_of(rl_query_sql(query), query->sql_len)).plain;
    release_statement(backend, query);
}

static void learn_types(rl_statement *statement, const PGresult *described) {
    int count = PQnparams(described);
    for (int i = 0; i < count && (uint32_t)i < statement->type_count; i++)
        statement->types[i] = PQparamtype(described, i);
}

/* A plan that an ALTER TABLE made useless, or a name the server forgot. */
static bool has_stale_plan(const rl_query *query) {
    const char *code = query->failure.sqlstate;
    return query->was_ready && query->failure.err != RL_OK &&
           (strcmp(code, "0A000") == 0 || strcmp(code, "26000") == 0);
}

/* Nothing was done, so it may be prepared and run again: once, and never inside a
 * transaction, whose earlier statements saw the old table. */
static bool wants_new_plan(const rl_query *query) {
    bool may_run_again = !query->retried && !query->in_order && query->was_idle;
    return may_run_again && has_stale_plan(query);
}

/* A stale statement goes even when this query may not try again. */
static void retire_stale(rl_backend *backend, rl_query *query) {
    rl_statement *statement = query->statement;
    if (!has_stale_plan(query))
        return;
    query->failure.of_plan = true;
    if (!statement->stale)
        rl_statements_take_out(&backend->statements, statement);
    statement->stale = true;
    release_statement(backend, query);
}

static void settle(rl_backend *backend, rl_query *query) {
    rl_dispatch_detach(backend, query);
    query->done(query);
}

void rl_dispatch_refuse(rl_backend *backend) {
    rl_query *query = RL_CONTAINER(backend->in_flight.next, rl_query, link);
    rl_query_fail(query, RL_EINVAL, "54000",
                  "the answer is larger than db_max_result (%" PRIu64 " bytes): read it in pieces with db:each, or "
                  "ask for less",
                  backend->options.max_result);
    query->failure.sent = true;
    settle(backend, query);
}

/* After another round for the same query was sent, or was not. */
static void went_again(rl_backend *backend, rl_query *query, rl_err err) {
    if (err == RL_OK && !backend->broken)
        return;
    if (backend->broken)
        fail_broken(backend, query);
    settle(backend, query);
}

/* Behind all that was sent meanwhile. */
static void queue_again(rl_backend *backend, rl_query *query) {
    rl_list_remove(&query->link);
    backend->load -= !query->is_part;
    query->is_part = false; /* by itself from here on */
    query->step = query->step_count = 0;
    rl_dispatch_queue(backend, query);
}

static void run_again(rl_backend *backend, rl_query *query) {
    query->shares = query->aborted = false;
    release_statement(backend, query);
    rl_query_reset_answer(query);
    queue_again(backend, query);
    went_again(backend, query, rl_step_send(backend, query));
}

/* The types are known now: the second round trip of a first run. */
static void execute_described(rl_backend *backend, rl_query *query) {
    queue_again(backend, query);
    rl_err err = rl_step_send_execute(backend, query);
    if (err == RL_OK && !backend->broken)
        backend->broken = !rl_step_send_sync(backend, query);
    went_again(backend, query, err);
}

bool rl_dispatch_is_executing(const rl_query *query) {
    return rl_step_is_sent(query, RL_STEP_EXECUTE);
}

/* The query's Sync has answered: what it did stands, unless one under the same
 * Sync failed, which took back what the others had done. */
static void conclude(rl_backend *backend, rl_query *query, bool was_undone) {
    if (wants_new_plan(query)) {
        query->retried = true;
        retire_stale(backend, query);
        run_again(backend, query);
    } else if (query->failure.err != RL_OK) {
        retire_stale(backend, query);
        settle(backend, query);
    } else if (was_undone) {
        run_again(backend, query);
    } else if (rl_step_is_sent(query, RL_STEP_DESCRIBE) && !rl_step_is_sent(query, RL_STEP_EXECUTE)) {
        execute_described(backend, query);
    } else {
        settle(backend, query);
    }
}

static void conclude_answered(rl_backend *backend) {
    rl_list under_sync;
    rl_list_init(&under_sync);
    rl_list_splice(&under_sync, &backend->answered);
    bool one_failed = false;
    for (rl_list *at = under_sync.next; at != &under_sync; at = at->next) {
        const rl_query *query = RL_CONTAINER(at, rl_query, link);
        one_failed = one_failed || query->aborted || query->failure.err != RL_OK;
    }
    while (!rl_list_is_empty(&under_sync))
        conclude(backend, RL_CONTAINER(under_sync.next, rl_query, link), one_failed);
}

/* From the line to those that wait for their Sync. */
static void note_answered(rl_backend *backend, rl_query *query) {
    rl_list_remove(&query->link);
    rl_list_push_back(&backend->answered, &query->link);
    note_head(backend);
}

static void finish_sync(rl_backend *backend, rl_query *query) {
    if (++query->step < query->step_count)
        return;
    note_answered(backend, query);
    conclude_answered(backend);
}

/* The last of the reads carries the Sync. All may have been answered already:
 * a server whose buffer is full sends what it has. */
void rl_dispatch_sync(rl_backend *backend) {
    if (rl_list_is_empty(&backend->in_flight)) {
        rl_query *last = RL_CONTAINER(backend->answered.prev, rl_query, link);
        rl_list_remove(&last->link);
        rl_list_push_back(&backend->in_flight, &last->link);
        note_head(backend);
    }
    if (!rl_step_send_sync(backend, RL_CONTAINER(backend->in_flight.prev, rl_query, link)))
        backend->broken = true;
}

/* A write was refused by a server that follows another one: no primary any more. */
static void fail_of_server(rl_backend *backend, rl_query *query, PGresult *result) {
    rl_query_fail_take(query, result);
    const char *follows = PQparameterStatus(backend->pg, "in_hot_standby");
    if (strcmp(query->failure.sqlstate, "25006") == 0 && follows != NULL && strcmp(follows, "on") == 0)
        backend->is_demoted = true;
}

/* By what it names, a FETCH or an EXECUTE has other columns each time. */
static uint64_t origin_of(const rl_query *query) {
    const rl_statement *statement = query->statement;
    return statement != NULL && statement->shape.plain ? statement->number : 0;
}

/* The last of a script's stays. */
static void keep_result(rl_query *query, PGresult *result) {
    rl_result_free(query->result);
    query->result = rl_result_new_take(result, query->results, origin_of(query));
    if (query->result != NULL)
        return;
    rl_query_fail(query, RL_ENOMEM, "53200", "out of memory: the statement was done, its answer is lost");
    query->failure.sent = true;
}

/* One result of the step that answers now. Takes it. */
static bool take_result(rl_backend *backend, rl_query *query, PGresult *result) {
    bool is_plain = query->script || query->copy != NULL; /* outside of the pipeline mode, without steps */
    uint8_t step = is_plain ? RL_STEP_EXECUTE : query->steps[query->step];
    switch (PQresultStatus(result)) {
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        if (query->copy != NULL) {
            rl_copy_begin_take(query->copy, backend, result);
            return true;
        }
        PQclear(result);
        rl_query_fail(query, RL_EINVAL, "0A000", "COPY from or to the client cannot be run like this");
        return false;
    case PGRES_BAD_RESPONSE:
    case PGRES_FATAL_ERROR:
    case PGRES_NONFATAL_ERROR:
        if (step == RL_STEP_CLOSE)
            PQclear(result); /* forgotten already: as good as closed */
        else
            fail_of_server(backend, query, result);
        return true;
    case PGRES_PIPELINE_ABORTED:
        PQclear(result); /* says only that an earlier step, or query, failed */
        query->aborted = query->failure.err == RL_OK;
        return true;
    default: break;
    }
    if (step == RL_STEP_DESCRIBE) {
        /* Prepare and describe stand even when what follows fails. */
        learn_types(query->statement, result);
        query->statement->ready = true;
        if (query->prepares)
            query->statement->preparing = query->prepares = false;
        PQclear(result);
    } else if (step == RL_STEP_EXECUTE) {
        keep_result(query, result);
    } else {
        PQclear(result);
    }
    return true;
}

/* A NULL ends a step that has answered; a deferred constraint's error comes with
 * a NULL of its own just before the Sync. */
static void end_step(rl_backend *backend, rl_query *query) {
    if (!query->heard)
        return;
    query->heard = false;
    if (query->script || query->copy != NULL) {
        PQenterPipelineMode(backend->pg);
        settle(backend, query);
    } else if (query->steps[query->step] != RL_STEP_SYNC && ++query->step == query->step_count) {
        note_answered(backend, query);
    }
}

/* Whether PQgetResult would wait. The NULL behind a step's one result is libpq's own: nothing has to come for it. */
static bool is_awaited(const rl_backend *backend, const rl_query *query) {
    bool is_in_steps = !query->script && query->copy == NULL;
    return !(is_in_steps && query->heard) && PQisBusy(backend->pg);
}

bool rl_dispatch_receive(rl_backend *backend) {
    bool silent = false; /* a dead connection says NULL for ever */
    while (!rl_list_is_empty(&backend->in_flight) && !backend->broken) {
        rl_query *query = RL_CONTAINER(backend->in_flight.next, rl_query, link);
        if (is_awaited(backend, query))
            return true;
        if (query->copy != NULL && !rl_copy_receive(query->copy))
            return true;
        PGresult *result = PQgetResult(backend->pg);
        if (result == NULL) {
            if (silent)
                return true;
            silent = true;
            end_step(backend, query);
            continue;
        }
        silent = false;
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            query->heard = false;
            finish_sync(backend, query);
        } else {
            query->heard = true;
            if (!take_result(backend, query, result))
                return false;
        }
    }
    return true;
}
