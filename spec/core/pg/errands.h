/* errands -- a pool of two connections and the statements of a test, for programs that are
 *
 *     cmocka_run_group_tests(tests, open_all, close_all) */
#ifndef RL_SPEC_PG_ERRANDS_H
#define RL_SPEC_PG_ERRANDS_H

#include "base/mem.h"
#include "pg/errand.h"
#include "pg/looped.h"

static rl_pool *pool;

/* A statement of a test; it outlives its errand, which frees only itself. */
typedef struct errand {
    rl_errand errand;
    bool done;
    bool *was_freed;
} errand;

static inline void on_done(rl_errand *one) {
    RL_CONTAINER(one, errand, errand)->done = true;
}

static inline void on_freed(rl_errand *one) {
    errand *self = RL_CONTAINER(one, errand, errand);
    if (self->was_freed != NULL)
        *self->was_freed = true;
    rl_mem_free(self);
}

static inline errand *begin(rl_scope *scope, rl_errand_kind kind, const char *sql) {
    errand *self = rl_mem_zalloc(1, sizeof *self);
    assert_non_null(self);
    rl_errand_init(&self->errand, kind, pool, scope, on_done, on_freed);
    assert_int_equal(rl_query_set_sql(&self->errand.query, rl_slice_str(sql)), RL_OK);
    rl_errand_start(&self->errand);
    return self;
}

/* To the end: the SQLSTATE ("" for success), the first cell in `out`. */
static inline const char *finish(errand *self, char *out, size_t cap) {
    static char sqlstate[6];
    turn_until_set(loop, &self->done);
    rl_query *query = &self->errand.query;
    strcpy(sqlstate, query->failure.sqlstate);
    rl_slice cell = RL_LIT("");
    if (query->result != NULL && rl_result_rows(query->result) > 0)
        (void)rl_result_cell(query->result, 0, 0, &cell);
    if (out != NULL)
        snprintf(out, cap, "%.*s", (int)cell.len, cell.ptr);
    rl_errand_drop(&self->errand);
    return sqlstate;
}

static inline void run(rl_scope *scope, const char *sql, char *out, size_t cap) {
    const char *sqlstate = finish(begin(scope, RL_ERRAND_STATEMENT, sql), out, cap);
    if (sqlstate[0] != '\0')
        fail_msg("%s: %s", sql, sqlstate);
}

static inline void control(rl_scope *scope, rl_errand_kind kind, const char *sql) {
    assert_string_equal(finish(begin(scope, kind, sql), NULL, 0), "");
}

static inline void expect(rl_scope *scope, const char *sql, const char *value) {
    char text[64];
    run(scope, sql, text, sizeof text);
    assert_string_equal(text, value);
}

static inline bool is_nothing_in_use(void *arg) {
    (void)arg;
    return rl_pool_stats_of(pool).in_use == 0;
}

static inline bool is_all_idle(void *arg) {
    rl_budget_stats now = rl_pool_stats_of(pool);
    return is_nothing_in_use(arg) && now.connecting == 0;
}

/* Call `work` with a pool of its own: what a connection keeps must be gone at the end. */
static inline void run_in_a_fresh_pool(void (*work)(void)) {
    rl_pool *outer = pool;
    rl_pool_options options = rl_pool_defaults();
    options.url = server.url;
    options.exclusive = 1;
    options.acquire_timeout_ms = 20;
    if (rl_pool_open(loop, &options, &pool) == RL_OK) {
        work();
        rl_pool_close(pool);
        rl_loop_turn(loop, false); /* the poll's memory goes one turn later */
    }
    pool = outer;
}

static inline int open_all(void **state) {
    if (start_looped(state) != 0)
        return -1;
    rl_pool_options options = rl_pool_defaults();
    options.url = server.url;
    options.exclusive = 2;
    options.acquire_timeout_ms = 10000;
    return rl_pool_open(loop, &options, &pool) == RL_OK ? 0 : -1;
}

static inline int close_all(void **state) {
    rl_pool_close(pool);
    return stop_looped(state);
}

#endif
