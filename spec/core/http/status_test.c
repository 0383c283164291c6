#include "http/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void names_registered_statuses(void **state) {
    (void)state;
    assert_true(rl_slice_eq(rl_status_reason(200), RL_LIT("OK")));
    assert_true(rl_slice_eq(rl_status_reason(404), RL_LIT("Not Found")));
    assert_true(rl_slice_eq(rl_status_reason(431), RL_LIT("Request Header Fields Too Large")));
    assert_true(rl_slice_eq(rl_status_reason(507), RL_LIT("Insufficient Storage")));
}

static void names_the_class_of_any_other(void **state) {
    (void)state;
    assert_true(rl_slice_eq(rl_status_reason(299), RL_LIT("Success")));
    assert_true(rl_slice_eq(rl_status_reason(499), RL_LIT("Client Error")));
    for (int status = 100; status < 600; status++)
        assert_true(rl_status_reason(status).len > 0);
    assert_true(rl_status_reason(7).len > 0);
}

static void knows_which_have_no_body(void **state) {
    (void)state;
    assert_false(rl_status_has_body(100));
    assert_false(rl_status_has_body(204));
    assert_false(rl_status_has_body(304));
    assert_true(rl_status_has_body(200));
    assert_true(rl_status_has_body(404));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_registered_statuses),
        cmocka_unit_test(names_the_class_of_any_other),
        cmocka_unit_test(knows_which_have_no_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
