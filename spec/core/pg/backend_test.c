#include "pg/backend.h"

#include <signal.h>

#include "base/mem.h"
#include "loop/clock.h"
#include "mem.h"
#include "pg/backend_state.h"
#include "pg/cluster.h"
#include "pg/turn.h"

/* One backend on its own loop, and the statement that it runs. */
typedef struct bench {
    rl_loop *loop;
    rl_crew *canceller;
    rl_backend *backend;
    bool quiet, lost;
    rl_query query;
    bool done;
} bench;

static void on_quiet(void *owner) {
    ((bench *)owner)->quiet = true;
}

static void on_lost(void *owner) {
    ((bench *)owner)->lost = true;
}

static void on_done(rl_query *query) {
    RL_CONTAINER(query, bench, query)->done = true;
}

static const rl_backend_events events = {.quiet = on_quiet, .lost = on_lost};

static void open_bench_at(bench *b, const char *url, uint32_t max_statements) {
    *b = (bench){.done = false};
    assert_int_equal(rl_loop_new(&b->loop), RL_OK);
    assert_int_equal(rl_canceller_new(b->loop, &b->canceller), RL_OK);
    PGconn *pg = PQconnectdb(url);
    assert_int_equal(PQstatus(pg), CONNECTION_OK);
    rl_backend_options options = {
        .max_statements = max_statements, .cancel_grace_ms = 2000, .canceller = b->canceller};
    assert_int_equal(rl_backend_open_take(b->loop, pg, &options, &events, b, &b->backend), RL_OK);
    rl_query_init(&b->query, on_done);
}

static void open_bench(bench *b, uint32_t max_statements) {
    open_bench_at(b, server.url, max_statements);
}

static void close_bench(bench *b) {
    rl_query_clear(&b->query);
    rl_backend_close(b->backend);
    rl_crew_close(b->canceller);
    rl_loop_free(b->loop);
}

static void set(bench *b, const char *sql) {
    rl_query_clear(&b->query);
    rl_query_init(&b->query, on_done);
    assert_int_equal(rl_query_set_sql(&b->query, rl_slice_str(sql)), RL_OK);
}

static void add(bench *b, rl_param_kind kind, const char *value, size_t len) {
    assert_int_equal(rl_query_add(&b->query, kind, rl_slice_of(value, len)), RL_OK);
}

static void start(bench *b) {
    b->done = b->quiet = false;
    assert_int_equal(rl_backend_run(b->backend, &b->query), RL_OK);
}

static void finish(bench *b) {
    turn_until_set(b->loop, &b->done);
    if (!b->lost)
        turn_until_set(b->loop, &b->quiet);
}

static void go(bench *b) {
    start(b);
    finish(b);
}

static void run(bench *b, const char *sql) {
    set(b, sql);
    go(b);
}

static const char *cell(bench *b, uint32_t column) {
    rl_slice text;
    assert_int_equal(b->query.failure.err, RL_OK);
    return rl_result_cell(b->query.result, 0, column, &text) ? text.ptr : NULL;
}

static void expect(bench *b, const char *sql, const char *value) {
    run(b, sql);
    if (b->query.failure.err != RL_OK)
        fail_msg("%s: %s", sql, b->query.failure.message);
    assert_string_equal(cell(b, 0), value);
}

static void expect_failure(bench *b, const char *sqlstate) {
    assert_int_not_equal(b->query.failure.err, RL_OK);
    assert_string_equal(b->query.failure.sqlstate, sqlstate);
}

static void carries_values_both_ways(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    set(&b, "select $1::int8, $2::text, $3::bool, $4::numeric, $5::int[], $6::text, $7::jsonb");
    add(&b, RL_PARAM_TEXT, "9007199254740993", 16);
    add(&b, RL_PARAM_STRING, "it's \\ \xc3\xa9 $1", 12);
    add(&b, RL_PARAM_TEXT, "t", 1);
    add(&b, RL_PARAM_TEXT, "0.1000", 6);
    add(&b, RL_PARAM_TEXT, "{1,NULL,3}", 10);
    add(&b, RL_PARAM_NULL, NULL, 0);
    add(&b, RL_PARAM_TEXT, "{\"a\": 1}", 8);
    for (int round = 0; round < 2; round++) {
        go(&b);
        assert_string_equal(cell(&b, 0), "9007199254740993");
        assert_string_equal(cell(&b, 1), "it's \\ \xc3\xa9 $1");
        assert_string_equal(cell(&b, 2), "t");
        assert_string_equal(cell(&b, 3), "0.1000");
        assert_string_equal(cell(&b, 4), "{1,NULL,3}");
        assert_null(cell(&b, 5));
        assert_string_equal(cell(&b, 6), "{\"a\": 1}");
        assert_int_equal(rl_result_oid(b.query.result, 0), RL_OID_INT8);
        assert_int_equal(rl_oid_element(rl_result_oid(b.query.result, 4)), RL_OID_INT4);
    }
    close_bench(&b);
}

static void sends_bytes_where_the_statement_wants_bytes(void **state) {
    (void)state;
    bench b;
    static const char bytes[] = "\0\\x41\xff'";
    open_bench(&b, 8);
    for (int round = 0; round < 2; round++) {
        set(&b, "select encode($1::bytea, 'hex')");
        add(&b, RL_PARAM_STRING, bytes, sizeof bytes - 1);
        go(&b);
        assert_string_equal(cell(&b, 0), "005c783431ff27");
        set(&b, "select encode($1, 'hex')");
        add(&b, RL_PARAM_BYTES, bytes, sizeof bytes - 1);
        go(&b);
        assert_string_equal(cell(&b, 0), "005c783431ff27");
    }
    close_bench(&b);
}

static void refuses_nul_in_a_text(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    for (int round = 0; round < 3; round++) {
        set(&b, "select $1::text");
        add(&b, RL_PARAM_STRING, "a\0b", 3);
        b.done = b.quiet = false;
        if (rl_backend_run(b.backend, &b.query) == RL_OK)
            finish(&b);
        expect_failure(&b, "22021");
        assert_non_null(strstr(b.query.failure.message, "$1"));
        expect(&b, "select 1", "1");
    }
    close_bench(&b);
}

static void prepares_once_and_closes_what_is_evicted(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 3);
    expect(&b, "select 1 as a", "1");
    expect(&b, "select 1 as a", "1");
    expect(&b, "select 2 as b", "2");
    expect(&b, "select count(*) from pg_prepared_statements", "3");
    for (int i = 0; i < 20; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "select %d as n", i);
        run(&b, sql);
        assert_int_equal(b.query.failure.err, RL_OK);
    }
    expect(&b, "select count(*) from pg_prepared_statements", "3");
    expect(&b, "select 2 as b", "2");
    close_bench(&b);
}

static void does_not_keep_a_statement_that_could_not_be_prepared(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    for (int round = 0; round < 2; round++) {
        run(&b, "select absent from nowhere");
        expect_failure(&b, "42P01");
    }
    run(&b, "select 1; select 2");
    expect_failure(&b, "42601");
    run(&b, "select 1/0");
    expect_failure(&b, "22012");
    run(&b, "select 1/0");
    expect_failure(&b, "22012");
    expect(&b,
           "select count(*) from pg_prepared_statements where statement like '%1/0%' and statement not like "
           "'%pg_%'",
           "1");
    close_bench(&b);
}

static void maps_the_servers_error(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    run(&b, "create temp table person (id int constraint person_key primary key)");
    run(&b, "insert into person values (1)");
    run(&b, "insert into person values (1)");
    expect_failure(&b, "23505");
    rl_server_error *server_error = b.query.failure.server;
    assert_string_equal(rl_server_error_field(server_error, RL_FIELD_CONSTRAINT), "person_key");
    assert_string_equal(rl_server_error_field(server_error, RL_FIELD_TABLE), "person");
    assert_non_null(strstr(rl_server_error_field(server_error, RL_FIELD_DETAIL), "already exists"));
    assert_true(b.query.failure.sent);
    run(&b, "select * frm person");
    assert_string_equal(rl_server_error_field(b.query.failure.server, RL_FIELD_POSITION), "10");
    close_bench(&b);
}

static void hears_of_a_deferred_constraint(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    run(&b, "create temp table a (id int primary key)");
    run(&b, "create temp table b (a int references a deferrable initially deferred)");
    run(&b, "insert into b values (1)");
    expect_failure(&b, "23503");
    run(&b, "insert into b values (1)");
    expect_failure(&b, "23503");
    expect(&b, "select count(*) from b", "0");
    close_bench(&b);
}

/* The server had said COMMAND_OK to it, and then undid it. */
static void runs_again_what_was_undone_by_one_under_its_sync(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    run(&b, "create temp table undone (n int)");
    set(&b, "insert into undone values (7)");
    b.query.shares = true;
    start(&b);
    bench other = {.done = false};
    rl_query_init(&other.query, on_done);
    set(&other, "select 1/0");
    other.query.shares = true;
    assert_int_equal(rl_backend_run(b.backend, &other.query), RL_OK);
    rl_backend_sync(b.backend);
    finish(&b);
    assert_int_equal(b.query.failure.err, RL_OK);
    expect_failure(&other, "22012");
    rl_query_clear(&other.query);
    expect(&b, "select count(*) from undone", "1");
    close_bench(&b);
}

static void prepares_anew_after_the_table_changed(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    run(&b, "create temp table t as select 1 as a");
    expect(&b, "select * from t", "1");
    run(&b, "alter table t add column b int default 7");
    expect(&b, "select * from t", "1");
    assert_int_equal(rl_result_columns(b.query.result), 2);
    run(&b, "deallocate all");
    expect(&b, "select * from t", "1");
    run(&b, "begin");
    run(&b, "alter table t add column c int");
    run(&b, "select * from t");
    expect_failure(&b, "0A000");
    run(&b, "rollback");
    expect(&b, "select * from t", "1");
    close_bench(&b);
}

static void knows_transaction_and_traces(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    run(&b, "begin");
    assert_int_equal(rl_backend_tx_state(b.backend), RL_TX_OPEN);
    run(&b, "select 1/0");
    assert_int_equal(rl_backend_tx_state(b.backend), RL_TX_FAILED);
    run(&b, "rollback");
    assert_int_equal(rl_backend_tx_state(b.backend), RL_TX_NONE);
    assert_false(rl_backend_is_dirty(b.backend));
    run(&b, "select set_config('rille.a', '1', false)");
    assert_true(rl_backend_is_dirty(b.backend));
    close_bench(&b);
}

static void runs_a_script(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    set(&b, "create temp table s (a int); insert into s values (1), (2); select count(*) from s;");
    b.query.script = true;
    go(&b);
    assert_string_equal(cell(&b, 0), "2");
    set(&b, "insert into s values (3); selec; insert into s values (4)");
    b.query.script = true;
    go(&b);
    expect_failure(&b, "42601");
    expect(&b, "select count(*) from s", "2");
    close_bench(&b);
}

static void refuses_copy_and_gives_the_connection_up(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    run(&b, "copy (select 1) to stdout");
    expect_failure(&b, "0A000");
    turn_until_set(b.loop, &b.lost);
    close_bench(&b);
}

static void terminate(bench *b, const char *pid) {
    char sql[96];
    snprintf(sql, sizeof sql, "select pg_terminate_backend(%s)", pid);
    (void)b;
    assert_int_equal(cluster_run(&server, sql, NULL, 0), 0);
}

static void notices_that_an_idle_connection_died(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    run(&b, "select pg_backend_pid()");
    terminate(&b, cell(&b, 0));
    turn_until_set(b.loop, &b.lost);
    set(&b, "select 1");
    assert_int_equal(rl_backend_run(b.backend, &b.query), RL_ERESET);
    expect_failure(&b, "08006");
    assert_false(b.query.failure.sent);
    close_bench(&b);
}

static void fails_what_runs_when_the_server_process_ends(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    run(&b, "select pg_backend_pid()");
    char pid[16];
    snprintf(pid, sizeof pid, "%s", cell(&b, 0));
    set(&b, "select pg_sleep(60)");
    start(&b);
    terminate(&b, pid);
    finish(&b);
    expect_failure(&b, "57P01");
    assert_true(b.query.failure.sent);
    turn_until_set(b.loop, &b.lost);
    close_bench(&b);
}

static void cancels_what_runs(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    for (int round = 0; round < 20; round++) {
        set(&b, "select pg_sleep(60)");
        start(&b);
        assert_int_equal(cluster_await_sleep(&server), 0);
        rl_backend_cancel(b.backend);
        finish(&b);
        expect_failure(&b, "57014");
        assert_true(rl_backend_is_quiet(b.backend));
        expect(&b, "select pg_sleep(0.002), 5", "");
        assert_string_equal(cell(&b, 1), "5");
    }
    close_bench(&b);
}

static bool is_told(void *arg) {
    return ((bench *)arg)->backend->cancel == NULL;
}

/* A stopped server process finds the cancel first when it goes on, has nothing to
 * cancel, and then reads the statement. */
static void cancels_again_what_a_cancel_overtook(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    expect(&b, "select 1", "1");
    int pid = PQbackendPID(b.backend->pg);
    b.backend->options.cancel_grace_ms = TURN_PATIENCE_MS;
    assert_int_equal(kill(pid, SIGSTOP), 0);
    set(&b, "select pg_sleep(60)");
    start(&b);
    rl_backend_cancel(b.backend);
    turn_until(b.loop, is_told, &b);
    assert_int_equal(kill(pid, SIGCONT), 0);
    finish(&b);
    expect_failure(&b, "57014");
    expect(&b, "select 2", "2");
    assert_int_equal(PQbackendPID(b.backend->pg), pid);
    close_bench(&b);
}

static void ends_a_query_at_its_timeout(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    rl_loop_freeze(b.loop, RL_FREEZE_STANDS);
    set(&b, "select pg_sleep(60)");
    b.query.timeout_ms = 20;
    start(&b);
    rl_loop_advance(b.loop, 19);
    assert_int_equal(cluster_await_sleep(&server), 0);
    rl_loop_advance(b.loop, 1);
    finish(&b);
    expect_failure(&b, "57014");
    expect(&b, "select 1", "1");
    close_bench(&b);
}

static void gives_up_a_server_that_does_not_answer(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    rl_backend_close(b.backend);
    PGconn *pg = PQconnectdb(server.url);
    int stopped = PQbackendPID(pg);
    rl_backend_options options = {.max_statements = 8, .cancel_grace_ms = 30, .canceller = b.canceller};
    assert_int_equal(rl_backend_open_take(b.loop, pg, &options, &events, &b, &b.backend), RL_OK);
    assert_int_equal(kill(stopped, SIGSTOP), 0);
    set(&b, "select 1");
    b.query.timeout_ms = 20;
    start(&b);
    turn_until_set(b.loop, &b.lost);
    assert_true(b.done);
    assert_int_equal(b.query.failure.err, RL_ETIMEOUT);
    assert_true(b.query.failure.sent);
    assert_non_null(strstr(b.query.failure.message, "outcome unknown"));
    assert_int_equal(kill(stopped, SIGCONT), 0);
    close_bench(&b);
}

/* libpq 15 sends its cancel in clear, key and all, also beside a connection that is encrypted. */
static void closes_rather_than_cancel_in_clear_beside_tls(void **state) {
    (void)state;
    bench b;
    char url[300];
    uint16_t port = cluster_begin_tls(&server);
    snprintf(url, sizeof url, "host=127.0.0.1 port=%u user=rille dbname=postgres sslmode=require", port);
    open_bench_at(&b, url, 8);
    assert_int_equal(PQsslInUse(b.backend->pg), 1);
    set(&b, "select pg_sleep(60)");
    start(&b);
    rl_backend_cancel(b.backend);
    turn_until_set(b.loop, &b.lost);
    assert_true(b.done);
    assert_int_equal(b.query.failure.err, RL_ETIMEOUT);
    close_bench(&b);
}

static void carries_large_values(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    size_t len = 8 << 20;
    char *big = malloc(len);
    memset(big, 'x', len);
    set(&b, "select $1::text, length($1)");
    add(&b, RL_PARAM_STRING, big, len);
    go(&b);
    assert_string_equal(cell(&b, 1), "8388608");
    free(big);
    close_bench(&b);
}

/* The statement's own allocations: those of the loop and the cluster stay out. */
static bench *refused;

static void run_some(void) {
    static const char *const texts[] = {"select $1::text || 'a'", "select $1::text || 'b'"};
    for (int i = 0; i < 2; i++) {
        rl_query *query = &refused->query;
        rl_query_clear(query);
        rl_query_init(query, on_done);
        refused->done = refused->quiet = false;
        if (rl_query_set_sql(query, rl_slice_str(texts[i])) == RL_OK &&
            rl_query_add(query, RL_PARAM_STRING, RL_LIT("\xc3\xa9")) == RL_OK &&
            rl_backend_run(refused->backend, query) == RL_OK)
            turn_until_set(refused->loop, &refused->done);
        rl_query_clear(query);
        rl_query_init(query, on_done);
    }
}

/* The bound is far below what comes, and above what a socket holds at once. */
static void refuses_an_answer_that_is_too_large(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    b.backend->options.max_result = 1 << 20;
    run(&b, "select repeat('x', 1000) from generate_series(1, 900)");
    assert_int_equal(b.query.failure.err, RL_OK);
    assert_false(b.lost);

    run(&b, "select repeat('x', 1000) from generate_series(1, 1000000)");
    assert_string_equal(b.query.failure.sqlstate, "54000");
    assert_non_null(strstr(rl_failure_message(&b.query.failure), "db:each"));
    assert_false(b.query.failure.lost); /* or it would be tried again */
    assert_true(b.lost);
    close_bench(&b);
}

static void counts_rows_larger_than_libpqs_buffer(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    b.backend->options.max_result = 1 << 20;
    run(&b, "select repeat('x', 1000000) from generate_series(1, 1000)");
    assert_string_equal(b.query.failure.sqlstate, "54000");
    close_bench(&b);
}

static void counts_each_answer_by_itself(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 8);
    b.backend->options.max_result = 1 << 20;
    for (int i = 0; i < 5; i++) {
        run(&b, "select repeat('x', 1000) from generate_series(1, 900)");
        assert_int_equal(b.query.failure.err, RL_OK);
    }
    close_bench(&b);
}

static void run_on_a_fresh_backend(void) {
    bench b = {.loop = refused->loop, .canceller = refused->canceller};
    bench *outer = refused;
    rl_backend_options options = {.max_statements = 1, .cancel_grace_ms = 2000, .canceller = b.canceller};
    PGconn *pg = PQconnectdb(server.url);
    if (rl_backend_open_take(b.loop, pg, &options, &events, &b, &b.backend) != RL_OK)
        return;
    rl_query_init(&b.query, on_done);
    refused = &b;
    run_some();
    rl_query_clear(&b.query);
    rl_backend_close(b.backend);
    /* the poll's memory goes with its close, one turn later */
    rl_loop_turn(b.loop, false);
    refused = outer;
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    bench b;
    open_bench(&b, 1);
    refused = &b;
    each_allocation_fails(run_on_a_fresh_backend);
    close_bench(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_values_both_ways),
        cmocka_unit_test(sends_bytes_where_the_statement_wants_bytes),
        cmocka_unit_test(refuses_nul_in_a_text),
        cmocka_unit_test(prepares_once_and_closes_what_is_evicted),
        cmocka_unit_test(does_not_keep_a_statement_that_could_not_be_prepared),
        cmocka_unit_test(maps_the_servers_error),
        cmocka_unit_test(hears_of_a_deferred_constraint),
        cmocka_unit_test(runs_again_what_was_undone_by_one_under_its_sync),
        cmocka_unit_test(prepares_anew_after_the_table_changed),
        cmocka_unit_test(knows_transaction_and_traces),
        cmocka_unit_test(runs_a_script),
        cmocka_unit_test(refuses_copy_and_gives_the_connection_up),
        cmocka_unit_test(refuses_an_answer_that_is_too_large),
        cmocka_unit_test(counts_rows_larger_than_libpqs_buffer),
        cmocka_unit_test(counts_each_answer_by_itself),
        cmocka_unit_test(notices_that_an_idle_connection_died),
        cmocka_unit_test(fails_what_runs_when_the_server_process_ends),
        cmocka_unit_test(cancels_what_runs),
        cmocka_unit_test(cancels_again_what_a_cancel_overtook),
        cmocka_unit_test(ends_a_query_at_its_timeout),
        cmocka_unit_test(gives_up_a_server_that_does_not_answer),
        cmocka_unit_test(carries_large_values),
        cmocka_unit_test(survives_each_refused_allocation),
        cmocka_unit_test(closes_rather_than_cancel_in_clear_beside_tls), /* the server is another one from there on */
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
