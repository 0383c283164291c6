#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void compares_by_length_and_bytes(void **state) {
    (void)state;
    assert_true(rl_slice_eq(RL_LIT("a\0b"), RL_LIT("a\0b")));
    assert_false(rl_slice_eq(RL_LIT("a\0b"), RL_LIT("a\0c")));
    assert_false(rl_slice_eq(RL_LIT("ab"), RL_LIT("abc")));
    assert_true(rl_slice_eq(rl_slice_of(NULL, 0), RL_LIT("")));
}

static void ignores_the_case_of_ascii_letters_only(void **state) {
    (void)state;
    assert_true(rl_slice_ieq(RL_LIT("Content-TYPE"), RL_LIT("content-type")));
    assert_false(rl_slice_ieq(RL_LIT("a@"), RL_LIT("a`")));
    assert_false(rl_slice_ieq(RL_LIT("\xc0"), RL_LIT("\xe0")));
    assert_true(rl_slice_ieq(rl_slice_of(NULL, 0), rl_slice_of(NULL, 0)));
    for (int ch = 0; ch < 256; ch++) {
        bool is_upper = ch >= 'A' && ch <= 'Z';
        assert_int_equal((unsigned char)rl_ascii_lower((char)ch), is_upper ? ch + 32 : ch);
    }
}

static void finds_prefixes(void **state) {
    (void)state;
    assert_true(rl_slice_has_prefix(RL_LIT("/api/v1"), RL_LIT("/api")));
    assert_true(rl_slice_has_prefix(RL_LIT("/api"), RL_LIT("/api")));
    assert_false(rl_slice_has_prefix(RL_LIT("/ap"), RL_LIT("/api")));
    assert_true(rl_slice_has_prefix(rl_slice_of(NULL, 0), RL_LIT("")));
}

static void trims_spaces_and_tabs_but_no_other_blanks(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"", ""}, {" \t ", ""}, {"a", "a"}, {" \ta b\t ", "a b"}, {"\ra\n", "\ra\n"}, {"\va", "\va"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(rl_slice_eq(rl_slice_trim(rl_slice_str(cases[i].from)), rl_slice_str(cases[i].to)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_by_length_and_bytes),
        cmocka_unit_test(ignores_the_case_of_ascii_letters_only),
        cmocka_unit_test(finds_prefixes),
        cmocka_unit_test(trims_spaces_and_tabs_but_no_other_blanks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
