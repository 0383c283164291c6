#include "pg/listener.h"

#include "pg/ear.h"
#include "pg/looped.h"


static rl_pg_listener *hold(rl_pg_listeners *listeners, const char *url) {
    rl_pg_listener *listener = NULL;
    assert_int_equal(rl_pg_listener_hold(listeners, url, 2000, &listener), RL_OK);
    return listener;
}

static void is_one_for_each_database(void **state) {
    (void)state;
    rl_pg_listeners *listeners;
    assert_int_equal(rl_pg_listeners_new(&listeners), RL_OK);
    rl_pg_listener *first = hold(listeners, server.url), *second = hold(listeners, server.url);
    rl_pg_listener *other = hold(listeners, "host=/nowhere"), *own = hold(NULL, server.url);
    assert_ptr_equal(first, second);
    assert_ptr_not_equal(first, other);
    assert_ptr_not_equal(first, own);
    rl_pg_listener_let_go(first);
    assert_int_equal(rl_pg_listener_stats_of(second).connects, 0); /* still there, and wanted by nobody */
    rl_pg_listener_let_go(second);
    rl_pg_listener_let_go(other);
    rl_pg_listener_let_go(own);
    rl_pg_listeners_free(listeners);
}

static void refuses_what_is_no_url(void **state) {
    (void)state;
    rl_pg_listener *listener = NULL;
    assert_int_equal(rl_pg_listener_hold(NULL, "nonsense", 2000, &listener), RL_EINVAL);
    assert_null(listener);
}

static bool is_away(void *arg) {
    return rl_audience_stats(arg).is_connected == 0;
}

static void disconnects_after_the_last_and_comes_again(void **state) {
    (void)state;
    rl_audience *audience;
    ear one = {.loop = loop}, two = {.loop = loop};
    assert_int_equal(rl_audience_open(loop, NULL, server.url, 2000, &audience), RL_OK);
    for (uint64_t times = 1; times <= 2; times++) {
        ear_join(&one, audience, "a");
        ear_join(&two, audience, "b");
        ear_await(&one);
        ear_await(&two);
        rl_pg_listener_stats stats = rl_audience_stats(audience);
        assert_int_equal(stats.connects, times);
        assert_int_equal(stats.channels, 2);
        assert_int_equal(stats.subscriptions, 2);
        rl_subscription_leave(&one.subscription);
        assert_int_equal(rl_audience_stats(audience).channels, 1);
        rl_subscription_leave(&two.subscription);
        assert_int_equal(rl_audience_stats(audience).subscriptions, 0);
        turn_looking_until(loop, is_away, audience);
    }
    assert_int_equal(rl_audience_stats(audience).lost, 0);
    rl_audience_close(audience);
}

static void says_why_it_is_not_connected(void **state) {
    (void)state;
    rl_audience *audience;
    ear one = {.loop = loop};
    assert_int_equal(rl_audience_open(loop, NULL, "host=/nowhere", 2000, &audience), RL_OK);
    ear_join(&one, audience, "a");
    turn_until_set(loop, &one.has_news);
    char error[256];
    rl_audience_read_error(audience, error, sizeof error);
    assert_non_null(strstr(error, "/nowhere"));
    assert_int_equal(rl_subscription_hearing(&one.subscription), RL_HEARING_SOON);
    assert_true(rl_audience_stats(audience).connect_failures > 0);
    rl_audience_close(audience);
    assert_int_equal(rl_subscription_hearing(&one.subscription), RL_HEARING_OVER);
    rl_subscription_leave(&one.subscription);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_one_for_each_database),
        cmocka_unit_test(refuses_what_is_no_url),
        cmocka_unit_test(disconnects_after_the_last_and_comes_again),
        cmocka_unit_test(says_why_it_is_not_connected),
    };
    return cmocka_run_group_tests(tests, start_looped, stop_looped);
}
