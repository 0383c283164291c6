#include "pg/listener.h"

#include "loop/loop.h"
#include "mem.h"
#include "pg/cluster.h"
#include "pg/turn.h"

static rl_loop *loop;

typedef struct ear {
    rl_subscription subscription;
    bool has_news;
} ear;

static void on_news(rl_subscription *subscription) {
    RL_CONTAINER(subscription, ear, subscription)->has_news = true;
}

static rl_pg_listener *listen_to(ear *self, const char *channel) {
    rl_pg_listener *listener = NULL;
    assert_int_equal(rl_pg_listener_new(loop, server.url, 2000, &listener), RL_OK);
    assert_int_equal(rl_subscription_join(&self->subscription, listener, rl_slice_str(channel), on_news), RL_OK);
    return listener;
}

static bool is_heard(void *arg) {
    return ((ear *)arg)->subscription.is_heard;
}

static bool has_note(void *arg) {
    return ((ear *)arg)->subscription.count > 0;
}

static bool has_missed(void *arg) {
    return ((ear *)arg)->subscription.missed_unknown;
}

static void expect_note(ear *self, const char *payload) {
    turn_until(loop, has_note, self);
    rl_note *note = rl_subscription_take(&self->subscription);
    assert_string_equal(note->payload, payload);
    rl_note_unref(note);
}

static void notify(const char *sql) {
    assert_int_equal(cluster_run(&server, sql, NULL, 0), 0);
}

static void hears_what_is_sent_once_it_is_confirmed(void **state) {
    (void)state;
    ear one = {0}, other = {0};
    rl_pg_listener *listener = listen_to(&one, "Odd \"name\"");
    assert_int_equal(rl_subscription_join(&other.subscription, listener, RL_LIT("other"), on_news), RL_OK);
    turn_until(loop, is_heard, &one);
    turn_until(loop, is_heard, &other);
    assert_true(one.has_news);
    notify("notify \"Odd \"\"name\"\"\", 'first'; notify other, ''");
    expect_note(&one, "first");
    expect_note(&other, "");
    assert_null(rl_subscription_take(&one.subscription));
    rl_subscription_leave(&one.subscription);
    rl_subscription_leave(&other.subscription);
    rl_pg_listener_close(listener);
}

static void listens_again_when_the_connection_was_lost(void **state) {
    (void)state;
    ear one = {0};
    rl_pg_listener *listener = listen_to(&one, "again");
    turn_until(loop, is_heard, &one);
    notify("select pg_terminate_backend(pid) from pg_stat_activity where query = 'listen \"again\"'");
    turn_until(loop, has_missed, &one);
    assert_string_equal(rl_pg_listener_error(listener), "");
    notify("notify again, 'x'");
    expect_note(&one, "x");
    rl_pg_listener_close(listener);
    assert_null(one.subscription.channel);
    rl_subscription_leave(&one.subscription);
}

static void drops_the_oldest_of_too_many(void **state) {
    (void)state;
    ear one = {0};
    rl_pg_listener *listener = listen_to(&one, "many");
    turn_until(loop, is_heard, &one);
    char sql[128];
    snprintf(sql, sizeof sql, "select pg_notify('many', n::text) from generate_series(1, %d) n",
             RL_SUBSCRIPTION_NOTES + 5);
    notify(sql);
    while (one.subscription.missed < 5)
        rl_loop_turn(loop, true);
    expect_note(&one, "6");
    assert_int_equal(one.subscription.count, RL_SUBSCRIPTION_NOTES - 1);
    rl_subscription_leave(&one.subscription);
    rl_pg_listener_close(listener);
}

static void may_be_left_before_the_server_has_confirmed(void **state) {
    (void)state;
    ear one = {0}, two = {0};
    rl_pg_listener *listener = listen_to(&one, "brief");
    rl_subscription_leave(&one.subscription);
    assert_int_equal(rl_subscription_join(&two.subscription, listener, RL_LIT("brief"), on_news), RL_OK);
    turn_until(loop, is_heard, &two);
    notify("notify brief, 'y'");
    expect_note(&two, "y");
    rl_subscription_leave(&two.subscription);
    rl_pg_listener_close(listener);
}

static void refuses_names_that_the_server_would_cut(void **state) {
    (void)state;
    ear one = {0};
    rl_pg_listener *listener = NULL;
    assert_int_equal(rl_pg_listener_new(loop, server.url, 2000, &listener), RL_OK);
    char name[RL_CHANNEL_NAME_MAX + 1];
    memset(name, 'x', sizeof name);
    rl_slice wrong[] = {RL_LIT(""), rl_slice_of(name, sizeof name), RL_LIT("a\0b")};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(rl_subscription_join(&one.subscription, listener, wrong[i], on_news), RL_EINVAL);
    rl_pg_listener_close(listener);
    assert_int_equal(rl_pg_listener_new(loop, "nonsense", 2000, &listener), RL_EINVAL);
}

static void join_and_leave(void) {
    rl_pg_listener *listener = NULL;
    ear one = {0};
    if (rl_pg_listener_new(loop, server.url, 2000, &listener) != RL_OK)
        return;
    if (rl_subscription_join(&one.subscription, listener, RL_LIT("x"), on_news) == RL_OK)
        turn_until(loop, is_heard, &one);
    rl_subscription_leave(&one.subscription);
    rl_pg_listener_close(listener);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    join_and_leave(); /* the loop grows to what it needs */
    each_allocation_fails(join_and_leave);
}

static int set_up(void **state) {
    return start_server(state) == 0 && rl_loop_new(&loop) == RL_OK ? 0 : -1;
}

static int tear_down(void **state) {
    rl_loop_free(loop);
    return stop_server(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        /* first: later ones leave threads behind that free their job some time */
        cmocka_unit_test(survives_each_refused_allocation),
        cmocka_unit_test(hears_what_is_sent_once_it_is_confirmed),
        cmocka_unit_test(listens_again_when_the_connection_was_lost),
        cmocka_unit_test(drops_the_oldest_of_too_many),
        cmocka_unit_test(may_be_left_before_the_server_has_confirmed),
        cmocka_unit_test(refuses_names_that_the_server_would_cut),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
