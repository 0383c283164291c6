#include "http/body.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "mem.h"

static void assert_holds(const rl_body *body, const char *text) {
    char copy[256] = "";
    assert_int_equal(body->len, strlen(text));
    assert_int_equal(rl_body_copy(body, copy), RL_OK);
    assert_string_equal(copy, text);
}

static void the_first_piece_is_borrowed(void **state) {
    (void)state;
    rl_body_budget budget = {.ceiling = 100};
    rl_body body;
    rl_body_init(&body, 100, &budget);
    const char piece[] = "hello";
    assert_int_equal(rl_body_append(&body, rl_slice_of(piece, 5)), 0);
    rl_slice bytes;
    assert_true(rl_body_in_memory(&body, &bytes) && bytes.ptr == piece);
    assert_int_equal(budget.used, 0);
    rl_body_clear(&body);
}

static void what_is_kept_outlives_its_piece(void **state) {
    (void)state;
    rl_body_budget budget = {.ceiling = 100};
    rl_body body;
    rl_body_init(&body, 100, &budget);
    char piece[] = "hello";
    assert_int_equal(rl_body_append(&body, rl_slice_of(piece, 5)), 0);
    assert_int_equal(rl_body_keep(&body), 0);
    assert_int_equal(rl_body_keep(&body), 0);
    memset(piece, '#', 5);
    assert_int_equal(rl_body_append(&body, RL_LIT(" world")), 0);
    assert_holds(&body, "hello world");
    assert_int_equal(budget.used, 11);
    rl_body_clear(&body);
    assert_int_equal(budget.used, 0);
}

static void more_than_the_memory_goes_to_a_file(void **state) {
    (void)state;
    rl_body_budget budget = {.ceiling = 100};
    rl_body body;
    rl_body_init(&body, 8, &budget);
    assert_int_equal(rl_body_append(&body, RL_LIT("01234")), 0);
    assert_int_equal(rl_body_append(&body, RL_LIT("56")), 0);
    assert_int_equal(budget.used, 7);
    assert_int_equal(rl_body_append(&body, RL_LIT("789")), 0);
    assert_int_equal(budget.used, 0);
    rl_slice bytes;
    assert_false(rl_body_in_memory(&body, &bytes));
    assert_int_equal(rl_body_append(&body, RL_LIT("abc")), 0);
    assert_holds(&body, "0123456789abc");
    assert_int_not_equal(fcntl(body.spool, F_GETFD) & FD_CLOEXEC, 0);
    int spool = body.spool;
    rl_body_clear(&body);
    assert_int_equal(fcntl(spool, F_GETFD), -1);
}

static void beyond_the_budget_it_is_503(void **state) {
    (void)state;
    rl_body_budget budget = {.ceiling = 6};
    rl_body body, other;
    rl_body_init(&body, 100, &budget);
    rl_body_init(&other, 100, &budget);
    assert_int_equal(rl_body_append(&body, RL_LIT("01234")), 0);
    assert_int_equal(rl_body_keep(&body), 0);
    assert_int_equal(rl_body_append(&other, RL_LIT("01")), 0);
    assert_int_equal(rl_body_keep(&other), 503);
    assert_int_equal(budget.used, 5);
    rl_body_clear(&body);
    assert_int_equal(rl_body_append(&other, RL_LIT("01")), 0);
    rl_body_clear(&other);
    assert_int_equal(budget.used, 0);
}

static void a_file_that_lost_bytes_cannot_be_copied(void **state) {
    (void)state;
    rl_body_budget budget = {.ceiling = 100};
    rl_body body;
    rl_body_init(&body, 0, &budget);
    assert_int_equal(rl_body_append(&body, RL_LIT("0123456789")), 0);
    assert_int_equal(rl_body_keep(&body), 0);
    body.len = 20;
    char copy[20];
    assert_int_equal(rl_body_copy(&body, copy), RL_EIO);
    rl_body_clear(&body);
}

static void gather(void) {
    rl_body_budget budget = {.ceiling = 100};
    rl_body body;
    rl_body_init(&body, 8, &budget);
    for (int i = 0; i < 6; i++)
        if (rl_body_append(&body, RL_LIT("ab")) != 0)
            break;
    rl_body_clear(&body);
    assert_int_equal(budget.used, 0);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(gather);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_piece_is_borrowed),
        cmocka_unit_test(what_is_kept_outlives_its_piece),
        cmocka_unit_test(more_than_the_memory_goes_to_a_file),
        cmocka_unit_test(beyond_the_budget_it_is_503),
        cmocka_unit_test(a_file_that_lost_bytes_cannot_be_copied),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
