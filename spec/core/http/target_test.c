#include "http/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define BYTES(text) \
    { text, sizeof(text) - 1 }

static void accepts_sound_paths(void **state) {
    static const rl_slice paths[] = {
        BYTES("/"),
        BYTES("//"),
        BYTES("/a"),
        BYTES("/a/"),
        BYTES("/a//b"),
        BYTES("/..."),
        BYTES("/.a"),
        BYTES("/a."),
        BYTES("/a..b/..c"),
        BYTES("/%2e%2e%2e"),
        BYTES("/%2F"),
        BYTES("/..%2F"),
        BYTES("/a%20b"),
        BYTES("/%41"),
        BYTES("/caf%C3%A9"),
        BYTES("/%E2%82%AC"),
        BYTES("/%F0%9F%9A%80"),
        BYTES("/\xc3\xa9"),
        BYTES("/%F4%8F%BF%BF"),
        BYTES("/%ED%9F%BF"),
        BYTES("/%0a"),
        BYTES("/:a/*b"),
        BYTES("/%25%32%65"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (rl_target_check_path(paths[i]) != RL_OK)
            fail_msg("refused %s", paths[i].ptr);
}

static void refuses_unsound_paths(void **state) {
    static const rl_slice paths[] = {
        BYTES(""),
        BYTES("a"),
        BYTES("*"),
        BYTES("/."),
        BYTES("/.."),
        BYTES("/./a"),
        BYTES("/a/../b"),
        BYTES("/a/.."),
        BYTES("/%2e"),
        BYTES("/%2E%2e"),
        BYTES("/.%2e/"),
        BYTES("/%2e./a"),
        BYTES("/a\\b"),
        BYTES("/a%5cb"),
        BYTES("/%5C"),
        BYTES("/%00"),
        BYTES("/a\0b"),
        BYTES("/%"),
        BYTES("/%4"),
        BYTES("/%4/"),
        BYTES("/%zz"),
        BYTES("/%4g"),
        BYTES("/%g4"),
        BYTES("/%%41"),
        BYTES("/%u0041"),
        BYTES("/%FF"),
        BYTES("/%C3"),
        BYTES("/%C3/%A9"),
        BYTES("/%A9"),
        BYTES("/%C0%AF"),
        BYTES("/%C1%81"),
        BYTES("/%E0%80%AF"),
        BYTES("/%ED%A0%80"),
        BYTES("/%F0%80%80%80"),
        BYTES("/%F4%90%80%80"),
        BYTES("/%F8%88%80%80%80"),
        BYTES("/%E2%82"),
        BYTES("/\xff"),
        BYTES("/%C3A"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (rl_target_check_path(paths[i]) != RL_EINVAL)
            fail_msg("accepted %s", paths[i].ptr);
}

static void splits_paths_into_segments(void **state) {
    static const char *const samples[][2] = {
        {"/", "[]"}, {"/a", "[a]"}, {"/a/", "[a][]"}, {"//", "[][]"}, {"/a//b%2Fc", "[a][][b%2Fc]"}, {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        char text[100] = "";
        rl_slice rest = rl_slice_str(samples[i][0]), segment;
        while (rl_target_next_segment(&rest, &segment))
            snprintf(text + strlen(text), sizeof text - strlen(text), "[%.*s]", (int)segment.len,
                     segment.ptr);
        assert_string_equal(text, samples[i][1]);
    }
}

static void decodes_values(void **state) {
    static const struct {
        rl_slice raw, plain, form;
    } samples[] = {
        {BYTES(""), BYTES(""), BYTES("")},
        {BYTES("a+b"), BYTES("a+b"), BYTES("a b")},
        {BYTES("a%2Bb"), BYTES("a+b"), BYTES("a+b")},
        {BYTES("%41%4a%4A"), BYTES("AJJ"), BYTES("AJJ")},
        {BYTES("%00%ff"), BYTES("\0\xff"), BYTES("\0\xff")},
        {BYTES("%2541"), BYTES("%41"), BYTES("%41")},
    };
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        char out[32];
        size_t len = 99;
        assert_int_equal(rl_target_decode(samples[i].raw, out, &len, false), RL_OK);
        assert_true(rl_slice_eq(rl_slice_of(out, len), samples[i].plain));
        assert_int_equal(rl_target_decode(samples[i].raw, out, &len, true), RL_OK);
        assert_true(rl_slice_eq(rl_slice_of(out, len), samples[i].form));
    }
}

static void refuses_bad_escapes(void **state) {
    static const char *const samples[] = {"%", "a%", "%4", "%zz", "%4z", "%%", "%-1", "a%+1"};
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        char out[32];
        size_t len = 99;
        assert_int_equal(rl_target_decode(rl_slice_str(samples[i]), out, &len, true), RL_EINVAL);
        assert_int_equal(len, 99);
    }
}

static void splits_queries_into_fields(void **state) {
    static const char *const samples[][2] = {
        {"", ""},
        {"a=1&b=2", "a:1 b:2 "},
        {"a", "a: "},
        {"a=", "a: "},
        {"=b", ":b "},
        {"=", ": "},
        {"a=b=c", "a:b=c "},
        {"&&a=1&&&b&", "a:1 b: "},
        {"&", ""},
        {"a=1&a=2", "a:1 a:2 "},
        {"a%26=b%3D", "a%26:b%3D "},
        {"a=1;b=2", "a:1;b=2 "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        char text[100] = "";
        rl_slice rest = rl_slice_str(samples[i][0]), key, value;
        while (rl_query_next(&rest, &key, &value))
            snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s:%.*s ", (int)key.len, key.ptr,
                     (int)value.len, value.ptr);
        assert_string_equal(text, samples[i][1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_sound_paths),        cmocka_unit_test(refuses_unsound_paths),
        cmocka_unit_test(splits_paths_into_segments), cmocka_unit_test(decodes_values),
        cmocka_unit_test(refuses_bad_escapes),        cmocka_unit_test(splits_queries_into_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
