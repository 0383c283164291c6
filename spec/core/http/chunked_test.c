#include "http/chunked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* Feed `text` in pieces of `piece` bytes; the data and the last event as text.
 * The grammar's cases are in parser_test.c: here are the bounds and the edges. */
static void expect_body(rl_chunked fresh, const char *text, size_t piece, const char *expected) {
    static const char *const names[] = {"more", "data", "end", "malformed", "large", "trailers"};
    char got[200] = "";
    rl_chunked_event event = RL_CHUNKED_MORE;
    for (size_t at = 0, len = strlen(text); at < len && event < RL_CHUNKED_END; at += piece) {
        rl_slice in = rl_slice_of(text + at, piece < len - at ? piece : len - at), data;
        while ((event = rl_chunked_next(&fresh, &in, &data)) == RL_CHUNKED_DATA)
            snprintf(got + strlen(got), sizeof got - strlen(got), "%.*s", (int)data.len, data.ptr);
    }
    snprintf(got + strlen(got), sizeof got - strlen(got), "|%s", names[event]);
    assert_string_equal(got, expected);
}

static void expect_all_cuts(uint64_t max_body, size_t max_trailers, const char *text, const char *expected) {
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        rl_chunked chunked;
        rl_chunked_init(&chunked, max_body, max_trailers, 2);
        expect_body(chunked, text, piece, expected);
    }
}

static void joins_chunks(void **state) {
    (void)state;
    expect_all_cuts(9, 9, "2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n", "abc|end");
    expect_all_cuts(9, 9, "2\r\nab\r\n", "ab|more");
}

static void bounds_the_sum_of_all_chunks(void **state) {
    (void)state;
    expect_all_cuts(3, 9, "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "abc|end");
    expect_all_cuts(3, 9, "2\r\nab\r\n2\r\ncd\r\n", "ab|large");
    expect_all_cuts(0, 9, "0\r\n\r\n", "|end");
    expect_all_cuts(UINT64_MAX, 9, "ffffffffffffffff\r\na", "a|more");
    expect_all_cuts(UINT64_MAX, 9, "10000000000000000\r\n", "|malformed");
}

static void bounds_trailers_in_bytes_and_number(void **state) {
    (void)state;
    expect_all_cuts(9, 10, "0\r\na:b\r\nc:d\r\n\r\n", "|end");
    expect_all_cuts(9, 9, "0\r\na:b\r\nc:d\r\n\r\n", "|trailers");
    expect_all_cuts(9, 99, "0\r\na:\r\nb:\r\nc:\r\n\r\n", "|trailers");
}

static void leaves_what_follows_the_body(void **state) {
    rl_chunked chunked;
    rl_slice in = RL_LIT("0\r\n\r\nGET"), data;
    (void)state;
    rl_chunked_init(&chunked, 9, 9, 9);
    assert_int_equal(rl_chunked_next(&chunked, &in, &data), RL_CHUNKED_END);
    assert_true(rl_slice_eq(in, RL_LIT("GET")));
}

static void takes_nothing_after_a_fault(void **state) {
    rl_chunked chunked;
    rl_slice in = RL_LIT("x0\r\n\r\n"), data;
    (void)state;
    rl_chunked_init(&chunked, 9, 9, 9);
    assert_int_equal(rl_chunked_next(&chunked, &in, &data), RL_CHUNKED_MALFORMED);
    assert_int_equal(rl_chunked_next(&chunked, &in, &data), RL_CHUNKED_MALFORMED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_chunks),
        cmocka_unit_test(bounds_the_sum_of_all_chunks),
        cmocka_unit_test(bounds_trailers_in_bytes_and_number),
        cmocka_unit_test(leaves_what_follows_the_body),
        cmocka_unit_test(takes_nothing_after_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
