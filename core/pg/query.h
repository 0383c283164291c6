/* query -- one statement with its parameters, and later its answer.
 *
 *     rl_query_init(&query, done);
 *     rl_query_set_sql(&query, RL_LIT("select name from users where id = $1"));
 *     rl_query_add(&query, RL_PARAM_TEXT, RL_LIT("7"));
 *     ... a connection runs it; done(&query) ...
 *     if (query.failure.err == RL_OK)  read query.result
 *     rl_query_clear(&query);
 *
 * Values travel beside the text, never in it. Everything is copied in, so the
 * caller's bytes may go at once. The result, or the server's words about a
 * failure, belong to the query and die with rl_query_clear. A query stays where it
 * was initialized.
 *
 * Several queries may be filled one after another into one text, where those of the
 * same SQL have it once: rl_query_init_in.
 *
 *     SQL NUL "7" NUL "8" NUL other SQL NUL "9" NUL */
#ifndef RL_PG_QUERY_H
#define RL_PG_QUERY_H

#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "pg/result.h"

typedef enum rl_param_kind {
    RL_PARAM_NULL,
    RL_PARAM_TEXT,   /* the text form of a number, boolean, array, document: no NUL in it */
    RL_PARAM_STRING, /* somebody's string: bytes where the statement wants bytea, else text */
    RL_PARAM_BYTES   /* bytea, said so by the caller */
} rl_param_kind;

typedef struct rl_param {
    rl_param_kind kind;
    uint32_t offset, len; /* in query->text, a NUL behind it */
} rl_param;

enum { RL_QUERY_MAX_PARAMS = 65535 /* the protocol counts them in 16 bits */ };

/* What went wrong. `err` is RL_OK when nothing did. */
typedef struct rl_failure {
    rl_err err;
    char sqlstate[6];
    bool sent;         /* whether the server may have seen the statement */
    bool lost;         /* the connection went before the statement was settled */
    bool of_replica;   /* and not of the primary, which may answer what was asked */
    bool of_plan;      /* of a plan kept on that connection, which is gone now: nothing was done */
    rl_server_error *server; /* the server's own error, or NULL: then `message` says it */
    char *message;           /* see rl_failure_message */
} rl_failure;

enum { RL_FAILURE_MESSAGE_CAP = 512 /* libpq names each address it tried */ };

/* Never NULL; empty when nothing failed. */
const char *rl_failure_message(const rl_failure *failure);

/* Whether a timeout of the session stopped the statement: then nothing was done. */
bool rl_failure_is_stop(const rl_failure *failure);

struct rl_statement;
typedef struct rl_query rl_query;

enum { RL_QUERY_MAX_STEPS = 10 };

/* What an answer touches comes first, in two lines of the processor's cache: of a thousand
 * queries in flight every further line would have to come from memory. */
struct rl_query {
    rl_list link;                  /* whoever holds the query keeps it in a queue by this */
    void (*done)(rl_query *query); /* on the loop, once per run */
    rl_result *result;             /* of the last statement that gave one */
    rl_failure failure;
    rl_results *results; /* where its result lies with those of others, or NULL */
    struct rl_copy *copy; /* the statement is a COPY, whose rows go through here; or NULL */
    rl_param *params;     /* `few`, or a block of the heap's */
    rl_buf *text;         /* the SQL, NUL, parameter, NUL, ...: `own`, or that of several */
    bool script;          /* the simple protocol: several statements, no parameters */
    bool unprepared;      /* sent whole each time, under no name: strings go as text */
    bool in_order;        /* others follow it at once: never run again behind them */
    bool is_part;         /* of a batch, not its last: takes no place of its own in a connection's load */
    bool autocommit;      /* in no transaction, whatever runs before it on the connection */
    bool shares;          /* only reads, on a shared connection: may have its Sync with others */

    /* The connection's, while it runs: */
    bool heard;     /* the step at hand has given a result */
    bool prepares;  /* sent the statement's PREPARE, and no answer came yet */
    bool was_ready; /* another run had prepared the statement, or was about to */
    bool retried;   /* prepared anew once already */
    bool was_idle;  /* no transaction was open when it began */
    bool aborted;   /* not run: one before it under the same Sync failed */
    uint8_t steps[RL_QUERY_MAX_STEPS]; /* what was sent, in order */
    uint8_t step_count, step;          /* and which of it answers now */
    struct rl_statement *statement;

    /* For sending it: */
    uint64_t since_ns;   /* when it became the first in line, by rl_loop_turn_ns */
    uint64_t timeout_ms; /* 0: none; of a COPY: without any progress */
    size_t sql_at, sql_len;
    uint32_t param_count, param_cap;
    rl_param few[4];
    rl_buf own;
};

void rl_query_init(rl_query *query, void (*done)(rl_query *query));
/* One of several, whose text and results lie together, and go when all of them were
 * cleared. It is filled before the next one is. */
void rl_query_init_in(rl_query *query, void (*done)(rl_query *query), rl_buf *text, rl_results *results);
/* A buf as a query's own is, for rl_query_init_in. */
void rl_query_init_text(rl_buf *text);
/* Frees all it holds; it must not be running. */
void rl_query_clear(rl_query *query);

/* First of all, and once. RL_EINVAL for a NUL in the text, RL_EFULL past the ceiling. */
RL_MUST_USE rl_err rl_query_set_sql(rl_query *query, rl_slice sql);
/* Instead: the SQL of another query in the same text. */
void rl_query_set_same_sql(rl_query *query, const rl_query *other);
/* Whether that was done of one of the two, or of both from a third. */
static inline bool rl_query_has_same_sql(const rl_query *query, const rl_query *other) {
    return query->text == other->text && query->sql_at == other->sql_at;
}
RL_MUST_USE rl_err rl_query_add(rl_query *query, rl_param_kind kind, rl_slice value);
/* A parameter written piece by piece: append to query->text between the two. */
RL_MUST_USE rl_err rl_query_begin_param(rl_query *query, rl_param_kind kind);
RL_MUST_USE rl_err rl_query_end_param(rl_query *query);

/* For the offsets of parameters. */
static inline const char *rl_query_text_at(const rl_query *query, size_t offset) {
    return rl_buf_live(query->text).ptr + offset;
}
static inline const char *rl_query_sql(const rl_query *query) {
    return rl_query_text_at(query, query->sql_at);
}

/* The first failure stays: what follows it is its consequence. */
void rl_query_fail(rl_query *query, rl_err err, const char *sqlstate, const char *fmt, ...) RL_PRINTF(4, 5);
/* The same with the server's error, which is taken. */
void rl_query_fail_take(rl_query *query, rl_server_error *server);
/* Forget the answer of an earlier run. */
void rl_query_reset_answer(rl_query *query);

#endif
