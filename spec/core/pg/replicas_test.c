#include "pg/replicas.h"

#include <signal.h>

#include "base/mem.h"
#include "mem.h"
#include "pg/batch.h"
#include "pg/cluster.h"
#include "pg/errand.h"
#include "pg/turn.h"

static cluster primary, follower;
static rl_loop *loop;
static rl_pool *pool;
static rl_replicas *replicas;
static rl_scope scope;

/* Which of the two has answered. */
#define WHERE_SQL "select case when pg_is_in_recovery() then 'replica' else 'primary' end"

/* ---- errands ------------------------------------------------------------------- */

typedef struct errand {
    rl_errand errand;
    rl_batch batch;
    bool done;
} errand;

static void on_done(rl_errand *one) {
    RL_CONTAINER(one, errand, errand)->done = true;
}

static void on_freed(rl_errand *one) {
    errand *self = RL_CONTAINER(one, errand, errand);
    rl_batch_clear(&self->batch);
    rl_mem_free(self);
}

static errand *make(rl_scope *of, rl_errand_kind kind, rl_errand_place place, const char *sql) {
    errand *self = rl_mem_zalloc(1, sizeof *self);
    assert_non_null(self);
    rl_errand_init(&self->errand, kind, pool, of, on_done, on_freed);
    self->errand.place = place;
    assert_int_equal(rl_query_set_sql(&self->errand.query, rl_slice_str(sql)), RL_OK);
    return self;
}

static errand *begin(rl_scope *of, rl_errand_kind kind, rl_errand_place place, const char *sql) {
    errand *self = make(of, kind, place, sql);
    rl_errand_start(&self->errand);
    return self;
}

static errand *start(rl_errand_place place, const char *sql) {
    return begin(&scope, RL_ERRAND_STATEMENT, place, sql);
}

static void copy_cell(const rl_query *query, char *out, size_t cap) {
    rl_slice cell = RL_LIT("");
    if (query->failure.err == RL_OK && query->result != NULL && rl_result_rows(query->result) > 0)
        (void)rl_result_cell(query->result, 0, 0, &cell);
    snprintf(out, cap, "%.*s", (int)cell.len, cell.ptr);
}

/* Its first cell, or its SQLSTATE. */
static void finish(errand *self, const char *text) {
    turn_until_set(loop, &self->done);
    const rl_failure *failure = &self->errand.query.failure;
    char got[64];
    copy_cell(&self->errand.query, got, sizeof got);
    if (failure->err != RL_OK)
        snprintf(got, sizeof got, "%s", failure->sqlstate);
    if (strcmp(got, text) != 0 && failure->err != RL_OK)
        fail_msg("expected %s, but: %s %s", text, failure->sqlstate, failure->message);
    assert_string_equal(got, text);
    rl_errand_drop(&self->errand);
}

static void read_at(const char *place) {
    finish(start(RL_ERRAND_REPLICA, WHERE_SQL), place);
}

static void write_one(void) {
    finish(start(RL_ERRAND_PRIMARY, "insert into things default values"), "");
}

static void trust(rl_pool *of, const char *sql) {
    rl_lesson *lesson = rl_lane_recall(rl_pool_lane(of), rl_slice_str(sql));
    lesson->is_quick = true;
    lesson->average_ns = 0;
    rl_lesson_release(lesson);
}

/* ---- the two servers --------------------------------------------------------------- */

static void on_primary(const char *sql) {
    assert_int_equal(cluster_run(&primary, sql, NULL, 0), 0);
}

static void on_follower(const char *sql) {
    assert_int_equal(cluster_run(&follower, sql, NULL, 0), 0);
}

static rl_replica_stats stats(void) {
    return rl_replica_stats_of(rl_replicas_at(replicas, 0));
}

static bool has_state(void *arg) {
    return stats().state == *(rl_replica_state *)arg;
}

static void await_state(rl_replica_state state) {
    turn_until(loop, has_state, &state);
}

static bool is_caught_up(void *arg) {
    (void)arg;
    return rl_replicas_choose(replicas, &scope) != NULL;
}

/* The replica has what the scope has written. */
static void await_own_writes(void) {
    turn_until(loop, is_caught_up, NULL);
}

/* ---- the fixture --------------------------------------------------------------------- */

static uint64_t max_lag_ms;

static void open_with(const char *replica_url) {
    rl_pool_options options = rl_pool_defaults();
    options.url = primary.url;
    options.exclusive = 3;
    options.min_idle = 0;
    assert_int_equal(rl_pool_open(loop, &options, &pool), RL_OK);
    rl_replicas_options followers = {.urls = {replica_url}, .count = 1, .max_lag_ms = max_lag_ms};
    assert_int_equal(rl_replicas_open(loop, pool, &options, &followers, &replicas), RL_OK);
}

static void open_all(void) {
    open_with(follower.url);
    rl_scope_init(&scope, loop, NULL, NULL);
    await_state(RL_REPLICA_READY);
}

/* So far behind that nothing here can be. */
static int patient(void **state) {
    (void)state;
    max_lag_ms = 60000;
    open_all();
    return 0;
}

static int strict(void **state) {
    (void)state;
    max_lag_ms = 400;
    open_all();
    return 0;
}

static int close_all(void **state) {
    (void)state;
    rl_scope_end(&scope);
    rl_replicas_close(replicas);
    rl_pool_close(pool);
    rl_loop_turn(loop, false);
    return 0;
}

/* ---- where reads go ---------------------------------------------------------------------- */

static void sends_declared_reads_to_the_replica_and_nothing_else(void **state) {
    (void)state;
    read_at("replica");
    finish(start(RL_ERRAND_PRIMARY, WHERE_SQL), "primary");
    assert_int_equal(stats().queries, 1);
    assert_int_equal(stats().running, 0);
}

static void reads_on_the_replicas_shared_connections(void **state) {
    (void)state;
    static const char sql[] = "select count(*) from things";
    rl_pool *there = rl_replicas_at(replicas, 0)->pool;
    for (int i = 0; i < 200 && rl_lane_stats_of(rl_pool_lane(there)).queries == 0; i++) {
        trust(there, sql);
        finish(start(RL_ERRAND_REPLICA, sql), "0");
    }
    assert_true(rl_lane_stats_of(rl_pool_lane(there)).queries > 0);
}

static void has_the_replica_refuse_writes(void **state) {
    (void)state;
    finish(start(RL_ERRAND_REPLICA, "insert into things default values"), "25006");
    finish(start(RL_ERRAND_PRIMARY, "select count(*) from things"), "0");
    finish(start(RL_ERRAND_REPLICA, "show default_transaction_read_only"), "on");
    await_state(RL_REPLICA_READY);
}

static void keeps_a_transaction_where_it_began(void **state) {
    (void)state;
    finish(begin(&scope, RL_ERRAND_BEGIN, RL_ERRAND_REPLICA, "begin read only"), "");
    finish(start(RL_ERRAND_PRIMARY, WHERE_SQL), "replica");
    finish(start(RL_ERRAND_PRIMARY, "insert into things default values"), "25006");
    finish(begin(&scope, RL_ERRAND_END, RL_ERRAND_PRIMARY, "rollback"), "");
    read_at("replica");
}

static errand *start_batch(const char *first, const char *second) {
    errand *self = make(&scope, RL_ERRAND_STATEMENT, RL_ERRAND_REPLICA, "a batch");
    assert_int_equal(rl_batch_init(&self->batch, &self->errand, 2), RL_OK);
    assert_int_equal(rl_query_set_sql(&self->batch.items[0].query, rl_slice_str(first)), RL_OK);
    assert_int_equal(rl_query_set_sql(&self->batch.items[1].query, rl_slice_str(second)), RL_OK);
    rl_errand_start(&self->errand);
    turn_until_set(loop, &self->done);
    return self;
}

static void expect_item(const errand *self, uint32_t at, const char *text) {
    char got[64];
    copy_cell(&self->batch.items[at].query, got, sizeof got);
    assert_string_equal(got, text);
}

static void runs_a_batch_as_one(void **state) {
    (void)state;
    errand *there = start_batch(WHERE_SQL, "select 2");
    expect_item(there, 0, "replica");
    expect_item(there, 1, "2");
    rl_errand_drop(&there->errand);
    /* A replica cannot tell: the whole of it is asked of the primary. */
    errand *home = start_batch(WHERE_SQL, "select pg_current_wal_lsn() > '0/0'");
    expect_item(home, 0, "primary");
    expect_item(home, 1, "t");
    rl_errand_drop(&home->errand);
    assert_int_equal(stats().sent_home, 1);
}

static bool are_both_ready(void *arg) {
    (void)arg;
    return stats().state == RL_REPLICA_READY &&
           rl_replica_stats_of(rl_replicas_at(replicas, 1)).state == RL_REPLICA_READY;
}

static void goes_to_the_least_loaded(void **state) {
    (void)state;
    rl_pool *before = pool;
    rl_replicas *single = replicas;
    rl_pool_options options = rl_pool_defaults();
    options.url = primary.url;
    assert_int_equal(rl_pool_open(loop, &options, &pool), RL_OK);
    rl_replicas_options twice = {.urls = {follower.url, follower.url}, .count = 2, .max_lag_ms = max_lag_ms};
    assert_int_equal(rl_replicas_open(loop, pool, &options, &twice, &replicas), RL_OK);
    turn_until(loop, are_both_ready, NULL);
    errand *slow = start(RL_ERRAND_REPLICA, "select pg_sleep(30)");
    rl_replica *busy = slow->errand.replica;
    for (int i = 0; i < 5; i++)
        assert_ptr_not_equal(rl_replicas_choose(replicas, &scope), busy);
    rl_errand_drop(&slow->errand);
    rl_replicas_close(replicas);
    rl_pool_close(pool);
    pool = before;
    replicas = single;
}

/* ---- own writes ------------------------------------------------------------------------------ */

static void reads_its_own_writes(void **state) {
    (void)state;
    on_primary("delete from things");
    on_follower("select pg_wal_replay_pause()");
    write_one();
    rl_scope other;
    rl_scope_init(&other, loop, NULL, NULL);
    for (int i = 0; i < 20; i++) {
        read_at("primary");
        finish(begin(&other, RL_ERRAND_STATEMENT, RL_ERRAND_REPLICA, WHERE_SQL), "replica");
    }
    rl_scope_end(&other);
    on_follower("select pg_wal_replay_resume()");
    await_own_writes();
    read_at("replica");
    finish(start(RL_ERRAND_REPLICA, "select count(*) from things"), "1");
}

static void reads_what_a_task_of_the_request_has_written(void **state) {
    (void)state;
    on_follower("select pg_wal_replay_pause()");
    rl_scope top, request, task;
    rl_scope_init(&top, loop, NULL, NULL);
    rl_scope_init(&request, loop, &top, NULL);
    rl_scope_init(&task, loop, &request, NULL);
    finish(begin(&task, RL_ERRAND_STATEMENT, RL_ERRAND_PRIMARY, "insert into things default values"), "");
    rl_scope_end(&task);
    finish(begin(&request, RL_ERRAND_STATEMENT, RL_ERRAND_REPLICA, WHERE_SQL), "primary");
    read_at("replica"); /* another request */
    rl_scope_end(&request);
    rl_scope_end(&top);
    on_follower("select pg_wal_replay_resume()");
}

static void counts_a_commit_and_a_function_as_writes(void **state) {
    (void)state;
    on_follower("select pg_wal_replay_pause()");
    finish(begin(&scope, RL_ERRAND_BEGIN, RL_ERRAND_PRIMARY, "begin"), "");
    finish(start(RL_ERRAND_PRIMARY, "select 1"), "1");
    finish(begin(&scope, RL_ERRAND_END, RL_ERRAND_PRIMARY, "commit"), "");
    read_at("replica");
    finish(begin(&scope, RL_ERRAND_BEGIN, RL_ERRAND_PRIMARY, "begin"), "");
    write_one();
    finish(begin(&scope, RL_ERRAND_END, RL_ERRAND_PRIMARY, "commit"), "");
    read_at("primary");
    on_follower("select pg_wal_replay_resume()");
    await_own_writes();
    on_follower("select pg_wal_replay_pause()");
    finish(start(RL_ERRAND_PRIMARY, "select make_thing()"), "");
    read_at("primary");
    on_follower("select pg_wal_replay_resume()");
}

/* ---- lag ---------------------------------------------------------------------------------------- */

static void skips_a_replica_that_is_too_far_behind(void **state) {
    (void)state;
    on_follower("select pg_wal_replay_pause()");
    on_primary("insert into things default values");
    await_state(RL_REPLICA_LAGGING);
    assert_true(stats().is_lag_known);
    assert_true(stats().lag_ms > max_lag_ms);
    read_at("primary");
    on_follower("select pg_wal_replay_resume()");
    await_state(RL_REPLICA_READY);
    read_at("replica");
    assert_true(stats().lag_ms <= max_lag_ms);
}

static bool has_been_asked_since(void *arg) {
    const rl_probe *probe = &rl_replicas_at(replicas, 0)->probe;
    return probe->asked_ns != *(uint64_t *)arg && !probe->is_asking;
}

static void finds_no_lag_behind_an_idle_primary(void **state) {
    (void)state;
    on_primary("select pg_switch_wal()"); /* the position is then told in two ways */
    for (int rounds = 0; rounds < 20; rounds++) {
        uint64_t asked_ns = rl_replicas_at(replicas, 0)->probe.asked_ns;
        turn_until(loop, has_been_asked_since, &asked_ns);
        assert_int_equal(stats().state, RL_REPLICA_READY);
    }
}

/* ---- when it fails there --------------------------------------------------------------------------- */

static void asks_the_primary_what_a_replica_cannot_tell(void **state) {
    (void)state;
    on_follower("select pg_wal_replay_pause()");
    on_primary("create table made_now as select 'here' as what");
    finish(start(RL_ERRAND_REPLICA, "select what from made_now"), "here");
    assert_int_equal(stats().state, RL_REPLICA_READY);
    on_follower("select pg_wal_replay_resume()");
    on_primary("drop table made_now");
    finish(start(RL_ERRAND_REPLICA, "select 1 / 0"), "22012");
}

static bool is_asleep(void *arg) {
    (void)arg;
    char count[16];
    const char *sql = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";
    return cluster_run(&follower, sql, count, sizeof count) == 0 && strcmp(count, "0") != 0;
}

static void await_sleep_there(void) {
    turn_looking_until(loop, is_asleep, NULL);
}

static void asks_the_primary_when_recovery_stops_the_read(void **state) {
    (void)state;
    on_primary("insert into things select from generate_series(1, 100)");
    write_one(); /* behind it: the replica has both, then */
    await_own_writes();
    errand *reader = start(RL_ERRAND_REPLICA, "select case when pg_is_in_recovery() then pg_sleep(60)::text || 'replica'"
                                              " else 'primary' end from (select count(*) from things) as seen");
    await_sleep_there();
    on_primary("delete from things");
    on_primary("vacuum things");
    finish(reader, "primary");
    assert_int_equal(stats().sent_home, 1);
    assert_int_equal(stats().state, RL_REPLICA_READY);
}

static void stops_for_good_what_takes_too_long(void **state) {
    (void)state;
    errand *reader = make(&scope, RL_ERRAND_STATEMENT, RL_ERRAND_REPLICA, "select pg_sleep(60)");
    reader->errand.timeout_ms = 50;
    reader->errand.is_exclusive = true;
    rl_errand_start(&reader->errand);
    finish(reader, "57014");
    assert_int_equal(stats().sent_home, 0);
}

static void fails_where_only_a_replica_would_do(void **state) {
    (void)state;
    write_one();
    errand *reader = start(RL_ERRAND_REPLICA_ONLY, WHERE_SQL);
    assert_true(reader->done);
    assert_true(reader->errand.query.failure.of_replica);
    finish(reader, "");
    await_own_writes();
    finish(start(RL_ERRAND_REPLICA_ONLY, WHERE_SQL), "replica");
    reader = start(RL_ERRAND_REPLICA_ONLY, "select pg_current_wal_lsn()");
    turn_until_set(loop, &reader->done);
    assert_true(reader->errand.query.failure.of_replica);
    finish(reader, "55000");
}

/* ---- when it is gone ------------------------------------------------------------------------------------ */

static void goes_on_at_the_primary_when_it_is_killed_and_comes_back(void **state) {
    (void)state;
    enum { MANY = 3 };
    errand *readers[MANY];
    for (int i = 0; i < MANY; i++)
        readers[i] = start(RL_ERRAND_REPLICA, "select case when pg_is_in_recovery() then pg_sleep(60)::text || 'replica'"
                                              " else 'primary' end");
    await_sleep_there();
    assert_int_equal(cluster_do(&follower, "kill"), 0);
    for (int i = 0; i < MANY; i++)
        finish(readers[i], "primary");
    for (int i = 0; i < 20; i++)
        read_at("primary");
    await_state(RL_REPLICA_DOWN);
    assert_int_equal(cluster_do(&follower, "begin"), 0);
    await_state(RL_REPLICA_READY);
    read_at("replica");
}

static void sends_home_who_waits_for_a_connection_there(void **state) {
    (void)state;
    errand *slow[3], *waiting;
    for (int i = 0; i < 3; i++)
        slow[i] = start(RL_ERRAND_REPLICA, "select pg_sleep(60)");
    await_sleep_there();
    waiting = start(RL_ERRAND_REPLICA, WHERE_SQL);
    assert_int_equal(waiting->errand.state, RL_ERRAND_QUEUED);
    rl_replica_suspect(waiting->errand.replica, "for this test");
    finish(waiting, "primary");
    for (int i = 0; i < 3; i++)
        rl_errand_drop(&slow[i]->errand);
    await_state(RL_REPLICA_READY);
}

static void gives_up_a_server_that_hangs(void **state) {
    (void)state;
    char pid[16];
    errand *slow = start(RL_ERRAND_REPLICA, "select case when pg_is_in_recovery() then pg_sleep(60)::text || 'replica'"
                                            " else 'primary' end");
    await_sleep_there();
    assert_int_equal(cluster_run(&follower, "select pid from pg_stat_activity where backend_type = 'client backend'"
                                            " and wait_event is distinct from 'PgSleep' and pid <> pg_backend_pid()",
                                 pid, sizeof pid), 0);
    pid_t prober = (pid_t)atoi(pid);
    assert_true(prober > 1);
    /* Its own process, and whoever would make another one: nothing is heard of it then. */
    FILE *file = fopen(strcat(strcpy((char[256]){0}, follower.dir), "/data/postmaster.pid"), "r");
    assert_non_null(file);
    int postmaster = 0;
    assert_int_equal(fscanf(file, "%d", &postmaster), 1);
    fclose(file);
    kill((pid_t)postmaster, SIGSTOP);
    kill(prober, SIGSTOP);
    finish(slow, "primary");
    kill(prober, SIGCONT);
    kill((pid_t)postmaster, SIGCONT);
    await_state(RL_REPLICA_READY);
    read_at("replica");
}

static void does_without_a_replica_that_is_not_there(void **state) {
    (void)state;
    max_lag_ms = 400;
    open_with("host=/nowhere user=rille dbname=postgres");
    rl_scope_init(&scope, loop, NULL, NULL);
    await_state(RL_REPLICA_DOWN);
    read_at("primary");
    assert_false(stats().is_lag_known);
    close_all(NULL);
}

static void takes_no_url_that_is_none(void **state) {
    (void)state;
    rl_pool_options options = rl_pool_defaults();
    options.url = primary.url;
    assert_int_equal(rl_pool_open(loop, &options, &pool), RL_OK);
    rl_replicas_options bad = {.urls = {follower.url, "no url"}, .count = 2, .max_lag_ms = 400};
    assert_int_equal(rl_replicas_open(loop, pool, &options, &bad, &replicas), RL_EINVAL);
    assert_null(rl_pool_replicas(pool));
    rl_pool_close(pool);
}

static void closes_with_reads_under_way(void **state) {
    (void)state;
    errand *running = start(RL_ERRAND_REPLICA, "select pg_sleep(60)");
    await_sleep_there();
    rl_replicas_close(replicas);
    assert_true(running->done);
    assert_int_equal(running->errand.query.failure.err, RL_ECLOSED);
    rl_errand_drop(&running->errand);
    finish(start(RL_ERRAND_REPLICA, WHERE_SQL), "primary");
    rl_pool_close(pool);
    open_with(follower.url); /* for close_all */
}

static bool has_nobody(void *arg) {
    (void)arg;
    return rl_pool_stats_of(pool).in_use == 0 && rl_pool_stats_of(pool).connecting == 0;
}

static void open_and_write(void) {
    rl_pool_options options = rl_pool_defaults();
    options.url = primary.url;
    options.min_idle = 0;
    options.acquire_timeout_ms = 500;
    if (rl_pool_open(loop, &options, &pool) != RL_OK)
        return;
    rl_replicas_options followers = {.urls = {follower.url}, .count = 1, .max_lag_ms = 400};
    if (rl_replicas_open(loop, pool, &options, &followers, &replicas) == RL_OK) {
        rl_scope_init(&scope, loop, NULL, NULL);
        rl_replicas_note_write(replicas, &scope);
        assert_null(rl_replicas_choose(replicas, &scope));
        for (int i = 0; i < 3; i++)
            rl_loop_turn(loop, true);
        rl_scope_end(&scope);
        rl_replicas_close(replicas);
    }
    turn_until(loop, has_nobody, NULL);
    rl_pool_close(pool);
    rl_loop_turn(loop, false);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    rl_loop_turn(loop, false);
    each_allocation_fails(open_and_write);
}

/* Last: it is none any more. */
static void does_not_read_what_was_promoted(void **state) {
    (void)state;
    on_follower("select pg_promote()");
    await_state(RL_REPLICA_PROMOTED);
    read_at("primary");
}

static int set_up(void **state) {
    (void)state;
    if (cluster_start(&primary) != 0 || cluster_follow(&follower, &primary) != 0 || rl_loop_new(&loop) != RL_OK)
        return -1;
    on_primary("create table things (id bigint generated always as identity)");
    on_primary("create function make_thing() returns void language sql as 'insert into things default values'");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    bool is_out = turn_out(loop);
    cluster_stop(&follower);
    cluster_stop(&primary);
    return is_out ? 0 : -1;
}

#define PATIENT(test) cmocka_unit_test_setup_teardown(test, patient, close_all)
#define STRICT(test) cmocka_unit_test_setup_teardown(test, strict, close_all)

int main(void) {
    const struct CMUnitTest tests[] = {
        PATIENT(sends_declared_reads_to_the_replica_and_nothing_else),
        PATIENT(reads_on_the_replicas_shared_connections),
        PATIENT(has_the_replica_refuse_writes),
        PATIENT(keeps_a_transaction_where_it_began),
        PATIENT(runs_a_batch_as_one),
        PATIENT(goes_to_the_least_loaded),
        PATIENT(reads_its_own_writes),
        PATIENT(reads_what_a_task_of_the_request_has_written),
        PATIENT(counts_a_commit_and_a_function_as_writes),
        STRICT(skips_a_replica_that_is_too_far_behind),
        STRICT(finds_no_lag_behind_an_idle_primary),
        PATIENT(asks_the_primary_what_a_replica_cannot_tell),
        PATIENT(asks_the_primary_when_recovery_stops_the_read),
        PATIENT(stops_for_good_what_takes_too_long),
        PATIENT(fails_where_only_a_replica_would_do),
        PATIENT(sends_home_who_waits_for_a_connection_there),
        PATIENT(goes_on_at_the_primary_when_it_is_killed_and_comes_back),
        PATIENT(gives_up_a_server_that_hangs),
        PATIENT(closes_with_reads_under_way),
        cmocka_unit_test(does_without_a_replica_that_is_not_there),
        cmocka_unit_test(takes_no_url_that_is_none),
        cmocka_unit_test(survives_each_refused_allocation),
        PATIENT(does_not_read_what_was_promoted),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
