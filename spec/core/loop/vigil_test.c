#include "loop/vigil.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { US = 1000 };

typedef struct story {
    rl_vigil vigil;
    uint64_t now_ns;
} story;

static story new_story(void) {
    return (story){.now_ns = (uint64_t)3600 * 1000 * 1000 * US};
}

static bool hear_after(story *s, uint64_t gap_ns) {
    s->now_ns += gap_ns;
    rl_vigil_ask(&s->vigil);
    return rl_vigil_hear(&s->vigil, s->now_ns);
}

static bool goes_on_after(story *s, uint64_t gap_ns) {
    return rl_vigil_go_on(&s->vigil, s->now_ns += gap_ns);
}

/* Answers so far apart; how many of them a vigil begins with. */
static int begin(story *s, uint64_t gap_ns) {
    for (int posts = 1; posts <= 100; posts++)
        if (hear_after(s, gap_ns))
            return posts;
    return 0;
}

static void it_begins_with_a_streak_of_quick_answers(void **state) {
    (void)state;
    story s = new_story();
    assert_int_equal(begin(&s, RL_VIGIL_QUICK_NS - 1), RL_VIGIL_STREAK + 1); /* the first follows on nothing */
    assert_true(rl_vigil_is_kept(&s.vigil));
}

static void slow_answers_are_slept_for(void **state) {
    (void)state;
    story s = new_story();
    assert_int_equal(begin(&s, RL_VIGIL_QUICK_NS), 0);
    for (int i = 1; i < RL_VIGIL_STREAK; i++)
        assert_false(hear_after(&s, US));
    assert_false(hear_after(&s, RL_VIGIL_QUICK_NS)); /* one that is slow begins the count again */
    assert_int_equal(begin(&s, US), RL_VIGIL_STREAK);
}

static void posts_that_nobody_asked_for_do_not_count(void **state) {
    (void)state;
    story s = new_story();
    for (int i = 0; i < 100; i++)
        assert_false(rl_vigil_hear(&s.vigil, s.now_ns += US));
    begin(&s, US);
    for (int i = 0; i < 100; i++)
        assert_false(rl_vigil_hear(&s.vigil, s.now_ns += RL_VIGIL_MOST_CREDIT_NS / 100));
    assert_false(goes_on_after(&s, 1));
}

static void it_ends_when_nothing_comes_for_its_loan(void **state) {
    (void)state;
    story s = new_story();
    begin(&s, US);
    assert_true(goes_on_after(&s, RL_VIGIL_MOST_CREDIT_NS));
    assert_false(goes_on_after(&s, 1));
    assert_false(rl_vigil_is_kept(&s.vigil));
}

static void answers_that_come_quicker_than_a_sleep_keep_it_up(void **state) {
    (void)state;
    story s = new_story();
    begin(&s, US);
    for (int i = 0; i < 10000; i++) {
        assert_true(goes_on_after(&s, RL_VIGIL_SLEEP_NS / 2));
        assert_false(hear_after(&s, RL_VIGIL_SLEEP_NS / 2));
        assert_true(rl_vigil_is_kept(&s.vigil));
    }
    assert_true(goes_on_after(&s, RL_VIGIL_MOST_CREDIT_NS)); /* never more than the loan */
    assert_false(goes_on_after(&s, 1));
}

static void answers_that_come_slower_than_a_sleep_use_it_up(void **state) {
    (void)state;
    story s = new_story();
    begin(&s, US);
    int posts = 0;
    for (; goes_on_after(&s, 3 * RL_VIGIL_SLEEP_NS); posts++)
        hear_after(&s, 0);
    assert_in_range(posts, RL_VIGIL_MOST_CREDIT_NS / RL_VIGIL_SLEEP_NS / 2 - 2, RL_VIGIL_MOST_CREDIT_NS / RL_VIGIL_SLEEP_NS / 2);
}

static void who_lost_the_loan_rests(void **state) {
    (void)state;
    story s = new_story();
    begin(&s, US);
    assert_false(goes_on_after(&s, RL_VIGIL_MOST_CREDIT_NS + 1));
    assert_int_equal(begin(&s, RL_VIGIL_REST_NS / 101), 0);
    s.now_ns += RL_VIGIL_REST_NS;
    assert_true(begin(&s, US) > 0);
}

static void a_vigil_that_was_worth_its_loan_may_begin_again_at_once(void **state) {
    (void)state;
    story s = new_story();
    begin(&s, US);
    for (int i = 0; i < RL_VIGIL_WORTH; i++)
        hear_after(&s, US);
    assert_false(goes_on_after(&s, RL_VIGIL_MOST_CREDIT_NS + 1));
    assert_true(begin(&s, US) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_with_a_streak_of_quick_answers),
        cmocka_unit_test(slow_answers_are_slept_for),
        cmocka_unit_test(posts_that_nobody_asked_for_do_not_count),
        cmocka_unit_test(it_ends_when_nothing_comes_for_its_loan),
        cmocka_unit_test(answers_that_come_quicker_than_a_sleep_keep_it_up),
        cmocka_unit_test(answers_that_come_slower_than_a_sleep_use_it_up),
        cmocka_unit_test(who_lost_the_loan_rests),
        cmocka_unit_test(a_vigil_that_was_worth_its_loan_may_begin_again_at_once),
    };
    return cmocka_run_group_tests_name("vigil", tests, NULL, NULL);
}
