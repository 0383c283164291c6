#include "pg/learn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "mem.h"

enum { MS = 1000 * 1000 };

static rl_lessons lessons;

static rl_lesson *lesson_of(const char *sql) {
    rl_lesson *one = rl_lessons_hold(&lessons, rl_slice_str(sql));
    assert_non_null(one);
    rl_lesson_release(one);
    return one;
}

static void note(rl_lesson *lesson, int times, uint64_t took_ns) {
    for (int i = 0; i < times; i++)
        rl_lessons_note(&lessons, lesson, took_ns);
}

static void takes_a_text_for_slow_until_three_quick_runs(void **state) {
    (void)state;
    rl_lesson *one = lesson_of("select 1");
    assert_false(one->is_quick);
    assert_true(one->shape.plain && one->shape.reads);
    note(one, 2, MS);
    assert_false(one->is_quick);
    note(one, 1, MS);
    assert_true(one->is_quick);
    assert_ptr_equal(lesson_of("select 1"), one);
    assert_false(lesson_of("select 2")->is_quick);
}

static void never_trusts_what_is_always_slow(void **state) {
    (void)state;
    rl_lesson *one = lesson_of("select slow");
    note(one, 1000, 3 * MS);
    assert_false(one->is_quick);
}

static void demotes_at_one_slow_run_and_wants_more_next_time(void **state) {
    (void)state;
    rl_lesson *one = lesson_of("select sometimes");
    note(one, 3, MS / 10);
    note(one, 1, 20 * MS);
    assert_false(one->is_quick);
    note(one, 11, MS / 10);
    assert_false(one->is_quick);
    note(one, 1, MS / 10);
    assert_true(one->is_quick);
    rl_lesson_note_slow(one);
    assert_false(one->is_quick);
    note(one, 47, MS / 10);
    assert_false(one->is_quick);
    note(one, 1, MS / 10);
    assert_true(one->is_quick);
}

static void forgets_a_slow_run_after_thousands_of_quick_ones(void **state) {
    (void)state;
    rl_lesson *one = lesson_of("select mostly");
    note(one, 3, MS / 10);
    note(one, 1, 20 * MS);
    note(one, 12, MS / 10);
    assert_true(one->is_quick);
    note(one, 5000, MS / 10);
    note(one, 1, 20 * MS);
    assert_false(one->is_quick);
    note(one, 3, MS / 10); /* not 48 */
    assert_true(one->is_quick);
    note(one, 1, 20 * MS); /* so soon again */
    note(one, 11, MS / 10);
    assert_false(one->is_quick);
}

static void bears_a_hiccup(void **state) {
    (void)state;
    rl_lesson *one = lesson_of("select hiccup");
    note(one, 20, MS / 10);
    note(one, 1, 10 * MS);
    assert_true(one->is_quick);
}

static void demotes_what_becomes_slow_on_the_average(void **state) {
    (void)state;
    rl_lesson *one = lesson_of("select growing"), *other = lesson_of("select others");
    note(one, 3, MS / 10);
    note(other, 100, MS / 10);
    note(one, 30, 5 * MS / 2);
    assert_false(one->is_quick);
    assert_true(other->is_quick);
}

/* All take 3 ms now and then, and all a little longer than they would. */
static void goes_by_the_pace_of_a_busy_server(void **state) {
    (void)state;
    rl_lesson *one = lesson_of("select busy");
    note(one, 3, MS / 2);
    note(one, 300, 19 * MS / 10);
    note(one, 30, 3 * MS);
    assert_true(one->is_quick);
    note(one, 100, 9 * MS);
    assert_false(one->is_quick); /* however busy: 8 ms is slow */
}

static void forgets_what_was_used_longest_ago_but_not_what_is_held(void **state) {
    (void)state;
    rl_lesson *held = rl_lessons_hold(&lessons, RL_LIT("select held"));
    rl_lesson *old = lesson_of("select old");
    note(old, 3, MS);
    char sql[32];
    for (int i = 0; i < 8; i++) {
        snprintf(sql, sizeof sql, "select %d", i);
        (void)lesson_of(sql);
    }
    assert_int_equal(lessons.count, 8);
    assert_false(lesson_of("select old")->is_quick);
    assert_ptr_equal(lesson_of("select held"), held);
    rl_lesson_release(held);
}

static void learn_some(void) {
    rl_lessons some;
    if (rl_lessons_init(&some, 2) == RL_OK) {
        for (int i = 0; i < 4; i++) {
            rl_lesson *one = rl_lessons_hold(&some, i % 2 ? RL_LIT("select 1") : RL_LIT("select 2"));
            if (one != NULL)
                rl_lesson_release(one);
        }
    }
    rl_lessons_clear(&some);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(learn_some);
}

static int begin(void **state) {
    (void)state;
    return rl_lessons_init(&lessons, 8) == RL_OK ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    rl_lessons_clear(&lessons);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(takes_a_text_for_slow_until_three_quick_runs, begin, end),
        cmocka_unit_test_setup_teardown(never_trusts_what_is_always_slow, begin, end),
        cmocka_unit_test_setup_teardown(demotes_at_one_slow_run_and_wants_more_next_time, begin, end),
        cmocka_unit_test_setup_teardown(forgets_a_slow_run_after_thousands_of_quick_ones, begin, end),
        cmocka_unit_test_setup_teardown(bears_a_hiccup, begin, end),
        cmocka_unit_test_setup_teardown(demotes_what_becomes_slow_on_the_average, begin, end),
        cmocka_unit_test_setup_teardown(goes_by_the_pace_of_a_busy_server, begin, end),
        cmocka_unit_test_setup_teardown(forgets_what_was_used_longest_ago_but_not_what_is_held, begin, end),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
