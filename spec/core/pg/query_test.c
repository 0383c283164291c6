#include "pg/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "mem.h"

static void copies_text_and_values(void **state) {
    (void)state;
    rl_query query;
    char value[] = "seven";
    rl_query_init(&query, NULL);
    assert_int_equal(rl_query_set_sql(&query, RL_LIT("select $1, $2, $3")), RL_OK);
    assert_int_equal(rl_query_add(&query, RL_PARAM_STRING, rl_slice_str(value)), RL_OK);
    value[0] = 'X';
    assert_int_equal(rl_query_add(&query, RL_PARAM_NULL, rl_slice_of(NULL, 0)), RL_OK);
    assert_int_equal(rl_query_begin_param(&query, RL_PARAM_TEXT), RL_OK);
    assert_int_equal(rl_buf_appendf(query.text, "{%d,%d}", 1, 2), RL_OK);
    assert_int_equal(rl_query_end_param(&query), RL_OK);
    const char *base = rl_query_sql(&query);
    assert_string_equal(base, "select $1, $2, $3");
    assert_string_equal(base + query.params[0].offset, "seven");
    assert_int_equal(query.params[1].kind, RL_PARAM_NULL);
    assert_string_equal(base + query.params[2].offset, "{1,2}");
    assert_int_equal(query.params[2].len, 5);
    rl_query_clear(&query);
}

static void fill_together(void) {
    rl_buf text;
    rl_query one, two;
    rl_query_init_text(&text);
    rl_query_init_in(&one, NULL, &text, NULL);
    rl_query_init_in(&two, NULL, &text, NULL);
    rl_err err = rl_query_set_sql(&one, RL_LIT("select $1"));
    if (err == RL_OK)
        err = rl_query_add(&one, RL_PARAM_TEXT, RL_LIT("7"));
    if (err == RL_OK) {
        rl_query_set_same_sql(&two, &one);
        err = rl_query_add(&two, RL_PARAM_STRING, RL_LIT("eight"));
    }
    if (err == RL_OK) {
        assert_true(rl_slice_eq(rl_buf_live(&text), RL_LIT("select $1\0" "7\0" "eight\0")));
        assert_ptr_equal(rl_query_sql(&one), rl_query_sql(&two));
        assert_string_equal(rl_query_text_at(&one, one.params[0].offset), "7");
        assert_string_equal(rl_query_text_at(&two, two.params[0].offset), "eight");
        assert_int_equal(two.sql_len, 9);
    }
    rl_query_clear(&one);
    rl_query_clear(&two);
    rl_buf_clear(&text);
}

static void several_share_a_text(void **state) {
    (void)state;
    fill_together();
    each_allocation_fails(fill_together);
}

static void refuses_nul_in_the_text_and_too_many_values(void **state) {
    (void)state;
    rl_query query;
    rl_query_init(&query, NULL);
    assert_int_equal(rl_query_set_sql(&query, rl_slice_of("select\0 1", 9)), RL_EINVAL);
    assert_int_equal(rl_query_set_sql(&query, RL_LIT("select 1")), RL_OK);
    for (int i = 0; i < RL_QUERY_MAX_PARAMS; i++)
        assert_int_equal(rl_query_add(&query, RL_PARAM_TEXT, RL_LIT("1")), RL_OK);
    assert_int_equal(rl_query_add(&query, RL_PARAM_TEXT, RL_LIT("1")), RL_EFULL);
    rl_query_clear(&query);
}

static void keeps_the_first_failure(void **state) {
    (void)state;
    rl_query query;
    rl_query_init(&query, NULL);
    rl_query_fail(&query, RL_EIO, "23505", "%s", "first");
    rl_query_fail(&query, RL_ERESET, "08006", "second");
    assert_string_equal(query.failure.sqlstate, "23505");
    assert_string_equal(query.failure.message, "first");
    rl_query_reset_answer(&query);
    assert_int_equal(query.failure.err, RL_OK);
    assert_string_equal(rl_failure_message(&query.failure), "");
    rl_query_clear(&query);
}

static void fail_one(void) {
    rl_query query;
    rl_query_init(&query, NULL);
    rl_query_fail(&query, RL_EIO, "23505", "why");
    const char *message = rl_failure_message(&query.failure);
    assert_true(strcmp(message, "why") == 0 || strncmp(message, "out of memory", 13) == 0);
    assert_string_equal(query.failure.sqlstate, "23505");
    rl_query_clear(&query);
}

static void fails_without_memory_too(void **state) {
    (void)state;
    each_allocation_fails(fail_one);
}

static void fill(void) {
    rl_query query;
    rl_query_init(&query, NULL);
    rl_err err = rl_query_set_sql(&query, RL_LIT("select 1"));
    for (int i = 0; i < 20 && err == RL_OK; i++)
        err = rl_query_add(&query, RL_PARAM_STRING,
                           RL_LIT("a value long enough to make the text grow and grow"));
    rl_query_clear(&query);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(fill);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_text_and_values),
        cmocka_unit_test(refuses_nul_in_the_text_and_too_many_values),
        cmocka_unit_test(several_share_a_text),
        cmocka_unit_test(keeps_the_first_failure),
        cmocka_unit_test(fails_without_memory_too),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
