#include "base/mem.h"
#include "loop/clock.h"
#include "mem.h"
#include "pg/borrower.h"
#include "pg/cluster.h"

#include <pthread.h>
#include <stdatomic.h>

#ifdef __SANITIZE_THREAD__
/* libpq closes a dead descriptor itself. By the time the loop forgets its number
 * that may be another thread's: the loop's epoll knows no such file, and says so. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void) {
    return "race:uv__platform_invalidate_fd\n";
}
#endif

/* Two workers of a process, one database. */
typedef struct workers {
    rl_budgets *budgets;
    bench a, b;
} workers;

static rl_pool_options options_of(uint32_t exclusive) {
    rl_pool_options options = rl_pool_defaults();
    options.url = server.url;
    options.exclusive = exclusive;
    options.min_idle = 0;
    return options;
}

static void open_workers(workers *at, rl_pool_options *options) {
    assert_int_equal(rl_budgets_new(&at->budgets), RL_OK);
    options->budgets = at->budgets;
    at->a = open_bench(options);
    at->b = open_bench(options);
}

static void close_workers(workers *at) {
    close_bench(&at->a);
    close_bench(&at->b);
    rl_budgets_free(at->budgets);
}

static void turn_both_until_set(workers *at, bool *flag) {
    uint64_t until_ns = rl_clock_ns() + (uint64_t)TURN_PATIENCE_MS * 1000000;
    while (!*flag && rl_clock_ns() < until_ns) {
        rl_loop_turn(at->a.loop, false);
        rl_loop_turn(at->b.loop, false);
    }
    assert_true(*flag);
}

static rl_backend *borrow_turning_both(workers *at, bench *b) {
    borrower one = {.order = NULL};
    ask(b, &one);
    turn_both_until_set(at, &one.answered);
    assert_int_equal(one.err, RL_OK);
    return one.backend;
}

static uint32_t count_sessions(void) {
    char count[16];
    const char *sql = "select count(*) from pg_stat_activity where application_name = 'rille'";
    assert_int_equal(cluster_run(&server, sql, count, sizeof count), 0);
    return (uint32_t)atoi(count);
}

/* A session ends on the server a moment after its socket was closed. */
static void await_sessions(uint32_t count) {
    uint64_t until_ns = rl_clock_ns() + (uint64_t)TURN_PATIENCE_MS * 1000000;
    while (count_sessions() != count)
        assert_true(rl_clock_ns() < until_ns);
}

static void terminate_all(void) {
    const char *sql = "select pg_terminate_backend(pid) from pg_stat_activity "
                      "where application_name = 'rille'";
    assert_int_equal(cluster_run(&server, sql, NULL, 0), 0);
}

static void moves_an_idle_connection_to_who_asks(void **state) {
    (void)state;
    rl_pool_options options = options_of(4);
    workers at;
    open_workers(&at, &options);
    char first[16], second[16], prepared[16];
    rl_backend *backend = borrow(&at.a);
    run(&at.a, backend, "select pg_backend_pid()", first, sizeof first);
    rl_pool_release(at.a.pool, backend);
    /* A loop that is slow to hand it over is not waited for: the machine may be slow. */
    rl_loop_freeze(at.a.loop, RL_FREEZE_STANDS);
    rl_loop_freeze(at.b.loop, RL_FREEZE_STANDS);
    for (int i = 0; i < 6; i++) {
        bench *to = i % 2 == 0 ? &at.b : &at.a;
        backend = borrow_turning_both(&at, to);
        run(to, backend, "select pg_backend_pid()", second, sizeof second);
        assert_string_equal(first, second);
        run(to, backend, "select count(*) from pg_prepared_statements where statement like '%pid()'",
            prepared, sizeof prepared);
        assert_string_equal(prepared, "1"); /* its statements came along */
        rl_pool_release(to->pool, backend);
    }
    rl_budget_stats now = rl_pool_stats_of(at.a.pool);
    assert_int_equal(now.connects, 1);
    assert_int_equal(now.handovers, 6);
    assert_int_equal(now.queries, 13);
    close_workers(&at);
}

static void cancels_on_the_loop_it_moved_to(void **state) {
    (void)state;
    rl_pool_options options = options_of(1);
    workers at;
    open_workers(&at, &options);
    rl_pool_release(at.a.pool, borrow(&at.a));
    rl_backend *backend = borrow_turning_both(&at, &at.b);
    statement one;
    start(backend, &one, "select pg_sleep(60)");
    assert_int_equal(cluster_await_sleep(&server), 0);
    rl_pool_release(at.b.pool, backend);
    turn_until_set(at.b.loop, &one.done);
    assert_string_equal(one.query.failure.sqlstate, "57014");
    rl_query_clear(&one.query);
    rl_pool_release(at.a.pool, borrow_turning_both(&at, &at.a));
    assert_int_equal(rl_pool_stats_of(at.a.pool).connects, 1);
    close_workers(&at);
}

/* An idle connection of `a` that `b` has asked for; it has gone so many loops of its way. */
typedef enum way { STILL_THERE, UNDER_WAY, ARRIVED } way;

static void set_out(workers *at, borrower *one, way how_far) {
    rl_pool_release(at->a.pool, borrow(&at->a));
    ask(&at->b, one);
    if (how_far >= UNDER_WAY)
        rl_loop_turn(at->a.loop, false);
    if (how_far >= ARRIVED)
        rl_loop_turn(at->b.loop, false);
}

/* Nothing is promised of a connection whose server process was ended. */
static void use_and_return(bench *b, rl_backend *backend) {
    statement ping = {.done = false};
    rl_query_init(&ping.query, on_done);
    assert_int_equal(rl_query_set_sql(&ping.query, RL_LIT("select 1")), RL_OK);
    if (rl_backend_run(backend, &ping.query) == RL_OK)
        turn_until_set(b->loop, &ping.done);
    rl_query_clear(&ping.query);
    rl_pool_release(b->pool, backend);
}

static void replaces_one_that_dies_while_it_moves(void **state) {
    (void)state;
    for (way died = STILL_THERE; died <= ARRIVED; died++) {
        rl_pool_options options = options_of(1);
        workers at;
        borrower one = {.order = NULL};
        open_workers(&at, &options);
        set_out(&at, &one, died);
        terminate_all();
        turn_both_until_set(&at, &one.answered);
        assert_int_equal(one.err, RL_OK);
        use_and_return(&at.b, one.backend);
        rl_backend *next = borrow_turning_both(&at, &at.b);
        run(&at.b, next, "select 1", NULL, 0);
        rl_pool_release(at.b.pool, next);
        assert_int_equal(rl_pool_stats_of(at.b.pool).lost, 1);
        assert_int_equal(rl_pool_stats_of(at.b.pool).reconnects, 1);
        close_workers(&at);
    }
}

static void closes_while_a_connection_is_on_its_way_there(void **state) {
    (void)state;
    for (way far = STILL_THERE; far <= UNDER_WAY; far++) {
        rl_pool_options options = options_of(1);
        workers at;
        borrower one = {.order = NULL};
        open_workers(&at, &options);
        set_out(&at, &one, far);
        close_bench(&at.b);
        assert_int_equal(one.err, RL_ECLOSED);
        close_bench(&at.a);
        rl_budgets_free(at.budgets);
        await_sessions(0);
    }
}

static void closes_after_a_connection_has_left(void **state) {
    (void)state;
    rl_pool_options options = options_of(1);
    workers at;
    borrower one = {.order = NULL};
    open_workers(&at, &options);
    set_out(&at, &one, UNDER_WAY);
    close_bench(&at.a);
    turn_until_set(at.b.loop, &one.answered);
    assert_int_equal(one.err, RL_OK);
    rl_pool_release(at.b.pool, one.backend);
    close_bench(&at.b);
    rl_budgets_free(at.budgets);
    await_sessions(0);
}

/* Two generations of a VM on one loop, as during a reload. */
static void a_pool_that_closes_leaves_the_others_alone(void **state) {
    (void)state;
    rl_pool_options options = options_of(2);
    workers at;
    open_workers(&at, &options);
    bench old = {.loop = at.a.loop};
    assert_int_equal(rl_pool_open(old.loop, &options, &old.pool), RL_OK);
    rl_backend *held = borrow(&at.b), *mine = borrow(&old);
    borrower waiter = {.order = NULL};
    ask(&at.a, &waiter);
    rl_pool_release(old.pool, mine); /* to the new generation, on the same loop */
    turn_until_set(at.a.loop, &waiter.answered);
    rl_pool_close(old.pool);
    run(&at.a, waiter.backend, "select 1", NULL, 0);
    run(&at.b, held, "select 1", NULL, 0);
    rl_pool_release(at.a.pool, waiter.backend);
    rl_pool_release(at.b.pool, held);
    assert_int_equal(rl_pool_stats_of(at.a.pool).connects, 2);
    close_workers(&at);
}

static void waits_for_a_place_when_others_hold_all(void **state) {
    (void)state;
    rl_pool_options options = options_of(1);
    workers at;
    open_workers(&at, &options);
    rl_backend *held = borrow(&at.a);
    borrower waiter = {.order = NULL};
    ask(&at.b, &waiter);
    rl_backend_abort(held, RL_ERESET); /* as good as a loss: there is room for a new one */
    rl_pool_release(at.a.pool, held);
    turn_until_set(at.b.loop, &waiter.answered);
    assert_int_equal(waiter.err, RL_OK);
    rl_pool_release(at.b.pool, waiter.backend);
    close_workers(&at);
}

typedef struct wanted {
    rl_pool *pool;
    uint32_t idle;
    uint64_t reconnects;
} wanted;

static bool are_idle(void *arg) {
    wanted *want = arg;
    rl_budget_stats now = rl_pool_stats_of(want->pool);
    return now.idle >= want->idle && now.reconnects >= want->reconnects;
}

static void keeps_the_least_number_open(void **state) {
    (void)state;
    rl_pool_options options = options_of(4);
    options.min_idle = 2;
    options.idle_timeout_ms = 5;
    bench b = open_bench(&options);
    wanted want = {.pool = b.pool, .idle = 2};
    rl_pool_release(b.pool, borrow(&b));
    turn_until(b.loop, are_idle, &want);
    terminate_all();
    want.reconnects = 2;
    turn_until(b.loop, are_idle, &want);
    assert_int_equal(rl_pool_stats_of(b.pool).lost, 2);
    assert_int_equal(rl_pool_stats_of(b.pool).connects, 4);
    close_bench(&b);
}

static bool was_refused(void *pool) {
    return rl_pool_stats_of(pool).connect_failures > 0;
}

/* 53300: the server, or the role, has none to spare. */
static void makes_do_with_what_the_server_grants(void **state) {
    (void)state;
    assert_int_equal(cluster_run(&server, "create role narrow login connection limit 1", NULL, 0), 0);
    char url[sizeof server.url + 16];
    snprintf(url, sizeof url, "%s user=narrow", server.url);
    rl_pool_options options = options_of(4);
    options.url = url;
    bench b = open_bench(&options);
    borrower some[3] = {{.order = NULL}};
    for (int i = 0; i < 3; i++)
        ask(&b, &some[i]);
    for (int i = 0; i < 3; i++) {
        turn_until_set(b.loop, &some[i].answered);
        assert_int_equal(some[i].err, RL_OK);
        run(&b, some[i].backend, "select 1", NULL, 0);
        rl_pool_release(b.pool, some[i].backend);
    }
    turn_until(b.loop, was_refused, b.pool);
    assert_int_equal(rl_pool_stats_of(b.pool).connects, 1);
    close_bench(&b);
}

static bool is_none_in_use(void *arg) {
    return rl_pool_stats_of(arg).in_use == 0;
}

/* 25006: what was the primary follows another server now. */
static void trusts_no_connection_of_a_primary_that_is_none(void **state) {
    (void)state;
    cluster demoted;
    char command[256];
    assert_int_equal(cluster_start(&demoted), 0);
    snprintf(command, sizeof command, CLUSTER_SCRIPT " standby %s", demoted.dir);
    assert_int_equal(system(command), 0);
    rl_pool_options options = options_of(2);
    options.url = demoted.url;
    workers at;
    open_workers(&at, &options);
    rl_backend *writes = borrow(&at.a), *reads = borrow(&at.b);
    rl_pool_release(at.b.pool, reads); /* idle */
    statement one;
    start(writes, &one, "create table refused (a int)");
    turn_until_set(at.a.loop, &one.done);
    assert_string_equal(one.query.failure.sqlstate, "25006");
    rl_query_clear(&one.query);
    rl_pool_release(at.a.pool, writes);
    turn_until(at.a.loop, is_none_in_use, at.a.pool);
    rl_backend *next = borrow_turning_both(&at, &at.b);
    assert_int_equal(rl_pool_stats_of(at.b.pool).connects, 3);
    rl_pool_release(at.b.pool, next);
    close_workers(&at);
    cluster_stop(&demoted);
}

/* ---- threads ------------------------------------------------------------------ */

enum { THREADS = 3, CLIENTS = 4, ROUNDS = 60, MOST = 3 };

typedef struct client {
    borrower borrower;
    statement statement;
    int round;
    enum { CLIENT_NEW, CLIENT_WAITS, CLIENT_RUNS, CLIENT_OVER } state;
} client;

typedef struct thread {
    pthread_t id;
    rl_pool_options options;
    client clients[CLIENTS];
    int number, answered, wrong, failed, refused;
    atomic_int *busy;
} thread;

static int nonce_of(const thread *at, int i) {
    return at->number * 1000000 + i * 10000 + at->clients[i].round;
}

static void check_answer(thread *at, int i) {
    rl_query *query = &at->clients[i].statement.query;
    rl_slice cell = RL_LIT("");
    if (query->failure.err != RL_OK) {
        at->failed++;
    } else {
        (void)rl_result_cell(query->result, 0, 0, &cell);
        char text[32];
        snprintf(text, sizeof text, "%d", nonce_of(at, i));
        at->answered++;
        at->wrong += !rl_slice_eq(cell, rl_slice_str(text));
    }
}

static void client_asks(thread *at, bench *b, int i) {
    client *one = &at->clients[i];
    if (one->round++ == ROUNDS) {
        one->state = CLIENT_OVER;
        atomic_fetch_sub(at->busy, 1);
        return;
    }
    one->borrower = (borrower){.acquire.granted = on_granted};
    if (rl_pool_acquire(b->pool, &one->borrower.acquire, &one->borrower.backend) != RL_OK) {
        at->refused++;
        return;
    }
    one->borrower.answered = one->borrower.backend != NULL;
    one->state = CLIENT_WAITS;
}

static void client_runs(thread *at, int i) {
    client *one = &at->clients[i];
    char sql[64];
    snprintf(sql, sizeof sql, "select %d", nonce_of(at, i));
    one->statement.done = false;
    rl_query_init(&one->statement.query, on_done);
    one->state = CLIENT_RUNS;
    if (rl_query_set_sql(&one->statement.query, rl_slice_str(sql)) != RL_OK ||
        rl_backend_run(one->borrower.backend, &one->statement.query) != RL_OK)
        one->statement.done = true; /* its failure says why */
}

static void step(thread *at, bench *b, int i) {
    client *one = &at->clients[i];
    switch (one->state) {
    case CLIENT_NEW: client_asks(at, b, i); break;
    case CLIENT_WAITS:
        if (!one->borrower.answered)
            break;
        if (one->borrower.err == RL_OK) {
            client_runs(at, i);
        } else {
            at->refused++;
            one->state = CLIENT_NEW;
        }
        break;
    case CLIENT_RUNS:
        if (!one->statement.done)
            break;
        check_answer(at, i);
        rl_query_clear(&one->statement.query);
        rl_pool_release(b->pool, one->borrower.backend);
        one->state = CLIENT_NEW;
        break;
    case CLIENT_OVER: break;
    }
}

/* The loop goes on until all threads are done: the others call its idle ones. */
static void *serve(void *arg) {
    thread *at = arg;
    bench b = {.loop = NULL};
    if (rl_loop_new(&b.loop) != RL_OK || rl_pool_open(b.loop, &at->options, &b.pool) != RL_OK) {
        at->wrong++;
        atomic_fetch_sub(at->busy, CLIENTS);
        return NULL;
    }
    while (atomic_load(at->busy) > 0) {
        for (int i = 0; i < CLIENTS; i++)
            step(at, &b, i);
        rl_loop_turn(b.loop, false);
    }
    rl_pool_close(b.pool);
    rl_loop_free(b.loop);
    return NULL;
}

static void serves_all_threads_while_connections_die(void **state) {
    (void)state;
    rl_budgets *budgets;
    static thread threads[THREADS];
    atomic_int busy = THREADS * CLIENTS;
    assert_int_equal(rl_budgets_new(&budgets), RL_OK);
    for (int i = 0; i < THREADS; i++) {
        threads[i] = (thread){.number = i + 1, .busy = &busy, .options = options_of(MOST)};
        threads[i].options.budgets = budgets;
        threads[i].options.min_idle = 2;
        threads[i].options.acquire_timeout_ms = TURN_PATIENCE_MS;
        assert_int_equal(pthread_create(&threads[i].id, NULL, serve, &threads[i]), 0);
    }
    uint32_t most = 0;
    for (int i = 0; atomic_load(&busy) > 0; i++) {
        uint32_t now = count_sessions();
        most = now > most ? now : most;
        if (i % 20 == 19)
            terminate_all();
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i].id, NULL);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(threads[i].wrong, 0);
        assert_int_equal(threads[i].refused, 0);
        assert_int_equal(threads[i].answered + threads[i].failed, CLIENTS * ROUNDS);
        assert_true(threads[i].answered > 0);
    }
    assert_in_range(most, 1, MOST * 2); /* a closed session lingers on the server for a moment */
    rl_budgets_free(budgets);
    await_sessions(0);
}

/* ---- memory --------------------------------------------------------------------- */

static rl_loop *loops[2];

/* From one pool to another and back, whatever cannot be had. */
static void move_to_and_fro(void) {
    workers at = {.a.loop = loops[0], .b.loop = loops[1]};
    rl_pool_options options = options_of(1);
    options.acquire_timeout_ms = 50;
    if (rl_budgets_new(&at.budgets) != RL_OK)
        return;
    options.budgets = at.budgets;
    if (rl_pool_open(at.a.loop, &options, &at.a.pool) == RL_OK) {
        if (rl_pool_open(at.b.loop, &options, &at.b.pool) == RL_OK) {
            for (int i = 0; i < 3; i++) {
                bench *b = i % 2 == 0 ? &at.a : &at.b;
                borrower one = {.order = NULL};
                ask(b, &one);
                turn_both_until_set(&at, &one.answered);
                if (one.backend != NULL)
                    rl_pool_release(b->pool, one.backend);
            }
            rl_pool_close(at.b.pool);
        }
        rl_pool_close(at.a.pool);
    }
    for (int i = 0; i < 2; i++) /* bells, and then the polls' memory */
        for (int k = 0; k < 2; k++)
            rl_loop_turn(loops[k], false);
    rl_budgets_free(at.budgets);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(rl_loop_new(&loops[i]), RL_OK);
    each_allocation_fails(move_to_and_fro);
    for (int i = 0; i < 2; i++)
        rl_loop_free(loops[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        /* first: later ones leave threads behind that free their job some time */
        cmocka_unit_test(survives_each_refused_allocation),
        cmocka_unit_test(moves_an_idle_connection_to_who_asks),
        cmocka_unit_test(cancels_on_the_loop_it_moved_to),
        cmocka_unit_test(replaces_one_that_dies_while_it_moves),
        cmocka_unit_test(closes_while_a_connection_is_on_its_way_there),
        cmocka_unit_test(closes_after_a_connection_has_left),
        cmocka_unit_test(a_pool_that_closes_leaves_the_others_alone),
        cmocka_unit_test(waits_for_a_place_when_others_hold_all),
        cmocka_unit_test(keeps_the_least_number_open),
        cmocka_unit_test(makes_do_with_what_the_server_grants),
        cmocka_unit_test(trusts_no_connection_of_a_primary_that_is_none),
        cmocka_unit_test(serves_all_threads_while_connections_die),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
