#include "pg/batch.h"

#include "base/mem.h"
#include "mem.h"
#include "pg/errand.h"
#include "pg/looped.h"

enum { COUNT = 20 };

static rl_pool *pool;
static rl_scope scope;

typedef struct batch {
    rl_errand errand;
    rl_batch batch;
    int answers;
    bool done;
} batch;

static void on_done(rl_errand *errand) {
    batch *self = RL_CONTAINER(errand, batch, errand);
    self->answers++;
    self->done = true;
}

static void on_freed(rl_errand *errand) {
    batch *self = RL_CONTAINER(errand, batch, errand);
    rl_batch_clear(&self->batch);
    rl_mem_free(self);
}

/* `sql` once with each of the numbers from 0. */
static batch *start(const char *sql, uint32_t count) {
    batch *self = rl_mem_zalloc(1, sizeof *self);
    assert_non_null(self);
    rl_errand_init(&self->errand, RL_ERRAND_STATEMENT, pool, &scope, on_done, on_freed);
    assert_int_equal(rl_batch_init(&self->batch, &self->errand, count), RL_OK);
    for (uint32_t i = 0; i < count; i++) {
        rl_query *query = &self->batch.items[i].query;
        char value[12];
        snprintf(value, sizeof value, "%u", i);
        if (i == 0)
            assert_int_equal(rl_query_set_sql(query, rl_slice_str(sql)), RL_OK);
        else
            rl_query_set_same_sql(query, &self->batch.items[0].query);
        assert_int_equal(rl_query_add(query, RL_PARAM_TEXT, rl_slice_str(value)), RL_OK);
    }
    rl_errand_start(&self->errand);
    return self;
}

/* The first cell of an answer, or the SQLSTATE. */
static rl_slice answer(const batch *self, uint32_t i) {
    const rl_query *query = &self->batch.items[i].query;
    rl_slice cell = RL_LIT("");
    if (query->failure.err != RL_OK)
        return rl_slice_str(query->failure.sqlstate);
    assert_true(rl_result_cell(query->result, 0, 0, &cell));
    return cell;
}

/* Told once, and each answer is its number. */
static void expect_numbers(batch *self) {
    turn_until_set(loop, &self->done);
    assert_int_equal(self->answers, 1);
    for (uint32_t i = 0; i < self->batch.count; i++) {
        char number[12];
        snprintf(number, sizeof number, "%u", i);
        assert_true(rl_slice_eq(answer(self, i), rl_slice_str(number)));
    }
    rl_errand_drop(&self->errand);
}

static rl_lane *lane(void) {
    return rl_pool_lane(pool);
}

static rl_lane_stats stats(void) {
    return rl_lane_stats_of(lane());
}

static void trust(const char *sql) {
    rl_lesson *lesson = rl_lane_recall(lane(), rl_slice_str(sql));
    lesson->is_quick = true;
    lesson->average_ns = 0;
    rl_lesson_release(lesson);
}

static bool is_quick(const char *sql) {
    rl_lesson *lesson = rl_lane_recall(lane(), rl_slice_str(sql));
    rl_lesson_release(lesson);
    return lesson->is_quick;
}

static bool has_wire(void *arg) {
    (void)arg;
    return stats().wires == 1;
}

static bool is_idle(void *arg) {
    (void)arg;
    return rl_pool_stats_of(pool).in_use == 0;
}

static void admin(const char *sql) {
    assert_int_equal(cluster_run(&server, sql, NULL, 0), 0);
}

static int open_pool(uint32_t depth) {
    rl_pool_options options = rl_pool_defaults();
    options.url = server.url;
    options.exclusive = 2;
    options.shared = 1;
    options.depth = depth;
    options.min_idle = 0;
    rl_scope_init(&scope, loop, NULL, NULL);
    return rl_pool_open(loop, &options, &pool) == RL_OK ? 0 : -1;
}

static int deep(void **state) {
    (void)state;
    return open_pool(32);
}

static int shallow(void **state) {
    (void)state;
    return open_pool(2);
}

static int close_pool(void **state) {
    (void)state;
    rl_scope_end(&scope);
    rl_pool_close(pool);
    rl_loop_turn(loop, false);
    return 0;
}

/* The first one finds no wire, and has it made. */
static void string_wire(const char *sql) {
    trust(sql);
    expect_numbers(start(sql, 1));
    turn_until(loop, has_wire, NULL);
    trust(sql);
}

static void takes_one_place_on_the_lane_when_it_is_quick(void **state) {
    (void)state;
    static const char sql[] = "select $1::int";
    string_wire(sql);
    uint64_t before = stats().queries;
    batch *some[4];
    for (int i = 0; i < 4; i++)
        some[i] = start(sql, COUNT);
    assert_int_equal(stats().in_flight, 4);
    for (int i = 0; i < 4; i++)
        expect_numbers(some[i]);
    assert_int_equal(stats().queries, before + 4 * COUNT);
    assert_int_equal(stats().in_flight, 0);
}

static void goes_elsewhere_when_it_is_unknown_or_large_or_finds_no_place(void **state) {
    (void)state;
    static const char sql[] = "select $1::int";
    string_wire(sql);
    uint64_t before = stats().queries;
    batch *unknown = start("select $1::int -- unknown", 2), *large = start(sql, 3);
    assert_int_equal(stats().in_flight, 0);
    expect_numbers(unknown);
    expect_numbers(large);
    assert_int_equal(stats().queries, before);
    batch *some[3];
    for (int i = 0; i < 3; i++)
        some[i] = start(sql, 2);
    assert_int_equal(stats().in_flight, 2);
    for (int i = 0; i < 3; i++)
        expect_numbers(some[i]);
}

static bool learns(const char *sql) {
    batch *self = start(sql, COUNT);
    turn_until_set(loop, &self->done);
    rl_errand_drop(&self->errand);
    return is_quick(sql);
}

/* Of twenty under one Sync the first would have taken all of the time. */
static void teaches_what_each_took_on_the_average(void **state) {
    (void)state;
    int tries = 0;
    while (!learns("select $1::int") && tries < 1000) /* a busy machine may hold it up now and then */
        tries++;
    assert_true(tries < 1000);
    for (int i = 0; i < 4; i++)
        assert_false(learns("select $1::int from pg_sleep(0.005)"));
}

static void fails_none_for_what_another_did(void **state) {
    (void)state;
    static const char sql[] = "select 5 / (5 - $1::int)";
    trust(sql);
    string_wire("select $1::int");
    batch *self = start(sql, 7);
    assert_int_equal(stats().in_flight, 1);
    turn_until_set(loop, &self->done);
    assert_true(rl_slice_eq(answer(self, 5), RL_LIT("22012")));
    assert_true(rl_slice_eq(answer(self, 4), RL_LIT("5")));
    assert_true(rl_slice_eq(answer(self, 6), RL_LIT("-5")));
    assert_int_equal(self->answers, 1);
    rl_errand_drop(&self->errand);
}

static bool is_nothing_in_flight(void *arg) {
    (void)arg;
    return stats().in_flight == 0;
}

/* What the lane's lock_timeout stops waits on a connection of its own instead. */
static void runs_again_elsewhere_what_a_lock_held_up(void **state) {
    (void)state;
    static const char sql[] = "select $1::int from locked";
    admin("create table locked as select 1");
    admin("begin; lock table locked");
    string_wire("select $1::int");
    trust(sql);
    batch *self = start(sql, 2);
    assert_int_equal(stats().in_flight, 1);
    turn_until(loop, is_nothing_in_flight, NULL);
    assert_false(self->done);
    assert_false(is_quick(sql));
    admin("commit");
    expect_numbers(self);
}

static void comes_through_the_loss_of_the_wire(void **state) {
    (void)state;
    static const char sql[] = "select $1::int from pg_sleep(0.1)";
    string_wire("select $1::int");
    trust(sql);
    batch *self = start(sql, 3), *unwanted = start(sql, 3);
    assert_int_equal(stats().in_flight, 2);
    rl_loop_turn(loop, false);
    rl_errand_drop(&unwanted->errand);
    char count[8] = "0"; /* of those at work */
    while (strcmp(count, "1") != 0)
        assert_int_equal(cluster_run(&server,
                                     "select count(pg_terminate_backend(pid)) from pg_stat_activity "
                                     "where state = 'active' and query like 'select $1::int from pg_sleep%'",
                                     count, sizeof count),
                         0);
    expect_numbers(self);
    assert_int_equal(stats().lost, 1);
}

/* No statement of it is left at work, nor comes to its turn; of a write nobody could tell what was done. */
static void stops_what_only_reads_when_nobody_waits_for_it(void **state) {
    (void)state;
    batch *self = start("select $1::int from pg_sleep(60)", 3);
    turn_until_server(is_on_server, "select $1::int from pg_sleep(60)%");
    rl_errand_drop(&self->errand);
    turn_until(loop, is_idle, NULL);
    turn_until_server(is_gone_from_server, "select $1::int from pg_sleep(60)%");
    admin("create table kept (a int)");
    self = start("insert into kept select $1::int from pg_sleep(0.05)", 3);
    turn_until_server(is_on_server, "insert into kept%");
    rl_errand_drop(&self->errand);
    turn_until(loop, is_idle, NULL);
    self = start("select count(*) - 3 + $1::int from kept", 1);
    expect_numbers(self);
}

static void run_in_a_fresh_pool(void) {
    static const char sql[] = "select $1::int";
    rl_pool_options options = rl_pool_defaults();
    options.url = server.url;
    options.exclusive = options.shared = 1;
    options.min_idle = 0;
    options.acquire_timeout_ms = 500;
    rl_scope_init(&scope, loop, NULL, NULL);
    batch *self = rl_mem_zalloc(1, sizeof *self);
    if (self == NULL || rl_pool_open(loop, &options, &pool) != RL_OK) {
        rl_mem_free(self);
        return;
    }
    rl_errand_init(&self->errand, RL_ERRAND_STATEMENT, pool, &scope, on_done, on_freed);
    rl_err err = rl_batch_init(&self->batch, &self->errand, 2);
    for (int i = 0; i < 2 && err == RL_OK; i++) {
        err = rl_query_set_sql(&self->batch.items[i].query, rl_slice_str(sql));
        if (err == RL_OK)
            err = rl_query_add(&self->batch.items[i].query, RL_PARAM_TEXT, RL_LIT("1"));
    }
    if (err == RL_OK) {
        rl_errand_start(&self->errand);
        turn_until_set(loop, &self->done);
        assert_int_equal(self->answers, 1);
    }
    rl_errand_drop(&self->errand);
    rl_scope_end(&scope);
    rl_pool_close(pool);
    rl_loop_turn(loop, false);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    rl_loop_turn(loop, false);
    each_allocation_fails(run_in_a_fresh_pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(takes_one_place_on_the_lane_when_it_is_quick, deep, close_pool),
        cmocka_unit_test_setup_teardown(goes_elsewhere_when_it_is_unknown_or_large_or_finds_no_place, shallow, close_pool),
        cmocka_unit_test_setup_teardown(teaches_what_each_took_on_the_average, deep, close_pool),
        cmocka_unit_test_setup_teardown(fails_none_for_what_another_did, deep, close_pool),
        cmocka_unit_test_setup_teardown(runs_again_elsewhere_what_a_lock_held_up, deep, close_pool),
        cmocka_unit_test_setup_teardown(comes_through_the_loss_of_the_wire, deep, close_pool),
        cmocka_unit_test_setup_teardown(stops_what_only_reads_when_nobody_waits_for_it, deep, close_pool),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, start_looped, stop_looped);
}
