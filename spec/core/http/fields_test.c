#include "http/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* Most of what fields may say is in parser_test.c, which cannot hand over
 * names at wrong places: here they are. */

#define LINE "GET / HTTP/1.1\r\n"

/* Settle `text`, whose field names begin at `names`, 0-terminated, and end before a colon. */
static rl_refusal settle(rl_head *head, rl_field *fields, const char *text, const uint32_t *names) {
    *head = (rl_head){.base = text, .len = (uint32_t)strlen(text), .fields = fields, .minor = 1};
    for (; names[head->field_count] != 0; head->field_count++) {
        uint32_t name = names[head->field_count];
        uint32_t len = (uint32_t)strcspn(text + name, ":");
        fields[head->field_count] = (rl_field){.name = name, .name_len = len};
    }
    return rl_fields_settle(head, sizeof LINE - 1, &(rl_host_seen){0});
}

static void trims_values(void **state) {
    rl_head head;
    rl_field fields[4];
    (void)state;
    assert_int_equal(settle(&head, fields, LINE "Host: \tx \r\nA:\r\n\r\n", (uint32_t[]){16, 27, 0}).status,
                     0);
    assert_true(rl_slice_eq(rl_head_host(&head), RL_LIT("x")));
    assert_true(rl_slice_eq(rl_head_value(&head, 0), RL_LIT("x")));
    assert_int_equal(head.fields[1].value_len, 0);
    assert_true(head.keep_alive);
}

static void keeps_the_host_of_the_target(void **state) {
    static const char text[] = "GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n";
    rl_field field = {.name = 24, .name_len = 4};
    rl_head head = {.base = text, .len = sizeof text - 1, .host = 11, .host_len = 1, .minor = 1};
    (void)state;
    head.fields = &field;
    head.field_count = 1;
    assert_int_equal(rl_fields_settle(&head, 24, &(rl_host_seen){0}).status, 0);
    assert_true(rl_slice_eq(rl_head_host(&head), RL_LIT("y")));
}

static void refuses_bytes_that_belong_to_no_field(void **state) {
    rl_head head;
    rl_field fields[4];
    (void)state;
    assert_int_equal(settle(&head, fields, LINE "Host:x\r\nA:b\r\n\r\n", (uint32_t[]){24, 0}).status, 400);
    assert_int_equal(settle(&head, fields, LINE "Host:x\r\nA:b\r\n\r\n", (uint32_t[]){16, 0}).status, 400);
    assert_int_equal(settle(&head, fields, LINE "A:b\r\n\r\n", (uint32_t[]){0}).status, 400);
    assert_int_equal(settle(&head, fields, LINE "Host:x\r\n\n\n", (uint32_t[]){16, 0}).status, 400);
}

static void answers_malformed_before_unserved(void **state) {
    rl_head head;
    rl_field fields[4];
    (void)state;
    const char *text = LINE "Expect: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n";
    assert_int_equal(settle(&head, fields, text, (uint32_t[]){16, 27, 0}).status, 400); /* no Host */
    text = LINE "Expect: x\r\nTransfer-Encoding: gzip, chunked\r\nHost:x\r\n\r\n";
    assert_int_equal(settle(&head, fields, text, (uint32_t[]){16, 27, 61, 0}).status, 501);
    text = LINE "Expect: x\r\nHost:x\r\n\r\n";
    assert_int_equal(settle(&head, fields, text, (uint32_t[]){16, 27, 0}).status, 417);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trims_values),
        cmocka_unit_test(keeps_the_host_of_the_target),
        cmocka_unit_test(refuses_bytes_that_belong_to_no_field),
        cmocka_unit_test(answers_malformed_before_unserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
