#include "cli/suspects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NOW_MS = 1000 * 1000 };

static unsigned note(rl_suspects *suspects, const char *route, uint64_t at_ms) {
    return rl_suspects_note(suspects, route, at_ms);
}

static unsigned banned(const rl_suspects *suspects, const char *route, uint64_t now_ms) {
    static rl_bulletin bulletin;
    bulletin.banned_count = 0;
    rl_suspects_ban(suspects, &bulletin, now_ms);
    return rl_bulletin_bans(&bulletin, route);
}

static void test_three_times_is_too_often(void **state) {
    (void)state;
    rl_suspects suspects = {.count = 0};
    assert_int_equal(note(&suspects, "/a", NOW_MS), 1);
    assert_int_equal(note(&suspects, "/b", NOW_MS), 1);
    assert_int_equal(note(&suspects, "/a", NOW_MS + 1), 2);
    assert_false(banned(&suspects, "/a", NOW_MS + 2));
    assert_int_equal(note(&suspects, "/a", NOW_MS + 2), 3);
    assert_true(banned(&suspects, "/a", NOW_MS + 3));
    assert_false(banned(&suspects, "/b", NOW_MS + 3));
}

static void test_what_was_long_ago_does_not_count(void **state) {
    (void)state;
    const uint64_t later_ms = NOW_MS + RL_SUSPECTS_AGE_S * 1000;
    rl_suspects suspects = {.count = 0};
    note(&suspects, "/a", NOW_MS);
    note(&suspects, "/a", NOW_MS + 2);
    note(&suspects, "/a", NOW_MS + 3);
    assert_true(banned(&suspects, "/a", later_ms - 1));
    assert_false(banned(&suspects, "/a", later_ms));
}

static void test_the_oldest_make_room(void **state) {
    (void)state;
    rl_suspects suspects = {.count = 0};
    for (int i = 0; i < 3; i++)
        note(&suspects, "/old", NOW_MS);
    for (int i = 0; i < RL_SUSPECTS_MOST - 2; i++)
        note(&suspects, "/new", NOW_MS);
    assert_false(banned(&suspects, "/old", NOW_MS));
    assert_true(banned(&suspects, "/new", NOW_MS));
}

static void test_long_routes_are_known_by_their_beginning(void **state) {
    (void)state;
    char route[300];
    memset(route, 'x', sizeof route);
    route[0] = '/';
    route[sizeof route - 1] = '\0';
    rl_suspects suspects = {.count = 0};
    for (int i = 0; i < 3; i++)
        note(&suspects, route, NOW_MS);
    assert_true(banned(&suspects, route, NOW_MS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_times_is_too_often),
        cmocka_unit_test(test_what_was_long_ago_does_not_count),
        cmocka_unit_test(test_the_oldest_make_room),
        cmocka_unit_test(test_long_routes_are_known_by_their_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
