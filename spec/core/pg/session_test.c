#include "pg/session.h"

#include "base/mem.h"
#include "mem.h"
#include "pg/looped.h"

/* A connection that is looked at, and what runs on it. */
typedef struct watched {
    rl_backend *backend;
    rl_session session;
    rl_query query;
    bool quiet, done;
} watched;

static void on_quiet(void *owner) {
    ((watched *)owner)->quiet = true;
}

static void ignore_loss(void *owner) {
    (void)owner;
}

static void on_done(rl_query *query) {
    RL_CONTAINER(query, watched, query)->done = true;
}

static rl_err open_one(watched *w) {
    static const rl_backend_events events = {.quiet = on_quiet, .lost = ignore_loss};
    const rl_backend_options options = {.max_statements = 8};
    *w = (watched){.quiet = false};
    rl_session_init(&w->session);
    return rl_backend_open_take(loop, PQconnectdb(server.url), &options, &events, w, &w->backend);
}

static void close_one(watched *w) {
    rl_backend_close(w->backend);
    rl_session_clear(&w->session);
    rl_loop_turn(loop, false); /* the poll's memory goes one turn later */
}

static void run(watched *w, const char *sql) {
    w->done = w->quiet = false;
    rl_query_init(&w->query, on_done);
    w->query.script = true;
    if (rl_query_set_sql(&w->query, rl_slice_str(sql)) == RL_OK && rl_backend_run(w->backend, &w->query) == RL_OK)
        turn_until_set(loop, &w->quiet);
    rl_query_clear(&w->query);
}

static void look(watched *w) {
    w->quiet = false;
    w->session.looked_ns = 0; /* long ago */
    rl_session_look(&w->session, w->backend);
    if (w->session.is_looking)
        turn_until_set(loop, &w->quiet);
}

static void sees_what_the_server_does_not_tell_of(void **state) {
    (void)state;
    static const char *const traces[][3] = {
        {"set search_path = pg_catalog", "search_path", "reset search_path"},
        {"set role pg_monitor", "role", "reset role"},
        {"select pg_advisory_lock(1)", "an advisory lock", "select pg_advisory_unlock(1)"},
        {"listen a", "a channel", "unlisten a"},
        {"declare c cursor with hold for select 1", "a cursor", "close c"},
        {"create temp table t (a int)", "a temporary table", "drop table t"},
    };
    watched w;
    assert_int_equal(open_one(&w), RL_OK);
    look(&w);
    for (size_t i = 0; i < sizeof traces / sizeof *traces; i++) {
        run(&w, traces[i][0]);
        look(&w);
        assert_non_null(w.session.changed);
        assert_string_equal(w.session.changed, traces[i][1]);
        run(&w, traces[i][2]);
        look(&w);
        assert_true(w.session.changed == NULL || i == 5); /* the schema stays with the session */
    }
    close_one(&w);
}

static void takes_the_role_s_own_settings_for_what_they_are(void **state) {
    (void)state;
    watched w;
    assert_int_equal(cluster_run(&server, "alter role rille set search_path = pg_catalog", NULL, 0), 0);
    assert_int_equal(open_one(&w), RL_OK);
    look(&w);
    run(&w, "select 1");
    look(&w);
    assert_null(w.session.changed);
    close_one(&w);
    assert_int_equal(cluster_run(&server, "alter role rille reset search_path", NULL, 0), 0);
}

static void looks_only_when_something_has_run_and_not_all_the_time(void **state) {
    (void)state;
    watched w;
    assert_int_equal(open_one(&w), RL_OK);
    look(&w);
    w.session.looked_ns = 0;
    rl_session_look(&w.session, w.backend);
    assert_false(w.session.is_looking);
    run(&w, "select 1");
    w.session.looked_ns = UINT64_MAX / 2; /* just now, and for long */
    rl_session_look(&w.session, w.backend);
    assert_false(w.session.is_looking);
    close_one(&w);
}

static void look_twice(void) {
    watched w;
    if (open_one(&w) != RL_OK)
        return;
    look(&w);
    run(&w, "select 1");
    look(&w);
    close_one(&w);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(look_twice);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sees_what_the_server_does_not_tell_of),
        cmocka_unit_test(takes_the_role_s_own_settings_for_what_they_are),
        cmocka_unit_test(looks_only_when_something_has_run_and_not_all_the_time),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, start_looped, stop_looped);
}
