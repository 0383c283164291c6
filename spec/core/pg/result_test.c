#include "pg/result.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "mem.h"

#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789"

static char *text(const char *literal) {
    return (char *)(uintptr_t)literal;
}

/* More than a small answer may hold. */
static const char large[] = LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG;

static rl_result *make_result(bool is_large) {
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc columns[] = {{.name = text("id"), .typid = RL_OID_INT8},
                              {.name = text("tags"), .typid = 1009}};
    assert_int_equal(PQsetResultAttrs(result, 2, columns), 1);
    assert_int_equal(PQsetvalue(result, 0, 0, text("7"), 1), 1);
    assert_int_equal(PQsetvalue(result, 0, 1, NULL, -1), 1);
    assert_int_equal(PQsetvalue(result, 1, 0, text(""), 0), 1);
    assert_int_equal(PQsetvalue(result, 1, 1, text(large), is_large ? sizeof large - 1 : 0), 1);
    rl_result *taken = rl_result_new_take(result);
    assert_non_null(taken);
    return taken;
}

static void read_cells(bool is_large) {
    rl_result *result = make_result(is_large);
    rl_slice cell;
    assert_int_equal(rl_result_rows(result), 2);
    assert_int_equal(rl_result_columns(result), 2);
    assert_true(rl_slice_eq(rl_result_name(result, 1), RL_LIT("tags")));
    assert_int_equal(rl_result_oid(result, 0), RL_OID_INT8);
    assert_true(rl_result_cell(result, 0, 0, &cell));
    assert_true(rl_slice_eq(cell, RL_LIT("7")));
    assert_false(rl_result_cell(result, 0, 1, &cell));
    assert_true(rl_result_cell(result, 1, 0, &cell));
    assert_int_equal(cell.len, 0);
    assert_true(rl_result_cell(result, 1, 1, &cell));
    assert_true(rl_slice_eq(cell, is_large ? rl_slice_str(large) : RL_LIT("")));
    assert_string_equal(rl_result_command(result), "");
    assert_int_equal(rl_result_affected(result), 0);
    rl_result_free(result);
    rl_result_free(NULL);
}

static void reads_cells_and_tells_null_from_empty(void **state) {
    (void)state;
    read_cells(false);
    read_cells(true);
}

static void knows_which_small_answers_have_the_same_columns(void **state) {
    (void)state;
    rl_result *one = make_result(false), *two = make_result(false), *large_one = make_result(true);
    PGresult *none = PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
    rl_result *command = rl_result_new_take(none);
    assert_true(rl_result_is_alike(one, two));
    assert_false(rl_result_is_alike(one, command));
    assert_false(rl_result_is_alike(large_one, large_one));
    rl_result_free(one);
    rl_result_free(two);
    rl_result_free(large_one);
    rl_result_free(command);
}

static void take_one(void) {
    rl_result_free(rl_result_new_take(PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK)));
}

static void loses_nothing_when_an_allocation_fails(void **state) {
    (void)state;
    each_allocation_fails(take_one);
}

static void knows_the_elements_of_arrays(void **state) {
    (void)state;
    assert_int_equal(rl_oid_element(1007), RL_OID_INT4);
    assert_int_equal(rl_oid_element(1009), RL_OID_TEXT);
    assert_int_equal(rl_oid_element(3807), RL_OID_JSONB);
    assert_int_equal(rl_oid_element(RL_OID_INT4), 0);
    assert_int_equal(rl_oid_element(0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_cells_and_tells_null_from_empty),
        cmocka_unit_test(knows_which_small_answers_have_the_same_columns),
        cmocka_unit_test(loses_nothing_when_an_allocation_fails),
        cmocka_unit_test(knows_the_elements_of_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
