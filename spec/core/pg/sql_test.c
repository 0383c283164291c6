#include "pg/sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct row {
    const char *sql;
    bool plain, reads;
} row;

static void check(const row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        rl_sql_shape shape = rl_sql_classify(rl_slice_str(rows[i].sql));
        if (shape.plain != rows[i].plain || shape.reads != rows[i].reads)
            fail_msg("%s: plain %d, reads %d", rows[i].sql, shape.plain, shape.reads);
    }
}

#define CHECK(...)                    \
    const row rows[] = {__VA_ARGS__}; \
    check(rows, sizeof rows / sizeof *rows)

static void takes_reads_and_writes_of_rows_for_plain(void **state) {
    (void)state;
    CHECK({"select 1", true, true},
          {"  -- why\n/* a /* nested */ one */ SELECT * from t where id = $1", true, true},
          {"insert into t (a, b) values ($1, $2) returning id", true, false},
          {"insert into public.t (a) values ($1) on conflict (a) do update set a = excluded.a", true, false},
          {"update t set (a, b) = (1, 2) where id in (1, 2)", true, false},
          {"delete from t using u where t.id = u.id", true, false},
          {"with x as (select 1) select count(*), coalesce(max(a), 0)::numeric(10,2) from x", true, true},
          {"with x as (delete from t returning *) select * from x", true, false},
          {"with recursive x (n) as (select 1 union all select n + 1 from x) select * from x", true, true},
          {"values (1), (2)", true, true}, {"(select 1) union (select 2)", true, true},
          {"select * from t for update", true, false}, {"select \"a(b\", 'set_config(' from t", true, true},
          {"select $tag$ pg_advisory_lock( $tag$ || $1", true, true},
          {"select E'\\'set_config(' from t", true, true},
          {"select sum(a) filter (where b > 0) over (partition by c) from t limit (1)", true, true},
          {"select * from (select 1 as a) as s (a)", true, true});
}

static void takes_what_may_mark_the_session_for_not_plain(void **state) {
    (void)state;
    CHECK({"set search_path = x", false, false}, {"select set_config('a.b', '1', false)", false, true},
          {"SELECT pg_advisory_lock(1)", false, true}, {"select my_function(1)", false, true},
          {"select other.lower('A')", false, true}, {"select \"lower\"('A')", false, true},
          {"select nextval('s')", false, true}, {"select currval('s')", false, true},
          {"select lastval()", false, true}, {"select setval('s', 1)", false, true},
          {"select setseed(0.5)", false, true}, {"select lo_create(0)", false, true},
          {"select lo_open(1, 131072)", false, true}, {"select dblink_connect('a', '')", false, true},
          {"select * from dblink('a', 'b') as t (a int)", false, true},
          {"select pg_try_advisory_xact_lock(1)", false, true}, {"listen a", false, false},
          {"create temp table t (a int)", false, false}, {"select 1 into temp t", false, false},
          {"select 1 into temporary table t", false, false},
          {"declare c cursor with hold for select 1", false, false}, {"prepare p as select 1", false, false},
          {"do $$ begin end $$", false, false}, {"", false, false}, {"$1", false, false},
          {"select pg_catalog . set_config ('a.b', '1', false)", false, true},
          {"select set_config/* */('a.b', '1', false)", false, true},
          {"explain analyze select 1", false, false},
          {"select aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa(1)", false, true});
}

static void knows_the_control_of_transactions(void **state) {
    (void)state;
    assert_true(rl_sql_classify(RL_LIT("begin isolation level serializable")).control);
    assert_true(rl_sql_classify(RL_LIT("ROLLBACK TO SAVEPOINT a")).control);
    assert_true(rl_sql_classify(RL_LIT("release savepoint a")).plain);
    assert_false(rl_sql_classify(RL_LIT("select 1")).control);
}

static void knows_what_ends_a_transaction(void **state) {
    (void)state;
    static const char *const ends[] = {"commit", "END", "/* now */ Rollback work", "abort;", "commit and chain",
                                       "-- so\nrollback transaction"};
    static const char *const goes_on[] = {"rollback to a", "ROLLBACK work TO SAVEPOINT a", "release a", "begin",
                                          "select 1 as commit", "", "\"commit\""};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        assert_true(rl_sql_ends_transaction(rl_slice_of(ends[i], strlen(ends[i]))));
    for (size_t i = 0; i < sizeof goes_on / sizeof *goes_on; i++)
        assert_false(rl_sql_ends_transaction(rl_slice_of(goes_on[i], strlen(goes_on[i]))));
}

static void knows_what_says_that_it_stays_in_the_session(void **state) {
    (void)state;
    static const char *const stay[] = {"set search_path = x",
                                       "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
                                       "reset all",
                                       "listen a",
                                       "prepare p as select 1",
                                       "discard all",
                                       "create temp table t (a int)",
                                       "create or replace temporary view v as select 1",
                                       "select 1 into temp t",
                                       "declare c cursor with hold for select 1",
                                       "select pg_catalog.pg_advisory_lock(1)",
                                       "select pg_try_advisory_lock_shared(1)"};
    static const char *const go[] = {"set local search_path = x",
                                     "set transaction read only",
                                     "set constraints all deferred",
                                     "prepare transaction 'a'",
                                     "create temp table t (a int) on commit drop",
                                     "create table t (a int)",
                                     "update t set a = 1",
                                     "insert into t (temp) values (1)",
                                     "select 'set x', pg_advisory_xact_lock(1)",
                                     "select pg_try_advisory_xact_lock(1)",
                                     "declare c cursor for select 1"};
    for (size_t i = 0; i < sizeof stay / sizeof *stay; i++)
        if (!rl_sql_classify(rl_slice_str(stay[i])).stays)
            fail_msg("%s: stays", stay[i]);
    for (size_t i = 0; i < sizeof go / sizeof *go; i++)
        if (rl_sql_classify(rl_slice_str(go[i])).stays)
            fail_msg("%s: does not stay", go[i]);
}

static void ends_on_text_that_does_not(void **state) {
    (void)state;
    static const char *const open[] = {"select 'abc",    "select \"abc",   "select /* abc",
                                       "select $a$ abc", "select E'abc\\", "select $",
                                       "-- abc",         "select -",       "select /"};
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        for (size_t len = 0; len <= strlen(open[i]); len++)
            (void)rl_sql_classify(rl_slice_of(open[i], len));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_reads_and_writes_of_rows_for_plain),
        cmocka_unit_test(takes_what_may_mark_the_session_for_not_plain),
        cmocka_unit_test(knows_the_control_of_transactions),
        cmocka_unit_test(knows_what_ends_a_transaction),
        cmocka_unit_test(knows_what_says_that_it_stays_in_the_session),
        cmocka_unit_test(ends_on_text_that_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
