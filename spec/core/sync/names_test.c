#include "sync/names.h"

#include <stdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mem.h"

enum { MANY = 1000 };

static rl_slice name_of(char room[16], int n) {
    return rl_slice_of(room, (size_t)snprintf(room, 16, "room:%d", n));
}

static void names_are_found_until_they_are_removed(void **state) {
    (void)state;
    static rl_named named[MANY];
    char room[16];
    rl_names names;
    rl_names_init(&names);
    assert_null(rl_names_find(&names, RL_LIT("room:0")));
    for (int i = 0; i < MANY; i++)
        assert_int_equal(rl_names_add(&names, &named[i], name_of(room, i)), RL_OK);
    size_t seen = 0;
    for (rl_named *at = rl_names_next(&names, NULL); at != NULL; at = rl_names_next(&names, at))
        seen++;
    assert_int_equal(seen, MANY);
    for (int i = 0; i < MANY; i += 2)
        rl_names_remove(&names, &named[i]);
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(rl_names_find(&names, name_of(room, i)), i % 2 == 0 ? NULL : &named[i]);
    for (int i = 1; i < MANY; i += 2)
        rl_names_remove(&names, &named[i]);
    assert_null(rl_names_next(&names, NULL));
    rl_names_clear(&names);
}

static void a_name_is_short_and_not_empty(void **state) {
    (void)state;
    static const char text[RL_NAME_MAX + 1] = {'x'};
    assert_false(rl_name_is_valid(RL_LIT("")));
    assert_true(rl_name_is_valid(rl_slice_of(text, RL_NAME_MAX)));
    assert_false(rl_name_is_valid(rl_slice_of(text, RL_NAME_MAX + 1)));
}

static void add_some(void) {
    static rl_named named[40];
    char room[16];
    rl_names names;
    rl_names_init(&names);
    int count = 0;
    for (int i = 0; i < 40; i++) {
        rl_err err = rl_names_add(&names, &named[i], name_of(room, i));
        assert_true(err == RL_OK || (err == RL_ENOMEM && i == 0));
        count += err == RL_OK;
        assert_ptr_equal(rl_names_find(&names, name_of(room, i)), err == RL_OK ? &named[i] : NULL);
    }
    assert_true(count >= 39);
    rl_names_clear(&names);
}

static void each_refusal_is_survived(void **state) {
    (void)state;
    each_allocation_fails(add_some);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_until_they_are_removed),
        cmocka_unit_test(a_name_is_short_and_not_empty),
        cmocka_unit_test(each_refusal_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
