#include "pg/copy.h"

#include <signal.h>

#include "base/mem.h"
#include "loop/clock.h"
#include "pg/cluster.h"
#include "pg/errand.h"
#include "pg/turn.h"

static rl_loop *loop;
static rl_pool *pool;

typedef struct copying {
    rl_errand errand;
    rl_copy copy;
    bool is_done, was_freed;
} copying;

static void on_done(rl_errand *errand) {
    RL_CONTAINER(errand, copying, errand)->is_done = true;
}

static void on_freed(rl_errand *errand) {
    copying *self = RL_CONTAINER(errand, copying, errand);
    rl_copy_clear(&self->copy);
    self->was_freed = true;
}

static void ignore_news(rl_copy *copy) {
    (void)copy;
}

static void prepare(copying *self, rl_scope *scope, const char *sql) {
    *self = (copying){0};
    rl_errand_init(&self->errand, RL_ERRAND_STATEMENT, pool, scope, on_done, on_freed);
    rl_copy_init(&self->copy, ignore_news);
    self->errand.query.copy = &self->copy;
    self->errand.is_exclusive = self->errand.is_cancellable = true;
    assert_int_equal(rl_query_set_sql(&self->errand.query, rl_slice_str(sql)), RL_OK);
}

static void begin(copying *self, rl_scope *scope, const char *sql) {
    prepare(self, scope, sql);
    rl_errand_start(&self->errand);
}

static bool has_begun(void *arg) {
    const copying *self = arg;
    return self->is_done || self->copy.state != RL_COPY_NEW;
}

static bool has_rows(void *arg) {
    const copying *self = arg;
    return self->is_done || rl_copy_peek(&self->copy).len > 0;
}

static bool has_room(void *arg) {
    const copying *self = arg;
    return self->is_done || rl_copy_has_room(&self->copy);
}

static bool is_nothing_in_use(void *arg) {
    (void)arg;
    return rl_pool_stats_of(pool).in_use == 0;
}

static void expect(const char *sql, const char *value) {
    char text[64];
    assert_int_equal(cluster_run(&server, sql, text, sizeof text), 0);
    assert_string_equal(text, value);
}

static void end(copying *self, rl_scope *scope) {
    rl_errand_drop(&self->errand);
    rl_scope_end(scope);
    turn_until(loop, is_nothing_in_use, NULL);
    assert_true(self->was_freed);
}

static void sends_rows_as_there_is_room(void **state) {
    (void)state;
    copying self;
    rl_scope scope;
    rl_scope_init(&scope, loop, NULL, NULL);
    begin(&self, &scope, "copy t (a, b) from stdin");
    turn_until(loop, has_begun, &self);
    assert_int_equal(self.copy.state, RL_COPY_IN);
    assert_int_equal(self.copy.columns, 2);
    char row[1024];
    memset(row, 'x', sizeof row);
    memcpy(row, "1\t", 2);
    row[sizeof row - 1] = '\n';
    for (int i = 0; i < 2000; i++) {
        turn_until(loop, has_room, &self);
        assert_int_equal(rl_copy_put(&self.copy, rl_slice_of(row, sizeof row)), RL_OK);
    }
    rl_copy_finish(&self.copy, NULL);
    turn_until_set(loop, &self.is_done);
    assert_int_equal(self.errand.query.failure.err, RL_OK);
    assert_int_equal(rl_result_affected(self.errand.query.result), 2000);
    end(&self, &scope);
    expect("select count(*) from t", "2000");
    expect("truncate t", "");
}

static void loads_nothing_when_told_why(void **state) {
    (void)state;
    copying self;
    rl_scope scope;
    rl_scope_init(&scope, loop, NULL, NULL);
    begin(&self, &scope, "copy t (a, b) from stdin");
    turn_until(loop, has_begun, &self);
    assert_int_equal(rl_copy_put(&self.copy, RL_LIT("1\tx\n")), RL_OK);
    rl_copy_finish(&self.copy, "the source dried up");
    turn_until_set(loop, &self.is_done);
    assert_string_equal(self.errand.query.failure.sqlstate, "57014");
    end(&self, &scope);
    expect("select count(*) from t", "0");
}

static void gives_all_rows_and_holds_few(void **state) {
    (void)state;
    copying self;
    rl_scope scope;
    rl_scope_init(&scope, loop, NULL, NULL);
    begin(&self, &scope, "copy (select repeat('x', 999) from generate_series(1, 20000)) to stdout");
    size_t bytes = 0, most = 0;
    for (;;) {
        turn_until(loop, has_rows, &self);
        size_t len = rl_copy_peek(&self.copy).len;
        if (len == 0)
            break;
        for (int i = 0; i < 20; i++) /* a slow reader: all that comes unasked would pile up */
            rl_loop_turn(loop, false);
        len = rl_copy_peek(&self.copy).len;
        most = len > most ? len : most;
        bytes += len;
        rl_copy_taken(&self.copy);
    }
    assert_int_equal(self.errand.query.failure.err, RL_OK);
    assert_int_equal(bytes, 20000 * 1000);
    assert_true(most < 1024 * 1024);
    end(&self, &scope);
}

static void is_ended_by_the_end_of_its_scope(void **state) {
    (void)state;
    static const char *const statements[] = {
        "copy t (a, b) from stdin", "copy (select repeat('x', 999) from generate_series(1, 9000000)) to stdout"};
    for (size_t i = 0; i < 2; i++) {
        for (int begun = 0; begun < 2; begun++) {
            copying self;
            rl_scope scope;
            rl_scope_init(&scope, loop, NULL, NULL);
            begin(&self, &scope, statements[i]);
            if (begun)
                turn_until(loop, has_begun, &self);
            assert_int_equal(rl_scope_end(&scope), 1);
            turn_until_set(loop, &self.was_freed);
            turn_until(loop, is_nothing_in_use, NULL);
        }
    }
    expect("select count(*) from t", "0");
    expect("select count(*) from pg_stat_activity where query like 'copy%' and state = 'active'", "0");
}

static void lasts_as_long_as_rows_go_by(void **state) {
    (void)state;
    copying self;
    rl_scope scope;
    rl_scope_init(&scope, loop, NULL, NULL);
    rl_loop_freeze(loop, RL_FREEZE_STANDS);
    prepare(&self, &scope, "copy t (a, b) from stdin");
    self.errand.timeout_ms = 30000;
    rl_errand_start(&self.errand);
    turn_until(loop, has_begun, &self);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rl_copy_put(&self.copy, RL_LIT("1\tx\n")), RL_OK);
        turn_until(loop, has_room, &self);
        rl_loop_advance(loop, 20000);
        rl_loop_turn(loop, false);
    }
    rl_copy_finish(&self.copy, NULL);
    turn_until_set(loop, &self.is_done);
    assert_int_equal(self.errand.query.failure.err, RL_OK);
    end(&self, &scope);
    rl_loop_thaw(loop);
    expect("select count(*) from t", "4");
    expect("truncate t", "");
}

/* Rows that come without an end, and rows that go, to a server that stopped. */
static void ends_when_the_server_makes_no_progress(void **state) {
    (void)state;
    static const char *const statements[] = {
        "copy (select repeat('x', 999) from generate_series(1, 9000000)) to stdout", "copy t (a, b) from stdin"};
    rl_loop_freeze(loop, RL_FREEZE_STANDS);
    for (size_t i = 0; i < 2; i++) {
        copying self;
        rl_scope scope;
        rl_scope_init(&scope, loop, NULL, NULL);
        prepare(&self, &scope, statements[i]);
        self.errand.timeout_ms = 30000;
        rl_errand_start(&self.errand);
        turn_until(loop, i == 0 ? has_rows : has_begun, &self);
        char pid[16], sql[96];
        snprintf(sql, sizeof sql, "select pid from pg_stat_activity where query like '%.6s%%' and state = 'active'",
                 statements[i]);
        assert_int_equal(cluster_run(&server, sql, pid, sizeof pid), 0);
        assert_int_equal(kill(atoi(pid), SIGSTOP), 0);
        if (i == 1)
            rl_copy_finish(&self.copy, NULL);
        while (!self.is_done) {
            rl_copy_taken(&self.copy); /* it is the server's turn, and its silence that counts */
            rl_loop_turn(loop, false);
            rl_loop_advance(loop, 1000);
        }
        assert_int_equal(self.errand.query.failure.err, RL_ETIMEOUT);
        assert_int_equal(kill(atoi(pid), SIGCONT), 0);
        end(&self, &scope);
    }
    rl_loop_thaw(loop);
    expect("select count(*) from t", "0");
}

static bool is_idle(void *arg) {
    rl_budget_stats now = rl_pool_stats_of(pool);
    return is_nothing_in_use(arg) && now.connecting == 0;
}

static int set_up(void **state) {
    if (start_server(state) != 0 || rl_loop_new(&loop) != RL_OK ||
        cluster_run(&server, "create table t (a int, b text)", NULL, 0) != 0)
        return -1;
    rl_pool_options options = rl_pool_defaults();
    options.url = server.url;
    options.exclusive = 2;
    options.acquire_timeout_ms = 10000;
    return rl_pool_open(loop, &options, &pool) == RL_OK ? 0 : -1;
}

static int tear_down(void **state) {
    turn_until(loop, is_idle, NULL);
    rl_pool_close(pool);
    bool is_out = turn_out(loop);
    return stop_server(state) == 0 && is_out ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_rows_as_there_is_room),
        cmocka_unit_test(loads_nothing_when_told_why),
        cmocka_unit_test(gives_all_rows_and_holds_few),
        cmocka_unit_test(is_ended_by_the_end_of_its_scope),
        cmocka_unit_test(lasts_as_long_as_rows_go_by),
        cmocka_unit_test(ends_when_the_server_makes_no_progress),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
