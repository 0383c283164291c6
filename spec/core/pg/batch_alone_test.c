/* A batch on a connection of its own: of writes, in a transaction, or with nothing known of it. */
#include "pg/batch.h"

#include "mem.h"
#include "pg/errands.h"

/* A batch on its way or answered, with the errand that carries it. */
typedef struct several {
    errand *errand;
    rl_batch batch;
} several;

static void prepare(several *self, rl_scope *scope, uint32_t count) {
    self->errand = rl_mem_zalloc(1, sizeof *self->errand);
    assert_non_null(self->errand);
    rl_errand_init(&self->errand->errand, RL_ERRAND_STATEMENT, pool, scope, on_done, on_freed);
    assert_int_equal(rl_batch_init(&self->batch, &self->errand->errand, count), RL_OK);
}

static void set(several *self, uint32_t i, const char *sql, const char *value, size_t len) {
    rl_query *query = &self->batch.items[i].query;
    assert_int_equal(rl_query_set_sql(query, rl_slice_str(sql)), RL_OK);
    if (value != NULL)
        assert_int_equal(rl_query_add(query, RL_PARAM_STRING, rl_slice_of(value, len)), RL_OK);
}

static void go(several *self) {
    rl_errand_start(&self->errand->errand);
    turn_until_set(loop, &self->errand->done);
}

static void clear(several *self) {
    rl_errand_drop(&self->errand->errand);
    rl_batch_clear(&self->batch);
}

static const char *sqlstate(const several *self, uint32_t i) {
    return self->batch.items[i].query.failure.sqlstate;
}

/* One write, one Sync; and yet each stands or falls alone. */
static void runs_reads_at_once_of_which_one_fails_alone(void **state) {
    (void)state;
    rl_scope scope;
    several some;
    rl_scope_init(&scope, loop, NULL, NULL);
    prepare(&some, &scope, 20);
    for (uint32_t i = 0; i < 20; i++)
        set(&some, i, "select 100 / $1::int", i == 7 ? "0" : "20", i == 7 ? 1 : 2);
    go(&some);
    for (uint32_t i = 0; i < 20; i++) {
        rl_slice cell = RL_LIT("");
        assert_string_equal(sqlstate(&some, i), i == 7 ? "22012" : "");
        assert_true(i == 7 || rl_result_cell(some.batch.items[i].query.result, 0, 0, &cell));
        assert_true(rl_slice_eq(cell, i == 7 ? RL_LIT("") : RL_LIT("5")));
    }
    clear(&some);
    rl_scope_end(&scope);
}

static void lets_each_write_stand_or_fall_alone(void **state) {
    (void)state;
    rl_scope scope;
    several some;
    assert_int_equal(cluster_run(&server, "create table alone (n int primary key)", NULL, 0), 0);
    rl_scope_init(&scope, loop, NULL, NULL);
    prepare(&some, &scope, 3);
    set(&some, 0, "insert into alone values ($1::int)", "1", 1);
    set(&some, 1, "insert into alone values ($1::int)", "1", 1);
    set(&some, 2, "insert into alone values ($1::int)", "2", 1);
    go(&some);
    assert_string_equal(sqlstate(&some, 0), "");
    assert_string_equal(sqlstate(&some, 1), "23505");
    assert_string_equal(sqlstate(&some, 2), "");
    clear(&some);
    expect(&scope, "select sum(n) from alone", "3");
    rl_scope_end(&scope);
}

/* The first one's value may be bytes: that is asked of the server before it is sent. */
static void keeps_the_order_behind_a_type_that_must_be_asked_for(void **state) {
    (void)state;
    rl_scope scope;
    several some;
    assert_int_equal(cluster_run(&server, "create table ordered (bytes bytea)", NULL, 0), 0);
    rl_scope_init(&scope, loop, NULL, NULL);
    prepare(&some, &scope, 2);
    set(&some, 0, "insert into ordered values ($1)", "a\\b", 3);
    set(&some, 1, "select count(*) from ordered", NULL, 0);
    go(&some);
    rl_slice cell = RL_LIT("");
    assert_string_equal(sqlstate(&some, 0), "");
    assert_true(rl_result_cell(some.batch.items[1].query.result, 0, 0, &cell));
    assert_true(rl_slice_eq(cell, RL_LIT("1")));
    clear(&some);
    rl_scope_end(&scope);
}

static void commits_nothing_behind_what_could_not_be_sent(void **state) {
    (void)state;
    rl_scope scope;
    several some;
    assert_int_equal(cluster_run(&server, "create table whole (t text)", NULL, 0), 0);
    rl_scope_init(&scope, loop, NULL, NULL);
    control(&scope, RL_ERRAND_BEGIN, "select 1"); /* the batch has its own frame */
    prepare(&some, &scope, 4);
    some.batch.is_atomic = true;
    set(&some, 0, "begin", NULL, 0);
    set(&some, 1, "insert into whole values ('good')", NULL, 0);
    set(&some, 2, "insert into whole values ($1)", "ba\0d", 4);
    set(&some, 3, "commit", NULL, 0);
    go(&some);
    assert_string_equal(sqlstate(&some, 1), "");
    assert_string_equal(sqlstate(&some, 2), "22021");
    assert_string_equal(sqlstate(&some, 3), "25P02");
    clear(&some);
    control(&scope, RL_ERRAND_END, "rollback");
    expect(&scope, "select count(*) from whole", "0");
    rl_scope_end(&scope);
}

static void tells_all_once_when_the_connection_goes(void **state) {
    (void)state;
    rl_scope scope;
    several some;
    rl_scope_init(&scope, loop, NULL, NULL);
    prepare(&some, &scope, 3);
    set(&some, 0, "select 1", NULL, 0);
    set(&some, 1, "insert into pg_class select null from pg_sleep(60) /* ended */", NULL, 0);
    set(&some, 2, "select pg_sleep(0)", NULL, 0);
    rl_errand_start(&some.errand->errand);
    turn_until_server(is_on_server, "%/* ended */%");
    const char *sql = "select pg_terminate_backend(pid) from pg_stat_activity where query like '%/* ended */%' "
                      "and pid <> pg_backend_pid()";
    assert_int_equal(cluster_run(&server, sql, NULL, 0), 0);
    turn_until_set(loop, &some.errand->done);
    assert_int_equal(some.batch.answered, 3);
    assert_string_equal(sqlstate(&some, 0), "");
    assert_string_equal(sqlstate(&some, 1), "57P01");
    const rl_failure *last = &some.batch.items[2].query.failure;
    assert_true(last->sent && last->lost);
    assert_non_null(strstr(last->message, "outcome unknown"));
    clear(&some);
    rl_scope_end(&scope);
}

static void holds_no_more_than_the_most(void **state) {
    (void)state;
    rl_scope scope;
    rl_scope_init(&scope, loop, NULL, NULL);
    several some = {.errand = rl_mem_zalloc(1, sizeof *some.errand)};
    rl_errand_init(&some.errand->errand, RL_ERRAND_STATEMENT, pool, &scope, on_done, on_freed);
    assert_int_equal(rl_batch_init(&some.batch, &some.errand->errand, RL_BATCH_MOST + 1), RL_EFULL);
    clear(&some);
    rl_scope_end(&scope);
}

static void run_some(void) {
    rl_scope scope;
    rl_scope_init(&scope, loop, NULL, NULL);
    several some = {.errand = rl_mem_zalloc(1, sizeof *some.errand)};
    if (some.errand == NULL) {
        rl_scope_end(&scope);
        return;
    }
    rl_errand_init(&some.errand->errand, RL_ERRAND_STATEMENT, pool, &scope, on_done, on_freed);
    bool is_filled = rl_batch_init(&some.batch, &some.errand->errand, 3) == RL_OK;
    for (uint32_t i = 0; i < 3 && is_filled; i++)
        is_filled = rl_query_set_sql(&some.batch.items[i].query, RL_LIT("select 1")) == RL_OK;
    if (is_filled)
        go(&some);
    clear(&some);
    rl_scope_end(&scope);
    turn_until(loop, is_all_idle, NULL);
}

static void run_some_in_a_fresh_pool(void) {
    run_in_a_fresh_pool(run_some);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    turn_until(loop, is_all_idle, NULL);
    rl_loop_turn(loop, false);
    each_allocation_fails(run_some_in_a_fresh_pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_reads_at_once_of_which_one_fails_alone),
        cmocka_unit_test(lets_each_write_stand_or_fall_alone),
        cmocka_unit_test(keeps_the_order_behind_a_type_that_must_be_asked_for),
        cmocka_unit_test(commits_nothing_behind_what_could_not_be_sent),
        cmocka_unit_test(tells_all_once_when_the_connection_goes),
        cmocka_unit_test(holds_no_more_than_the_most),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
