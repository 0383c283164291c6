#include "pg/pool.h"

#include "base/mem.h"
#include "mem.h"
#include "pg/backend.h"
#include "pg/cluster.h"
#include "pg/turn.h"

static cluster server;

/* Somebody who wants a connection. */
typedef struct borrower {
    rl_acquire acquire;
    rl_err err;
    rl_backend *backend;
    bool answered;
    int *order, number; /* grants counted, and which of them this was */
} borrower;

static void on_granted(rl_acquire *acquire, rl_err err, rl_backend *backend) {
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

static rl_pool_options options_of(uint32_t max) {
    rl_pool_options options = rl_pool_defaults();
    options.url = server.url;
    options.max = max;
    return options;
}

static bench open_bench(const rl_pool_options *options) {
    bench b;
    assert_int_equal(rl_loop_new(&b.loop), RL_OK);
    assert_int_equal(rl_pool_open(b.loop, options, &b.pool), RL_OK);
    return b;
}

static void close_bench(bench *b) {
    rl_pool_close(b->pool);
    rl_loop_free(b->loop);
}

static void ask(bench *b, borrower *one) {
    *one = (borrower){.order = one->order, .acquire.granted = on_granted};
    assert_int_equal(rl_pool_acquire(b->pool, &one->acquire, &one->backend), RL_OK);
    one->answered = one->backend != NULL;
}

static rl_backend *borrow(bench *b) {
    borrower one = {.order = NULL};
    ask(b, &one);
    turn_until_set(b->loop, &one.answered);
    assert_int_equal(one.err, RL_OK);
    return one.backend;
}

typedef struct statement {
    rl_query query;
    bool done;
} statement;

static void on_done(rl_query *query) {
    RL_CONTAINER(query, statement, query)->done = true;
}

static void start(rl_backend *backend, statement *one, const char *sql) {
    one->done = false;
    rl_query_init(&one->query, on_done);
    assert_int_equal(rl_query_set_sql(&one->query, rl_slice_str(sql)), RL_OK);
    assert_int_equal(rl_backend_run(backend, &one->query), RL_OK);
}

/* The first cell of the answer. */
static void run(bench *b, rl_backend *backend, const char *sql, char *out, size_t cap) {
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

static void lends_the_same_connection_again(void **state) {
    (void)state;
    rl_pool_options options = options_of(4);
    bench b = open_bench(&options);
    char first[16], second[16];
    rl_backend *backend = borrow(&b);
    run(&b, backend, "select pg_backend_pid()", first, sizeof first);
    rl_pool_release(b.pool, backend);
    backend = borrow(&b);
    run(&b, backend, "select pg_backend_pid()", second, sizeof second);
    rl_pool_release(b.pool, backend);
    assert_string_equal(first, second);
    assert_int_equal(rl_pool_stats_of(b.pool).connects, 1);
    close_bench(&b);
}

static void never_opens_more_than_its_budget(void **state) {
    (void)state;
    rl_pool_options options = options_of(3);
    bench b = open_bench(&options);
    borrower some[10] = {{.order = NULL}};
    for (int i = 0; i < 10; i++)
        ask(&b, &some[i]);
    for (int i = 0; i < 3; i++)
        turn_until_set(b.loop, &some[i].answered);
    rl_pool_stats now = rl_pool_stats_of(b.pool);
    assert_int_equal(now.in_use, 3);
    assert_int_equal(now.waiting, 7);
    for (int i = 0; i < 10; i++) {
        turn_until_set(b.loop, &some[i].answered);
        rl_pool_release(b.pool, some[i].backend);
    }
    assert_int_equal(rl_pool_stats_of(b.pool).connects, 3);
    close_bench(&b);
}

static void serves_waiters_in_the_order_of_arrival(void **state) {
    (void)state;
    rl_pool_options options = options_of(1);
    bench b = open_bench(&options);
    int order = 0;
    borrower some[20];
    rl_backend *backend = borrow(&b);
    for (int i = 0; i < 20; i++) {
        some[i].order = &order;
        ask(&b, &some[i]);
    }
    rl_pool_release(b.pool, backend);
    for (int i = 0; i < 20; i++) {
        turn_until_set(b.loop, &some[i].answered);
        assert_int_equal(some[i].number, i + 1);
        /* who comes now stands behind all who wait */
        borrower late = {.order = NULL};
        if (i < 19) {
            ask(&b, &late);
            assert_false(late.answered);
            rl_acquire_forget(&late.acquire);
        }
        rl_pool_release(b.pool, some[i].backend);
    }
    close_bench(&b);
}

static void ends_a_wait_at_its_timeout(void **state) {
    (void)state;
    rl_pool_options options = options_of(1);
    options.acquire_timeout_ms = 20;
    bench b = open_bench(&options);
    rl_backend *backend = borrow(&b);
    borrower late = {.order = NULL};
    ask(&b, &late);
    turn_until_set(b.loop, &late.answered);
    assert_int_equal(late.err, RL_ETIMEOUT);
    assert_int_equal(rl_pool_stats_of(b.pool).timeouts, 1);
    rl_pool_release(b.pool, backend);
    rl_pool_release(b.pool, borrow(&b));
    close_bench(&b);
}

static void refuses_a_queue_that_is_too_long(void **state) {
    (void)state;
    rl_pool_options options = options_of(1);
    options.max_waiters = 2;
    bench b = open_bench(&options);
    rl_backend *backend = borrow(&b), *none;
    borrower some[3] = {{.order = NULL}};
    ask(&b, &some[0]);
    ask(&b, &some[1]);
    assert_int_equal(rl_pool_acquire(b.pool, &some[2].acquire, &none), RL_EFULL);
    rl_acquire_forget(&some[0].acquire);
    ask(&b, &some[2]);
    rl_pool_release(b.pool, backend);
    turn_until_set(b.loop, &some[1].answered);
    rl_pool_release(b.pool, some[1].backend);
    turn_until_set(b.loop, &some[2].answered);
    rl_pool_release(b.pool, some[2].backend);
    assert_false(some[0].answered);
    close_bench(&b);
}

static void rolls_back_what_was_left_open(void **state) {
    (void)state;
    rl_pool_options options = options_of(1);
    bench b = open_bench(&options);
    char count[16];
    assert_int_equal(cluster_run(&server, "create table if not exists left_open (a int)", NULL, 0), 0);
    rl_backend *backend = borrow(&b);
    run(&b, backend, "begin", NULL, 0);
    run(&b, backend, "insert into left_open values (1)", NULL, 0);
    rl_pool_release(b.pool, backend);
    backend = borrow(&b);
    assert_int_equal(rl_backend_tx_state(backend), RL_TX_NONE);
    run(&b, backend, "select count(*) from left_open", count, sizeof count);
    assert_string_equal(count, "0");
    rl_pool_release(b.pool, backend);
    assert_int_equal(rl_pool_stats_of(b.pool).connects, 1);
    close_bench(&b);
}

static void cancels_what_runs_on_return(void **state) {
    (void)state;
    rl_pool_options options = options_of(1);
    bench b = open_bench(&options);
    statement one;
    rl_backend *backend = borrow(&b);
    start(backend, &one, "select pg_sleep(60)");
    rl_pool_release(b.pool, backend);
    backend = borrow(&b);
    assert_true(one.done);
    assert_string_equal(one.query.failure.sqlstate, "57014");
    rl_query_clear(&one.query);
    rl_pool_release(b.pool, backend);
    close_bench(&b);
}

static void wipes_the_traces_of_a_session(void **state) {
    (void)state;
    rl_pool_options options = options_of(1);
    bench b = open_bench(&options);
    char text[64];
    rl_backend *backend = borrow(&b);
    run(&b, backend, "set timezone = 'Asia/Tokyo'", NULL, 0);
    run(&b, backend, "select set_config('search_path', 'pg_temp', false)", NULL, 0);
    run(&b, backend, "create temp table mine (a int)", NULL, 0);
    run(&b, backend, "select pg_advisory_lock(7)", NULL, 0);
    run(&b, backend, "listen news", NULL, 0);
    run(&b, backend, "declare c cursor with hold for select 1", NULL, 0);
    run(&b, backend, "select 41 + 1", NULL, 0);
    rl_pool_release(b.pool, backend);
    backend = borrow(&b);
    run(&b, backend, "show timezone", text, sizeof text);
    assert_string_equal(text, "UTC");
    run(&b, backend, "show search_path", text, sizeof text);
    assert_string_equal(text, "\"$user\", public");
    run(&b, backend, "select count(*) from pg_class where relname = 'mine'", text, sizeof text);
    assert_string_equal(text, "0");
    run(&b, backend, "select count(*) from pg_locks where locktype = 'advisory'", text, sizeof text);
    assert_string_equal(text, "0");
    run(&b, backend, "select count(*) from pg_listening_channels()", text, sizeof text);
    assert_string_equal(text, "0");
    run(&b, backend, "select count(*) from pg_cursors where name = 'c'", text, sizeof text);
    assert_string_equal(text, "0");
    run(&b, backend, "select count(*) from pg_prepared_statements where statement = 'select 41 + 1'", text,
        sizeof text);
    assert_string_equal(text, "1");
    rl_pool_release(b.pool, backend);
    assert_true(rl_pool_stats_of(b.pool).resets >= 1);
    close_bench(&b);
}

static void does_not_reset_after_plain_statements(void **state) {
    (void)state;
    rl_pool_options options = options_of(1);
    bench b = open_bench(&options);
    for (int i = 0; i < 3; i++) {
        rl_backend *backend = borrow(&b);
        run(&b, backend, "select count(*) from pg_class", NULL, 0);
        rl_pool_release(b.pool, backend);
    }
    assert_int_equal(rl_pool_stats_of(b.pool).resets, 0);
    close_bench(&b);
}

static bool is_idle_empty(void *arg) {
    bench *b = arg;
    return rl_pool_stats_of(b->pool).idle == 0;
}

static void drops_an_idle_connection_that_died(void **state) {
    (void)state;
    rl_pool_options options = options_of(2);
    bench b = open_bench(&options);
    char pid[16], sql[64];
    rl_backend *backend = borrow(&b);
    run(&b, backend, "select pg_backend_pid()", pid, sizeof pid);
    rl_pool_release(b.pool, backend);
    snprintf(sql, sizeof sql, "select pg_terminate_backend(%s)", pid);
    while (rl_pool_stats_of(b.pool).idle == 0)
        rl_loop_turn(b.loop, true);
    assert_int_equal(cluster_run(&server, sql, NULL, 0), 0);
    turn_until(b.loop, is_idle_empty, &b);
    assert_int_equal(rl_pool_stats_of(b.pool).lost, 1);
    rl_pool_release(b.pool, borrow(&b));
    close_bench(&b);
}

static void closes_what_is_idle_or_old(void **state) {
    (void)state;
    rl_pool_options options = options_of(2);
    options.idle_timeout_ms = 10;
    bench b = open_bench(&options);
    rl_pool_release(b.pool, borrow(&b));
    turn_until(b.loop, is_idle_empty, &b);
    close_bench(&b);
    options.idle_timeout_ms = 0;
    options.max_lifetime_ms = 1;
    b = open_bench(&options);
    rl_backend *backend = borrow(&b);
    run(&b, backend, "select pg_sleep(0.01)", NULL, 0);
    rl_pool_release(b.pool, backend);
    rl_backend *next = borrow(&b);
    assert_int_equal(rl_pool_stats_of(b.pool).connects, 2);
    rl_pool_release(b.pool, next);
    close_bench(&b);
}

static void says_why_it_cannot_connect_and_tries_on(void **state) {
    (void)state;
    rl_pool_options options = options_of(2);
    options.url = "postgres://127.0.0.1:1/none";
    options.acquire_timeout_ms = 700;
    bench b = open_bench(&options);
    borrower one = {.order = NULL};
    ask(&b, &one);
    turn_until_set(b.loop, &one.answered);
    assert_int_equal(one.err, RL_ETIMEOUT);
    assert_non_null(strstr(rl_pool_connect_error(b.pool), "refused"));
    /* 20, 40, 80, ... up to 500 ms: several tries in 700 ms, and no busy loop */
    assert_in_range(rl_pool_stats_of(b.pool).connect_failures, 3, 20);
    close_bench(&b);
}

static void closes_with_waiters_and_borrowers(void **state) {
    (void)state;
    rl_pool_options options = options_of(1);
    bench b = open_bench(&options);
    statement one;
    rl_backend *backend = borrow(&b);
    borrower waiter = {.order = NULL};
    ask(&b, &waiter);
    start(backend, &one, "select pg_sleep(60)");
    rl_pool_close(b.pool);
    assert_true(waiter.answered);
    assert_int_equal(waiter.err, RL_ECLOSED);
    assert_true(one.done);
    assert_int_equal(one.query.failure.err, RL_ECLOSED);
    rl_query_clear(&one.query);
    rl_pool_release(b.pool, backend); /* and with it the pool's memory */
    rl_loop_free(b.loop);
}

static void closes_while_it_connects(void **state) {
    (void)state;
    rl_pool_options options = options_of(2);
    bench b = open_bench(&options);
    borrower one = {.order = NULL};
    ask(&b, &one);
    rl_loop_turn(b.loop, false);
    close_bench(&b);
    assert_true(one.answered);
}

static rl_loop *shared_loop;

static void borrow_twice(void) {
    rl_pool_options options = options_of(2);
    options.acquire_timeout_ms = 5;
    bench b = {.loop = shared_loop};
    if (rl_pool_open(b.loop, &options, &b.pool) != RL_OK)
        return;
    for (int i = 0; i < 2; i++) {
        borrower one = {.order = NULL};
        ask(&b, &one);
        turn_until_set(b.loop, &one.answered);
        if (one.backend != NULL)
            rl_pool_release(b.pool, one.backend);
    }
    rl_pool_close(b.pool);
    rl_loop_turn(b.loop, false); /* the poll's memory goes one turn later */
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    assert_int_equal(rl_loop_new(&shared_loop), RL_OK);
    each_allocation_fails(borrow_twice);
    rl_loop_free(shared_loop);
}

static int set_up(void **state) {
    (void)state;
    return cluster_start(&server);
}

static int tear_down(void **state) {
    (void)state;
    cluster_stop(&server);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        /* first: later ones leave threads behind that free their job some time */
        cmocka_unit_test(survives_each_refused_allocation),
        cmocka_unit_test(lends_the_same_connection_again),
        cmocka_unit_test(never_opens_more_than_its_budget),
        cmocka_unit_test(serves_waiters_in_the_order_of_arrival),
        cmocka_unit_test(ends_a_wait_at_its_timeout),
        cmocka_unit_test(refuses_a_queue_that_is_too_long),
        cmocka_unit_test(rolls_back_what_was_left_open),
        cmocka_unit_test(cancels_what_runs_on_return),
        cmocka_unit_test(wipes_the_traces_of_a_session),
        cmocka_unit_test(does_not_reset_after_plain_statements),
        cmocka_unit_test(drops_an_idle_connection_that_died),
        cmocka_unit_test(closes_what_is_idle_or_old),
        cmocka_unit_test(says_why_it_cannot_connect_and_tries_on),
        cmocka_unit_test(closes_with_waiters_and_borrowers),
        cmocka_unit_test(closes_while_it_connects),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
