#include "pg/errand.h"

#include "base/mem.h"
#include "loop/clock.h"
#include "mem.h"
#include "pg/batch.h"
#include "pg/cluster.h"
#include "pg/turn.h"

static rl_loop *loop;
static rl_pool *pool;

/* A statement of a test; it outlives its errand, which frees only itself. */
typedef struct errand {
    rl_errand errand;
    bool done;
    bool *was_freed;
} errand;

static void on_done(rl_errand *one) {
    RL_CONTAINER(one, errand, errand)->done = true;
}

static void on_freed(rl_errand *one) {
    errand *self = RL_CONTAINER(one, errand, errand);
    if (self->was_freed != NULL)
        *self->was_freed = true;
    rl_mem_free(self);
}

static errand *begin(rl_scope *scope, rl_errand_kind kind, const char *sql) {
    errand *self = rl_mem_zalloc(1, sizeof *self);
    assert_non_null(self);
    rl_errand_init(&self->errand, kind, pool, scope, on_done, on_freed);
    assert_int_equal(rl_query_set_sql(&self->errand.query, rl_slice_str(sql)), RL_OK);
    rl_errand_start(&self->errand);
    return self;
}

/* To the end: the SQLSTATE ("" for success), the first cell in `out`. */
static const char *finish(errand *self, char *out, size_t cap) {
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

static void run(rl_scope *scope, const char *sql, char *out, size_t cap) {
    const char *sqlstate = finish(begin(scope, RL_ERRAND_STATEMENT, sql), out, cap);
    if (sqlstate[0] != '\0')
        fail_msg("%s: %s", sql, sqlstate);
}

static void control(rl_scope *scope, rl_errand_kind kind, const char *sql) {
    assert_string_equal(finish(begin(scope, kind, sql), NULL, 0), "");
}

static void expect(rl_scope *scope, const char *sql, const char *value) {
    char text[64];
    run(scope, sql, text, sizeof text);
    assert_string_equal(text, value);
}

static bool is_nothing_in_use(void *arg) {
    (void)arg;
    return rl_pool_stats_of(pool).in_use == 0;
}

static bool is_all_idle(void *arg) {
    rl_pool_stats now = rl_pool_stats_of(pool);
    return is_nothing_in_use(arg) && now.connecting == 0;
}

/* How many statements like `pattern` the server runs now. */
static bool is_gone_from_server(void *arg) {
    char sql[256], count[16];
    snprintf(sql, sizeof sql,
             "select count(*) from pg_stat_activity where state = 'active' and query like '%s' and pid <> "
             "pg_backend_pid()",
             (const char *)arg);
    assert_int_equal(cluster_run(&server, sql, count, sizeof count), 0);
    return strcmp(count, "0") == 0;
}

static bool is_on_server(void *arg) {
    return !is_gone_from_server(arg);
}

/* The loop may have nothing to do while the server does: then look again soon. */
static void nudge(rl_timer *timer) {
    rl_timer_start(loop, timer, 1);
}

static void turn_until_server(bool (*happened)(void *arg), const char *pattern) {
    rl_timer timer;
    rl_timer_init(&timer, nudge);
    rl_timer_start(loop, &timer, 1);
    turn_until(loop, happened, (void *)(uintptr_t)pattern);
    rl_timer_stop(loop, &timer);
}

static void runs_a_statement_and_gives_the_connection_back(void **state) {
    (void)state;
    rl_scope scope;
    rl_scope_init(&scope, loop, NULL, NULL);
    expect(&scope, "select 6 * 7", "42");
    turn_until(loop, is_nothing_in_use, NULL);
    assert_int_equal(rl_scope_end(&scope), 0);
}

static void finds_the_newest_answer(void **state) {
    (void)state;
    rl_scope scope;
    rl_scope_init(&scope, loop, NULL, NULL);
    errand *a = begin(&scope, RL_ERRAND_STATEMENT, "select 1");
    turn_until_set(loop, &a->done);
    errand *b = begin(&scope, RL_ERRAND_STATEMENT, "select 2");
    assert_ptr_equal(rl_errand_newest_done(&scope), &a->errand);
    turn_until_set(loop, &b->done);
    assert_ptr_equal(rl_errand_newest_done(&scope), &b->errand);
    assert_int_equal(rl_scope_end(&scope), 2);
}

static void drops_with_its_scope_what_waits_or_has_ended(void **state) {
    (void)state;
    rl_scope scope;
    bool freed[4] = {false};
    rl_scope_init(&scope, loop, NULL, NULL);
    for (int i = 0; i < 4; i++)
        begin(&scope, RL_ERRAND_STATEMENT, "select pg_sleep(60) /* queue */")->was_freed = &freed[i];
    assert_true(rl_scope_end(&scope) == 4);
    turn_until(loop, is_all_idle, NULL);
    for (int i = 0; i < 4; i++)
        turn_until_set(loop, &freed[i]);
    turn_until_server(is_gone_from_server, "%/* queue */%");
}

static void cancels_a_read_whose_scope_ended(void **state) {
    (void)state;
    rl_scope scope;
    bool freed = false;
    rl_scope_init(&scope, loop, NULL, NULL);
    errand *self = begin(&scope, RL_ERRAND_STATEMENT, "select pg_sleep(60) /* read */");
    self->was_freed = &freed;
    turn_until_server(is_on_server, "%/* read */%");
    rl_scope_end(&scope);
    turn_until_set(loop, &freed);
    turn_until_server(is_gone_from_server, "%/* read */%");
    turn_until(loop, is_all_idle, NULL);
}

static void lets_a_write_of_its_own_finish(void **state) {
    (void)state;
    rl_scope scope;
    bool freed = false;
    assert_int_equal(cluster_run(&server, "create table if not exists written (a int)", NULL, 0), 0);
    rl_scope_init(&scope, loop, NULL, NULL);
    errand *self =
        begin(&scope, RL_ERRAND_STATEMENT, "insert into written select 1 from pg_sleep(0.05) /* write */");
    self->was_freed = &freed;
    turn_until_server(is_on_server, "%/* write */%");
    rl_scope_end(&scope);
    turn_until_set(loop, &freed);
    turn_until(loop, is_all_idle, NULL);
    rl_scope_init(&scope, loop, NULL, NULL);
    expect(&scope, "select count(*) from written", "1");
    rl_scope_end(&scope);
}

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

static void gives_up_when_no_connection_becomes_free(void **state) {
    (void)state;
    rl_scope scope, others[2];
    rl_scope_init(&scope, loop, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        rl_scope_init(&others[i], loop, NULL, NULL);
        control(&others[i], RL_ERRAND_BEGIN, "begin");
    }
    rl_loop_freeze(loop, RL_FREEZE_JUMPS);
    errand *late = begin(&scope, RL_ERRAND_STATEMENT, "select 1");
    turn_until_set(loop, &late->done);
    rl_loop_thaw(loop);
    assert_int_equal(late->errand.query.failure.err, RL_ETIMEOUT);
    assert_non_null(strstr(late->errand.query.failure.message, "none of 2 database connections"));
    for (int i = 0; i < 2; i++)
        rl_scope_end(&others[i]);
    rl_scope_end(&scope);
}

/* One write, one Sync; and yet each stands or falls alone. */
static void runs_a_batch_of_reads_at_once(void **state) {
    (void)state;
    rl_scope scope;
    rl_scope_init(&scope, loop, NULL, NULL);
    errand *self = rl_mem_zalloc(1, sizeof *self);
    rl_batch batch;
    rl_errand_init(&self->errand, RL_ERRAND_STATEMENT, pool, &scope, on_done, on_freed);
    assert_int_equal(rl_batch_init(&batch, &self->errand, 20), RL_OK);
    for (int i = 0; i < 20; i++) {
        rl_query *query = &batch.items[i].query;
        char value[8];
        snprintf(value, sizeof value, "%d", i == 7 ? 0 : 20);
        assert_int_equal(rl_query_set_sql(query, RL_LIT("select 100 / $1::int")), RL_OK);
        assert_int_equal(rl_query_add(query, RL_PARAM_TEXT, rl_slice_str(value)), RL_OK);
    }
    rl_errand_start(&self->errand);
    turn_until_set(loop, &self->done);
    for (int i = 0; i < 20; i++) {
        const rl_query *query = &batch.items[i].query;
        rl_slice cell = RL_LIT("");
        assert_string_equal(query->failure.sqlstate, i == 7 ? "22012" : "");
        assert_true(i == 7 || rl_result_cell(query->result, 0, 0, &cell));
        assert_true(rl_slice_eq(cell, i == 7 ? RL_LIT("") : RL_LIT("5")));
    }
    rl_errand_drop(&self->errand);
    rl_batch_clear(&batch);
    rl_scope_end(&scope);
}

static void run_some(void) {
    rl_scope scope;
    rl_scope_init(&scope, loop, NULL, NULL);
    static const rl_errand_kind kinds[] = {RL_ERRAND_STATEMENT, RL_ERRAND_BEGIN, RL_ERRAND_STATEMENT,
                                           RL_ERRAND_END};
    static const char *const texts[] = {"select 1", "begin", "select 2", "commit"};
    for (int i = 0; i < 4; i++) {
        errand *self = rl_mem_zalloc(1, sizeof *self);
        if (self == NULL)
            continue;
        rl_errand_init(&self->errand, kinds[i], pool, &scope, on_done, on_freed);
        if (rl_query_set_sql(&self->errand.query, rl_slice_str(texts[i])) != RL_OK)
            continue;
        rl_errand_start(&self->errand);
        turn_until_set(loop, &self->done);
    }
    rl_scope_end(&scope);
    turn_until(loop, is_all_idle, NULL);
}

/* With a pool of its own: what a connection keeps must be gone at the end. */
static void run_in_a_fresh_pool(void) {
    rl_pool *outer = pool;
    rl_pool_options options = rl_pool_defaults();
    options.url = server.url;
    options.exclusive = 1;
    options.acquire_timeout_ms = 20;
    if (rl_pool_open(loop, &options, &pool) == RL_OK) {
        run_some();
        rl_pool_close(pool);
        rl_loop_turn(loop, false); /* the poll's memory goes one turn later */
    }
    pool = outer;
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    turn_until(loop, is_all_idle, NULL);
    rl_loop_turn(loop, false); /* what the tests before closed is freed now */
    each_allocation_fails(run_in_a_fresh_pool);
}

static int set_up(void **state) {
    if (start_server(state) != 0 || rl_loop_new(&loop) != RL_OK)
        return -1;
    rl_pool_options options = rl_pool_defaults();
    options.url = server.url;
    options.exclusive = 2;
    options.acquire_timeout_ms = 10000;
    return rl_pool_open(loop, &options, &pool) == RL_OK ? 0 : -1;
}

static int tear_down(void **state) {
    rl_pool_close(pool);
    rl_loop_free(loop);
    return stop_server(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_a_statement_and_gives_the_connection_back),
        cmocka_unit_test(finds_the_newest_answer),
        cmocka_unit_test(drops_with_its_scope_what_waits_or_has_ended),
        cmocka_unit_test(cancels_a_read_whose_scope_ended),
        cmocka_unit_test(lets_a_write_of_its_own_finish),
        cmocka_unit_test(keeps_its_connection_through_a_transaction),
        cmocka_unit_test(rolls_back_when_the_scope_ends),
        cmocka_unit_test(lets_a_commit_finish_whose_scope_ended),
        cmocka_unit_test(takes_turns_with_tasks_born_inside),
        cmocka_unit_test(tells_those_in_line_that_the_transaction_is_over),
        cmocka_unit_test(fails_what_follows_when_the_transaction_lost_its_connection),
        cmocka_unit_test(gives_up_when_no_connection_becomes_free),
        cmocka_unit_test(runs_a_batch_of_reads_at_once),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
