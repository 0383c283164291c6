#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct thing {
    int number;
    rl_list link;
} thing;

/* The numbers of the list as one decimal, which must read the same both ways round. */
static int digits_of(const rl_list *list) {
    int forward = 0, backward = 0, scale = 1;
    for (const rl_list *at = list->next; at != list; at = at->next)
        forward = forward * 10 + RL_CONTAINER(at, thing, link)->number;
    for (const rl_list *at = list->prev; at != list; at = at->prev, scale *= 10)
        backward += scale * RL_CONTAINER(at, thing, link)->number;
    assert_int_equal(forward, backward);
    return forward;
}

static void fill(rl_list *list, thing *things, int count) {
    rl_list_init(list);
    for (int i = 0; i < count; i++) {
        things[i].number = i + 1;
        rl_list_push_back(list, &things[i].link);
    }
}

static void is_empty_when_it_begins(void **state) {
    (void)state;
    rl_list list;
    rl_list_init(&list);
    assert_true(rl_list_is_empty(&list));
    assert_null(rl_list_pop_front(&list));
}

static void keeps_the_order_of_both_ends(void **state) {
    (void)state;
    rl_list list;
    thing things[3], front = {.number = 9};
    fill(&list, things, 3);
    rl_list_push_front(&list, &front.link);
    assert_int_equal(digits_of(&list), 9123);
    assert_ptr_equal(rl_list_pop_front(&list), &front.link);
    assert_int_equal(digits_of(&list), 123);
}

static void removes_from_anywhere_and_twice_without_harm(void **state) {
    (void)state;
    rl_list list;
    thing things[4];
    fill(&list, things, 4);
    rl_list_remove(&things[1].link);
    rl_list_remove(&things[1].link);
    assert_int_equal(digits_of(&list), 134);
    assert_true(rl_list_is_empty(&things[1].link));
    rl_list_remove(&things[0].link);
    rl_list_remove(&things[3].link);
    assert_int_equal(digits_of(&list), 3);
}

static void a_popped_link_is_in_no_list(void **state) {
    (void)state;
    rl_list list;
    thing things[2];
    fill(&list, things, 2);
    rl_list *first = rl_list_pop_front(&list);
    rl_list_remove(first);
    assert_int_equal(digits_of(&list), 2);
}

static void splices_behind_what_is_there(void **state) {
    (void)state;
    rl_list to, from;
    thing a[2], b[3];
    fill(&to, a, 2);
    fill(&from, b, 3);
    rl_list_splice(&to, &from);
    assert_int_equal(digits_of(&to), 12123);
    assert_true(rl_list_is_empty(&from));
    rl_list_splice(&to, &from);
    assert_int_equal(digits_of(&to), 12123);
    rl_list_splice(&from, &to);
    assert_int_equal(digits_of(&from), 12123);
    assert_true(rl_list_is_empty(&to));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_empty_when_it_begins),
        cmocka_unit_test(keeps_the_order_of_both_ends),
        cmocka_unit_test(removes_from_anywhere_and_twice_without_harm),
        cmocka_unit_test(a_popped_link_is_in_no_list),
        cmocka_unit_test(splices_behind_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
