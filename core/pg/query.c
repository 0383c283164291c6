#include "pg/query.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

/* A statement with its parameters; whoever has more bytes than this to send
 * wants COPY, and a stranger shall not choose how much we buffer. */
enum { TEXT_CEILING = 64 * 1024 * 1024 };

/* Most statements have no more. */
static void use_few(rl_query *query) {
    query->params = query->few;
    query->param_cap = sizeof query->few / sizeof *query->few;
    query->param_count = 0;
}

void rl_query_init_text(rl_buf *text) {
    rl_buf_init(text, TEXT_CEILING);
}

void rl_query_init(rl_query *query, void (*done)(rl_query *query)) {
    rl_query_init_in(query, done, &query->own, NULL);
    rl_query_init_text(&query->own);
}

void rl_query_init_in(rl_query *query, void (*done)(rl_query *query), rl_buf *text, rl_results *results) {
    *query = (rl_query){.done = done, .text = text, .results = results};
    rl_list_init(&query->link);
    use_few(query);
}

const char *rl_failure_message(const rl_failure *failure) {
    if (failure->message != NULL)
        return failure->message;
    return failure->err == RL_OK ? "" : "out of memory: what failed cannot be told";
}

void rl_query_reset_answer(rl_query *query) {
    rl_result_free(query->result);
    query->result = NULL;
    if (query->failure.err == RL_OK)
        return;
    rl_server_error_free(query->failure.server);
    rl_mem_free(query->failure.message);
    query->failure = (rl_failure){0};
}

void rl_query_clear(rl_query *query) {
    rl_query_reset_answer(query);
    if (query->text == &query->own)
        rl_buf_clear(&query->own);
    if (query->params != query->few)
        rl_mem_free(query->params);
    use_few(query);
}

bool rl_failure_is_stop(const rl_failure *failure) {
    return strcmp(failure->sqlstate, "55P03") == 0 || strcmp(failure->sqlstate, "57014") == 0;
}

rl_err rl_query_set_sql(rl_query *query, rl_slice sql) {
    if (sql.len > 0 && memchr(sql.ptr, '\0', sql.len) != NULL)
        return RL_EINVAL;
    query->sql_at = rl_buf_len(query->text);
    rl_err err = rl_buf_append(query->text, sql);
    if (err == RL_OK)
        err = rl_buf_append_byte(query->text, '\0');
    if (err == RL_OK)
        query->sql_len = sql.len;
    return err;
}

void rl_query_set_same_sql(rl_query *query, const rl_query *other) {
    assert(query->text == other->text);
    query->sql_at = other->sql_at;
    query->sql_len = other->sql_len;
}

rl_err rl_query_begin_param(rl_query *query, rl_param_kind kind) {
    if (query->param_count == RL_QUERY_MAX_PARAMS)
        return RL_EFULL;
    if (query->param_count == query->param_cap) {
        uint32_t cap = query->param_cap * 2;
        bool had_few = query->params == query->few;
        rl_param *params = rl_mem_realloc(had_few ? NULL : query->params, cap * sizeof *params);
        if (params == NULL)
            return RL_ENOMEM;
        if (had_few)
            memcpy(params, query->few, sizeof query->few);
        query->params = params;
        query->param_cap = cap;
    }
    query->params[query->param_count] = (rl_param){.kind = kind, .offset = (uint32_t)rl_buf_len(query->text)};
    return RL_OK;
}

rl_err rl_query_end_param(rl_query *query) {
    rl_param *param = &query->params[query->param_count];
    param->len = (uint32_t)rl_buf_len(query->text) - param->offset;
    rl_err err = rl_buf_append_byte(query->text, '\0');
    if (err == RL_OK)
        query->param_count++;
    return err;
}

rl_err rl_query_add(rl_query *query, rl_param_kind kind, rl_slice value) {
    rl_err err = rl_query_begin_param(query, kind);
    if (err == RL_OK)
        err = rl_buf_append(query->text, value);
    return err == RL_OK ? rl_query_end_param(query) : err;
}

void rl_query_fail(rl_query *query, rl_err err, const char *sqlstate, const char *fmt, ...) {
    rl_failure *failure = &query->failure;
    if (failure->err != RL_OK)
        return;
    failure->err = err;
    snprintf(failure->sqlstate, sizeof failure->sqlstate, "%s", sqlstate);
    char message[RL_FAILURE_MESSAGE_CAP];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    failure->message = rl_mem_strndup(message, strlen(message));
}

void rl_query_fail_take(rl_query *query, rl_server_error *server) {
    if (query->failure.err != RL_OK) {
        rl_server_error_free(server);
        return;
    }
    /* libpq's own failures (a broken connection) carry no SQLSTATE. */
    const char *sqlstate = rl_server_error_field(server, RL_FIELD_SQLSTATE);
    const char *message = rl_server_error_field(server, RL_FIELD_MESSAGE);
    rl_query_fail(query, RL_EIO, sqlstate == NULL ? "08006" : sqlstate, "%s",
                  message == NULL ? "the connection to the database broke" : message);
    query->failure.server = server;
    query->failure.sent = true;
}
