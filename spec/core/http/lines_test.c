#include "http/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "mem.h"

static void assert_lines(const rl_buf *lines, const char *text) {
    assert_true(rl_slice_eq(rl_buf_live(lines), rl_slice_str(text)));
}

static rl_err append(rl_buf *lines, const char *name, const char *value) {
    const char *why;
    rl_err err = rl_lines_append(lines, rl_slice_str(name), rl_slice_str(value), &why);
    assert_int_equal(err == RL_OK, why == NULL);
    return err;
}

static void lines_are_appended_as_they_are_sent(void **state) {
    (void)state;
    rl_buf lines;
    rl_buf_init(&lines, 1000);
    assert_int_equal(append(&lines, "X-One", "1"), RL_OK);
    assert_int_equal(append(&lines, "x-empty", ""), RL_OK);
    assert_int_equal(append(&lines, "!#$%&'*+-.^_`|~9", "a\tb \xc3\xa9"), RL_OK);
    assert_lines(&lines, "X-One: 1\r\nx-empty: \r\n!#$%&'*+-.^_`|~9: a\tb \xc3\xa9\r\n");
    rl_buf_clear(&lines);
}

static void no_value_ends_its_line(void **state) {
    (void)state;
    rl_buf lines;
    rl_buf_init(&lines, 1000);
    for (int ch = 0; ch < 256; ch++) {
        char value[3] = {'a', (char)ch, 'b'};
        const char *why;
        bool is_control = (ch < 0x20 && ch != '\t') || ch == 0x7f;
        rl_err err = rl_lines_append(&lines, RL_LIT("x"), rl_slice_of(value, 3), &why);
        assert_int_equal(err, is_control ? RL_EINVAL : RL_OK);
        rl_buf_reset(&lines);
    }
    rl_buf_clear(&lines);
}

static void a_name_is_a_token(void **state) {
    (void)state;
    rl_buf lines;
    rl_buf_init(&lines, 1000);
    const char *names[] = {"",      "a b", "a:",  "a\r\nb", "(a)", "\xc3\xa9",
                           "a\x7f", "a,b", "a/b", "a=b",    "a\"b"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(append(&lines, names[i], "1"), RL_EINVAL);
    const char *why;
    assert_int_equal(rl_lines_append(&lines, rl_slice_of("a\0b", 3), RL_LIT("1"), &why), RL_EINVAL);
    assert_int_equal(rl_buf_len(&lines), 0);
    rl_buf_clear(&lines);
}

static void what_frames_the_message_is_not_the_programs(void **state) {
    (void)state;
    rl_buf lines;
    rl_buf_init(&lines, 1000);
    const char *names[] = {"Content-Length", "transfer-encoding", "CONNECTION", "Keep-Alive",
                           "Date",           "Upgrade",           "Trailer"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(append(&lines, names[i], "1"), RL_EINVAL);
    assert_int_equal(append(&lines, "content-lengths", "1"), RL_OK);
    rl_buf_clear(&lines);
}

static void removing_takes_all_of_a_name_and_no_other(void **state) {
    (void)state;
    rl_buf lines;
    rl_buf_init(&lines, 1000);
    rl_lines_remove(&lines, RL_LIT("a"));
    assert_false(rl_lines_have(&lines, RL_LIT("a")));
    const char *names[] = {"a", "aa", "A", "b", "a"};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(append(&lines, names[i], "1"), RL_OK);
    assert_true(rl_lines_have(&lines, RL_LIT("B")) && !rl_lines_have(&lines, RL_LIT("c")));
    rl_lines_remove(&lines, RL_LIT("a"));
    assert_lines(&lines, "aa: 1\r\nb: 1\r\n");
    rl_lines_remove(&lines, RL_LIT("b"));
    rl_lines_remove(&lines, RL_LIT("aa"));
    assert_int_equal(rl_buf_len(&lines), 0);
    rl_buf_clear(&lines);
}

static void values_are_found_one_after_another(void **state) {
    (void)state;
    rl_buf lines;
    rl_buf_init(&lines, 1000);
    rl_slice value = RL_LIT("before");
    size_t at = 0;
    assert_false(rl_lines_next(rl_buf_live(&lines), RL_LIT("a"), &at, &value));
    assert_int_equal(append(&lines, "A", "1"), RL_OK);
    assert_int_equal(append(&lines, "ab", "2"), RL_OK);
    assert_int_equal(append(&lines, "a", ""), RL_OK);
    assert_true(rl_lines_next(rl_buf_live(&lines), RL_LIT("a"), &at, &value) && rl_slice_eq(value, RL_LIT("1")));
    assert_true(rl_lines_next(rl_buf_live(&lines), RL_LIT("a"), &at, &value) && value.len == 0);
    assert_false(rl_lines_next(rl_buf_live(&lines), RL_LIT("a"), &at, &value));
    rl_buf_clear(&lines);
}

static void past_the_ceiling_the_lines_stay_as_they_were(void **state) {
    (void)state;
    rl_buf lines;
    rl_buf_init(&lines, 10);
    assert_int_equal(append(&lines, "a", "1"), RL_OK);
    assert_int_equal(append(&lines, "b", "2"), RL_EFULL);
    assert_lines(&lines, "a: 1\r\n");
    rl_buf_clear(&lines);
}

static void add_some(void) {
    rl_buf lines;
    rl_buf_init(&lines, 100000);
    char value[300];
    memset(value, 'v', sizeof value);
    const char *why;
    for (int i = 0; i < 10; i++)
        if (rl_lines_append(&lines, RL_LIT("name"), rl_slice_of(value, sizeof value), &why) != RL_OK)
            assert_non_null(why);
    rl_buf_clear(&lines);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(add_some);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_appended_as_they_are_sent),
        cmocka_unit_test(no_value_ends_its_line),
        cmocka_unit_test(a_name_is_a_token),
        cmocka_unit_test(what_frames_the_message_is_not_the_programs),
        cmocka_unit_test(removing_takes_all_of_a_name_and_no_other),
        cmocka_unit_test(values_are_found_one_after_another),
        cmocka_unit_test(past_the_ceiling_the_lines_stay_as_they_were),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
