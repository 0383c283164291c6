#include "pg/result.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static char *text(const char *literal) {
    return (char *)(uintptr_t)literal;
}

static rl_result *make_result(void) {
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc columns[] = {{.name = text("id"), .typid = RL_OID_INT8},
                              {.name = text("tags"), .typid = 1009}};
    assert_int_equal(PQsetResultAttrs(result, 2, columns), 1);
    assert_int_equal(PQsetvalue(result, 0, 0, text("7"), 1), 1);
    assert_int_equal(PQsetvalue(result, 0, 1, NULL, -1), 1);
    assert_int_equal(PQsetvalue(result, 1, 0, text(""), 0), 1);
    return result;
}

static void reads_cells_and_tells_null_from_empty(void **state) {
    (void)state;
    rl_result *result = make_result();
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
    rl_result_free(result);
    rl_result_free(NULL);
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
        cmocka_unit_test(knows_the_elements_of_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
