#include "http/start_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* Which lines are refused, and how, is in parser_test.c. */

static void expect_slice(rl_slice got, const char *expected) {
    assert_true(rl_slice_eq(got, rl_slice_str(expected)));
}

static rl_head parse(const char *line) {
    rl_head head = {.base = line};
    assert_int_equal(rl_start_line_parse(rl_slice_str(line), &head).status, 0);
    return head;
}

static void takes_origin_form_apart(void **state) {
    (void)state;
    rl_head head = parse("PATCH /a/b?c=d HTTP/1.0");
    assert_int_equal(head.method, RL_PATCH);
    assert_int_equal(head.minor, 0);
    expect_slice(rl_head_target(&head), "/a/b?c=d");
    expect_slice(rl_head_path(&head), "/a/b");
    expect_slice(rl_head_query(&head), "c=d");
    expect_slice(rl_head_host(&head), "");
}

static void takes_absolute_form_apart(void **state) {
    (void)state;
    rl_head head = parse("GET http://example.com:80/a?b HTTP/1.1");
    expect_slice(rl_head_target(&head), "http://example.com:80/a?b");
    expect_slice(rl_head_host(&head), "example.com:80");
    expect_slice(rl_head_path(&head), "/a");
    expect_slice(rl_head_query(&head), "b");
}

static void gives_an_absolute_target_without_a_path_the_root(void **state) {
    (void)state;
    rl_head head = parse("GET https://x HTTP/1.1");
    expect_slice(rl_head_path(&head), "/");
    head = parse("GET https://x?/a HTTP/1.1");
    expect_slice(rl_head_path(&head), "/");
    expect_slice(rl_head_query(&head), "/a");
}

static void tells_the_asterisk(void **state) {
    (void)state;
    rl_head head = parse("OPTIONS * HTTP/1.1");
    assert_true(head.asterisk);
    expect_slice(rl_head_path(&head), "");
}

static void judges_version_then_method_then_target(void **state) {
    rl_head head = {.base = "FOO ? HTTP/2.0"};
    (void)state;
    assert_int_equal(rl_start_line_parse(RL_LIT("FOO ? HTTP/2.0"), &head).status, 505);
    assert_int_equal(rl_start_line_parse(RL_LIT("FOO ? HTTP/1.1"), &head).status, 501);
    assert_int_equal(rl_start_line_parse(RL_LIT("GET ? HTTP/1.1"), &head).status, 400);
    head.base = "FOO < HTTP/2.0";
    assert_int_equal(rl_start_line_parse(RL_LIT("FOO < HTTP/2.0"), &head).status, 505);
    assert_int_equal(rl_start_line_parse(RL_LIT("FOO ?< HTTP/1.1"), &head).status, 501);
    assert_int_equal(rl_start_line_parse(RL_LIT("GET /?< HTTP/1.1"), &head).status, 400);
    assert_int_equal(rl_start_line_parse(RL_LIT("GET /< HTTP/1.1"), &head).status, 400);
    assert_int_equal(rl_start_line_parse(RL_LIT("GET /<"), &head).status, 400);
    assert_int_equal(rl_start_line_parse(RL_LIT(""), &head).status, 400);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_origin_form_apart),
        cmocka_unit_test(takes_absolute_form_apart),
        cmocka_unit_test(gives_an_absolute_target_without_a_path_the_root),
        cmocka_unit_test(tells_the_asterisk),
        cmocka_unit_test(judges_version_then_method_then_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
