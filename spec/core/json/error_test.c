#include "json/error.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void fail_with(rl_slice text, const rl_json_limits *limits, rl_json_error *error) {
    rl_json_reader reader;
    rl_json_token token = {.type = RL_JSON_NULL};
    rl_err err;
    rl_json_reader_init(&reader, text, limits);
    while ((err = rl_json_next(&reader, &token)) == RL_OK)
        assert_int_not_equal(token.type, RL_JSON_DONE);
    rl_json_error_of(&reader, error);
}

static void names_the_path(void **state) {
    (void)state;
    static const struct {
        const char *text, *path;
    } cases[] = {
        {"{\"items\":[1,2,3,{\"price\":01}]}", "items[3].price"},
        {"x", ""},
        {"[x]", "[0]"},
        {"[1,2,x]", "[2]"},
        {"[1,2 3]", "[1]"},
        {"[[[x]]]", "[0][0][0]"},
        {"[[1],[2],[3,x]]", "[2][1]"},
        {"{\"a\":1,x}", ""},
        {"{\"a\":1 x}", "a"},
        {"{\"a\" 1}", ""},
        {"{\"a\":1,\"b\" 1}", ""},
        {"{\"a\":{\"b\":{\"c\":nul}}}", "a.b.c"},
        {"{\"a\":{\"b\":{}},\"d\":nul}", "d"},
        {"{\"a\":[1,2],\"d\":[nul]}", "d[0]"},
        {"{\"a b\":[{\"\":nul}]}", "[\"a b\"][0][\"\"]"},
        {"{\"\\u0061\\n\":nul}", "[\"a?\"]"},
        {"{\"caf\xC3\xA9\":nul}", "caf\xC3\xA9"},
        {"[1] x", ""},
        {"{\"a\":\"\n\"}", "a"},
        {"{\"a\":[", "a[0]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rl_json_error error;
        fail_with(rl_slice_str(cases[i].text), &RL_JSON_LIMITS_DEFAULT, &error);
        assert_string_equal(error.path, cases[i].path);
    }
}

static void names_line_and_column_in_characters(void **state) {
    (void)state;
    rl_json_error error;
    fail_with(RL_LIT("{\n  \"a\": 1,\n  \"\xC3\xA9\": 02\n}"), &RL_JSON_LIMITS_DEFAULT, &error);
    assert_int_equal(error.line, 3);
    assert_int_equal(error.column, 8);
    assert_int_equal(error.offset, 20);
}

static void prints_a_sentence(void **state) {
    (void)state;
    rl_json_error error;
    char text[256];
    fail_with(RL_LIT("{\"items\":[1,2,3,{\"price\":01}]}"), &RL_JSON_LIMITS_DEFAULT, &error);
    rl_json_error_print(&error, text, sizeof text);
    assert_string_equal(text,
                        "invalid JSON at line 1, column 26 (items[3].price): a number may not begin with 0");
    fail_with(RL_LIT(""), &RL_JSON_LIMITS_DEFAULT, &error);
    rl_json_error_print(&error, text, sizeof text);
    assert_string_equal(text, "invalid JSON at line 1, column 1: the text ends too early");
    rl_json_error_print(&error, text, 8);
    assert_string_equal(text, "invalid");
}

static void names_the_limit(void **state) {
    (void)state;
    rl_json_limits limits = RL_JSON_LIMITS_DEFAULT;
    rl_json_error error;
    limits.max_values = 3;
    fail_with(RL_LIT("{\"a\":[1,2,3]}"), &limits, &error);
    assert_string_equal(error.reason, "more values than the limit of 3");
    assert_string_equal(error.path, "a[1]");
    limits.max_bytes = 4;
    fail_with(RL_LIT("[1,2,3]"), &limits, &error);
    assert_string_equal(error.reason, "more bytes than the limit of 4");
}

static void cuts_a_path_that_is_too_long(void **state) {
    (void)state;
    char text[RL_JSON_MAX_DEPTH + 1];
    rl_json_error error;
    memset(text, '[', sizeof text);
    fail_with(rl_slice_of(text, sizeof text), &RL_JSON_LIMITS_DEFAULT, &error);
    assert_string_equal(error.reason, "deeper nesting than the limit of 512");
    assert_int_equal(strlen(error.path), RL_JSON_PATH_CAP - 1);
    assert_string_equal(error.path + RL_JSON_PATH_CAP - 4, "...");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_path),
        cmocka_unit_test(names_line_and_column_in_characters),
        cmocka_unit_test(prints_a_sentence),
        cmocka_unit_test(names_the_limit),
        cmocka_unit_test(cuts_a_path_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
