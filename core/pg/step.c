#include "pg/step.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum {
    CLOSES_A_RUN = 2, /* one evicted and one gone stale: no run makes more */
    FEW = 8           /* values */
};

static void add_step(rl_query *query, uint8_t step) {
    query->steps[query->step_count++] = step;
}

bool rl_step_send_sync(rl_backend *backend, rl_query *query) {
    add_step(query, RL_STEP_SYNC);
    backend->sync_due = false;
    return PQpipelineSync(backend->pg) == 1;
}

/* Under a Sync of their own: a name the server has forgotten already must not
 * make the query fail, nor others. Not in a failed transaction, where nothing is heard. */
static bool send_closes(rl_backend *backend, rl_query *query) {
    for (int i = 0; i < CLOSES_A_RUN; i++) {
        if (rl_list_is_empty(&backend->evicted) || backend->sync_due ||
            PQtransactionStatus(backend->pg) == PQTRANS_INERROR)
            return true;
        rl_statement *old = RL_CONTAINER(rl_list_pop_front(&backend->evicted), rl_statement, link);
        char sql[48];
        snprintf(sql, sizeof sql, "deallocate %s", old->name); /* our own name: nothing to quote */
        rl_statement_free(old);
        add_step(query, RL_STEP_CLOSE);
        if (PQsendQueryParams(backend->pg, sql, 0, NULL, NULL, NULL, NULL, 0) != 1 ||
            !rl_step_send_sync(backend, query))
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
    const char *base = rl_query_text_at(query, 0);
    for (uint32_t i = 0; i < query->param_count; i++) {
        const rl_param *param = &query->params[i];
        if (param->kind == RL_PARAM_STRING && looks_like_bytes(base + param->offset, param->len))
            return true;
    }
    return false;
}

/* As libpq wants them: three arrays, here those of the few that most statements have. */
typedef struct values {
    const char **texts;
    int *lengths, *formats; /* no formats: all of them are texts */
    const char *few_texts[FEW];
    int few_lengths[FEW], few_formats[FEW];
} values;

static bool values_init(values *v, uint32_t count) {
    v->texts = v->few_texts;
    v->lengths = v->few_lengths;
    v->formats = v->few_formats;
    if (count <= FEW)
        return true;
    v->texts = rl_mem_alloc(count * (sizeof *v->texts + sizeof *v->lengths + sizeof *v->formats));
    if (v->texts == NULL)
        return false;
    v->lengths = (int *)(void *)(v->texts + count);
    v->formats = v->lengths + count;
    return true;
}

static void values_clear(values *v) {
    if (v->texts != v->few_texts)
        rl_mem_free(v->texts);
}

static void declare_types(const rl_query *query, uint32_t *types) {
    for (uint32_t i = 0; i < query->param_count; i++)
        types[i] = query->params[i].kind == RL_PARAM_BYTES ? RL_OID_BYTEA : 0;
}

/* RL_EINVAL, with the failure set, for a NUL in a text: libpq would cut it. */
static rl_err values_fill(values *v, rl_query *query) {
    const rl_statement *statement = query->statement; /* NULL: the types are unknown */
    const char *base = rl_query_text_at(query, 0);
    bool has_bytes = false;
    for (uint32_t i = 0; i < query->param_count; i++) {
        const rl_param *param = &query->params[i];
        v->formats[i] = v->lengths[i] = 0;
        v->texts[i] = NULL;
        if (param->kind == RL_PARAM_NULL)
            continue;
        bool wants_bytes = statement != NULL && statement->types[i] == RL_OID_BYTEA;
        bool binary = param->kind == RL_PARAM_BYTES || (param->kind == RL_PARAM_STRING && wants_bytes);
        bool may_hold_nul = param->kind == RL_PARAM_STRING && !binary;
        if (may_hold_nul && memchr(base + param->offset, '\0', param->len) != NULL) {
            rl_query_fail(query, RL_EINVAL, "22021",
                          "parameter $%u holds a NUL byte: a text cannot (rille.bytea is for bytes)", i + 1);
            return RL_EINVAL;
        }
        v->texts[i] = base + param->offset;
        v->lengths[i] = (int)param->len;
        v->formats[i] = binary;
        has_bytes = has_bytes || binary;
    }
    if (!has_bytes)
        v->formats = NULL;
    return RL_OK;
}

/* Under one Sync and no name: what a pooler that lends a server connection for a
 * transaction at a time can pass on. */
static rl_err send_unprepared(rl_backend *backend, rl_query *query) {
    uint32_t count = query->param_count;
    uint32_t *types = rl_mem_zalloc(count == 0 ? 1 : count, sizeof *types);
    values v;
    rl_err err = RL_OK;
    if (!values_init(&v, count) || types == NULL) {
        rl_query_fail(query, RL_ENOMEM, "53200", "out of memory");
        err = RL_ENOMEM;
    }
    if (err == RL_OK)
        err = values_fill(&v, query);
    if (err == RL_OK) {
        declare_types(query, types);
        add_step(query, RL_STEP_EXECUTE);
        backend->broken = PQsendQueryParams(backend->pg, rl_query_sql(query), (int)count, types, v.texts,
                                            v.lengths, v.formats, 0) != 1 ||
                          !rl_step_send_sync(backend, query);
    }
    values_clear(&v);
    rl_mem_free(types);
    return err;
}

rl_err rl_step_send_execute(rl_backend *backend, rl_query *query) {
    values v;
    if (!values_init(&v, query->param_count)) {
        rl_query_fail(query, RL_ENOMEM, "53200", "out of memory");
        return RL_ENOMEM;
    }
    rl_err err = values_fill(&v, query);
    if (err == RL_OK) {
        add_step(query, RL_STEP_EXECUTE);
        if (PQsendQueryPrepared(backend->pg, query->statement->name, (int)query->param_count, v.texts,
                                v.lengths, v.formats, 0) != 1)
            backend->broken = true;
    }
    values_clear(&v);
    return err;
}

/* What one query prepares, those behind it may use at once: they are answered
 * later, and fail as one whose name was forgotten when it could not be prepared. */
static bool send_prepare(rl_backend *backend, rl_query *query) {
    rl_statement *statement = query->statement;
    statement->preparing = query->prepares = true;
    add_step(query, RL_STEP_PREPARE);
    return PQsendPrepare(backend->pg, statement->name, statement->sql, (int)statement->type_count,
                         statement->declared) == 1;
}

static bool send_describe(rl_backend *backend, rl_query *query) {
    add_step(query, RL_STEP_DESCRIBE);
    return PQsendDescribePrepared(backend->pg, query->statement->name) == 1;
}

static bool declares_like(const rl_query *query, const rl_query *other) {
    bool is_like = query->param_count == other->param_count;
    for (uint32_t i = 0; is_like && i < query->param_count; i++)
        is_like = (query->params[i].kind == RL_PARAM_BYTES) == (other->params[i].kind == RL_PARAM_BYTES);
    return is_like;
}

/* That of the query before it in line, where the two differ in their values alone, as those of a batch mostly do. */
static rl_statement *statement_before(const rl_backend *backend, const rl_query *query) {
    if (query->link.prev == &backend->in_flight)
        return NULL;
    const rl_query *before = RL_CONTAINER(query->link.prev, rl_query, link);
    bool is_known = before->statement != NULL && !before->statement->stale;
    return is_known && rl_query_has_same_sql(query, before) && declares_like(query, before) ? before->statement : NULL;
}

/* The cached statement of this text and these types, or a new one. */
static rl_err look_up_statement(rl_backend *backend, const rl_query *query, rl_statement **out) {
    uint32_t few[16] = {0}, *types = few;
    uint32_t count = query->param_count;
    if (count > 16 && (types = rl_mem_zalloc(count, sizeof *types)) == NULL)
        return RL_ENOMEM;
    declare_types(query, types);
    rl_slice sql = rl_slice_of(rl_query_sql(query), query->sql_len);
    rl_err err = RL_OK;
    *out = rl_statements_find(&backend->statements, sql, types, count);
    if (*out == NULL) {
        rl_statement *evicted = NULL;
        err = rl_statements_add(&backend->statements, sql, types, count, out, &evicted);
        if (evicted != NULL)
            rl_list_push_back(&backend->evicted, &evicted->link);
    }
    if (types != few)
        rl_mem_free(types);
    return err;
}

static rl_err hold_statement(rl_backend *backend, rl_query *query) {
    rl_statement *found = statement_before(backend, query);
    rl_err err = found != NULL ? RL_OK : look_up_statement(backend, query, &found);
    if (err != RL_OK)
        return err;
    query->statement = found;
    found->uses++;
    return RL_OK;
}

/* A Sync at once, or one with the reads that follow in this turn. */
static void end_in_sync(rl_backend *backend, rl_query *query, bool is_whole) {
    if (query->shares && is_whole)
        backend->sync_due = true;
    else if (!rl_step_send_sync(backend, query))
        backend->broken = true;
}

static rl_err send_statement(rl_backend *backend, rl_query *query) {
    if (hold_statement(backend, query) != RL_OK) {
        rl_query_fail(query, RL_ENOMEM, "53200", "out of memory");
        return RL_ENOMEM;
    }
    const rl_statement *statement = query->statement;
    query->was_ready = statement->ready || statement->preparing;
    query->was_idle = query->autocommit || PQtransactionStatus(backend->pg) == PQTRANS_IDLE;
    bool asks_types = !statement->ready && needs_types_first(query);
    bool is_sent = send_closes(backend, query) && (query->was_ready || send_prepare(backend, query)) &&
                   ((query->was_ready && !asks_types) || send_describe(backend, query));
    backend->broken = !is_sent;
    rl_err err = RL_OK;
    if (is_sent && !asks_types)
        err = rl_step_send_execute(backend, query);
    /* What was queued before a refused value still needs its Sync. */
    if (!backend->broken && query->step_count > 0)
        end_in_sync(backend, query, err == RL_OK && !asks_types);
    return query->step_count > 0 ? RL_OK : err;
}

static bool send_script(rl_backend *backend, rl_query *query) {
    return PQexitPipelineMode(backend->pg) == 1 && PQsendQuery(backend->pg, rl_query_sql(query)) == 1;
}

/* By the extended protocol, which refuses a second statement in the text. */
static bool send_copy(rl_backend *backend, rl_query *query) {
    return PQexitPipelineMode(backend->pg) == 1 &&
           PQsendQueryParams(backend->pg, rl_query_sql(query), 0, NULL, NULL, NULL, NULL, 0) == 1;
}

rl_err rl_step_send(rl_backend *backend, rl_query *query) {
    query->step = query->step_count = 0;
    if (query->copy != NULL || query->script) {
        backend->broken = query->copy != NULL ? !send_copy(backend, query) : !send_script(backend, query);
        return RL_OK;
    }
    return query->unprepared ? send_unprepared(backend, query) : send_statement(backend, query);
}

bool rl_step_is_sent(const rl_query *query, rl_step step) {
    uint8_t i = 0;
    while (i < query->step_count && query->steps[i] != step)
        i++;
    return i < query->step_count;
}
