#include "cli/flag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void reads_a_flag_in_every_form(void **state) {
    (void)state;
    static const struct {
        const char *args[2], *setting, *value;
        size_t len;
    } cases[] = {
        {{"--port", "80"}, "port", "80", 2},
        {{"--port=80", "x"}, "port", "80", 1},
        {{"--port=", "x"}, "port", "", 1},
        {{"--max-body", "1M"}, "max_body", "1M", 2},
        {{"--max_body", "1M"}, "max_body", "1M", 2},
        {{"--access-log", "x"}, "access_log", "true", 1},
        {{"--access-log=off", "x"}, "access_log", "off", 1},
        {{"--no-access-log", "x"}, "access_log", "false", 1},
        {{"--no-access-log=1", "x"}, NULL, "1", 1},
        {{"--no-port", "x"}, NULL, NULL, 1},
        {{"--colour", "x"}, NULL, NULL, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rl_flag f = rl_flag_read(cases[i].args, 2);
        assert_int_equal(f.setting == NULL, cases[i].setting == NULL);
        if (f.setting != NULL)
            assert_string_equal(f.setting->name, cases[i].setting);
        assert_int_equal(f.value == NULL, cases[i].value == NULL);
        if (f.value != NULL)
            assert_string_equal(f.value, cases[i].value);
        assert_int_equal(f.len, cases[i].len);
    }
}

static void a_value_that_is_not_there_is_missing(void **state) {
    (void)state;
    const char *args[] = {"--port"};
    rl_flag f = rl_flag_read(args, 1);
    assert_string_equal(f.setting->name, "port");
    assert_null(f.value);
    assert_int_equal(f.len, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_flag_in_every_form),
        cmocka_unit_test(a_value_that_is_not_there_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
