#include "pg/transaction.h"

#include "pg/errands.h"

static void keeps_its_connection_through_a_transaction(void **state) {
    (void)state;
    rl_scope scope;
    char first[16], second[16];
    rl_scope_init(&scope, loop, NULL, NULL);
    control(&scope, RL_ERRAND_BEGIN, "begin");
    run(&scope, "select pg_backend_pid()", first, sizeof first);
    run(&scope, "select pg_backend_pid()", second, sizeof second);
    assert_string_equal(first, second);
    assert_non_null(rl_transaction_find(pool, &scope));
    control(&scope, RL_ERRAND_END, "commit");
    assert_null(rl_transaction_find(pool, &scope));
    turn_until(loop, is_nothing_in_use, NULL);
    assert_int_equal(rl_scope_end(&scope), 0);
}

static void rolls_back_when_the_scope_ends(void **state) {
    (void)state;
    rl_scope scope;
    assert_int_equal(cluster_run(&server, "create table if not exists undone (a int)", NULL, 0), 0);
    rl_scope_init(&scope, loop, NULL, NULL);
    control(&scope, RL_ERRAND_BEGIN, "begin");
    run(&scope, "insert into undone values (1)", NULL, 0);
    begin(&scope, RL_ERRAND_STATEMENT, "insert into undone select 2 from pg_sleep(60) /* undone */");
    turn_until_server(is_on_server, "%/* undone */%");
    rl_scope_end(&scope);
    turn_until(loop, is_all_idle, NULL);
    turn_until_server(is_gone_from_server, "%/* undone */%");
    rl_scope_init(&scope, loop, NULL, NULL);
    expect(&scope, "select count(*) from undone", "0");
    rl_scope_end(&scope);
}

static void lets_a_commit_finish_whose_scope_ended(void **state) {
    (void)state;
    rl_scope scope;
    assert_int_equal(cluster_run(&server, "create table if not exists kept (a int)", NULL, 0), 0);
    for (int i = 0; i < 20; i++) {
        rl_scope_init(&scope, loop, NULL, NULL);
        control(&scope, RL_ERRAND_BEGIN, "begin");
        run(&scope, "insert into kept values (1)", NULL, 0);
        begin(&scope, RL_ERRAND_END, "commit");
        rl_scope_end(&scope);
        turn_until(loop, is_all_idle, NULL);
    }
    rl_scope_init(&scope, loop, NULL, NULL);
    expect(&scope, "select count(*) from kept", "20");
    rl_scope_end(&scope);
}

static void takes_turns_with_tasks_born_inside(void **state) {
    (void)state;
    rl_scope scope, before, inside;
    char pid[16], other[16];
    rl_scope_init(&scope, loop, NULL, NULL);
    rl_scope_init(&before, loop, &scope, NULL);
    control(&scope, RL_ERRAND_BEGIN, "begin");
    rl_scope_init(&inside, loop, &scope, NULL);
    run(&scope, "select pg_backend_pid()", pid, sizeof pid);
    errand *some[10];
    for (int i = 0; i < 10; i++)
        some[i] = begin(i % 2 ? &scope : &inside, RL_ERRAND_STATEMENT, "select pg_backend_pid()");
    for (int i = 0; i < 10; i++) {
        assert_string_equal(finish(some[i], other, sizeof other), "");
        assert_string_equal(other, pid);
    }
    run(&before, "select pg_backend_pid()", other, sizeof other);
    assert_string_not_equal(other, pid);
    /* only the scope that opened it may end it */
    assert_string_equal(finish(begin(&inside, RL_ERRAND_END, "commit"), NULL, 0), "25P01");
    assert_string_equal(finish(begin(&inside, RL_ERRAND_BEGIN, "begin"), NULL, 0), "25001");
    control(&scope, RL_ERRAND_END, "rollback");
    rl_scope_end(&inside);
    rl_scope_end(&before);
    rl_scope_end(&scope);
}

static void is_ended_by_no_statement(void **state) {
    (void)state;
    rl_scope scope;
    rl_scope_init(&scope, loop, NULL, NULL);
    control(&scope, RL_ERRAND_BEGIN, "begin");
    assert_string_equal(finish(begin(&scope, RL_ERRAND_STATEMENT, "commit"), NULL, 0), "2D000");
    assert_string_equal(finish(begin(&scope, RL_ERRAND_STATEMENT, "rollback"), NULL, 0), "2D000");
    run(&scope, "savepoint a", NULL, 0);
    run(&scope, "rollback to a", NULL, 0);
    assert_true(rl_transaction_is_open(rl_transaction_find(pool, &scope)));
    control(&scope, RL_ERRAND_END, "commit");
    assert_int_equal(rl_scope_end(&scope), 0);
}

static void tells_those_in_line_that_the_transaction_is_over(void **state) {
    (void)state;
    rl_scope scope, inside;
    rl_scope_init(&scope, loop, NULL, NULL);
    control(&scope, RL_ERRAND_BEGIN, "begin");
    rl_scope_init(&inside, loop, &scope, NULL);
    errand *end = begin(&scope, RL_ERRAND_END, "commit");
    errand *late = begin(&inside, RL_ERRAND_STATEMENT, "select 1");
    errand *dropped = begin(&inside, RL_ERRAND_STATEMENT, "select 1");
    rl_errand_drop(&dropped->errand);
    assert_string_equal(finish(end, NULL, 0), "");
    assert_string_equal(finish(late, NULL, 0), "25P01");
    rl_scope_end(&inside);
    rl_scope_end(&scope);
}

static void fails_what_follows_when_the_transaction_lost_its_connection(void **state) {
    (void)state;
    rl_scope scope;
    char pid[16], sql[64];
    rl_scope_init(&scope, loop, NULL, NULL);
    control(&scope, RL_ERRAND_BEGIN, "begin");
    run(&scope, "select pg_backend_pid()", pid, sizeof pid);
    snprintf(sql, sizeof sql, "select pg_terminate_backend(%s)", pid);
    errand *running = begin(&scope, RL_ERRAND_STATEMENT, "select pg_sleep(60)");
    assert_int_equal(cluster_run(&server, sql, NULL, 0), 0);
    assert_string_equal(finish(running, NULL, 0), "57P01");
    errand *next = begin(&scope, RL_ERRAND_STATEMENT, "select 1");
    turn_until_set(loop, &next->done);
    assert_string_equal(next->errand.query.failure.sqlstate, "08006");
    rl_errand_drop(&next->errand);
    assert_string_equal(finish(begin(&scope, RL_ERRAND_END, "rollback"), NULL, 0), "08006");
    expect(&scope, "select 1", "1");
    rl_scope_end(&scope);
}

/* As for a lock of a session, or a COPY: the connection stays, and nothing is open on it. */
static void knows_a_held_connection_from_an_open_transaction(void **state) {
    (void)state;
    rl_scope scope;
    rl_scope_init(&scope, loop, NULL, NULL);
    control(&scope, RL_ERRAND_BEGIN, "select 1");
    rl_transaction *transaction = rl_transaction_find(pool, &scope);
    assert_non_null(transaction);
    assert_false(rl_transaction_is_open(transaction));
    run(&scope, "begin", NULL, 0);
    assert_true(rl_transaction_is_open(transaction));
    run(&scope, "rollback", NULL, 0);
    assert_false(rl_transaction_is_open(transaction));
    control(&scope, RL_ERRAND_END, "select 1");
    assert_null(rl_transaction_find(pool, &scope));
    assert_int_equal(rl_scope_end(&scope), 0);
}

static void gives_nothing_of_a_failed_one_to_the_next(void **state) {
    (void)state;
    rl_scope scope;
    rl_scope_init(&scope, loop, NULL, NULL);
    control(&scope, RL_ERRAND_BEGIN, "begin");
    run(&scope, "set local timezone = 'Asia/Tokyo'", NULL, 0);
    assert_string_equal(finish(begin(&scope, RL_ERRAND_STATEMENT, "select 1 / 0"), NULL, 0), "22012");
    assert_string_equal(finish(begin(&scope, RL_ERRAND_STATEMENT, "select 1"), NULL, 0), "25P02");
    rl_scope_end(&scope); /* without COMMIT or ROLLBACK */
    for (int i = 0; i < 2; i++) { /* on either connection */
        rl_scope_init(&scope, loop, NULL, NULL);
        control(&scope, RL_ERRAND_BEGIN, "begin");
        expect(&scope, "select current_setting('timezone')", "UTC");
        control(&scope, RL_ERRAND_END, "commit");
        rl_scope_end(&scope);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_its_connection_through_a_transaction),
        cmocka_unit_test(rolls_back_when_the_scope_ends),
        cmocka_unit_test(lets_a_commit_finish_whose_scope_ended),
        cmocka_unit_test(takes_turns_with_tasks_born_inside),
        cmocka_unit_test(is_ended_by_no_statement),
        cmocka_unit_test(tells_those_in_line_that_the_transaction_is_over),
        cmocka_unit_test(fails_what_follows_when_the_transaction_lost_its_connection),
        cmocka_unit_test(knows_a_held_connection_from_an_open_transaction),
        cmocka_unit_test(gives_nothing_of_a_failed_one_to_the_next),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
