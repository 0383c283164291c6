#include "vm/config_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The line of `path`, names with dots between them, in `lua`. */
static unsigned line_of(const char *lua, const char *path) {
    rl_config_line at = {0};
    for (bool is_first = true; *path != '\0'; is_first = false) {
        size_t len = strcspn(path, ".");
        at = rl_config_line_find(rl_slice_str(lua), is_first ? NULL : &at, rl_slice_of(path, len));
        path += len + (path[len] == '.');
    }
    return at.line;
}

static void finds_the_line_that_sets_a_name(void **state) {
    (void)state;
    static const struct {
        const char *lua, *path;
        unsigned line;
    } cases[] = {
        {"return {\n a = 1,\n b = 2 }", "b", 3},
        {"return {\n aa = 1,\n a = 2 }", "a", 3},
        {"return {\n ['a'] = 1 }", "a", 2},
        {"return {\n [\"a.b\"] = 1 }", "none", 0},
        {"local c = {}\nc.a = 1\nreturn c", "a", 2},
        {"return {\n x = a == 1,\n a\n=\n2 }", "a", 3},
        {"-- a = 1\n--[[ a = 1\n a = 2 ]]\nreturn { a = 3 }", "a", 4},
        {"return { s = 'a = 1',\n t = \"\\\" a = 1\",\n u = [[\n a = 1]], a = 3 }", "a", 4},
        {"return { u = [==[ ]] a = 1\n]==],\n a = 3 }", "a", 3},
        {"return {\n t = { a = 1 },\n a = 2 }", "a", 3},
        {"return {\n a = 2,\n t = {\n a = 1 } }", "t.a", 4},
        {"return {\n t = { u = {\n x = 1 },\n x = 2 } }", "t.x", 4},
        {"return {\n t = { u = {\n x = 1 } } }", "t.u.x", 3},
        {"local t = {\n x = 1 }\nreturn { t = t }", "t.x", 2},
        {"return { t = make(),\n x = 1,\n u = { x = 2 } }", "t.x", 1},
        {"return { t = {},\n x = { y = 1 } }", "t.y", 1},
        {"return { l = {\n { a = 1 },\n { b = 2 } } }", "l.b", 3},
        {"", "a", 0},
        {"return { a = 'open", "a", 1},
        {"return { --[[ open a = 1", "a", 0},
        {"return { a =", "a", 1},
        {"}}} a = 1", "a", 1},
        {"return { ['a", "a", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(line_of(cases[i].lua, cases[i].path), cases[i].line);
}

static void never_reads_behind_a_text_that_is_cut(void **state) {
    (void)state;
    const char whole[] = "return { --[==[ x ]==] a = 'b\\'' , [\"c\"] = [=[ d ]=] , e = { a = 1 } } -- f";
    for (size_t len = 0; len < sizeof whole; len++) {
        char *cut = strndup(whole, len); /* so that the sanitizer sees a read too far */
        rl_config_line at = rl_config_line_find(rl_slice_of(cut, len), NULL, RL_LIT("e"));
        if (at.line > 0)
            (void)rl_config_line_find(rl_slice_of(cut, len), &at, RL_LIT("a"));
        free(cut);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_line_that_sets_a_name),
        cmocka_unit_test(never_reads_behind_a_text_that_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
