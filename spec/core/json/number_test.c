#include "json/number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "json/decode.h"

static double read_back(const char *text) {
    rl_json_reader reader;
    rl_json_token token;
    rl_json_reader_init(&reader, rl_slice_str(text), &RL_JSON_LIMITS_DEFAULT);
    assert_int_equal(rl_json_next(&reader, &token), RL_OK);
    assert_int_equal(token.type, RL_JSON_NUMBER);
    return token.number;
}

static void write_text(double value, char text[RL_NUMBER_TEXT_CAP + 1]) {
    size_t len = rl_number_write(value, text);
    assert_true(len <= RL_NUMBER_TEXT_CAP);
    text[len] = '\0';
}

static bool same(double a, double b) {
    return memcmp(&a, &b, sizeof a) == 0;
}

/* A generator of its own (xorshift): the same numbers in every run. */
static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void writes_what_people_expect(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"}, {-0.0, "-0"}, {1, "1"}, {-1, "-1"}, {10, "10"}, {100, "100"}, {1234567890, "1234567890"},
        {9007199254740991, "9007199254740991"}, {9007199254740992, "9007199254740992"},
        {-9007199254740992, "-9007199254740992"}, {9007199254740994, "9.007199254740994e+15"},
        {1e17, "1e+17"}, {1e20, "1e+20"}, {1e21, "1e+21"}, {1e22, "1e+22"}, {1e23, "1e+23"},
        {1e100, "1e+100"}, {-1.5e300, "-1.5e+300"}, {0.1, "0.1"}, {0.2, "0.2"},
        {0.1 + 0.2, "0.30000000000000004"}, {0.5, "0.5"}, {1.5, "1.5"}, {-1.5, "-1.5"}, {19.99, "19.99"},
        {1.1, "1.1"}, {123456.789, "123456.789"}, {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"}, {0.001, "0.001"}, {0.000001, "0.000001"}, {0.0000015, "0.0000015"},
        {1e-7, "1e-7"}, {1.25e-9, "1.25e-9"}, {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {1.7976931348623157e308, "1.7976931348623157e+308"}, {2251799813685249.5, "2251799813685249.5"},
        {3.141592653589793, "3.141592653589793"}, {2.718281828459045, "2.718281828459045"},
        {1e-10, "1e-10"}, {9.5367431640625e-7, "9.5367431640625e-7"}, {99.99, "99.99"}, {0.07, "0.07"},
        {1e15 + 0.5, "1000000000000000.5"}, {999999999999999.9, "999999999999999.9"},
        {9.999999999999997e22, "9.999999999999997e+22"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[RL_NUMBER_TEXT_CAP + 1];
        write_text(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
        if (fabs(cases[i].value) <= RL_NUMBER_MAX_INTEGER || strchr(text, 'e') != NULL)
            assert_true(same(read_back(text), cases[i].value));
    }
}

static void writes_every_small_integer(void **state) {
    (void)state;
    for (int value = -10001; value <= 10001; value++) {
        char written[RL_NUMBER_TEXT_CAP + 1], expected[16];
        written[rl_number_write(value, written)] = '\0';
        snprintf(expected, sizeof expected, "%d", value);
        assert_string_equal(written, expected);
    }
}

static void reads_as_the_nearest_double(void **state) {
    (void)state;
    static const char *const texts[] = {
        "0.1", "1e22", "1e23", "123456789012345678e-5", "9007199254740993.0", "9007199254740992.5",
        "9007199254740993.00000000000000000000000000000000000000001", "0.3333333333333333333333333333333",
        "2.2250738585072011e-308", "2.2250738585072012e-308", "4.9406564584124654e-324",
        "2.4703282292062327e-324", "2.4703282292062328e-324", "1.7976931348623158e308",
        "179769313486231570000e288", "1e-22", "1e-23", "1e27", "1e28", "1e-27", "1e-28",
        "12345678901234567890.0", "1234567890123456789.0", "18446744073709551615.0", "8.5",
        "0.000000000000000000000000000000000000000000001e45", "6929495644600919.5", "3.7455744005952583e15",
        "5708990770823839207320493820740630171355185151999e-3",
        "0.500000000000000166533453693773481063544750213623046875",
        "1.00000000000000011102230246251565404236316680908203125",
        "1.00000000000000011102230246251565404236316680908203124",
        "1.00000000000000011102230246251565404236316680908203126",
        "7.0420557077594588669468784357561207962098443483187940792729600000e+59",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (!same(read_back(texts[i]), strtod(texts[i], NULL)))
            fail_msg("%s", texts[i]);
}

static void agrees_with_strtod_on_random_decimals(void **state) {
    (void)state;
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 100000; i++) {
        char text[64];
        uint64_t digits = next_random(&seed) >> (next_random(&seed) % 60);
        int exponent = (int)(next_random(&seed) % 60) - 30;
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)digits, exponent);
        if (!same(read_back(text), strtod(text, NULL)))
            fail_msg("%s", text);
    }
}

/* Half of them any bits at all, half of them decimals of a few digits. */
static void survives_a_round_trip(void **state) {
    (void)state;
    uint64_t seed = 2463534242u;
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = next_random(&seed);
        double value = (double)(bits % 1000000000) / pow(10, (double)(bits >> 60));
        if (i % 2 == 0)
            memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        char text[RL_NUMBER_TEXT_CAP + 1];
        write_text(value, text);
        if (!same(read_back(text), value))
            fail_msg("%.17g became %s", value, text);
    }
}

static void writes_no_more_digits_than_needed(void **state) {
    (void)state;
    uint64_t seed = 362436069u;
    for (int i = 0; i < 20000; i++) {
        char text[RL_NUMBER_TEXT_CAP + 1], shorter[64];
        double value = (double)(next_random(&seed) >> 11) / 9007199254740992.0 * pow(10, i % 20);
        write_text(value, text);
        size_t count = 0;
        for (const char *at = strpbrk(text, "123456789"); at != NULL && *at != '\0' && *at != 'e'; at++)
            count += *at != '.';
        snprintf(shorter, sizeof shorter, "%.*g", count < 3 ? 1 : (int)count - 1, value);
        if (count > 1 && strchr(text, '.') != NULL && strtod(shorter, NULL) == value)
            fail_msg("%s could be %s", text, shorter);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_people_expect),
        cmocka_unit_test(reads_as_the_nearest_double),
        cmocka_unit_test(agrees_with_strtod_on_random_decimals),
        cmocka_unit_test(survives_a_round_trip),
        cmocka_unit_test(writes_every_small_integer),
        cmocka_unit_test(writes_no_more_digits_than_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
