/* borrower -- who asks a pool for a connection and runs statements on it. */
#ifndef RL_SPEC_PG_BORROWER_H
#define RL_SPEC_PG_BORROWER_H

#include <stdio.h>

#include "pg/backend.h"
#include "pg/pool.h"
#include "pg/turn.h"

/* Somebody who wants a connection. */
typedef struct borrower {
    rl_acquire acquire;
    rl_err err;
    rl_backend *backend;
    bool answered;
    int *order, number; /* grants counted, and which of them this was */
} borrower;

static inline void on_granted(rl_acquire *acquire, rl_err err, rl_backend *backend) {
    borrower *one = RL_CONTAINER(acquire, borrower, acquire);
    one->err = err;
    one->backend = backend;
    one->answered = true;
    if (one->order != NULL)
        one->number = ++*one->order;
}

typedef struct bench {
    rl_loop *loop;
    rl_pool *pool;
} bench;

static inline bench open_bench(const rl_pool_options *options) {
    bench b;
    assert_int_equal(rl_loop_new(&b.loop), RL_OK);
    assert_int_equal(rl_pool_open(b.loop, options, &b.pool), RL_OK);
    return b;
}

static inline void close_bench(bench *b) {
    rl_pool_close(b->pool);
    rl_loop_free(b->loop);
}

static inline void ask(bench *b, borrower *one) {
    *one = (borrower){.order = one->order, .acquire.granted = on_granted};
    assert_int_equal(rl_pool_acquire(b->pool, &one->acquire, &one->backend), RL_OK);
    one->answered = one->backend != NULL;
}

static inline rl_backend *borrow_as(bench *b, bool holds, const char *where) {
    borrower one = {.acquire = {.granted = on_granted, .holds = holds, .where = where}};
    assert_int_equal(rl_pool_acquire(b->pool, &one.acquire, &one.backend), RL_OK);
    one.answered = one.backend != NULL;
    turn_until_set(b->loop, &one.answered);
    assert_int_equal(one.err, RL_OK);
    return one.backend;
}

static inline rl_backend *borrow(bench *b) {
    return borrow_as(b, false, NULL);
}

typedef struct statement {
    rl_query query;
    bool done;
} statement;

static inline void on_done(rl_query *query) {
    RL_CONTAINER(query, statement, query)->done = true;
}

static inline void start(rl_backend *backend, statement *one, const char *sql) {
    one->done = false;
    rl_query_init(&one->query, on_done);
    assert_int_equal(rl_query_set_sql(&one->query, rl_slice_str(sql)), RL_OK);
    assert_int_equal(rl_backend_run(backend, &one->query), RL_OK);
}

/* The first cell of the answer. */
static inline void run(bench *b, rl_backend *backend, const char *sql, char *out, size_t cap) {
    statement one;
    start(backend, &one, sql);
    turn_until_set(b->loop, &one.done);
    if (one.query.failure.err != RL_OK)
        fail_msg("%s: %s", sql, one.query.failure.message);
    rl_slice cell = RL_LIT("");
    if (rl_result_rows(one.query.result) > 0)
        (void)rl_result_cell(one.query.result, 0, 0, &cell);
    if (out != NULL)
        snprintf(out, cap, "%.*s", (int)cell.len, cell.ptr);
    rl_query_clear(&one.query);
}

#endif
