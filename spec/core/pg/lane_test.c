#include "pg/lane.h"

#include <signal.h>

#include "base/mem.h"
#include "mem.h"
#include "pg/errand.h"
#include "pg/looped.h"

static rl_pool *pool;

typedef struct errand {
    rl_errand errand;
    int answers;
    bool done;
    const char *then; /* started from within its `done`; or NULL */
    struct errand *next;
} errand;

static errand *start(rl_scope *scope, const char *sql, const char *value);

static void on_done(rl_errand *one) {
    errand *self = RL_CONTAINER(one, errand, errand);
    self->answers++;
    self->done = true;
    if (self->then != NULL)
        self->next = start(one->scope, self->then, NULL);
}

static void on_freed(rl_errand *one) {
    rl_mem_free(RL_CONTAINER(one, errand, errand));
}

static errand *begin(rl_scope *scope, rl_errand_kind kind, const char *sql, const char *value) {
    errand *self = rl_mem_zalloc(1, sizeof *self);
    assert_non_null(self);
    rl_errand_init(&self->errand, kind, pool, scope, on_done, on_freed);
    assert_int_equal(rl_query_set_sql(&self->errand.query, rl_slice_str(sql)), RL_OK);
    if (value != NULL)
        assert_int_equal(rl_query_add(&self->errand.query, RL_PARAM_TEXT, rl_slice_str(value)), RL_OK);
    rl_errand_start(&self->errand);
    return self;
}

static errand *start(rl_scope *scope, const char *sql, const char *value) {
    return begin(scope, RL_ERRAND_STATEMENT, sql, value);
}

/* To the end: the first cell, or "" and the SQLSTATE. */
typedef struct answer {
    char text[64], sqlstate[6];
    bool sent, lost;
    int times;
} answer;

static answer finish(errand *self) {
    turn_until_set(loop, &self->done);
    const rl_query *query = &self->errand.query;
    answer got = {.sent = query->failure.sent, .lost = query->failure.lost, .times = self->answers};
    strcpy(got.sqlstate, query->failure.sqlstate);
    rl_slice cell = RL_LIT("");
    if (query->failure.err == RL_OK && query->result != NULL && rl_result_rows(query->result) > 0)
        (void)rl_result_cell(query->result, 0, 0, &cell);
    snprintf(got.text, sizeof got.text, "%.*s", (int)cell.len, cell.ptr);
    rl_errand_drop(&self->errand);
    return got;
}

static void expect(errand *self, const char *text) {
    answer got = finish(self);
    if (got.sqlstate[0] != '\0')
        fail_msg("%s", got.sqlstate);
    assert_string_equal(got.text, text);
    assert_int_equal(got.times, 1);
}

static void run(rl_scope *scope, const char *sql, const char *text) {
    expect(start(scope, sql, NULL), text);
}

static void admin(const char *sql) {
    assert_int_equal(cluster_run(&server, sql, NULL, 0), 0);
}

static rl_lane_stats stats(void) {
    return rl_lane_stats_of(rl_pool_lane(pool));
}

static bool is_quick(const char *sql) {
    rl_lesson *lesson = rl_lane_recall(rl_pool_lane(pool), rl_slice_str(sql));
    rl_lesson_release(lesson);
    return lesson->is_quick;
}

/* What three quick runs would bring about, on a machine that is not busy. */
static void trust(const char *sql) {
    rl_lesson *lesson = rl_lane_recall(rl_pool_lane(pool), rl_slice_str(sql));
    lesson->is_quick = true;
    lesson->average_ns = 0;
    rl_lesson_release(lesson);
}

static bool is_lane_empty(void *arg) {
    (void)arg;
    return stats().in_flight == 0 && stats().waiting == 0;
}

static bool looks_at_sessions;

static void open_pool(uint32_t shared, uint32_t depth) {
    rl_pool_options options = rl_pool_defaults();
    options.url = server.url;
    options.exclusive = 3;
    options.shared = shared;
    options.depth = depth;
    options.min_idle = 0;
    options.looks_at_sessions = looks_at_sessions;
    assert_int_equal(rl_pool_open(loop, &options, &pool), RL_OK);
}

static void close_pool(void) {
    rl_pool_close(pool);
    rl_loop_turn(loop, false);
}

/* A fixture: a pool with `shared` connections that are there, and a scope. */
static rl_scope scope;

/* Whoever finds no connection has them made. */
static bool has_wires(void *arg) {
    rl_lane_stats now = stats();
    if (now.connecting == 0 && now.wires < *(uint32_t *)arg) {
        trust("select 'wires'");
        rl_errand_drop(&start(&scope, "select 'wires'", NULL)->errand);
    }
    return now.connecting == 0 && now.wires >= *(uint32_t *)arg;
}

static void string_wires(uint32_t count) {
    turn_looking_until(loop, has_wires, &count);
}

static void set_up_with(uint32_t shared, uint32_t depth) {
    open_pool(shared, depth);
    rl_scope_init(&scope, loop, NULL, NULL);
    string_wires(shared);
}

static int two(void **state) {
    (void)state;
    set_up_with(2, 32);
    return 0;
}

static int one(void **state) {
    (void)state;
    set_up_with(1, 32);
    return 0;
}

static int one_watched(void **state) {
    looks_at_sessions = true;
    int status = one(state);
    looks_at_sessions = false;
    return status;
}

static int shallow(void **state) {
    (void)state;
    set_up_with(1, 2);
    return 0;
}

static int close_all(void **state) {
    (void)state;
    rl_scope_end(&scope);
    close_pool();
    return 0;
}

enum { MANY = 30 };

static void has_many_in_flight_on_two_connections(void **state) {
    (void)state;
    static const char sql[] = "select $1::int || ' ' || pg_backend_pid()";
    trust(sql);
    errand *some[MANY];
    char value[8];
    for (int i = 0; i < MANY; i++) {
        snprintf(value, sizeof value, "%d", i);
        some[i] = start(&scope, sql, value);
    }
    assert_int_equal(stats().in_flight, MANY);
    int pids[2] = {0};
    for (int i = 0; i < MANY; i++) {
        answer got = finish(some[i]);
        int number = -1, pid = 0;
        assert_int_equal(sscanf(got.text, "%d %d", &number, &pid), 2);
        assert_int_equal(number, i);
        assert_true(pids[0] == 0 || pids[0] == pid || pids[1] == 0 || pids[1] == pid);
        if (pids[0] == 0)
            pids[0] = pid;
        else if (pids[0] != pid)
            pids[1] = pid;
    }
    assert_int_not_equal(pids[1], 0);
    assert_int_equal(rl_pool_stats_of(pool).in_use, 0);
}

static void starts_alone_what_is_unknown_or_leaves_traces(void **state) {
    (void)state;
    uint64_t before = stats().queries;
    run(&scope, "select 'unknown'", "unknown");
    trust("select set_config('a.b', 'x', false)");
    run(&scope, "select set_config('a.b', 'x', false)", "x");
    trust("select pg_advisory_lock(7)");
    run(&scope, "select pg_advisory_lock(7)", "");
    trust("set timezone = 'Asia/Tokyo'");
    run(&scope, "set timezone = 'Asia/Tokyo'", "");
    assert_int_equal(stats().queries, before);
    trust("select 'known'");
    run(&scope, "select 'known'", "known");
    assert_int_equal(stats().queries, before + 1);
    errand *alone = rl_mem_zalloc(1, sizeof *alone);
    rl_errand_init(&alone->errand, RL_ERRAND_STATEMENT, pool, &scope, on_done, on_freed);
    assert_int_equal(rl_query_set_sql(&alone->errand.query, RL_LIT("select 'known'")), RL_OK);
    alone->errand.is_exclusive = true;
    rl_errand_start(&alone->errand);
    expect(alone, "known");
    assert_int_equal(stats().queries, before + 1);
}

static bool has_learned(void *arg) {
    static errand *self;
    const char *sql = arg;
    if (self != NULL && !self->done)
        return false;
    if (self != NULL)
        (void)finish(self);
    self = is_quick(sql) ? NULL : start(&scope, sql, NULL);
    return self == NULL;
}

static void learns_which_statements_are_quick(void **state) {
    (void)state;
    turn_until(loop, has_learned, (void *)(uintptr_t) "select 'learned'");
    uint64_t before = stats().queries;
    run(&scope, "select 'learned'", "learned");
    assert_int_equal(stats().queries, before + 1);
    trust("select pg_sleep(0.05)");
    run(&scope, "select pg_sleep(0.05)", "");
    assert_false(is_quick("select pg_sleep(0.05)"));
}

static void fails_none_for_what_a_neighbour_did(void **state) {
    (void)state;
    admin("create table parent (id int primary key);"
          "create table child (id int, parent int references parent deferrable initially deferred)");
    static const char divide[] = "select 100 / $1::int", insert[] = "insert into child values (1, $1::int)",
                      count[] = "select count(*) + $1::int from child";
    trust(divide);
    trust(insert);
    trust(count);
    errand *some[MANY];
    for (int i = 0; i < MANY; i++)
        some[i] = i == 20 ? start(&scope, insert, "1") : start(&scope, divide, i % 10 == 5 ? "0" : "4");
    errand *last = start(&scope, count, "7");
    for (int i = 0; i < MANY; i++) {
        answer got = finish(some[i]);
        assert_string_equal(got.sqlstate, i == 20 ? "23503" : i % 10 == 5 ? "22012" : "");
        assert_string_equal(got.text, i == 20 || i % 10 == 5 ? "" : "25");
        assert_int_equal(got.times, 1);
    }
    expect(last, "7");
}

static void prepares_anew_with_many_in_flight(void **state) {
    (void)state;
    admin("create table changing (a int); insert into changing values (1)");
    static const char sql[] = "select * from changing";
    trust(sql);
    run(&scope, sql, "1");
    run(&scope, sql, "1");
    admin("alter table changing alter a type text using 'new'");
    errand *some[MANY];
    for (int i = 0; i < MANY; i++)
        some[i] = start(&scope, sql, NULL);
    for (int i = 0; i < MANY; i++)
        expect(some[i], "new");
    assert_int_equal(stats().wires, 2);
}

static void holds_back_what_has_no_room_and_forgets_it(void **state) {
    (void)state;
    trust("select pg_sleep(0.05)");
    trust("insert into written values ($1::int)");
    admin("create table written (a int)");
    errand *a = start(&scope, "select pg_sleep(0.05)", NULL);
    errand *b = start(&scope, "select pg_sleep(0.05)", NULL);
    errand *gone = start(&scope, "insert into written values ($1::int)", "1");
    assert_int_equal(stats().in_flight, 2);
    assert_int_equal(stats().waiting, 1);
    rl_errand_drop(&gone->errand);
    assert_int_equal(stats().waiting, 0);
    errand *late = start(&scope, "insert into written values ($1::int)", "2");
    assert_string_equal(finish(late).sqlstate, ""); /* stuck: it went elsewhere */
    assert_true(stats().waited_ns > 0);
    expect(a, "");
    expect(b, "");
    run(&scope, "select sum(a) from written", "2");
}

static void throws_away_answers_that_nobody_waits_for(void **state) {
    (void)state;
    static const char sql[] = "select $1::text";
    trust(sql);
    errand *some[MANY];
    char value[8];
    for (int i = 0; i < MANY; i++) {
        snprintf(value, sizeof value, "%d", i);
        some[i] = start(&scope, sql, value);
    }
    for (int i = 0; i < MANY; i += 2)
        rl_errand_drop(&some[i]->errand);
    for (int i = 1; i < MANY; i += 2) {
        snprintf(value, sizeof value, "%d", i);
        expect(some[i], value);
    }
    turn_until(loop, is_lane_empty, NULL);
}

/* A cancel would end whichever statement runs there. */
static void harms_no_neighbour_when_nobody_waits_for_the_head(void **state) {
    (void)state;
    static const char head[] = "select pg_sleep(0.05)", behind[] = "select $1::text from pg_sleep(0.005)";
    trust(head);
    trust(behind);
    errand *first = start(&scope, head, NULL), *others[10];
    for (int i = 0; i < 10; i++)
        others[i] = start(&scope, behind, "unharmed");
    assert_int_equal(stats().in_flight, 11);
    rl_loop_turn(loop, false);
    rl_errand_drop(&first->errand);
    for (int i = 0; i < 10; i++)
        expect(others[i], "unharmed");
    turn_until(loop, is_lane_empty, NULL);
    assert_int_equal(stats().timeouts, 0);
    assert_int_equal(rl_pool_stats_of(pool).queries, 0); /* none was run again elsewhere */
}

/* A's transaction holds the row, B's update of it is at the head of the shared
 * connection, and C is behind B. */
static void gives_way_to_a_lock_that_is_held_for_long(void **state) {
    (void)state;
    admin("create table rows (id int primary key, n int); insert into rows values (1, 0)");
    static const char update[] = "update rows set n = n + 1 where id = 1";
    trust(update);
    trust("select 'behind'");
    rl_scope a;
    rl_scope_init(&a, loop, NULL, NULL);
    expect(begin(&a, RL_ERRAND_BEGIN, "begin", NULL), "");
    run(&a, update, "");
    errand *b = start(&scope, update, NULL);
    errand *behind = start(&scope, "select 'behind'", NULL);
    assert_int_equal(stats().in_flight, 2);
    expect(behind, "behind");
    assert_false(b->done);
    assert_false(is_quick(update));
    run(&a, update, ""); /* A is answered: nothing of its own is behind B */
    expect(begin(&a, RL_ERRAND_END, "commit", NULL), "");
    rl_scope_end(&a);
    expect(b, "");
    run(&scope, "select n from rows", "3");
}

static void runs_again_elsewhere_what_its_timeout_stopped(void **state) {
    (void)state;
    static const char sql[] = "insert into stopped select 1 from pg_sleep(1.2)";
    admin("create table stopped (a int)");
    trust(sql);
    expect(start(&scope, sql, NULL), "");
    assert_false(is_quick(sql));
    assert_int_equal(stats().timeouts, 1);
    run(&scope, "select count(*) from stopped", "1");
}

static int pid_of_the_wire(void) {
    trust("select pg_backend_pid()");
    return atoi(finish(start(&scope, "select pg_backend_pid()", NULL)).text);
}

static bool has_lost_its_wire(void *arg) {
    (void)arg;
    return stats().lost > 0;
}

static void answers_each_once_when_the_backend_goes(int signal) {
    admin("create table if not exists acknowledged (a int); truncate acknowledged");
    static const char insert[] = "insert into acknowledged values ($1::int)", read[] = "select $1::text";
    trust(insert);
    trust(read);
    trust("select pg_sleep(0.2)");
    int pid = pid_of_the_wire();
    errand *writes[MANY];
    char value[8];
    for (int i = 0; i < MANY / 2; i++) {
        snprintf(value, sizeof value, "%d", i);
        writes[i] = start(&scope, insert, value);
    }
    errand *head = start(&scope, "select pg_sleep(0.2)", NULL);
    for (int i = MANY / 2; i < MANY; i++) {
        snprintf(value, sizeof value, "%d", i);
        writes[i] = start(&scope, insert, value);
    }
    errand *reading = start(&scope, read, "read");
    rl_loop_turn(loop, false);
    assert_int_equal(kill(pid, signal), 0);
    int acknowledged[MANY] = {0}, count = 0;
    for (int i = 0; i < MANY; i++) {
        answer got = finish(writes[i]);
        assert_int_equal(got.times, 1);
        acknowledged[i] = got.sqlstate[0] == '\0';
        count += acknowledged[i];
        if (!acknowledged[i])
            assert_true(got.sent && got.lost);
    }
    assert_true(count < MANY);
    (void)finish(head);
    answer read_again = finish(reading);
    assert_int_equal(read_again.times, 1);
    turn_until(loop, has_lost_its_wire, NULL);
    if (signal == SIGKILL) { /* takes the whole server through a recovery */
        do
            PQreset(server.admin);
        while (PQstatus(server.admin) != CONNECTION_OK);
    } else {
        assert_string_equal(read_again.text, "read");
    }
    for (int i = 0; i < MANY; i++) {
        char sql[80], found[8];
        snprintf(sql, sizeof sql, "select count(*) from acknowledged where a = %d", i);
        assert_int_equal(cluster_run(&server, sql, found, sizeof found), 0);
        assert_true(acknowledged[i] ? strcmp(found, "1") == 0 : atoi(found) <= 1);
    }
    string_wires(1);
}

static void loses_nothing_when_the_backend_is_terminated(void **state) {
    (void)state;
    answers_each_once_when_the_backend_goes(SIGTERM);
}

/* Reads come through it, on whichever lane; of the writes each hears how it ended. */
static void survive_restart(const char *how) {
    admin("create table if not exists acknowledged (a int); truncate acknowledged");
    static const char insert[] = "insert into acknowledged values ($1::int)", read[] = "select $1::text";
    trust(insert);
    trust(read);
    errand *some[MANY];
    char value[8];
    for (int i = 0; i < MANY; i++) {
        snprintf(value, sizeof value, "%d", i);
        some[i] = start(&scope, i % 2 ? read : insert, value);
    }
    assert_int_equal(cluster_restart(&server, how), 0);
    for (int i = 0; i < MANY; i++) {
        answer got = finish(some[i]);
        assert_int_equal(got.times, 1);
        if (i % 2 == 0 && got.sqlstate[0] != '\0')
            assert_true(got.lost && got.sent);
        char sql[80], found[8];
        snprintf(sql, sizeof sql, "select count(*) from acknowledged where a = %d", i);
        assert_int_equal(cluster_run(&server, sql, found, sizeof found), 0);
        if (i % 2 == 0)
            assert_true(got.sqlstate[0] == '\0' ? strcmp(found, "1") == 0 : atoi(found) <= 1);
        else
            assert_string_equal(got.sqlstate, "");
    }
    string_wires(2);
    assert_true(stats().reconnects > 0);
}

static void comes_through_a_fast_restart(void **state) {
    (void)state;
    survive_restart("fast");
}

static void comes_through_an_immediate_restart(void **state) {
    (void)state;
    survive_restart("immediate");
}

static void loses_nothing_when_the_backend_is_killed(void **state) {
    (void)state;
    answers_each_once_when_the_backend_goes(SIGKILL);
}

static bool is_turned_away(void *arg) {
    uint64_t before = *(uint64_t *)arg;
    trust("select 'probe'");
    rl_errand_drop(&start(&scope, "select 'probe'", NULL)->errand);
    return stats().turned_away > before;
}

static void goes_round_a_connection_that_is_stuck(void **state) {
    (void)state;
    trust("select 'head'");
    trust("select 'round'");
    int pid = pid_of_the_wire();
    assert_int_equal(kill(pid, SIGSTOP), 0);
    errand *head = start(&scope, "select 'head'", NULL);
    uint64_t before = stats().turned_away;
    turn_until(loop, is_turned_away, &before);
    run(&scope, "select 'round'", "round");
    assert_false(head->done);
    before = stats().turned_away;
    head->then = "select 'round'";
    assert_int_equal(kill(pid, SIGCONT), 0);
    turn_until_set(loop, &head->done);
    errand *next = head->next; /* at once: the connection moves again */
    expect(head, "head");
    expect(next, "round");
    assert_int_equal(stats().turned_away, before);
    turn_until(loop, is_lane_empty, NULL);
}

/* A lane of its own, whose limits are short enough to wait for. */
typedef struct lone {
    rl_lane *lane;
    rl_query query;
    rl_lesson *lesson;
    bool done;
} lone;

static void on_lone(rl_query *query) {
    RL_CONTAINER(query, lone, query)->done = true;
}

static bool is_taken(void *arg) {
    lone *self = arg;
    self->lesson->is_quick = true;
    return rl_lane_run(self->lane, &self->query, self->lesson);
}

static void run_alone(lone *self, const char *sql) {
    self->done = false;
    self->lesson = rl_lane_recall(self->lane, rl_slice_str(sql));
    rl_query_init(&self->query, on_lone);
    assert_int_equal(rl_query_set_sql(&self->query, rl_slice_str(sql)), RL_OK);
    turn_looking_until(loop, is_taken, self); /* from the first on: a connection is made */
}

static void end_alone(lone *self) {
    rl_query_clear(&self->query);
    rl_lesson_release(self->lesson);
}

static int pid_alone(lone *self) {
    rl_slice cell;
    run_alone(self, "select pg_backend_pid()");
    turn_until_set(loop, &self->done);
    assert_int_equal(self->query.failure.err, RL_OK);
    assert_true(rl_result_cell(self->query.result, 0, 0, &cell));
    int pid = atoi(cell.ptr);
    end_alone(self);
    return pid;
}

static void gives_up_a_server_that_says_nothing_long_after_the_timeout(void **state) {
    (void)state;
    rl_lane_options options = rl_lane_defaults();
    options.url = server.url;
    options.max = 1;
    options.statement_timeout_ms = 500; /* holds for what it does answer, too, on a slow machine */
    options.dead_after_ms = 500;
    lone head = {.done = false}, behind;
    assert_int_equal(rl_lane_open(loop, &options, &head.lane), RL_OK);
    behind.lane = head.lane;
    int pid = pid_alone(&head);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    run_alone(&head, "select 'head'");
    run_alone(&behind, "select 'behind'");
    turn_until_set(loop, &head.done);
    turn_until_set(loop, &behind.done);
    assert_int_equal(head.query.failure.err, RL_ETIMEOUT); /* not RL_ECLOSED: a read may be run again */
    assert_true(behind.query.failure.sent && behind.query.failure.lost);
    assert_non_null(strstr(behind.query.failure.message, "outcome unknown"));
    end_alone(&head);
    end_alone(&behind);
    assert_int_not_equal(pid_alone(&head), pid);
    assert_int_equal(rl_lane_stats_of(head.lane).lost, 1);
    assert_int_equal(kill(pid, SIGCONT), 0);
    rl_lane_close(head.lane);
    rl_loop_turn(loop, false);
}

static bool has_expelled(void *arg) {
    (void)arg;
    return stats().expelled == 1;
}

static void closes_a_connection_whose_session_was_changed(void **state) {
    (void)state;
    admin("create table marked (a int);"
          "create function mark() returns trigger language plpgsql as "
          "$$ begin set timezone = 'Asia/Tokyo'; return new; end $$;"
          "create trigger mark before insert on marked for each row execute function mark()");
    static const char sql[] = "insert into marked values (1)";
    trust(sql);
    run(&scope, sql, "");
    turn_until(loop, has_expelled, NULL);
    string_wires(1);
    trust("select current_setting('timezone')");
    run(&scope, "select current_setting('timezone')", "UTC");
}

static bool has_expelled_meanwhile(void *arg) {
    (void)arg;
    trust("select 'meanwhile'");
    rl_errand_drop(&start(&scope, "select 'meanwhile'", NULL)->errand);
    return stats().expelled == 1;
}

/* What the server does not tell of: somebody must look. */
static void closes_a_connection_where_something_stayed_that_nobody_told_of(void **state) {
    (void)state;
    admin("create table watched (a int);"
          "create function lock_it() returns trigger language plpgsql as "
          "$$ begin perform pg_advisory_lock(4711); return new; end $$;"
          "create trigger lock_it before insert on watched for each row execute function lock_it()");
    static const char sql[] = "insert into watched values (1)";
    trust(sql);
    run(&scope, sql, "");
    turn_looking_until(loop, has_expelled_meanwhile, NULL);
    turn_until(loop, is_lane_empty, NULL);
}

static uint64_t random_state = 88172645463325252u;

static uint32_t random_below(uint32_t bound) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state % bound);
}

enum { NONCES = 10000, SLOTS = 64 };

/* Ten thousand statements, a quarter of them given up at a random moment. */
static void never_gives_an_answer_to_somebody_else(void **state) {
    (void)state;
    static const char quick[] = "select $1::text", slow[] = "select $1::text from pg_sleep(0.002)";
    errand *slots[SLOTS] = {NULL};
    char nonces[SLOTS][16];
    int started = 0, answered = 0, dropped = 0;
    while (answered + dropped < NONCES) {
        for (int i = 0; i < SLOTS; i++) {
            errand *self = slots[i];
            if (self != NULL && self->done) {
                expect(self, nonces[i]);
                answered++;
                slots[i] = NULL;
            } else if (self != NULL && random_below(64) == 0) {
                rl_errand_drop(&self->errand);
                dropped++;
                slots[i] = NULL;
            }
            if (slots[i] != NULL || started == NONCES)
                continue;
            trust(quick);
            trust(slow);
            snprintf(nonces[i], sizeof nonces[i], "nonce %d", started++);
            slots[i] = start(&scope, random_below(100) == 0 ? slow : quick, nonces[i]);
        }
        rl_loop_turn(loop, true);
    }
    assert_true(answered > NONCES / 2);
    turn_until(loop, is_lane_empty, NULL);
}

static void run_some(void) {
    rl_scope some;
    rl_scope_init(&some, loop, NULL, NULL);
    for (int i = 0; i < 6; i++) {
        errand *self = rl_mem_zalloc(1, sizeof *self);
        if (self == NULL)
            continue;
        rl_errand_init(&self->errand, RL_ERRAND_STATEMENT, pool, &some, on_done, on_freed);
        if (rl_query_set_sql(&self->errand.query, RL_LIT("select $1::text")) != RL_OK ||
            rl_query_add(&self->errand.query, RL_PARAM_STRING, i == 4 ? RL_LIT("\\") : RL_LIT("a")) != RL_OK)
            continue;
        rl_lesson *lesson = rl_lane_recall(rl_pool_lane(pool), RL_LIT("select $1::text"));
        if (lesson != NULL) {
            lesson->is_quick = true;
            rl_lesson_release(lesson);
        }
        rl_errand_start(&self->errand);
        turn_until_set(loop, &self->done);
    }
    rl_scope_end(&some);
    turn_until(loop, is_lane_empty, NULL);
}

static bool has_no_wires(void *arg) {
    (void)arg;
    return stats().wires == 0;
}

static bool has_no_idle(void *arg) {
    rl_budget_stats now = rl_pool_stats_of(pool);
    return now.idle == 0 && now.in_use == *(uint32_t *)arg;
}

/* Its name leads nowhere from now on, while those connections that are there stay. */
static void unplug(const cluster *host) {
    char from[256], to[256];
    snprintf(from, sizeof from, "%s/.s.PGSQL.5432", host->dir);
    snprintf(to, sizeof to, "%s/unplugged", host->dir);
    assert_int_equal(rename(from, to), 0);
}

/* 25006: what was the primary follows another server now, and the URL names that one too. */
static void leaves_a_host_that_turned_read_only_for_the_other_one(void **state) {
    (void)state;
    static const char sql[] = "delete from pg_description where false";
    cluster turned;
    char command[256], url[sizeof server.url];
    assert_int_equal(cluster_start(&turned), 0);
    snprintf(command, sizeof command, CLUSTER_SCRIPT " standby %s", turned.dir);
    assert_int_equal(system(command), 0);
    memcpy(url, server.url, sizeof url);
    snprintf(server.url, sizeof server.url, "host=%.80s,%.80s user=rille dbname=postgres target_session_attrs=any",
             turned.dir, server.dir);
    set_up_with(1, 32);
    rl_scope holder;
    rl_scope_init(&holder, loop, NULL, NULL);
    expect(begin(&holder, RL_ERRAND_BEGIN, "begin", NULL), "");
    run(&scope, "select current_setting('in_hot_standby')", "on");
    assert_int_equal(rl_pool_stats_of(pool).idle, 1);
    unplug(&turned);
    trust(sql);
    errand *write = start(&scope, sql, NULL);
    assert_int_equal(write->errand.state, RL_ERRAND_SHARED);
    assert_string_equal(finish(write).sqlstate, "25006");
    uint32_t lent = 1;
    turn_until(loop, has_no_wires, NULL);
    turn_until(loop, has_no_idle, &lent);
    run(&holder, "select current_setting('in_hot_standby')", "on"); /* what is lent is let be */
    expect(begin(&holder, RL_ERRAND_END, "commit", NULL), "");
    rl_scope_end(&holder);
    lent = 0;
    turn_until(loop, has_no_idle, &lent);
    assert_int_equal(stats().lost, 0);
    expect(start(&scope, sql, NULL), "");
    run(&scope, "select current_setting('in_hot_standby')", "off");
    close_all(NULL);
    memcpy(server.url, url, sizeof url);
    cluster_stop(&turned);
}

static bool is_nothing_connecting(void *arg) {
    (void)arg;
    rl_budget_stats now = rl_pool_stats_of(pool);
    return now.in_use == 0 && now.connecting == 0 && stats().connecting == 0;
}

static void run_in_a_fresh_pool(void) {
    rl_pool_options options = rl_pool_defaults();
    options.url = server.url;
    options.exclusive = options.shared = 1;
    options.min_idle = 0;
    options.acquire_timeout_ms = 500;
    if (rl_pool_open(loop, &options, &pool) == RL_OK) {
        run_some();
        turn_until(loop, is_nothing_connecting, NULL);
        close_pool();
    }
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    rl_loop_turn(loop, false);
    each_allocation_fails(run_in_a_fresh_pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(has_many_in_flight_on_two_connections, two, close_all),
        cmocka_unit_test_setup_teardown(starts_alone_what_is_unknown_or_leaves_traces, two, close_all),
        cmocka_unit_test_setup_teardown(learns_which_statements_are_quick, two, close_all),
        cmocka_unit_test_setup_teardown(fails_none_for_what_a_neighbour_did, one, close_all),
        cmocka_unit_test_setup_teardown(prepares_anew_with_many_in_flight, two, close_all),
        cmocka_unit_test_setup_teardown(holds_back_what_has_no_room_and_forgets_it, shallow, close_all),
        cmocka_unit_test_setup_teardown(throws_away_answers_that_nobody_waits_for, two, close_all),
        cmocka_unit_test_setup_teardown(harms_no_neighbour_when_nobody_waits_for_the_head, one, close_all),
        cmocka_unit_test_setup_teardown(gives_way_to_a_lock_that_is_held_for_long, one, close_all),
        cmocka_unit_test_setup_teardown(runs_again_elsewhere_what_its_timeout_stopped, one, close_all),
        cmocka_unit_test_setup_teardown(loses_nothing_when_the_backend_is_terminated, one, close_all),
        cmocka_unit_test_setup_teardown(goes_round_a_connection_that_is_stuck, one, close_all),
        cmocka_unit_test(gives_up_a_server_that_says_nothing_long_after_the_timeout),
        cmocka_unit_test_setup_teardown(closes_a_connection_whose_session_was_changed, one, close_all),
        cmocka_unit_test_setup_teardown(closes_a_connection_where_something_stayed_that_nobody_told_of, one_watched,
                                        close_all),
        cmocka_unit_test_setup_teardown(never_gives_an_answer_to_somebody_else, two, close_all),
        cmocka_unit_test(leaves_a_host_that_turned_read_only_for_the_other_one),
        cmocka_unit_test(survives_each_refused_allocation),
        cmocka_unit_test_setup_teardown(comes_through_a_fast_restart, two, close_all),
        cmocka_unit_test_setup_teardown(comes_through_an_immediate_restart, two, close_all),
        cmocka_unit_test_setup_teardown(loses_nothing_when_the_backend_is_killed, one, close_all),
    };
    return cmocka_run_group_tests(tests, start_looped, stop_looped);
}
