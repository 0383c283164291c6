#include "pg/pool.h"

#include "base/log.h"
#include "base/mem.h"
#include "loop/clock.h"
#include "loop/scope.h"
#include "mem.h"
#include "pg/borrower.h"
#include "pg/cluster.h"

static rl_pool_options options_of(uint32_t max) {
    rl_pool_options options = rl_pool_defaults();
    options.url = server.url;
    options.exclusive = max;
    options.min_idle = 0;
    return options;
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
    rl_budget_stats now = rl_pool_stats_of(b.pool);
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
    rl_loop_freeze(b.loop, RL_FREEZE_JUMPS); /* connecting takes no time then */
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

/* What a log file holds, once the log was closed. */
typedef struct logged {
    FILE *file;
    rl_log *log;
    char text[4096];
} logged;

static void open_logged(logged *to) {
    to->file = tmpfile();
    assert_non_null(to->file);
    assert_int_equal(rl_log_open(fileno(to->file), RL_LOG_READABLE, RL_LOG_DEBUG, &to->log), RL_OK);
}

static const char *read_logged(logged *from) {
    rl_log_close(from->log);
    rewind(from->file);
    from->text[fread(from->text, 1, sizeof from->text - 1, from->file)] = '\0';
    fclose(from->file);
    return from->text;
}

static void leave_open(bench *b, bool holds, char *count, size_t cap) {
    assert_int_equal(cluster_run(&server, "create table if not exists left_open (a int)", NULL, 0), 0);
    rl_backend *backend = borrow_as(b, holds, "app.lua:12");
    run(b, backend, "begin", NULL, 0);
    run(b, backend, "insert into left_open values (1)", NULL, 0);
    rl_pool_release(b->pool, backend);
    backend = borrow(b);
    assert_int_equal(rl_backend_tx_state(backend), RL_TX_NONE);
    run(b, backend, "select count(*) from left_open", count, cap);
    rl_pool_release(b->pool, backend);
}

static void rolls_back_a_transaction_that_was_given_up(void **state) {
    (void)state;
    rl_pool_options options = options_of(1);
    bench b = open_bench(&options);
    char count[16];
    leave_open(&b, true, count, sizeof count);
    assert_string_equal(count, "0");
    assert_int_equal(rl_pool_stats_of(b.pool).connects, 1);
    close_bench(&b);
}

static void closes_and_reports_what_a_statement_left_open(void **state) {
    (void)state;
    rl_pool_options options = options_of(1);
    logged to;
    open_logged(&to);
    options.log = to.log;
    bench b = open_bench(&options);
    char count[16];
    leave_open(&b, false, count, sizeof count);
    assert_string_equal(count, "0");
    assert_int_equal(rl_pool_stats_of(b.pool).connects, 2);
    close_bench(&b);
    const char *text = read_logged(&to);
    assert_non_null(strstr(text, "left a transaction open"));
    assert_non_null(strstr(text, "app.lua:12"));
}

static void reports_a_long_loan_once(void **state) {
    (void)state;
    rl_pool_options options = options_of(1);
    logged to;
    open_logged(&to);
    options.log = to.log;
    options.leak_after_ms = 5;
    bench b = open_bench(&options);
    rl_backend *backend = borrow_as(&b, true, "app.lua:34");
    run(&b, backend, "select pg_sleep(0.05)", NULL, 0);
    assert_int_equal(rl_pool_stats_of(b.pool).leaked, 1);
    rl_pool_release(b.pool, backend);
    close_bench(&b);
    const char *text = read_logged(&to), *at = strstr(text, "has been held for");
    assert_non_null(at);
    assert_non_null(strstr(at, ", since app.lua:34"));
    assert_null(strstr(at + 1, "has been held for"));
}

static void refuses_a_second_one_to_who_holds_one(void **state) {
    (void)state;
    rl_pool_options options = options_of(2);
    bench b = open_bench(&options);
    rl_scope scope, other;
    rl_scope_init(&scope, b.loop, NULL, NULL);
    rl_scope_init(&other, b.loop, NULL, NULL);
    borrower first = {
        .acquire = {.granted = on_granted, .scope = &scope, .holds = true, .where = "app.lua:1"}};
    assert_int_equal(rl_pool_acquire(b.pool, &first.acquire, &first.backend), RL_OK);
    turn_until_set(b.loop, &first.answered);
    borrower second = {.acquire = {.granted = on_granted, .scope = &scope}};
    assert_int_equal(rl_pool_acquire(b.pool, &second.acquire, &second.backend), RL_EEXIST);
    assert_string_equal(rl_pool_held_since(b.pool, &scope), "app.lua:1");
    assert_null(rl_pool_held_since(b.pool, &other));
    second = (borrower){.acquire = {.granted = on_granted, .scope = &other}};
    assert_int_equal(rl_pool_acquire(b.pool, &second.acquire, &second.backend), RL_OK);
    turn_until_set(b.loop, &second.answered);
    rl_pool_release(b.pool, first.backend);
    rl_pool_release(b.pool, second.backend);
    rl_scope_end(&scope);
    rl_scope_end(&other);
    close_bench(&b);
}

static void cancels_what_runs_on_return(void **state) {
    (void)state;
    rl_pool_options options = options_of(1);
    bench b = open_bench(&options);
    statement one;
    rl_backend *backend = borrow(&b);
    start(backend, &one, "select pg_sleep(60)");
    assert_int_equal(cluster_await_sleep(&server), 0);
    rl_pool_release(b.pool, backend);
    backend = borrow(&b);
    assert_true(one.done);
    assert_string_equal(one.query.failure.sqlstate, "57014");
    rl_query_clear(&one.query);
    rl_pool_release(b.pool, backend);
    close_bench(&b);
}

/* PQcancel stops whatever runs when it gets there: in half of all tries that was the next one. */
static void lets_no_late_cancel_reach_the_next_statement(void **state) {
    (void)state;
    rl_pool_options options = options_of(1);
    bench b = open_bench(&options);
    for (int round = 0; round < 100; round++) {
        statement one;
        char sql[64];
        rl_backend *backend = borrow(&b);
        snprintf(sql, sizeof sql, "select pg_sleep(%d * 0.0002)", round % 10);
        start(backend, &one, sql);
        rl_pool_release(b.pool, backend);
        backend = borrow(&b);
        assert_true(one.done);
        rl_query_clear(&one.query);
        run(&b, backend, "select pg_sleep(0.002)", NULL, 0);
        rl_pool_release(b.pool, backend);
    }
    assert_int_equal(rl_pool_stats_of(b.pool).connects, 1);
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
    run(&b, backend, "create temp sequence numbers", NULL, 0);
    run(&b, backend, "select nextval('numbers')", NULL, 0);
    run(&b, backend, "select pg_advisory_lock(7)", NULL, 0);
    run(&b, backend, "listen news", NULL, 0);
    run(&b, backend, "declare c cursor with hold for select 1", NULL, 0);
    run(&b, backend, "select 41 + 1", NULL, 0);
    run(&b, backend, "set session authorization pg_monitor", NULL, 0);
    rl_pool_release(b.pool, backend);
    backend = borrow(&b);
    run(&b, backend, "show timezone", text, sizeof text);
    assert_string_equal(text, "UTC");
    run(&b, backend, "show search_path", text, sizeof text);
    assert_string_equal(text, "\"$user\", public");
    run(&b, backend, "select current_user", text, sizeof text);
    assert_string_equal(text, "rille");
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
    statement last;
    start(backend, &last, "select lastval()");
    turn_until_set(b.loop, &last.done);
    assert_string_equal(last.query.failure.sqlstate, "55000");
    rl_query_clear(&last.query);
    rl_pool_release(b.pool, backend);
    assert_true(rl_pool_stats_of(b.pool).resets >= 1);
    close_bench(&b);
}

static void wipes_what_a_trigger_left_behind_a_plain_statement(void **state) {
    (void)state;
    rl_pool_options options = options_of(1);
    bench b = open_bench(&options);
    char text[64];
    const char *sql = "create table marked (a int);"
                      "create function mark() returns trigger language plpgsql as "
                      "$$ begin set timezone = 'Asia/Tokyo'; return new; end $$;"
                      "create trigger mark before insert on marked for each row execute function mark()";
    assert_int_equal(cluster_run(&server, sql, NULL, 0), 0);
    rl_backend *backend = borrow(&b);
    run(&b, backend, "insert into marked values (1)", NULL, 0);
    rl_pool_release(b.pool, backend);
    backend = borrow(&b);
    run(&b, backend, "select current_setting('timezone')", text, sizeof text);
    assert_string_equal(text, "UTC");
    rl_pool_release(b.pool, backend);
    assert_int_equal(rl_pool_stats_of(b.pool).resets, 1);
    assert_int_equal(rl_pool_stats_of(b.pool).connects, 1);
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

static bool is_one_idle(void *arg) {
    bench *b = arg;
    return rl_pool_stats_of(b->pool).idle > 0;
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
    turn_until(b.loop, is_one_idle, &b);
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
    rl_loop_freeze(b.loop, RL_FREEZE_JUMPS);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        /* first: later ones leave threads behind that free their job some time */
        cmocka_unit_test(survives_each_refused_allocation),
        cmocka_unit_test(lends_the_same_connection_again),
        cmocka_unit_test(never_opens_more_than_its_budget),
        cmocka_unit_test(serves_waiters_in_the_order_of_arrival),
        cmocka_unit_test(ends_a_wait_at_its_timeout),
        cmocka_unit_test(refuses_a_queue_that_is_too_long),
        cmocka_unit_test(rolls_back_a_transaction_that_was_given_up),
        cmocka_unit_test(closes_and_reports_what_a_statement_left_open),
        cmocka_unit_test(reports_a_long_loan_once),
        cmocka_unit_test(refuses_a_second_one_to_who_holds_one),
        cmocka_unit_test(cancels_what_runs_on_return),
        cmocka_unit_test(lets_no_late_cancel_reach_the_next_statement),
        cmocka_unit_test(wipes_the_traces_of_a_session),
        cmocka_unit_test(wipes_what_a_trigger_left_behind_a_plain_statement),
        cmocka_unit_test(does_not_reset_after_plain_statements),
        cmocka_unit_test(drops_an_idle_connection_that_died),
        cmocka_unit_test(closes_what_is_idle_or_old),
        cmocka_unit_test(says_why_it_cannot_connect_and_tries_on),
        cmocka_unit_test(closes_with_waiters_and_borrowers),
        cmocka_unit_test(closes_while_it_connects),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
