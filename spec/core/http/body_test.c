#include "http/body.h"

#include <fcntl.h>
#include <stdio.h>

#include "http/disk.h"
#include "http/whole.h"
#include "mem.h"

/* A body, and what it was told. */
typedef struct gathered {
    rl_body body;
    rl_bodies all;
    rl_body_budget budget;
    int moved, status;
    bool clears; /* as soon as it hears of anything */
} gathered;

static void on_moved(rl_body *body, int status) {
    gathered *g = RL_CONTAINER(body, gathered, body);
    g->moved++;
    if (g->status == 0)
        g->status = body->failed = status;
    if (g->clears)
        rl_body_clear(body);
}

static bool gathered_open(gathered *g, size_t max_memory) {
    *g = (gathered){.budget = {.ceiling = 1 << 20}};
    rl_loop *loop;
    if (rl_loop_new(&loop) != RL_OK)
        return false;
    g->all = (rl_bodies){.loop = loop, .budget = &g->budget, .max_memory = max_memory, .moved = on_moved};
    rl_body_init(&g->body, &g->all);
    return true;
}

static void gathered_free(gathered *g) {
    rl_body_clear(&g->body);
    assert_int_equal(g->budget.used, 0);
    assert_int_equal(g->budget.spooled, 0);
    rl_loop_free(g->all.loop); /* what its jobs hold goes with them */
}

static void add(gathered *g, const char *text) {
    assert_int_equal(rl_body_append(&g->body, rl_slice_str(text)), 0);
}

static void add_block(gathered *g, size_t len) {
    char *block = calloc(1, len);
    memset(block, 'x', len);
    assert_int_equal(rl_body_append(&g->body, rl_slice_of(block, len)), 0);
    assert_int_equal(rl_body_keep(&g->body), 0);
    free(block);
}

/* Let the disk take all of it, or fail. */
static void await_disk(gathered *g) {
    while (g->status == 0 && !rl_body_is_whole(&g->body))
        rl_loop_turn(g->all.loop, true);
}

static void assert_holds(gathered *g, const char *text) {
    g->body.has_ended = true;
    await_disk(g);
    assert_int_equal(g->status, 0);
    char *copy = whole(&g->body);
    assert_string_equal(copy, text);
    free(copy);
}

/* ---- in memory ----------------------------------------------------------------- */

static void the_first_piece_is_borrowed(void **state) {
    (void)state;
    gathered g;
    assert_true(gathered_open(&g, 100));
    const char piece[] = "hello";
    assert_int_equal(rl_body_append(&g.body, rl_slice_of(piece, 5)), 0);
    rl_slice bytes;
    assert_true(rl_body_in_memory(&g.body, &bytes) && bytes.ptr == piece);
    assert_int_equal(g.budget.used, 0);
    gathered_free(&g);
}

static void what_is_kept_outlives_its_piece(void **state) {
    (void)state;
    gathered g;
    assert_true(gathered_open(&g, 100));
    char piece[] = "hello";
    add(&g, piece);
    assert_int_equal(rl_body_keep(&g.body), 0);
    assert_int_equal(rl_body_keep(&g.body), 0);
    memset(piece, '#', 5);
    add(&g, " world");
    assert_holds(&g, "hello world");
    assert_int_equal(g.budget.used, 11);
    assert_int_equal(g.moved, 0);
    gathered_free(&g);
}

static void beyond_the_budget_it_is_503(void **state) {
    (void)state;
    gathered g;
    assert_true(gathered_open(&g, 100));
    g.budget.ceiling = 6;
    rl_body other;
    rl_body_init(&other, &g.all);
    add(&g, "01234");
    assert_int_equal(rl_body_keep(&g.body), 0);
    assert_int_equal(rl_body_append(&other, RL_LIT("01")), 0);
    assert_int_equal(rl_body_keep(&other), 503);
    assert_int_equal(g.budget.used, 5);
    rl_body_clear(&g.body);
    assert_int_equal(rl_body_append(&other, RL_LIT("01")), 0);
    rl_body_clear(&other);
    gathered_free(&g);
}

/* ---- in a file ------------------------------------------------------------------- */

static void more_than_the_memory_goes_to_a_file(void **state) {
    (void)state;
    gathered g;
    assert_true(gathered_open(&g, 8));
    add(&g, "01234");
    add(&g, "56");
    assert_int_equal(g.budget.used, 7);
    add(&g, "789");
    rl_slice bytes;
    assert_false(rl_body_in_memory(&g.body, &bytes));
    add(&g, "abc");
    assert_int_equal(g.budget.spooled, 13);
    assert_holds(&g, "0123456789abc");
    assert_int_equal(g.budget.used, 0);
    assert_int_not_equal(fcntl(rl_body_file(&g.body), F_GETFD) & FD_CLOEXEC, 0);
    int file = rl_body_file(&g.body);
    gathered_free(&g);
    assert_int_equal(fcntl(file, F_GETFD), -1);
}

static void a_first_piece_too_long_for_memory_is_not_borrowed(void **state) {
    (void)state;
    gathered g;
    assert_true(gathered_open(&g, 4));
    char piece[] = "hello";
    add(&g, piece);
    memset(piece, '#', 5);
    assert_holds(&g, "hello");
    gathered_free(&g);
}

static void it_is_whole_once_its_last_byte_is_written(void **state) {
    (void)state;
    gathered g;
    assert_true(gathered_open(&g, 0));
    add(&g, "01");
    assert_false(rl_body_is_whole(&g.body));
    g.body.has_ended = true;
    assert_false(rl_body_is_whole(&g.body));
    assert_int_equal(g.budget.used, 2);
    await_disk(&g);
    assert_int_equal(g.moved, 1);
    assert_int_equal(g.budget.used, 0);
    gathered_free(&g);
}

static void it_is_full_while_much_waits_for_the_disk(void **state) {
    (void)state;
    gathered g;
    assert_true(gathered_open(&g, 0));
    add_block(&g, 1000);
    assert_false(rl_body_is_full(&g.body));
    add_block(&g, RL_BODY_AHEAD_MOST - 1001);
    assert_false(rl_body_is_full(&g.body));
    add_block(&g, 1);
    assert_true(rl_body_is_full(&g.body));
    add_block(&g, 128 * 1024); /* one who did not look has a last read to bring */
    while (g.moved == 0)
        rl_loop_turn(g.all.loop, true);
    while (rl_body_is_full(&g.body))
        rl_loop_turn(g.all.loop, true);
    g.body.has_ended = true;
    await_disk(&g);
    assert_int_equal(lseek(rl_body_file(&g.body), 0, SEEK_END), RL_BODY_AHEAD_MOST + 128 * 1024);
    gathered_free(&g);
}

static void it_is_full_while_the_budget_is_spent(void **state) {
    (void)state;
    gathered g;
    assert_true(gathered_open(&g, 0));
    g.budget.ceiling = 10;
    g.budget.used = 9; /* by others */
    add(&g, "a");
    assert_true(rl_body_is_full(&g.body));
    add(&g, "b");
    while (rl_body_is_full(&g.body))
        rl_loop_turn(g.all.loop, true);
    assert_holds(&g, "ab");
    assert_int_equal(g.budget.used, 9);
    g.budget.used = 0;
    gathered_free(&g);
}

static void what_lay_in_memory_goes_first(void **state) {
    (void)state;
    gathered g;
    assert_true(gathered_open(&g, 1 << 20));
    for (int i = 0; i < 16; i++)
        add_block(&g, 1 << 16);
    assert_false(rl_body_is_full(&g.body));
    add_block(&g, 1);
    assert_true(rl_body_is_full(&g.body));
    g.body.has_ended = true;
    await_disk(&g);
    assert_int_equal(lseek(rl_body_file(&g.body), 0, SEEK_END), (1 << 20) + 1);
    gathered_free(&g);
}

static void beyond_the_quota_of_files_it_is_507(void **state) {
    (void)state;
    gathered g;
    assert_true(gathered_open(&g, 0));
    g.budget.spool_ceiling = 5;
    add(&g, "01234");
    assert_int_equal(rl_body_append(&g.body, RL_LIT("5")), 507);
    gathered_free(&g);
}

static void one_that_the_disk_does_not_take_fails(void **state) {
    (void)state;
    gathered g;
    assert_true(gathered_open(&g, 0));
    disk_fill(6);
    add(&g, "0123");
    add(&g, "4567");
    g.body.has_ended = true;
    await_disk(&g);
    disk_empty();
    assert_int_equal(g.status, 507);
    assert_false(rl_body_is_whole(&g.body) || rl_body_is_full(&g.body));
    gathered_free(&g);
}

static void one_that_is_cleared_hears_no_more_of_its_job(void **state) {
    (void)state;
    gathered g;
    assert_true(gathered_open(&g, 0));
    add(&g, "01234");
    add(&g, "56789");
    rl_body_clear(&g.body);
    assert_int_equal(g.budget.used, 0);
    while (rl_loop_turn(g.all.loop, true))
        ;
    assert_int_equal(g.moved, 0);
    gathered_free(&g);
}

static void it_may_be_cleared_when_it_hears_of_its_job(void **state) {
    (void)state;
    gathered g;
    assert_true(gathered_open(&g, 0));
    g.clears = true;
    add(&g, "01234");
    add(&g, "56789"); /* which is being written then */
    while (rl_loop_turn(g.all.loop, true))
        ;
    assert_int_equal(g.moved, 1);
    gathered_free(&g);
}

/* ---- without memory ------------------------------------------------------------ */

static void gather(void) {
    gathered g;
    if (!gathered_open(&g, 8))
        return;
    for (int i = 0; i < 6 && g.status == 0; i++) {
        g.status = rl_body_append(&g.body, RL_LIT("ab"));
        if (i % 2 == 1)
            rl_loop_turn(g.all.loop, false);
    }
    g.body.has_ended = true;
    await_disk(&g);
    gathered_free(&g);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(gather);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_piece_is_borrowed),
        cmocka_unit_test(what_is_kept_outlives_its_piece),
        cmocka_unit_test(beyond_the_budget_it_is_503),
        cmocka_unit_test(more_than_the_memory_goes_to_a_file),
        cmocka_unit_test(a_first_piece_too_long_for_memory_is_not_borrowed),
        cmocka_unit_test(it_is_whole_once_its_last_byte_is_written),
        cmocka_unit_test(it_is_full_while_much_waits_for_the_disk),
        cmocka_unit_test(it_is_full_while_the_budget_is_spent),
        cmocka_unit_test(what_lay_in_memory_goes_first),
        cmocka_unit_test(beyond_the_quota_of_files_it_is_507),
        cmocka_unit_test_teardown(one_that_the_disk_does_not_take_fails, disk_mend),
        cmocka_unit_test(one_that_is_cleared_hears_no_more_of_its_job),
        cmocka_unit_test(it_may_be_cleared_when_it_hears_of_its_job),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
