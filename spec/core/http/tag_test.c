#include "http/tag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http/lines.h"
#include "mem.h"

#define TAG "<script></script>"
#define PAGE "<!doctype html><html><body><p>Hello</p></body></html>"

typedef struct sent {
    const char *body, *type, *name, *value; /* one header line, or NULL */
    bool is_early; /* set before the answer, as c:set_header does */
} sent;

/* The body as it goes out, in `out`. */
static bool put(const sent *one, rl_buf *out) {
    rl_request request = {0};
    rl_buf late;
    rl_buf_init(&request.fields, 4096);
    rl_buf_init(&late, 4096);
    rl_buf_init(out, 4096);
    const char *why;
    rl_err err = one->name == NULL ? RL_OK
                                   : rl_lines_append(one->is_early ? &request.fields : &late, rl_slice_str(one->name),
                                                     rl_slice_str(one->value), &why);
    rl_slice body = rl_slice_str(one->body);
    rl_answer answer = {.status = 200, .type = rl_slice_str(one->type), .body = body, .fields = rl_buf_live(&late)};
    bool is_put = err == RL_OK && rl_tag_put(RL_LIT(TAG), &request, &answer, out);
    assert_true(is_put || rl_slice_eq(answer.body, body));
    assert_true(!is_put || rl_slice_eq(answer.body, rl_buf_live(out)));
    rl_buf_clear(&request.fields);
    rl_buf_clear(&late);
    return is_put;
}

static void it_stands_at_the_end_of_the_body(void **state) {
    static const char *const pages[][2] = {
        {PAGE, "<!doctype html><html><body><p>Hello</p>" TAG "</body></html>"},
        {"<HTML><BODY></body>x</BODY>", "<HTML><BODY></body>x" TAG "</BODY>"},
        {"\n<!DOCTYPE html>\n<title>x</title>", "\n<!DOCTYPE html>\n<title>x</title>" TAG},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        rl_buf out;
        assert_true(put(&(sent){.body = pages[i][0], .type = "text/html; charset=utf-8"}, &out));
        assert_true(rl_slice_eq(rl_buf_live(&out), rl_slice_str(pages[i][1])));
        rl_buf_clear(&out);
    }
}

static const sent TAKEN[] = {
    {PAGE, "Text/HTML", NULL, NULL, false},
    {PAGE, "text/plain", "Content-Type", "text/html", true},
    {PAGE, "text/html", "Content-Security-Policy", "default-src 'self'", false},
    {PAGE, "text/html", "Content-Security-Policy", "default-src 'none'; script-src https://a 'self'; connect-src *", true},
    {PAGE, "text/html", "Content-Security-Policy", "img-src 'none'", false},
    {PAGE, "text/html", "content-security-policy", "; ;SCRIPT-SRC-ELEM 'self';script-src 'none'", false},
};

static const sent LEFT[] = {
    {"", "text/html", NULL, NULL, false},
    {"<p>a piece</p>", "text/html", NULL, NULL, false},
    {PAGE, "text/plain", NULL, NULL, false},
    {PAGE, "", NULL, NULL, false},
    {PAGE, "text/html", "Content-Type", "text/plain", true},
    {PAGE, "text/html", "Content-Encoding", "gzip", false},
    {PAGE, "text/html", "content-encoding", "br", true},
    {PAGE, "text/html", "Content-Security-Policy", "default-src 'none'", false},
    {PAGE, "text/html", "Content-Security-Policy", "default-src 'none'", true},
    {PAGE, "text/html", "Content-Security-Policy", "script-src 'self'; connect-src https://api.test", false},
    {PAGE, "text/html", "Content-Security-Policy", "script-src 'self' 'strict-dynamic'", false},
    {PAGE, "text/html", "Content-Security-Policy", "script-src", false},
    {PAGE, "text/html", "Content-Security-Policy", "default-src 'self', script-src 'nonce-1'", false},
    {PAGE, "text/html", "Content-Security-Policy", "sandbox", false},
    {"<html><meta http-equiv=\"Content-Security-POLICY\" content=\"x\">", "text/html", NULL, NULL, false},
};

static void it_goes_where_it_would_run(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof TAKEN / sizeof *TAKEN; i++) {
        rl_buf out;
        if (!put(&TAKEN[i], &out))
            fail_msg("left alone: %zu, %s", i, TAKEN[i].value == NULL ? TAKEN[i].body : TAKEN[i].value);
        rl_buf_clear(&out);
    }
    for (size_t i = 0; i < sizeof LEFT / sizeof *LEFT; i++) {
        rl_buf out;
        if (put(&LEFT[i], &out))
            fail_msg("taken: %zu, %s", i, LEFT[i].value == NULL ? LEFT[i].body : LEFT[i].value);
        rl_buf_clear(&out);
    }
}

static void once(void) {
    rl_buf out;
    (void)put(&(sent){.body = PAGE, .type = "text/html"}, &out);
    rl_buf_clear(&out);
}

static void without_memory_the_page_is_as_it_was(void **state) {
    (void)state;
    each_allocation_fails(once);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stands_at_the_end_of_the_body),
        cmocka_unit_test(it_goes_where_it_would_run),
        cmocka_unit_test(without_memory_the_page_is_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
