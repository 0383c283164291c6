#include "http/method.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void knows_its_own_names(void **state) {
    (void)state;
    for (int i = 0; i < RL_METHOD_COUNT; i++)
        assert_int_equal(rl_method_of(rl_slice_str(rl_method_name((rl_method)i))), i);
}

static void takes_anything_else_as_other(void **state) {
    static const char *const tokens[] = {"get", "GE", "GETT", "", "TRACE", "CONNECT", "OTHER", "PROPFIND"};
    (void)state;
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        assert_int_equal(rl_method_of(rl_slice_str(tokens[i])), RL_METHOD_OTHER);
}

static void writes_sets_as_allow_has_them(void **state) {
    char text[RL_METHOD_SET_CAP];
    (void)state;
    assert_string_equal(rl_method_set_text(0, text).ptr, "");
    assert_string_equal(rl_method_set_text(RL_METHOD_BIT(RL_POST), text).ptr, "POST");
    rl_slice all = rl_method_set_text(RL_METHOD_ALL, text);
    assert_string_equal(all.ptr, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    assert_int_equal(all.len, strlen(text));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_its_own_names),
        cmocka_unit_test(takes_anything_else_as_other),
        cmocka_unit_test(writes_sets_as_allow_has_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
