#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "pg/backend_state.h"

/* What a query sends, in order. Every step but SYNC answers with results and a
 * NULL; SYNC with one PGRES_PIPELINE_SYNC. */
enum { STEP_CLOSE, STEP_PREPARE, STEP_DESCRIBE, STEP_EXECUTE, STEP_SYNC };

enum { CLOSES_A_RUN = 2 /* one evicted and one gone stale: no run makes more */ };

static void add_step(rl_query *query, uint8_t step) {
    query->steps[query->step_count++] = step;
}

static bool send_sync(rl_backend *backend, rl_query *query) {
    add_step(query, STEP_SYNC);
    return PQpipelineSync(backend->pg) == 1;
}

/* Under a Sync of their own: a name the server has forgotten already must not
 * make the query fail. Not in a failed transaction, where nothing is heard. */
static bool send_closes(rl_backend *backend, rl_query *query) {
    for (int i = 0; i < CLOSES_A_RUN; i++) {
        if (rl_list_is_empty(&backend->evicted) || PQtransactionStatus(backend->pg) == PQTRANS_INERROR)
            return true;
        rl_statement *old = RL_CONTAINER(rl_list_pop_front(&backend->evicted), rl_statement, link);
        char sql[48];
        snprintf(sql, sizeof sql, "deallocate %s", old->name); /* our own name: nothing to quote */
        rl_statement_free(old);
        add_step(query, STEP_CLOSE);
        if (PQsendQueryParams(backend->pg, sql, 0, NULL, NULL, NULL, NULL, 0) != 1 ||
            !send_sync(backend, query))
            return false;
    }
    return true;
}

/* Text and bytes differ to bytea's input only where a backslash stands; and NUL
 * is possible in bytes alone. Bytes that are no UTF-8 are refused as text. */
static bool looks_like_bytes(const char *bytes, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (bytes[i] == '\0' || bytes[i] == '\\' || (bytes[i] & 0x80) != 0)
            return true;
    return false;
}

/* Whether the types must be known before the values can be written: then the
 * first run of the statement takes two round trips. */
static bool needs_types_first(const rl_query *query) {
    const char *base = rl_query_sql(query);
    for (uint32_t i = 0; i < query->param_count; i++) {
        const rl_param *param = &query->params[i];
        if (param->kind == RL_PARAM_STRING && looks_like_bytes(base + param->offset, param->len))
            return true;
    }
    return false;
}

typedef struct values {
    const char **texts;
    int *lengths, *formats;
} values;

static bool values_alloc(values *v, uint32_t count) {
    size_t each = sizeof(char *) + 2 * sizeof(int);
    v->texts = rl_mem_zalloc(count == 0 ? 1 : count, each);
    if (v->texts == NULL)
        return false;
    v->lengths = (int *)(void *)(v->texts + count);
    v->formats = v->lengths + count;
    return true;
}

/* RL_EINVAL, with the failure set, for a NUL in a text: libpq would cut it. */
static rl_err values_fill(values *v, rl_query *query) {
    const rl_statement *statement = query->statement;
    const char *base = rl_query_sql(query);
    for (uint32_t i = 0; i < query->param_count; i++) {
        const rl_param *param = &query->params[i];
        if (param->kind == RL_PARAM_NULL)
            continue;
        bool binary = param->kind == RL_PARAM_BYTES ||
                      (param->kind == RL_PARAM_STRING && statement->types[i] == RL_OID_BYTEA);
        if (!binary && memchr(base + param->offset, '\0', param->len) != NULL) {
            rl_query_fail(query, RL_EINVAL, "22021",
                          "parameter $%u holds a NUL byte: a text cannot (rille.bytea is for bytes)", i + 1);
            return RL_EINVAL;
        }
        v->texts[i] = base + param->offset;
        v->lengths[i] = (int)param->len;
        v->formats[i] = binary;
    }
    return RL_OK;
}

static rl_err send_execute(rl_backend *backend, rl_query *query) {
    values v;
    if (!values_alloc(&v, query->param_count)) {
        rl_query_fail(query, RL_ENOMEM, "53200", "out of memory");
        return RL_ENOMEM;
    }
    rl_err err = values_fill(&v, query);
    if (err == RL_OK) {
        add_step(query, STEP_EXECUTE);
        if (PQsendQueryPrepared(backend->pg, query->statement->name, (int)query->param_count, v.texts,
                                v.lengths, v.formats, 0) != 1)
            backend->broken = true;
    }
    rl_mem_free(v.texts);
    return err;
}

static bool send_prepare(rl_backend *backend, rl_query *query) {
    rl_statement *statement = query->statement;
    add_step(query, STEP_PREPARE);
    add_step(query, STEP_DESCRIBE);
    return PQsendPrepare(backend->pg, statement->name, statement->sql, (int)statement->type_count,
                         statement->declared) == 1 &&
           PQsendDescribePrepared(backend->pg, statement->name) == 1;
}

/* The cached statement of this text and these types, or a new one. */
static rl_err find_statement(rl_backend *backend, rl_query *query) {
    uint32_t few[16] = {0}, *types = few;
    uint32_t count = query->param_count;
    if (count > 16 && (types = rl_mem_zalloc(count, sizeof *types)) == NULL)
        return RL_ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        types[i] = query->params[i].kind == RL_PARAM_BYTES ? RL_OID_BYTEA : 0;
    rl_slice sql = rl_slice_of(rl_query_sql(query), query->sql_len);
    rl_err err = RL_OK;
    rl_statement *found = rl_statements_find(&backend->statements, sql, types, count);
    if (found == NULL) {
        rl_statement *evicted = NULL;
        err = rl_statements_add(&backend->statements, sql, types, count, &found, &evicted);
        if (evicted != NULL)
            rl_list_push_back(&backend->evicted, &evicted->link);
    }
    if (types != few)
        rl_mem_free(types);
    if (err == RL_OK) {
        query->statement = found;
        found->uses++;
    }
    return err;
}

static rl_err send_statement(rl_backend *backend, rl_query *query) {
    if (find_statement(backend, query) != RL_OK) {
        rl_query_fail(query, RL_ENOMEM, "53200", "out of memory");
        return RL_ENOMEM;
    }
    query->was_ready = query->statement->ready;
    query->was_idle = PQtransactionStatus(backend->pg) == PQTRANS_IDLE;
    backend->broken = !send_closes(backend, query) || (!query->was_ready && !send_prepare(backend, query));
    rl_err err = RL_OK;
    if (!backend->broken && (query->was_ready || !needs_types_first(query)))
        err = send_execute(backend, query);
    /* What was queued before a refused value still needs its Sync. */
    if (!backend->broken && query->step_count > 0 && !send_sync(backend, query))
        backend->broken = true;
    return query->step_count > 0 ? RL_OK : err;
}

static bool send_script(rl_backend *backend, rl_query *query) {
    return PQexitPipelineMode(backend->pg) == 1 && PQsendQuery(backend->pg, rl_query_sql(query)) == 1;
}

static void fail_broken(rl_backend *backend, rl_query *query) {
    rl_query_fail(query, RL_ERESET, "08006", "the connection to the database broke: %s",
                  PQerrorMessage(backend->pg));
}

rl_err rl_dispatch_send(rl_backend *backend, rl_query *query) {
    query->step = query->step_count = 0;
    rl_err err = RL_OK;
    if (query->script)
        backend->broken = !send_script(backend, query);
    else
        err = send_statement(backend, query);
    if (!backend->broken && err == RL_OK)
        return RL_OK;
    if (backend->broken)
        fail_broken(backend, query);
    rl_dispatch_detach(backend, query);
    return err == RL_OK ? RL_ERESET : err;
}

void rl_dispatch_detach(rl_backend *backend, rl_query *query) {
    rl_list_remove(&query->link);
    rl_statement *statement = query->statement;
    query->statement = NULL;
    backend->dirty = backend->dirty || query->script || (statement != NULL && !statement->shape.plain);
    if (statement == NULL)
        return;
    statement->uses--;
    if (statement->ready || statement->uses > 0)
        return;
    /* Never became a name on the server: nothing to close there. */
    rl_statements_take_out(&backend->statements, statement);
    rl_statement_free(statement);
}

static void learn_types(rl_statement *statement, const PGresult *described) {
    int count = PQnparams(described);
    for (int i = 0; i < count && (uint32_t)i < statement->type_count; i++)
        statement->types[i] = PQparamtype(described, i);
}

/* A plan that an ALTER TABLE made useless, or a name the server forgot. Nothing
 * was done, so it may be prepared and run again: once, and never inside a
 * transaction, whose earlier statements saw the old table. */
static bool wants_new_plan(const rl_query *query) {
    const char *code = query->failure.sqlstate;
    return query->was_ready && !query->retried && query->was_idle && query->failure.err != RL_OK &&
           (strcmp(code, "0A000") == 0 || strcmp(code, "26000") == 0);
}

/* A stale statement goes even when this query may not try again. */
static void retire_stale(rl_backend *backend, rl_query *query) {
    rl_statement *statement = query->statement;
    const char *code = query->failure.sqlstate;
    if (!query->was_ready || statement->uses > 1 ||
        (strcmp(code, "0A000") != 0 && strcmp(code, "26000") != 0))
        return;
    query->statement = NULL;
    backend->dirty = backend->dirty || !statement->shape.plain;
    rl_statements_take_out(&backend->statements, statement);
    rl_list_push_back(&backend->evicted, &statement->link);
}

static void settle(rl_backend *backend, rl_query *query) {
    rl_dispatch_detach(backend, query);
    query->done(query);
}

/* After another round for the same query was sent, or was not. */
static void went_again(rl_backend *backend, rl_query *query, rl_err err) {
    if (err == RL_OK && !backend->broken)
        return;
    if (backend->broken)
        fail_broken(backend, query);
    settle(backend, query);
}

static void run_again(rl_backend *backend, rl_query *query) {
    query->retried = true;
    rl_query_reset_answer(query);
    query->step = query->step_count = 0;
    went_again(backend, query, send_statement(backend, query));
}

/* The types are known now: the second round trip of a first run. */
static void execute_described(rl_backend *backend, rl_query *query) {
    query->step = query->step_count = 0;
    rl_err err = send_execute(backend, query);
    if (err == RL_OK && !backend->broken)
        backend->broken = !send_sync(backend, query);
    went_again(backend, query, err);
}

static bool has_step(const rl_query *query, uint8_t step) {
    return memchr(query->steps, step, query->step_count) != NULL;
}

static void finish_sync(rl_backend *backend, rl_query *query) {
    if (++query->step < query->step_count)
        return;
    if (wants_new_plan(query)) {
        retire_stale(backend, query);
        run_again(backend, query);
    } else if (query->failure.err != RL_OK) {
        retire_stale(backend, query);
        settle(backend, query);
    } else if (has_step(query, STEP_PREPARE) && !has_step(query, STEP_EXECUTE)) {
        execute_described(backend, query);
    } else {
        settle(backend, query);
    }
}

/* One result of the step that answers now. Takes it. */
static bool take_result(rl_query *query, PGresult *result) {
    uint8_t step = query->script ? STEP_EXECUTE : query->steps[query->step];
    switch (PQresultStatus(result)) {
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        PQclear(result);
        rl_query_fail(query, RL_EINVAL, "0A000", "COPY from or to the client cannot be run like this");
        return false;
    case PGRES_BAD_RESPONSE:
    case PGRES_FATAL_ERROR:
    case PGRES_NONFATAL_ERROR:
        if (step == STEP_CLOSE)
            PQclear(result); /* forgotten already: as good as closed */
        else
            rl_query_fail_take(query, result);
        return true;
    case PGRES_PIPELINE_ABORTED:
        PQclear(result); /* says only that an earlier step failed */
        return true;
    default: break;
    }
    if (step == STEP_DESCRIBE) {
        /* Prepare and describe stand even when what follows fails. */
        learn_types(query->statement, result);
        query->statement->ready = true;
        PQclear(result);
    } else if (step == STEP_EXECUTE) {
        rl_result_free(query->result);
        query->result = result;
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
    if (query->script) {
        PQenterPipelineMode(backend->pg);
        settle(backend, query);
    } else if (query->steps[query->step] != STEP_SYNC) {
        query->step++;
    }
}

bool rl_dispatch_receive(rl_backend *backend) {
    bool silent = false; /* a dead connection says NULL for ever */
    while (!rl_list_is_empty(&backend->in_flight) && !backend->broken && !PQisBusy(backend->pg)) {
        rl_query *query = RL_CONTAINER(backend->in_flight.next, rl_query, link);
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
            if (!take_result(query, result))
                return false;
        }
    }
    return true;
}
