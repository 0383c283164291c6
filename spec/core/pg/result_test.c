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

static PGresult *make_answer(bool is_large) {
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc columns[] = {{.name = text("id"), .typid = RL_OID_INT8},
                              {.name = text("tags"), .typid = 1009}};
    assert_int_equal(PQsetResultAttrs(result, 2, columns), 1);
    assert_int_equal(PQsetvalue(result, 0, 0, text("7"), 1), 1);
    assert_int_equal(PQsetvalue(result, 0, 1, NULL, -1), 1);
    assert_int_equal(PQsetvalue(result, 1, 0, text(""), 0), 1);
    assert_int_equal(PQsetvalue(result, 1, 1, text(large), is_large ? sizeof large - 1 : 0), 1);
    return result;
}

static rl_result *take(PGresult *answer, rl_results *in) {
    rl_result *taken = rl_result_new_take(answer, in, 0);
    assert_non_null(taken);
    return taken;
}

static void read_cells(bool is_large, rl_results *in) {
    rl_result *result = take(make_answer(is_large), in);
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
    read_cells(false, NULL);
    read_cells(true, NULL);
}

static void lie_together_as_well(void **state) {
    (void)state;
    rl_results in;
    rl_results_init(&in, 4096);
    for (int i = 0; i < 3; i++) {
        read_cells(false, &in);
        read_cells(true, &in);
    }
    rl_results_clear(&in);
    read_cells(false, &in);
    rl_results_clear(&in);
}

static PGresult *answer_of(const char *name, uint32_t type) {
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc column = {.name = text(name), .typid = type};
    assert_int_equal(PQsetResultAttrs(result, 1, &column), 1);
    assert_int_equal(PQsetvalue(result, 0, 0, text("7"), 1), 1);
    return result;
}

static void share_their_columns_while_these_are_the_same(void **state) {
    (void)state;
    rl_results in;
    rl_results_init(&in, 4096);
    rl_result *all[] = {
        take(answer_of("id", RL_OID_INT4), &in),  take(answer_of("id", RL_OID_INT4), &in),
        take(answer_of("id", RL_OID_INT8), &in),  take(answer_of("no", RL_OID_INT8), &in),
        take(make_answer(false), &in),            take(make_answer(true), &in),
        take(make_answer(false), &in),            take(PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK), &in),
    };
    static const bool are_alike[] = {true, false, false, false, false, false, false};
    for (size_t i = 0; i < sizeof are_alike; i++)
        assert_int_equal(rl_result_is_alike(all[i], all[i + 1]), are_alike[i]);
    assert_true(rl_result_is_alike(all[4], all[6])); /* a large one between them */
    assert_int_equal(rl_result_oid(all[1], 0), RL_OID_INT4);
    assert_int_equal(rl_result_oid(all[2], 0), RL_OID_INT8);
    assert_true(rl_slice_eq(rl_result_name(all[3], 0), RL_LIT("no")));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        rl_result_free(all[i]);
    rl_results_clear(&in);
}

static rl_result *take_of(uint64_t origin, PGresult *answer, rl_results *in) {
    rl_result *taken = rl_result_new_take(answer, in, origin);
    assert_non_null(taken);
    return taken;
}

static void take_the_word_of_their_origin_for_it(void **state) {
    (void)state;
    rl_results in;
    rl_results_init(&in, 4096);
    rl_result *one = take_of(1, answer_of("id", RL_OID_INT4), &in);
    rl_result *unseen = take_of(1, answer_of("no", RL_OID_INT8), &in);
    rl_result *other = take_of(2, answer_of("no", RL_OID_INT8), &in);
    rl_result *wider = take_of(2, make_answer(false), &in); /* it lied: nothing is read that is not there */
    assert_true(rl_result_is_alike(one, unseen));
    assert_false(rl_result_is_alike(unseen, other));
    assert_int_equal(rl_result_oid(other, 0), RL_OID_INT8);
    assert_int_equal(rl_result_columns(wider), 2);
    rl_results_clear(&in);
    other = take_of(2, answer_of("id", RL_OID_INT4), &in);
    assert_true(rl_slice_eq(rl_result_name(other, 0), RL_LIT("id")));
    rl_results_clear(&in);
}

static void take_one(void) {
    rl_results in;
    rl_results_init(&in, 4096);
    rl_result_free(rl_result_new_take(PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK), NULL, 0));
    rl_result_free(rl_result_new_take(PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK), &in, 0));
    rl_results_clear(&in);
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
        cmocka_unit_test(lie_together_as_well),
        cmocka_unit_test(share_their_columns_while_these_are_the_same),
        cmocka_unit_test(take_the_word_of_their_origin_for_it),
        cmocka_unit_test(loses_nothing_when_an_allocation_fails),
        cmocka_unit_test(knows_the_elements_of_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
