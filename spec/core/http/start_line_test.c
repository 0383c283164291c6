#include "http/start_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* Which lines are refused, and how, is in parser_test.c. */

static void expect_slice(rl_slice got, const char *expected) {
    assert_true(rl_slice_eq(got, rl_slice_str(expected)));
}

static int status_of(rl_slice in, rl_head *head, uint32_t *len) {
    *head = (rl_head){.base = in.ptr};
    return rl_start_line_parse(in, head, len).status;
}

/* `line` ends in CRLF. */
static rl_head parse(const char *line) {
    rl_head head;
    uint32_t len;
    assert_int_equal(status_of(rl_slice_str(line), &head, &len), 0);
    assert_int_equal(len, strlen(line));
    return head;
}

static void takes_origin_form_apart(void **state) {
    (void)state;
    rl_head head = parse("PATCH /a/b?c=d HTTP/1.0\r\n");
    assert_int_equal(head.method, RL_PATCH);
    assert_int_equal(head.minor, 0);
    expect_slice(rl_head_target(&head), "/a/b?c=d");
    expect_slice(rl_head_path(&head), "/a/b");
    expect_slice(rl_head_query(&head), "c=d");
    expect_slice(rl_head_host(&head), "");
}

static void takes_absolute_form_apart(void **state) {
    (void)state;
    rl_head head = parse("GET http://example.com:80/a?b HTTP/1.1\r\n");
    expect_slice(rl_head_target(&head), "http://example.com:80/a?b");
    expect_slice(rl_head_host(&head), "example.com:80");
    expect_slice(rl_head_path(&head), "/a");
    expect_slice(rl_head_query(&head), "b");
}

static void gives_an_absolute_target_without_a_path_the_root(void **state) {
    (void)state;
    rl_head head = parse("GET https://x HTTP/1.1\r\n");
    expect_slice(rl_head_path(&head), "/");
    head = parse("GET https://x?/a HTTP/1.1\r\n");
    expect_slice(rl_head_path(&head), "/");
    expect_slice(rl_head_query(&head), "/a");
}

static void tells_the_asterisk(void **state) {
    (void)state;
    rl_head head = parse("OPTIONS * HTTP/1.1\r\n");
    assert_true(head.asterisk);
    expect_slice(rl_head_path(&head), "");
}

static void judges_version_then_method_then_target(void **state) {
    static const struct {
        const char *line;
        int status;
    } lines[] = {
        {"FOO ? HTTP/2.0\r\n", 505},   {"FOO ? HTTP/1.1\r\n", 501},   {"GET ? HTTP/1.1\r\n", 400},
        {"FOO < HTTP/2.0\r\n", 505},   {"FOO ?< HTTP/1.1\r\n", 501},  {"GET /?< HTTP/1.1\r\n", 400},
        {"GET /< HTTP/1.1\r\n", 400},  {"GET /<\r\n", 400},           {"GET\r\n", 400},
        {"\r\n", 400},                 {"", 400},
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        rl_head head;
        uint32_t len;
        assert_int_equal(status_of(rl_slice_str(lines[i].line), &head, &len), lines[i].status);
    }
}

static void looks_at_nothing_behind_the_line(void **state) {
    static const char two[] = "GET /a HTTP/1.1\r\nGET /b HTTP/1.1\r\n";
    rl_head head;
    uint32_t len;
    (void)state;
    assert_int_equal(status_of(rl_slice_str(two), &head, &len), 0);
    assert_int_equal(len, strlen(two) / 2);
    expect_slice(rl_head_path(&head), "/a");
}

static void accepts_no_beginning_of_a_line(void **state) {
    static const char line[] = "GET /a?b HTTP/1.1\r\n";
    rl_head head;
    uint32_t len;
    (void)state;
    for (size_t cut = 0; cut < strlen(line); cut++)
        assert_int_equal(status_of(rl_slice_of(line, cut), &head, &len), 400);
}

/* Nobody looks at a line again that was accepted. */
static void accepts_no_byte_that_a_line_may_not_hold(void **state) {
    static const char line[] = "GET http://a/b?c HTTP/1.1\r\n";
    char text[sizeof line];
    rl_head head;
    uint32_t len;
    (void)state;
    for (size_t at = 0; at < strlen(line); at++)
        for (int byte = 0; byte < 256; byte++) {
            if (byte == line[at] || (byte >= 0x20 && byte < 0x7f))
                continue;
            memcpy(text, line, sizeof line);
            text[at] = (char)byte;
            assert_int_not_equal(status_of(rl_slice_of(text, strlen(line)), &head, &len), 0);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_origin_form_apart),
        cmocka_unit_test(takes_absolute_form_apart),
        cmocka_unit_test(gives_an_absolute_target_without_a_path_the_root),
        cmocka_unit_test(tells_the_asterisk),
        cmocka_unit_test(judges_version_then_method_then_target),
        cmocka_unit_test(looks_at_nothing_behind_the_line),
        cmocka_unit_test(accepts_no_beginning_of_a_line),
        cmocka_unit_test(accepts_no_byte_that_a_line_may_not_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
