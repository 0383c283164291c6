#include "json/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Read `text` to its end, from a block of exactly its size, so that the address
 * sanitizer sees a reader that looks behind it. */
static rl_err read_all(rl_slice text, const rl_json_limits *limits, rl_json_reader *reader) {
    rl_json_token token;
    rl_err err;
    char *exact = malloc(text.len + (text.len == 0));
    assert_non_null(exact);
    if (text.len > 0)
        memcpy(exact, text.ptr, text.len);
    rl_json_reader_init(reader, rl_slice_of(exact, text.len), limits);
    do
        err = rl_json_next(reader, &token);
    while (err == RL_OK && token.type != RL_JSON_DONE);
    free(exact);
    return err;
}

static rl_err check(rl_slice text) {
    rl_json_reader reader;
    return read_all(text, &RL_JSON_LIMITS_DEFAULT, &reader);
}

static void takes_valid_texts(void **state) {
    (void)state;
    static const char *const texts[] = {
        /* every kind at the root, and spaces around it */
        "null", "true", "false", "0", "-0", "1", "-1", "12", "\"\"", "\"a\"", "[]", "{}", " null", "null ",
        "\t\n\r 1 \t\n\r", " [ ] ", " { } ", "\n[\n]\n", "[\t1\r,\n2 ]", "{ \"a\" : 1 , \"b\" : 2 }",
        /* numbers */
        "[0]", "[-0]", "[0.0]", "[-0.0]", "[0e0]", "[0E0]", "[0e+0]", "[0e-0]", "[0.0e0]", "[1.0]", "[1.5]",
        "[10]", "[100.001]", "[1e2]", "[1E2]", "[1e+2]", "[1E-2]", "[1.5e3]", "[-1.5E+3]", "[123456789]",
        "[1e22]", "[1e23]", "[1e-23]", "[1e308]", "[1.7976931348623157e308]", "[5e-324]", "[1e-400]",
        "[-1e-400]", "[0e999999999999]", "[0.000000000000000000000000000000000000001]",
        "[9007199254740992]", "[9007199254740993]", "[-9007199254740993]",
        "[123456789012345678901234567890]", "[1.00000000000000000000000000000000000000000001]",
        "[4.9e-324]", "[-1]", "[20e1]", "[123.456e78]",
        /* strings */
        "[\" \"]", "[\"\\\"\"]", "[\"\\\\\"]", "[\"\\/\"]", "[\"/\"]", "[\"\\b\\f\\n\\r\\t\"]",
        "[\"\\u0000\"]", "[\"\\u0041\"]", "[\"\\u00e9\"]", "[\"\\u00E9\"]", "[\"\\u20AC\"]",
        "[\"\\ud83d\\ude00\"]", "[\"\\uD83D\\uDE00\"]", "[\"\\udbff\\udfff\"]", "[\"\\ud800\\udc00\"]",
        "[\"\\uFFFF\"]", "[\"\\ufffe\"]", "[\"\\u2028\\u2029\"]", "[\"\\\\u0000\"]", "[\"\\\\\\\"\"]",
        "[\"a\\u0000b\"]", "[\"\\uD7FF\\uE000\"]", "[\"\x7F\"]", "[\"\xC2\x80\"]", "[\"\xC3\xA9\"]",
        "[\"\xDF\xBF\"]", "[\"\xE0\xA0\x80\"]", "[\"\xED\x9F\xBF\"]", "[\"\xEE\x80\x80\"]",
        "[\"\xEF\xBB\xBF\"]", "[\"\xEF\xBF\xBF\"]", "[\"\xE2\x80\xA8\xE2\x80\xA9\"]",
        "[\"\xF0\x90\x80\x80\"]", "[\"\xF0\x9F\x98\x80\"]", "[\"\xF4\x8F\xBF\xBF\"]", "[\"seven b\"]",
        "[\"eight by\"]", "[\"nine byte\"]", "[\"a text of more than sixteen bytes\"]",
        "[\"sixteen bytes and \\n an escape behind\"]", "[\"sixteen bytes and \xC3\xA9 behind\"]",
        "[\"</script>\"]", "[\"'\"]", "[\"// no comment\"]",
        /* structure */
        "[1]", "[1,2]", "[null,true,false]", "[[]]", "[[],[]]", "[[[[[[]]]]]]", "[{}]", "[{},{}]",
        "{\"a\":1}", "{\"a\":1,\"b\":2}", "{\"a\":{}}", "{\"a\":[]}",
        "{\"a\":{\"b\":{\"c\":[1,{\"d\":null}]}}}", "{\"\":0}", "{\"\\u0000\":0}", "{\"a\\nb\":0}",
        "{\"\xC3\xA9\":0}", "{\"a\":\"a\"}", "[1,[2,[3,[4]],5],6]", "[{\"a\":[{\"b\":[]}]},[{}]]",
        "{\"a\":true,\"b\":false,\"c\":null}", "{\"a\":1,\"a\":2}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (check(rl_slice_str(texts[i])) != RL_OK)
            fail_msg("refused: %s", texts[i]);
}

static void refuses_invalid_texts(void **state) {
    (void)state;
    static const rl_slice texts[] = {
#define T(text) {"" text, sizeof(text) - 1}
        /* nothing, and too much */
        T(""), T(" "), T("\n"), T("1 2"), T("[] []"), T("{}{}"), T("[]x"), T("nullx"), T("null,"),
        T("\"a\"b"), T("[1]]"), T("{}}"), T("1,"), T("[]\0"), T("\0"), T("1\0"), T("[1] // no"),
        T("/* no */ 1"), T("[]#"), T("\xEF\xBB\xBF[]"), T("\xEF\xBB\xBF"), T("\xFE\xFF"),
        T("\xFF\xFE[\0]\0"), T("\f[]"), T("\v1"), T("[\f1]"), T("\xC2\xA0[]"), T("\xE2\x80\xA8[]"),
        T("[]\x1A"), T("\x00[]"),
        /* words */
        T("n"), T("nul"), T("tru"), T("fals"), T("Null"), T("TRUE"), T("nulL"), T("undefined"), T("NaN"),
        T("-NaN"), T("Infinity"), T("-Infinity"), T("inf"), T("True"), T("None"), T("abc"), T("[nul]"),
        T("[t]"), T("[truex]"),
        /* numbers */
        T("-"), T("+1"), T("[+1]"), T("01"), T("00"), T("-01"), T("-00"), T("[012]"), T("1."), T("[1.]"),
        T(".5"), T("[.5]"), T("[-.5]"), T("1e"), T("1e+"), T("1e-"), T("[1e]"), T("[1E+]"), T("[1.e1]"),
        T("[0.e1]"), T("0x10"), T("[0x1]"), T("1_000"), T("1,000"), T("[1 000]"), T("--1"), T("[-]"),
        T("[- 1]"), T("1e1.5"), T("1.2.3"), T("1ee1"), T("1e999"), T("-1e999"), T("[1e309]"), T("1.8e308"),
        T("1e99999999999999999999"), T("[1a]"), T("0b1"), T("1f"), T("\xEF\xBC\x91"), T("[\xEF\xBC\x91]"),
        T("1\xC2\xA0"), T("[1+2]"), T("[-1-]"), T("[\"\",.1]"), T("[2.]"), T("[0.1.2]"), T("[9.e+]"),
        T("[1e1e1]"),
        /* strings */
        T("\""), T("[\""), T("[\"a"), T("\"a"), T("'a'"), T("['a']"), T("a"), T("[a]"), T("\"\\\""),
        T("\"\\"), T("[\"\\x\"]"), T("[\"\\a\"]"), T("[\"\\0\"]"), T("[\"\\'\"]"), T("[\"\\v\"]"),
        T("[\"\\U0041\"]"), T("[\"\\\0\"]"), T("[\"\\ \"]"), T("[\"\\\n\"]"), T("[\"\\u\"]"),
        T("[\"\\u0\"]"), T("[\"\\u00\"]"), T("[\"\\u004\"]"), T("[\"\\u004g\"]"), T("[\"\\u+041\"]"),
        T("[\"\\u-041\"]"), T("[\"\\u 041\"]"), T("\"\\u00"), T("\"\\u0041"), T("[\"\\u{41}\"]"),
        T("[\"\\ud800\"]"), T("[\"\\udc00\"]"), T("[\"\\udc00\\ud800\"]"), T("[\"\\ud800\\ud800\"]"),
        T("[\"\\ud800x\"]"), T("[\"\\ud800\\n\"]"), T("[\"\\ud800\\u0041\"]"), T("[\"\\ud800\\u\"]"),
        T("[\"\\ud800\\udc0\"]"), T("[\"\\uDFFF\"]"), T("\"\\ud800\\udc"), T("\"\\ud800"), T("[\"\n\"]"),
        T("[\"\t\"]"), T("[\"\r\"]"), T("[\"\0\"]"), T("[\"\x1F\"]"), T("[\"\x01 more than eight\"]"),
        T("[\"more than eight \x01\"]"), T("[\"a\nb\"]"), T("[\"\x80\"]"), T("[\"\xBF\"]"),
        T("[\"\xC0\x80\"]"), T("[\"\xC1\xBF\"]"), T("[\"\xC2\"]"), T("[\"\xC2\x41\"]"),
        T("[\"\xC3\xA9\xA9\"]"), T("[\"\xE0\x80\x80\"]"), T("[\"\xE0\x9F\xBF\"]"), T("[\"\xE2\x82\"]"),
        T("[\"\xE2\x82\x41\"]"), T("[\"\xED\xA0\x80\"]"), T("[\"\xED\xBF\xBF\"]"),
        T("[\"\xED\xA0\x80\xED\xB0\x80\"]"), T("[\"\xF0\x80\x80\x80\"]"), T("[\"\xF0\x8F\xBF\xBF\"]"),
        T("[\"\xF0\x9F\x98\"]"), T("[\"\xF0\x9F\x98\x41\"]"), T("[\"\xF4\x90\x80\x80\"]"),
        T("[\"\xF5\x80\x80\x80\"]"), T("[\"\xF8\x88\x80\x80\x80\"]"), T("[\"\xFE\"]"), T("[\"\xFF\"]"),
        T("\"\xC3"), T("\"\xE2\x82"), T("\"\xF0\x9F\x98"), T("[\xC3\xA9]"), T("\xE9"),
        T("[\"eight by\xFFtes\"]"), T("{\"\xFF\":1}"), T("{\"\\ud800\":1}"), T("{\"\x02\":1}"),
        /* structure */
        T("["), T("{"), T("]"), T("}"), T("[1"), T("[1,"), T("[,"), T("[,1]"), T("[1,]"), T("[1,,2]"),
        T("[1 2]"), T("[1;2]"), T("[1:2]"), T("[}"), T("{]"), T("[1}"), T("{\"a\":1]"), T("[[]"),
        T("[[[]]"), T("[{}"), T("[\"a\":1]"), T("[\"a\",\n4\n,1,"), T("{,}"), T("{\"a\"}"), T("{\"a\":}"),
        T("{\"a\":,}"), T("{\"a\":1,}"), T("{,\"a\":1}"), T("{\"a\":1,,\"b\":2}"), T("{\"a\" 1}"),
        T("{\"a\",1}"), T("{\"a\"=1}"), T("{\"a\":1 \"b\":2}"), T("{\"a\":1;\"b\":2}"), T("{a:1}"),
        T("{'a':1}"), T("{1:1}"), T("{null:1}"), T("{[]:1}"), T("{{}:1}"), T("{\"a\"::1}"),
        T("{\"a\":1:2}"), T("{\"a\":1 2}"), T("{:1}"), T("{\"a\":"), T("{\"a\""), T("{\"a"), T("{\"a\":1"),
        T("{\"a\":1,"), T("{\"a\":[}"), T("{\"a\":{]"), T("[1,2}"), T("{\"a\":1/*c*/}"), T("[1]/**/"),
        T("{\"a\":1,//\n\"b\":2}"), T("{\"a\":01}"), T("<null>"), T("[*]"), T("{\"a\":\"a\" 1}"),
        T("{\"b\",\"c\"}"), T("{\"a\":tru}"), T("[\"\\ud83d\",\"\\ude00\"]"), T("(1)"),
#undef T
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (check(texts[i]) != RL_EINVAL)
            fail_msg("case %zu was taken: %.*s", i, (int)texts[i].len, texts[i].ptr);
}

/* A prefix of a text that ends in a bracket is never a text. */
static void refuses_every_prefix(void **state) {
    (void)state;
    rl_slice text = RL_LIT("{\"a\": [1, -2.5e+3, true, false, null, "
                           "\"\\u00e9\\n\\ud83d\\ude00 \xC3\xA9\"], \"b\": {}}");
    assert_int_equal(check(text), RL_OK);
    for (size_t len = 0; len < text.len; len++)
        assert_int_equal(check(rl_slice_of(text.ptr, len)), RL_EINVAL);
}

static void yields_the_tokens_in_order(void **state) {
    (void)state;
    static const rl_json_type expected[] = {
        RL_JSON_OBJECT, RL_JSON_KEY,  RL_JSON_ARRAY, RL_JSON_NUMBER, RL_JSON_STRING,
        RL_JSON_END,    RL_JSON_KEY,  RL_JSON_TRUE,  RL_JSON_KEY,    RL_JSON_NULL,
        RL_JSON_KEY,    RL_JSON_FALSE, RL_JSON_END,  RL_JSON_DONE};
    static const size_t offsets[] = {0, 1, 6, 7, 10, 13, 15, 19, 24, 28, 33, 37, 42, 43};
    rl_json_reader reader;
    rl_json_token token;
    rl_slice text = RL_LIT("{\"a\": [1, \"b\"],\"c\":true,\"d\":null,\"e\":false}");
    rl_json_reader_init(&reader, text, &RL_JSON_LIMITS_DEFAULT);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_int_equal(rl_json_next(&reader, &token), RL_OK);
        assert_int_equal(token.type, expected[i]);
        assert_int_equal(token.offset, offsets[i]);
    }
}

static void first_token(const char *text, rl_json_token *token) {
    rl_json_reader reader;
    rl_json_reader_init(&reader, rl_slice_str(text), &RL_JSON_LIMITS_DEFAULT);
    assert_int_equal(rl_json_next(&reader, token), RL_OK);
}

static void lends_plain_strings_from_the_text(void **state) {
    (void)state;
    const char *text = "\"h\xC3\xA9llo\"";
    rl_json_token token;
    first_token(text, &token);
    assert_false(token.is_escaped);
    assert_ptr_equal(token.text.ptr, text + 1);
    assert_int_equal(token.text.len, 6);
}

static void decodes_escapes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        rl_slice expected;
    } cases[] = {
        {"\"\\n\"", {"\n", 1}},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", {"\"\\/\b\f\n\r\t", 8}},
        {"\"a\\u0000b\"", {"a\0b", 3}},
        {"\"\\u0041\\u00e9\\u20AC\"", {"A\xC3\xA9\xE2\x82\xAC", 6}},
        {"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"", {"\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF", 11}},
        {"\"\\ud83d\\ude00\\ud800\\udc00\\udbff\\udfff\"",
         {"\xF0\x9F\x98\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 12}},
        {"\"x\\\\u0041y\"", {"x\\u0041y", 8}},
        {"\"long enough before \\n and after\"", {"long enough before \n and after", 30}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rl_json_token token;
        char out[64];
        first_token(cases[i].text, &token);
        assert_true(token.is_escaped);
        assert_int_equal(rl_json_unescape(token.text, out), cases[i].expected.len);
        assert_memory_equal(out, cases[i].expected.ptr, cases[i].expected.len);
    }
}

static void tells_bigints_from_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        rl_json_type type;
    } cases[] = {
        {"9007199254740991", RL_JSON_NUMBER},    {"9007199254740992", RL_JSON_NUMBER},
        {"9007199254740993", RL_JSON_BIGINT},    {"-9007199254740992", RL_JSON_NUMBER},
        {"-9007199254740993", RL_JSON_BIGINT},   {"18446744073709551616", RL_JSON_BIGINT},
        {"18446744073709551617", RL_JSON_BIGINT}, {"99999999999999999999999999999999999999", RL_JSON_BIGINT},
        {"9007199254740993.0", RL_JSON_NUMBER},  {"1e300", RL_JSON_NUMBER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rl_json_token token;
        first_token(cases[i].text, &token);
        assert_int_equal(token.type, cases[i].type);
        assert_true(rl_slice_eq(token.text, rl_slice_str(cases[i].text)));
    }
}

static void stops_at_its_limits(void **state) {
    (void)state;
    rl_json_limits limits = {.max_bytes = 20, .max_values = 5, .max_number_len = 8, .max_depth = 3};
    rl_json_reader reader;
    assert_int_equal(read_all(RL_LIT("[1,2,3,4]"), &limits, &reader), RL_OK);
    assert_int_equal(read_all(RL_LIT("[1,2,3,4,5]"), &limits, &reader), RL_EFULL);
    assert_int_equal(reader.failed_at, 9);
    assert_int_equal(read_all(RL_LIT("[[[]]]"), &limits, &reader), RL_OK);
    assert_int_equal(read_all(RL_LIT("[{\"a\":[[]]}]"), &limits, &reader), RL_EFULL);
    assert_int_equal(reader.failed_at, 7);
    assert_int_equal(read_all(RL_LIT("12345678"), &limits, &reader), RL_OK);
    assert_int_equal(read_all(RL_LIT("123456789"), &limits, &reader), RL_EFULL);
    assert_int_equal(read_all(RL_LIT("1                   "), &limits, &reader), RL_OK);
    assert_int_equal(read_all(RL_LIT("1                    "), &limits, &reader), RL_EFULL);
}

static void bounds_a_bomb_of_brackets(void **state) {
    (void)state;
    enum { COUNT = 300000 };
    char *bomb = malloc(3 * COUNT);
    assert_non_null(bomb);
    memset(bomb, '[', COUNT);
    rl_json_reader reader;
    assert_int_equal(read_all(rl_slice_of(bomb, COUNT), &RL_JSON_LIMITS_DEFAULT, &reader), RL_EFULL);
    assert_int_equal(reader.failed_at, RL_JSON_MAX_DEPTH);
    for (size_t i = 0; i < COUNT; i++)
        memcpy(bomb + 3 * i, i == 0 ? "[[]" : ",[]", 3);
    assert_int_equal(read_all(rl_slice_of(bomb, 3 * COUNT), &RL_JSON_LIMITS_DEFAULT, &reader), RL_EFULL);
    assert_int_equal(reader.values, 100001);
    free(bomb);
}

static void takes_the_deepest_nesting(void **state) {
    (void)state;
    char text[2 * RL_JSON_MAX_DEPTH + 2];
    memset(text, '[', RL_JSON_MAX_DEPTH);
    memset(text + RL_JSON_MAX_DEPTH, ']', RL_JSON_MAX_DEPTH);
    assert_int_equal(check(rl_slice_of(text, 2 * RL_JSON_MAX_DEPTH)), RL_OK);
    memset(text, '[', RL_JSON_MAX_DEPTH + 1);
    memset(text + RL_JSON_MAX_DEPTH + 1, ']', RL_JSON_MAX_DEPTH + 1);
    assert_int_equal(check(rl_slice_of(text, sizeof text)), RL_EFULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_valid_texts),
        cmocka_unit_test(refuses_invalid_texts),
        cmocka_unit_test(refuses_every_prefix),
        cmocka_unit_test(yields_the_tokens_in_order),
        cmocka_unit_test(lends_plain_strings_from_the_text),
        cmocka_unit_test(decodes_escapes),
        cmocka_unit_test(tells_bigints_from_numbers),
        cmocka_unit_test(stops_at_its_limits),
        cmocka_unit_test(bounds_a_bomb_of_brackets),
        cmocka_unit_test(takes_the_deepest_nesting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
