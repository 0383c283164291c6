#include "pg/statement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "mem.h"

static const uint32_t BYTES[] = {17}, ANY[] = {0};

static rl_statement *add(rl_statements *set, const char *sql, rl_statement **evicted) {
    rl_statement *one = NULL;
    assert_int_equal(rl_statements_add(set, rl_slice_str(sql), NULL, 0, &one, evicted), RL_OK);
    return one;
}

static void finds_by_text_and_types(void **state) {
    (void)state;
    rl_statements set;
    rl_statement *text, *bytes, *evicted;
    assert_int_equal(rl_statements_init(&set, 8), RL_OK);
    rl_slice sql = RL_LIT("select $1");
    assert_int_equal(rl_statements_add(&set, sql, ANY, 1, &text, &evicted), RL_OK);
    assert_int_equal(rl_statements_add(&set, sql, BYTES, 1, &bytes, &evicted), RL_OK);
    assert_ptr_equal(rl_statements_find(&set, sql, ANY, 1), text);
    assert_ptr_equal(rl_statements_find(&set, sql, BYTES, 1), bytes);
    assert_null(rl_statements_find(&set, sql, NULL, 0));
    assert_null(rl_statements_find(&set, RL_LIT("select $2"), ANY, 1));
    assert_string_not_equal(text->name, bytes->name);
    assert_string_equal(text->sql, "select $1");
    rl_statements_clear(&set);
}

static void evicts_the_one_used_longest_ago(void **state) {
    (void)state;
    rl_statements set;
    rl_statement *evicted = NULL;
    assert_int_equal(rl_statements_init(&set, 2), RL_OK);
    rl_statement *a = add(&set, "a", &evicted), *b = add(&set, "b", &evicted);
    assert_null(evicted);
    assert_ptr_equal(rl_statements_find(&set, RL_LIT("a"), NULL, 0), a);
    add(&set, "c", &evicted);
    assert_ptr_equal(evicted, b);
    rl_statement_free(b);
    assert_null(rl_statements_find(&set, RL_LIT("b"), NULL, 0));
    rl_statements_clear(&set);
}

static void keeps_what_is_in_use(void **state) {
    (void)state;
    rl_statements set;
    rl_statement *evicted = NULL;
    assert_int_equal(rl_statements_init(&set, 2), RL_OK);
    rl_statement *a = add(&set, "a", &evicted), *b = add(&set, "b", &evicted);
    a->uses = b->uses = 1;
    add(&set, "c", &evicted);
    assert_null(evicted);
    assert_int_equal(set.count, 3);
    rl_statements_clear(&set);
}

static void holds_many(void **state) {
    (void)state;
    rl_statements set;
    assert_int_equal(rl_statements_init(&set, 256), RL_OK);
    for (int i = 0; i < 1000; i++) {
        char sql[32];
        snprintf(sql, sizeof sql, "select %d", i);
        rl_statement *evicted = NULL;
        add(&set, sql, &evicted);
        assert_int_equal(evicted != NULL, i >= 256);
        rl_statement_free(evicted);
    }
    for (int i = 0; i < 1000; i++) {
        char sql[32];
        snprintf(sql, sizeof sql, "select %d", i);
        assert_int_equal(rl_statements_find(&set, rl_slice_str(sql), NULL, 0) != NULL, i >= 744);
    }
    rl_statements_clear(&set);
}

static void add_some(void) {
    rl_statements set;
    rl_statement *one, *evicted = NULL;
    if (rl_statements_init(&set, 1) != RL_OK)
        return;
    for (int i = 0; i < 3; i++) {
        char sql[2] = {(char)('a' + i), '\0'};
        evicted = NULL;
        if (rl_statements_add(&set, rl_slice_str(sql), ANY, 1, &one, &evicted) == RL_OK)
            rl_statement_free(evicted);
    }
    rl_statements_clear(&set);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(add_some);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_by_text_and_types),
        cmocka_unit_test(evicts_the_one_used_longest_ago),
        cmocka_unit_test(keeps_what_is_in_use),
        cmocka_unit_test(holds_many),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
