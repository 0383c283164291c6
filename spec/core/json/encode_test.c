#include "json/encode.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "mem.h"

static void assert_string(rl_slice text, const char *expected) {
    rl_buf out;
    rl_buf_init(&out, 4096);
    assert_int_equal(rl_json_append_string(&out, text), RL_OK);
    rl_slice got = rl_buf_live(&out);
    assert_int_equal(got.len, strlen(expected));
    assert_memory_equal(got.ptr, expected, got.len);
    rl_buf_clear(&out);
}

static void escapes_what_must_be(void **state) {
    (void)state;
    assert_string((rl_slice){NULL, 0}, "\"\"");
    assert_string(RL_LIT("plain"), "\"plain\"");
    assert_string(RL_LIT("a plain text, longer than a word"), "\"a plain text, longer than a word\"");
    assert_string(RL_LIT("\"\\/"), "\"\\\"\\\\/\"");
    assert_string(RL_LIT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"");
    assert_string(RL_LIT("\0\x01\x1F\x7F"), "\"\\u0000\\u0001\\u001f\x7F\"");
    assert_string(RL_LIT("12345678\n12345678\"12345678"), "\"12345678\\n12345678\\\"12345678\"");
    assert_string(RL_LIT("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \xE2\x80\xA8 </a>"),
                  "\"caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \xE2\x80\xA8 </a>\"");
    assert_string(RL_LIT("\n\xC3\xA9\n"), "\"\\n\xC3\xA9\\n\"");
}

static void refuses_what_is_not_utf8(void **state) {
    (void)state;
    static const rl_slice texts[] = {{"\xFF", 1},         {"\xC0\x80", 2},     {"\xC3", 1},
                                     {"\xED\xA0\x80", 3}, {"ok\n\x80", 4},     {"a longer text \xE2\x82", 16},
                                     {"\n\xF4\x90\x80\x80", 5}};
    rl_buf out;
    rl_buf_init(&out, 4096);
    assert_int_equal(rl_buf_append(&out, RL_LIT("before")), RL_OK);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(rl_json_append_string(&out, texts[i]), RL_EINVAL);
        assert_int_equal(rl_json_append_key(&out, ',', texts[i]), RL_EINVAL);
        assert_int_equal(rl_buf_len(&out), 6);
    }
    rl_buf_clear(&out);
}

static void appends_keys_with_their_signs(void **state) {
    (void)state;
    rl_buf out;
    rl_buf_init(&out, 4096);
    assert_int_equal(rl_json_append_key(&out, '{', RL_LIT("a")), RL_OK);
    assert_int_equal(rl_json_append_number(&out, 1), RL_OK);
    assert_int_equal(rl_json_append_key(&out, ',', RL_LIT("b\nc")), RL_OK);
    assert_int_equal(rl_json_append_number(&out, 1.25), RL_OK);
    assert_true(rl_slice_eq(rl_buf_live(&out), RL_LIT("{\"a\":1,\"b\\nc\":1.25")));
    rl_buf_clear(&out);
}

static void refuses_what_is_no_number(void **state) {
    (void)state;
    rl_buf out;
    rl_buf_init(&out, 4096);
    assert_int_equal(rl_json_append_number(&out, NAN), RL_EINVAL);
    assert_int_equal(rl_json_append_number(&out, INFINITY), RL_EINVAL);
    assert_int_equal(rl_json_append_number(&out, -INFINITY), RL_EINVAL);
    assert_int_equal(rl_buf_len(&out), 0);
    rl_buf_clear(&out);
}

static void leaves_the_buf_as_it_was_at_the_ceiling(void **state) {
    (void)state;
    for (size_t ceiling = 6; ceiling < 6 + 17; ceiling++) {
        rl_buf out;
        rl_buf_init(&out, ceiling);
        assert_int_equal(rl_buf_append(&out, RL_LIT("before")), RL_OK);
        assert_int_equal(rl_json_append_string(&out, RL_LIT("abcd\n\x01...")), RL_EFULL);
        assert_true(rl_slice_eq(rl_buf_live(&out), RL_LIT("before")));
        rl_buf_clear(&out);
    }
    rl_buf out;
    rl_buf_init(&out, 17);
    assert_int_equal(rl_json_append_string(&out, RL_LIT("abcd\n\x01...")), RL_OK);
    rl_buf_clear(&out);
}

static void grow_by_strings(void) {
    rl_buf out;
    rl_buf_init(&out, 1 << 16);
    for (int i = 0; i < 200; i++) {
        size_t before = rl_buf_len(&out);
        rl_err err = rl_json_append_string(&out, RL_LIT("twenty bytes\nof \xC3\xA9text"));
        assert_true(err == RL_OK || err == RL_ENOMEM);
        assert_int_equal(rl_buf_len(&out), before + (err == RL_OK ? 25 : 0));
    }
    rl_buf_clear(&out);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(grow_by_strings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_what_must_be),
        cmocka_unit_test(refuses_what_is_not_utf8),
        cmocka_unit_test(appends_keys_with_their_signs),
        cmocka_unit_test(refuses_what_is_no_number),
        cmocka_unit_test(leaves_the_buf_as_it_was_at_the_ceiling),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
