#include "cli/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct number_case {
    const char *text;
    int64_t value; /* -1: wrong */
} number_case;

static void sizes_are_whole_numbers_with_a_unit(void **state) {
    (void)state;
    static const number_case cases[] = {
        {"0", 0},
        {"1", 1},
        {"64k", 65536},
        {"8M", 8 << 20},
        {"1T", INT64_C(1) << 40},
        {"2T", -1},
        {"", -1},
        {"K", -1},
        {"-1", -1},
        {"1.5K", -1},
        {"1KB", -1},
        {" 1", -1},
        {"18446744073709551616", -1},
        {"99999999999999T", -1},
    };
    rl_settings s = {0};
    const rl_setting *setting = rl_setting_find(RL_LIT("max_body"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        s.max_body = 4711;
        rl_err err = rl_setting_parse(setting, cases[i].text, &s);
        assert_int_equal(err, cases[i].value < 0 ? RL_EINVAL : RL_OK);
        assert_int_equal(s.max_body, err == RL_OK ? cases[i].value : 4711);
    }
}

static void durations_are_seconds_or_carry_a_unit(void **state) {
    (void)state;
    static const number_case cases[] = {
        {"1", 1000},
        {"0.25", 250},
        {"1.5s", 1500},
        {"250ms", 250},
        {"1.0009s", 1000},
        {"90m", 5400000},
        {"1h", 3600000},
        {"1d", 86400000},
        {"0.1", 100},
        {"0", -1},
        {"2d", -1},
        {".5", -1},
        {"1.", -1},
        {"1w", -1},
        {"", -1},
        {"1e3", -1},
        {"-1", -1},
        {"0.0000000000001h", -1},
        {"99999999999999999999d", -1},
        {"18446744073709551615", -1},
    };
    rl_settings s = {0};
    const rl_setting *setting = rl_setting_find(RL_LIT("request_timeout"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rl_err err = rl_setting_parse(setting, cases[i].text, &s);
        assert_int_equal(err, cases[i].value < 0 ? RL_EINVAL : RL_OK);
        if (err == RL_OK)
            assert_int_equal(s.request_timeout_ms, cases[i].value);
    }
}

static void booleans_have_four_spellings_each(void **state) {
    (void)state;
    static const char *const words[] = {"false", "true", "OFF", "On", "no", "yes", "0", "1"};
    rl_settings s = {0};
    const rl_setting *setting = rl_setting_find(RL_LIT("access_log"));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        assert_int_equal(rl_setting_parse(setting, words[i], &s), RL_OK);
        assert_int_equal(s.access_log, i % 2 == 1);
    }
    assert_int_equal(rl_setting_parse(setting, "", &s), RL_EINVAL);
    assert_int_equal(rl_setting_parse(setting, "tru", &s), RL_EINVAL);
}

static void every_default_is_within_its_own_bounds(void **state) {
    (void)state;
    rl_settings s = {0};
    for (size_t i = 0; i < rl_setting_count; i++)
        assert_int_equal(rl_setting_parse(&rl_setting_table[i], rl_setting_table[i].fallback, &s), RL_OK);
}

static void a_name_is_found_in_every_spelling(void **state) {
    (void)state;
    const rl_setting *setting = rl_setting_find(RL_LIT("max_body"));
    assert_non_null(setting);
    assert_ptr_equal(rl_setting_find(RL_LIT("max-body")), setting);
    assert_ptr_equal(rl_setting_find(RL_LIT("MAX_BODY")), setting);
    assert_null(rl_setting_find(RL_LIT("max_bod")));
    assert_null(rl_setting_find(RL_LIT("max_body_")));
    assert_null(rl_setting_find(RL_LIT("")));
    char name[RL_SETTING_NAME_MOST + 8];
    rl_setting_variable(setting, name);
    assert_string_equal(name, "RILLE_MAX_BODY");
    rl_setting_flag(setting, name);
    assert_string_equal(name, "--max-body");
}

static void a_slip_is_near_and_another_word_is_not(void **state) {
    (void)state;
    static const struct {
        const char *word, *nearest; /* NULL: none */
    } cases[] = {
        {"max_bdoy", "max_body"},
        {"prot", "port"},
        {"worker", "workers"},
        {"timeout_header", NULL},
        {"keep-alive-timeout", "keepalive_timeout"},
        {"databaseurl", "database_url"},
        {"log", NULL},
        {"colour", NULL},
        {"", NULL},
        {"a_name_that_is_longer_than_any_setting_could_ever_be", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const rl_setting *nearest = rl_setting_nearest(rl_slice_str(cases[i].word));
        if (cases[i].nearest == NULL)
            assert_null(nearest);
        else
            assert_string_equal(nearest->name, cases[i].nearest);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_whole_numbers_with_a_unit),
        cmocka_unit_test(durations_are_seconds_or_carry_a_unit),
        cmocka_unit_test(booleans_have_four_spellings_each),
        cmocka_unit_test(every_default_is_within_its_own_bounds),
        cmocka_unit_test(a_name_is_found_in_every_spelling),
        cmocka_unit_test(a_slip_is_near_and_another_word_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
