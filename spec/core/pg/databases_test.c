#include "pg/databases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mem.h"

typedef struct shelf {
    rl_loop *loop;
    rl_databases all;
} shelf;

static void shelf_open(shelf *s) {
    rl_list_init(&s->all.list);
    assert_int_equal(rl_loop_new(&s->loop), RL_OK);
}

/* Nobody ever connects. */
static rl_err open_one(shelf *s, const char *url, uint32_t exclusive, const char *replica, rl_database **out) {
    rl_pool_options options = rl_pool_defaults();
    options.url = url;
    options.exclusive = exclusive;
    options.min_idle = 0;
    const rl_replicas_options replicas = {.urls = {replica}, .count = replica != NULL, .max_lag_ms = 1000};
    const char *wrong = NULL;
    return rl_database_open(&s->all, s->loop, &options, &replicas, &wrong, out);
}

static rl_database *opened(shelf *s, const char *url, uint32_t exclusive, const char *replica) {
    rl_database *database;
    assert_int_equal(open_one(s, url, exclusive, replica, &database), RL_OK);
    return database;
}

static void shelf_close(shelf *s) {
    assert_true(rl_list_is_empty(&s->all.list));
    while (rl_loop_turn(s->loop, false))
        ;
    rl_loop_free(s->loop);
}

#define NOWHERE "postgres://nobody@/none?host=/nowhere"

static void test_who_opens_the_same_gets_the_same(void **state) {
    (void)state;
    shelf s;
    shelf_open(&s);
    rl_database *first = opened(&s, NOWHERE, 4, NULL), *second = opened(&s, NOWHERE, 4, NULL);
    assert_ptr_equal(first, second);
    rl_database_close(first);
    assert_ptr_equal(opened(&s, NOWHERE, 4, NULL), second);
    rl_database_close(second);
    rl_database_close(second);
    shelf_close(&s);
}

static void test_another_option_is_another_database(void **state) {
    (void)state;
    shelf s;
    shelf_open(&s);
    rl_database *const all[] = {opened(&s, NOWHERE, 4, NULL), opened(&s, NOWHERE, 5, NULL),
                                opened(&s, NOWHERE "&port=1", 4, NULL), opened(&s, NOWHERE, 4, NOWHERE "&port=2"),
                                opened(&s, NOWHERE, 4, NOWHERE "&port=3")};
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < i; j++)
            assert_ptr_not_equal(all[i], all[j]);
    for (size_t i = 0; i < 5; i++)
        rl_database_close(all[i]);
    shelf_close(&s);
}

static void test_a_url_that_is_none_is_refused(void **state) {
    (void)state;
    shelf s;
    shelf_open(&s);
    rl_database *database;
    assert_int_equal(open_one(&s, "postgres://[", 4, NULL, &database), RL_EINVAL);
    assert_int_equal(open_one(&s, NOWHERE, 4, "postgres://[", &database), RL_EINVAL);
    shelf_close(&s);
}

static void open_twice(void) {
    shelf s;
    rl_list_init(&s.all.list);
    if (rl_loop_new(&s.loop) != RL_OK)
        return;
    rl_database *database;
    for (int i = 0; i < 2; i++)
        (void)!open_one(&s, NOWHERE, 4, NULL, &database);
    while (!rl_list_is_empty(&s.all.list))
        rl_database_close(RL_CONTAINER(s.all.list.next, rl_database, link));
    while (rl_loop_turn(s.loop, false))
        ;
    rl_loop_free(s.loop);
}

static void test_survives_every_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(open_twice);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_opens_the_same_gets_the_same),
        cmocka_unit_test(test_another_option_is_another_database),
        cmocka_unit_test(test_a_url_that_is_none_is_refused),
        cmocka_unit_test(test_survives_every_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
